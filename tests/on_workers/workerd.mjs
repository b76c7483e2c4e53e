// A Python Worker inside real workerd of November 2024, the last one that carries its Python (3.12).
// Usage: node workerd.mjs NPM_FOLDER PROJECT_FOLDER. PROJECT_FOLDER is what `edgekit build` writes, with
// the bindings in miniflare.json. Workers of that time have one folder of modules, and functions of the
// main one, `on_fetch` and so on, for handlers. Prints the address; ends with stdin.
import { existsSync, readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [npm, project] = process.argv.slice(2).map((folder) => resolve(folder));
const { Miniflare } = createRequire(join(npm, "package.json"))("miniflare-2024");

const { main, ...bindings } = JSON.parse(readFileSync(join(project, "miniflare.json"), "utf8"));
// What Workers of that time, or their simulator, do not have.
for (const key of ["analyticsEngineDatasets", "assets", "versionMetadata"]) delete bindings[key];

const modules = [];
for (const root of ["src", "python_modules"].map((name) => join(project, name))) {
  if (!existsSync(root)) continue;
  for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !entry.name.endsWith(".py")) continue;
    const file = join(entry.parentPath ?? entry.path, entry.name);
    const path = "/" + relative(root, file);
    const module = { type: "PythonModule", path, contents: readFileSync(file, "utf8") };
    if (join(root, path) === join(project, main)) modules.unshift(module);
    else modules.push(module);
  }
}

const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false,
  workers: [
    {
      name: "python",
      compatibilityDate: "2024-10-01",
      compatibilityFlags: ["python_workers"],
      modulesRoot: "/",
      modules,
      ...bindings,
    },
    {
      name: "other",
      compatibilityDate: "2024-10-01",
      modules: true,
      script: readFileSync(fileURLToPath(new URL("other.mjs", import.meta.url)), "utf8"),
    },
  ],
});
console.log(String(await platform.ready));

process.stdin.resume();
process.stdin.on("end", async () => {
  await platform.dispose();
  process.exit(0);
});
