// What Workers cost in Pyodide 314 on Node. Told as one line of JSON, times in microseconds.
//   node measure.mjs NPM_FOLDER SITE import PROJECT
//   node measure.mjs NPM_FOLDER SITE PATH,PATH... PROJECT PROJECT...
// SITE is a folder of modules for every program: the platform's SDK. The paths are asked of each project in
// turn, round by round. The clock is Node's, and the KV one that answers at once: what is measured is
// Python's part.
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [npm, site, what, ...projects] = process.argv.slice(2);
const ROUNDS = 40;
const REQUESTS = 50;
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
const folders = Object.fromEntries(projects.map((project, at) => [`/project${at}`, project]));
for (const [name, folder] of Object.entries({ "/site": site, ...folders })) {
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
import importlib.util, sys
sys.dont_write_bytecode = True
sys.path.insert(0, "/site")
def load(at):
    sys.path[:0] = [f"/project{at}/src", f"/project{at}/python_modules"]
    spec = importlib.util.spec_from_file_location(f"main{at}", f"/project{at}/src/main.py")
    sys.modules[f"main{at}"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
`);
const timed = (code) => {
  const begin = performance.now();
  python.runPython(code);
  return (performance.now() - begin) * 1000;
};
found.sdk = timed("import workers");
const before = python.runPython("len(sys.modules)");
found.main = timed("load(0)");
found.modules = python.runPython("len(sys.modules)") - before;
if (what !== "import") {
  const calls = projects.map((project, at) =>
    python.runPython(`
from workers import Request
def caller(module):
    async def call(ctx, env, subject):
        result = await module.Default(ctx, env).fetch(Request(subject))
        return getattr(result, "js_object", result)
    return call
caller(sys.modules.get("main${at}") or load(${at}))`),
  );
  const ctx = { waitUntil() {}, passThroughOnException() {}, props: {} };
  for (const path of what.split(",")) {
    const url = `https://example.com${path}`;
    const times = calls.map(() => []);
    const answers = [];
    for (const call of calls) answers.push(await (await call(ctx, env, new Request(url))).text());
    for (let round = 0; round < ROUNDS; round++) {
      for (const [at, call] of calls.entries()) {
        const requests = Array.from({ length: REQUESTS }, () => new Request(url));
        const begin = performance.now();
        for (const request of requests) await call(ctx, env, request);
        times[at].push(((performance.now() - begin) * 1000) / REQUESTS);
      }
    }
    found[path] = { answers, times };
  }
}
console.log(JSON.stringify(found));
process.exit(0);
