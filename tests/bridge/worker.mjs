// Inside the real platform: makes the calls it is sent on a binding, one after the other, and answers
// with what came back. The other end, and the form of everything sent, is bridge.py.
//
// {binding, calls: [[[method, [argument, ...]], ...], ...]} -> [{ok: value} | {error: {name, message}}]
// A call is a chain of methods: prepare -> bind -> all. What JSON has no form for is {"$": kind, value}.

const clear = {
  async KV(namespace) {
    let page;
    do {
      page = await namespace.list();
      for (const { name } of page.keys) await namespace.delete(name);
    } while (!page.list_complete);
  },
};

function toBase64(bytes) {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}

function fromBase64(text) {
  return Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
}

function streamOf(chunks) {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(chunk);
      controller.close();
    },
  });
}

function fields(value, convert) {
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, convert(item)]));
}

// `results` are those of the calls before, for an argument that is part of one of them.
function decode(value, results) {
  const inner = (item) => decode(item, results);
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(inner);
  switch (value.$) {
    case undefined: return fields(value, inner);
    case "undefined": return undefined;
    case "number": return Number(value.value);
    case "bytes": return fromBase64(value.value);
    case "stream": return streamOf(value.value.map(inner));
    case "repeat": return typeof inner(value.value) === "string"
      ? value.value.repeat(value.count)
      : new Uint8Array(value.count).fill(inner(value.value)[0]);
    case "result": return value.path.reduce((part, name) => part?.[name], results[value.call]);
    default: throw new Error("no such tag: " + value.$);
  }
}

async function encode(value) {
  if (value === undefined) return { $: "undefined" };
  if (typeof value === "number" && !Number.isFinite(value)) return { $: "number", value: String(value) };
  if (value === null || typeof value !== "object") return value;
  if (value instanceof ArrayBuffer) return { $: "bytes", value: toBase64(new Uint8Array(value)) };
  if (value instanceof ReadableStream) {
    return { $: "stream", value: toBase64(new Uint8Array(await new Response(value).arrayBuffer())) };
  }
  if (Array.isArray(value)) return Promise.all(value.map(encode));
  if (value instanceof Map) return { $: "map", value: await encode([...value]) };
  const entries = Object.entries(value).map(async ([key, item]) => [key, await encode(item)]);
  return Object.fromEntries(await Promise.all(entries));
}

export default {
  async fetch(request, env) {
    const { binding, calls } = await request.json();
    const results = [];
    const answers = [];
    for (const chain of calls) {
      try {
        let target = env[binding];
        for (const [method, args] of chain) {
          target = method === "$clear"
            ? await clear[binding](target)
            : await target[method](...args.map((argument) => decode(argument, results)));
        }
        results.push(target);
        answers.push({ ok: await encode(target) });
      } catch (error) {
        results.push(undefined);
        answers.push({ error: { name: error.name, message: error.message } });
      }
    }
    return Response.json(answers);
  },
};
