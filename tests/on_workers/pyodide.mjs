// A Python Worker of today (Pyodide 314, CPython 3.14) on Node, with the platform's SDK unmodified and
// the bindings of real workerd as env. Usage: node pyodide.mjs NPM_FOLDER PROJECT_FOLDER.
// PROJECT_FOLDER is what `edgekit build` writes, with the platform's SDK in python_modules, and the bindings
// in miniflare.json. Around the SDK stand a few lines that in workerd are the runtime's own: what makes an
// entrypoint for each event, and `ctx.exports`. Prints the address; ends with stdin.
import { readFileSync } from "node:fs";
import http from "node:http";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";
import { Readable } from "node:stream";
import { fileURLToPath, pathToFileURL } from "node:url";

const [npm, project] = process.argv.slice(2).map((folder) => resolve(folder));
const require = createRequire(join(npm, "package.json"));
const miniflare = require("miniflare");
const { Miniflare } = miniflare;
// The stand-ins for bindings take Miniflare's own classes, not Node's.
for (const name of ["Request", "Response", "Headers", "FormData", "fetch"]) globalThis[name] = miniflare[name];
for (const name of ["Request", "Response"]) Object.defineProperty(globalThis[name], "name", { value: name });
const { loadPyodide } = await import(pathToFileURL(join(npm, "node_modules/pyodide/pyodide.mjs")));

// Pyodide's stack traces show its whole source, which is one line.
process.on("uncaughtException", (error) => {
  console.error(String(error.message).slice(-4000));
  process.exit(1);
});

const { main, ...bindings } = JSON.parse(readFileSync(join(project, "miniflare.json"), "utf8"));
let dispatchQueue;
const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false,
  workers: [
   {
  name: "bindings",
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
   },
   {
  name: "other",
  compatibilityDate: "2026-07-01",
  modules: true,
  script: readFileSync(fileURLToPath(new URL("other.mjs", import.meta.url)), "utf8"),
   },
  ],
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
  analyticsEngineDatasets: "AnalyticsEngine",
  hyperdrives: "Hyperdrive",
};
const names = {};
for (const [key, name] of Object.entries(CLASSES)) {
  const given = bindings[key] ?? {};
  for (const binding of Array.isArray(given) ? given : Object.keys(given)) names[binding] = name;
}
if (bindings.assets?.binding) names[bindings.assets.binding] = "Fetcher";
// A request's body has a known length in workerd, which R2 asks for, but not on the way to the stand-in.
globalThis.FixedLengthStream = class extends TransformStream {
  constructor() {
    super();
  }
};
async function put(bucket, key, value, options) {
  const stream = value instanceof ReadableStream;
  return await bucket.put(key, stream ? await new Response(value).arrayBuffer() : value, options);
}
function named(target, name) {
  const constructor = { name };
  return new Proxy(target, {
    get(object, key) {
      if (key === "constructor") return constructor;
      const value = Reflect.get(object, key);
      if (name === "R2Bucket" && key === "put") return (...given) => put(object, ...given);
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
// The proxy of a coroutine is gone when the call returns: so it is waited for from within.
const failed = (error) => console.error(String(error.message).slice(-4000));
const waitUntil = (promise) => waits.push(promise.then((value) => value, failed));
python.registerJsModule("_pyodide_entrypoint_helper", {
  cloudflareWorkersModule: {
    WorkerEntrypoint: Base,
    DurableObject: Base,
    WorkflowEntrypoint: Base,
    env,
    waitUntil,
  },
  cloudflareSocketsModule: {},
  doAnImport: (name) => import(name),
  patch_env_helper: function* (patch) {
    const before = { ...env };
    Object.assign(env, patch instanceof Map ? Object.fromEntries(patch) : patch);
    yield;
    Object.assign(env, before);
  },
  patchWaitUntil() {},
});
python.registerJsModule("_cloudflare_compat_flags", { python_request_headers_preserve_commas: true });
globalThis.caches = await platform.getCaches();
// Node has no WebSocketPair: the platform's is seen in workerd only.

python.globals.set("main_name", main.replace(/^src\/|\.py$/g, ""));
const entrypoints = python.runPython(`
import importlib, sys
sys.dont_write_bytecode = True
sys.path[:0] = ["/project/src", "/project/python_modules"]
main = importlib.import_module(main_name)
from workers import WorkerEntrypoint
from pyodide.ffi import to_js
to_js([
    name for name in getattr(main, "__all__", None) or [n for n in dir(main) if n[0] != "_"]
    if isinstance(found := getattr(main, name), type)
    and issubclass(found, WorkerEntrypoint) and found is not WorkerEntrypoint
])`);
const call = python.runPython(`
from workers import Request, python_from_rpc, python_to_rpc
async def call(ctx, env, name, event, *args):
    gate = getattr(main, name)(ctx, env)
    try:
        handler = getattr(gate, event)
    except AttributeError:
        raise TypeError(f"Method {event} does not exist") from None
    if event == "fetch":
        result = await handler(Request(args[0]))
        return getattr(result, "js_object", result)
    if event in ("queue", "scheduled"):
        return await handler(args[0], None, None)
    return python_to_rpc(await handler(*map(python_from_rpc, args)))
call`);

// An error of Python's crosses from one Worker to another as one of JavaScript's.
const KINDS = { TypeError, ValueError: RangeError };
async function entered(...given) {
  try {
    return await call(...given);
  } catch (error) {
    const [, name, text] = /(?:^|\n)(\w+): ([^\n]*)\s*$/.exec(error.message) ?? [];
    throw KINDS[name] ? new KINDS[name](text) : error;
  }
}

function context(props = {}) {
  return {
    waitUntil,
    passThroughOnException() {},
    props,
    exports: Object.fromEntries(
      entrypoints.map((name) => [name === "Default" ? "default" : name, loopback(name)]),
    ),
  };
}

function loopback(name, props) {
  const constructor = { name: "Fetcher" };
  return new Proxy(function () {}, {
    apply: (target, self, [options]) => loopback(name, options.props),
    get(target, key) {
      if (key === "constructor") return constructor;
      if (typeof key !== "string" || key === "then") return Reflect.get(target, key);
      if (key === "fetch") {
        return (...given) => entered(context(props), env, name, "fetch", new Request(...given));
      }
      return (...args) => entered(context(props), env, name, key, ...args);
    },
  });
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
    await call(context(), env, "Default", "queue", batch);
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
      cf: JSON.parse(headers.get("mf-cf-blob") ?? "null") ?? undefined,
      ...(hasBody && !["GET", "HEAD"].includes(incoming.method)
        ? { body: Readable.toWeb(incoming), duplex: "half" }
        : {}),
    });
    const url = new URL(request.url);
    if (url.pathname === "/cdn-cgi/handler/scheduled") {
      const cron = url.searchParams.get("cron");
      const scheduledTime = Number(url.searchParams.get("time") ?? Date.now());
      await call(context(), env, "Default", "scheduled", { cron, scheduledTime, noRetry() {} });
      outgoing.end("ok");
      return;
    }
    const response = await call(context(), env, "Default", "fetch", request);
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
