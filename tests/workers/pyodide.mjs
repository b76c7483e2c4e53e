// A Python Worker of today (Pyodide 314, CPython 3.14) on Node, with the platform's SDK unmodified and
// the bindings of real workerd as env. Usage: node pyodide.mjs NPM_FOLDER PROJECT_FOLDER.
// PROJECT_FOLDER is the import root, PROJECT_FOLDER/python_modules after it; `Default` of main.py answers.
// Around the SDK stand a few lines that in workerd are the runtime's own. Prints the address; ends with stdin.
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { pathToFileURL } from "node:url";

const [npm, project] = process.argv.slice(2).map((folder) => resolve(folder));
const require = createRequire(join(npm, "package.json"));
const { Miniflare } = require("miniflare");
const { loadPyodide } = await import(pathToFileURL(join(npm, "node_modules/pyodide/pyodide.mjs")));

// Pyodide's stack traces show its whole source, which is one line.
process.on("uncaughtException", (error) => {
  console.error(String(error.message).slice(-4000));
  process.exit(1);
});

const bindings = JSON.parse(readFileSync(join(project, "bindings.json"), "utf8"));
const consumers = Object.keys(bindings.queueConsumers ?? {});
let dispatchQueue;
const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false,
  compatibilityDate: "2026-07-01",
  modules: true,
  // What consumes queues in workerd hands each batch over to Python here, and gets its verdicts back.
  script: `export default {
    fetch() { return new Response("the bindings' own worker") },
    async queue(batch, env) {
      const messages = batch.messages.map(({ id, timestamp, body, attempts }) => ({ id, timestamp: +timestamp, body, attempts }));
      const answer = await env.PYTHON.fetch("http://python/", { method: "POST", body: JSON.stringify({ queue: batch.queue, messages }) });
      const { verdicts, all, error } = await answer.json();
      if (error) throw new Error(error);
      for (const message of batch.messages) {
        const verdict = verdicts[message.id];
        if (verdict) verdict.ack ? message.ack() : message.retry(verdict.options);
      }
      if (all) all.ack ? batch.ackAll() : batch.retryAll(all.options);
    },
  }`,
  ...bindings,
  serviceBindings: { ...bindings.serviceBindings, PYTHON: (request) => dispatchQueue(request) },
});
await platform.ready;
const raw = await platform.getBindings();
delete raw.PYTHON;

// The SDK tells bindings apart by the names of their classes, which Miniflare's stand-ins do not have.
const CLASSES = {
  kvNamespaces: "KvNamespace",
  r2Buckets: "R2Bucket",
  d1Databases: "D1Database",
  queueProducers: "WorkerQueue",
  ratelimits: "Ratelimit",
  serviceBindings: "Fetcher",
};
const names = {};
for (const [key, name] of Object.entries(CLASSES)) {
  const given = bindings[key] ?? {};
  for (const binding of Array.isArray(given) ? given : Object.keys(given)) names[binding] = name;
}
function named(target, name) {
  const constructor = { name };
  return new Proxy(target, {
    get(object, key) {
      if (key === "constructor") return constructor;
      const value = Reflect.get(object, key);
      return typeof value === "function" ? value.bind(object) : value;
    },
  });
}
const env = {};
for (const [key, value] of Object.entries(raw)) env[key] = names[key] ? named(value, names[key]) : value;

const python = await loadPyodide({ enableRunUntilComplete: true, packageCacheDir: join(npm, "pyodide") });
python.FS.mkdirTree("/project");
python.mountNodeFS("/project", project);
class Base {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}
const waits = [];
python.registerJsModule("_pyodide_entrypoint_helper", {
  cloudflareWorkersModule: {
    WorkerEntrypoint: Base,
    DurableObject: Base,
    WorkflowEntrypoint: Base,
    env,
    waitUntil: (promise) => waits.push(promise),
  },
  cloudflareSocketsModule: {},
  doAnImport: (name) => import(name),
  patch_env_helper: function* () {
    yield;
  },
  patchWaitUntil() {},
});
python.registerJsModule("_cloudflare_compat_flags", { python_request_headers_preserve_commas: true });
// Node has no caches and no WebSocketPair: those of the platform are seen in workerd only.

python.runPython(`
import sys
sys.dont_write_bytecode = True
sys.path[:0] = ["/project", "/project/python_modules"]
import main
`);
const call = python.runPython(`
from workers import Request
async def call(ctx, env, event, subject):
    handler = getattr(main.Default(ctx, env), event)
    result = await (handler(Request(subject)) if event == "fetch" else handler(subject, None, None))
    return getattr(result, "js_object", result)
call`);

function context() {
  return {
    waitUntil: (promise) => waits.push(promise),
    passThroughOnException() {},
    props: {},
  };
}

dispatchQueue = async (request) => {
  const { queue, messages } = await request.json();
  const verdicts = {};
  let all = null;
  const batch = {
    queue,
    messages: messages.map((message) => ({
      ...message,
      timestamp: new Date(message.timestamp),
      ack: () => (verdicts[message.id] ??= { ack: true }),
      retry: (options) => (verdicts[message.id] ??= { ack: false, options }),
    })),
    ackAll: () => (all ??= { ack: true }),
    retryAll: (options) => (all ??= { ack: false, options }),
  };
  try {
    await call(context(), env, "queue", batch);
  } catch (error) {
    return Response.json({ verdicts, all, error: String(error.message).slice(-2000) });
  }
  return Response.json({ verdicts, all });
};

const server = http.createServer(async (incoming, outgoing) => {
  try {
    const hasBody = "content-length" in incoming.headers || "transfer-encoding" in incoming.headers;
    const headers = new Headers();
    for (let at = 0; at < incoming.rawHeaders.length; at += 2) {
      headers.append(incoming.rawHeaders[at], incoming.rawHeaders[at + 1]);
    }
    const request = new Request(`http://${incoming.headers.host}${incoming.url}`, {
      method: incoming.method,
      headers,
      ...(hasBody && !["GET", "HEAD"].includes(incoming.method)
        ? { body: Readable.toWeb(incoming), duplex: "half" }
        : {}),
    });
    const response = await call(context(), env, "fetch", request);
    const pairs = [...response.headers].filter(([name]) => name !== "set-cookie");
    outgoing.writeHead(response.status, [
      ...pairs.flat(),
      ...response.headers.getSetCookie().flatMap((value) => ["set-cookie", value]),
    ]);
    if (response.body && incoming.method !== "HEAD") {
      for await (const chunk of response.body) outgoing.write(chunk);
    }
    outgoing.end();
  } catch (error) {
    console.error(String(error.message).slice(-4000));
    if (!outgoing.headersSent) outgoing.writeHead(500);
    outgoing.end();
  }
});
server.listen(0, "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}/`));

process.stdin.resume();
process.stdin.on("end", async () => {
  await platform.dispose();
  process.exit(0);
});
