// Starts the real platform with its HTMLRewriter behind it; prints the worker's address, and stops
// when stdin ends. Usage: node rewriter.mjs FOLDER, as bridge.mjs.
//
// POST / [{chunks, type, rules}, ...] -> [{output, events} | {error, events}, ...]; see test_html_rewriter.py.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const { Miniflare } = require("miniflare");

const script = `
const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));

function told(kind, token) {
  switch (kind) {
    case "element":
      return [token.tagName, token.namespaceURI, token.removed, [...token.attributes]];
    case "text":
      return [token.text, token.lastInTextNode, token.removed];
    case "comments":
      return [token.text, token.removed];
    case "doctype":
      return [token.name, token.publicId, token.systemId];
    default:
      return [];
  }
}

function content(value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  if (value.stream) return new Response(value.stream).body;
  if (value.response) return new Response(value.response);
  return value;
}

async function perform(token, steps, where, events) {
  for (const [method, ...args] of steps) {
    try {
      let result;
      if (method === "tick") await new Promise((done) => setTimeout(done, 0));
      else if (method === "throw") throw new RangeError(args[0]);
      else if (method === "onEndTag") {
        token.onEndTag(async (end) => {
          events.push([...where, "end tag", end.name]);
          await perform(end, args[0], [...where, "end tag"], events);
        });
      } else if (method === "set") token[args[0]] = args[1];
      else if (method === "get") result = token[args[0]];
      else result = token[method](...args.map(content));
      if (result !== undefined && result !== token) events.push([...where, method, result]);
    } catch (error) {
      if (method === "throw") throw error;
      events.push([...where, method, error.name + ": " + error.message]);
    }
  }
}

async function run({ chunks, type, rules, whole }) {
  const events = [];
  try {
    const rewriter = new HTMLRewriter();
    rules.forEach(({ selector, ...kinds }, at) => {
      const handlers = {};
      for (const [kind, steps] of Object.entries(kinds)) {
        handlers[kind] = (token) => {
          events.push([at, kind, ...told(kind, token)]);
          const done = perform(token, steps, [at, kind], events);
          if (steps.some(([method]) => method === "tick" || method === "throw")) return done;
        };
      }
      if (selector === undefined) rewriter.onDocument(handlers);
      else rewriter.on(selector, handlers);
    });
    const data = chunks.map(bytes);
    const { readable, writable } = new TransformStream();
    const body = whole ? new Blob(data) : readable;
    const headers = type ? { "content-type": type } : {};
    const response = rewriter.transform(new Response(body, { headers }));
    if (!whole) {
      (async () => {
        const writer = writable.getWriter();
        for (const chunk of data) await writer.write(chunk);
        await writer.close();
      })().catch(() => {});
    }
    const output = new Uint8Array(await response.arrayBuffer());
    let text = "";
    for (const byte of output) text += String.fromCharCode(byte);
    return { output: btoa(text), events };
  } catch (error) {
    return { error: error.name + ": " + error.message, events };
  }
}

export default {
  async fetch(request) {
    const answers = [];
    for (const each of await request.json()) answers.push(await run(each));
    return Response.json(answers);
  },
};`;

const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false,
  modules: true,
  script,
  compatibilityDate: "2026-07-01",
});
console.log(String(await platform.ready));

process.stdin.resume();
process.stdin.on("end", async () => {
  await platform.dispose();
  process.exit(0);
});
