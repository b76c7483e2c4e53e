// What a Worker costs in Pyodide 314 on Node: node measure.mjs NPM_FOLDER SITE PROJECT WHAT [ROUNDS]
// SITE is a folder of modules for every program: the platform's SDK. WHAT is "import" or the paths to ask
// for, joined by commas; all is told as one line of JSON, times in microseconds.
// The clock is Node's own, and the KV is one that answers at once: what is measured is Python's part.
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [npm, site, project, what, rounds = "2000"] = process.argv.slice(2);
const { loadPyodide } = await import(
  pathToFileURL(join(resolve(npm), "node_modules/pyodide/pyodide.mjs"))
);
class KvNamespace {
  async get() {
    return "value";
  }
}
class Base {
  constructor(ctx, env) {
    this.ctx = ctx;
    this.env = env;
  }
}
const env = { KV: new KvNamespace() };
const python = await loadPyodide({ packageCacheDir: join(npm, "pyodide") });
for (const [name, folder] of [["/site", site], ["/project", project]]) {
  python.FS.mkdirTree(name);
  python.mountNodeFS(name, resolve(folder));
}
python.registerJsModule("_pyodide_entrypoint_helper", {
  cloudflareWorkersModule: {
    WorkerEntrypoint: Base,
    DurableObject: Base,
    WorkflowEntrypoint: Base,
    env,
    waitUntil() {},
  },
  cloudflareSocketsModule: {},
  doAnImport: (name) => import(name),
  patch_env_helper: function* () {
    yield;
  },
  patchWaitUntil() {},
});
python.registerJsModule("_cloudflare_compat_flags", {
  python_request_headers_preserve_commas: true,
});
const found = {};
python.runPython(`
import sys
sys.dont_write_bytecode = True
sys.path[:0] = ["/project/src", "/project/python_modules", "/site"]
`);
const timed = (code) => {
  const begin = performance.now();
  python.runPython(code);
  return (performance.now() - begin) * 1000;
};
const modules = () => python.runPython("len(sys.modules)");
found.modules = [modules()];
found.sdk = timed("import workers");
found.modules.push(modules());
found.main = timed("import main");
found.modules.push(modules());
if (what !== "import") {
  const call = python.runPython(`
import main
from workers import Request
async def call(ctx, env, subject):
    result = await main.Default(ctx, env).fetch(Request(subject))
    return getattr(result, "js_object", result)
call`);
  const ctx = { waitUntil() {}, passThroughOnException() {}, props: {} };
  for (const path of what.split(",")) {
    const url = `https://example.com${path}`;
    const response = await call(ctx, env, new Request(url));
    found[`${path} body`] = await response.text();
    const times = [];
    for (let round = 0; round < 20; round++) {
      const requests = Array.from({ length: rounds / 20 }, () => new Request(url));
      const begin = performance.now();
      for (const request of requests) await call(ctx, env, request);
      times.push(((performance.now() - begin) * 1000) / requests.length);
    }
    found[path] = times.sort((a, b) => a - b)[5];
  }
}
console.log(JSON.stringify(found));
process.exit(0);
