// A Python Worker inside real workerd of November 2024, the last one that carries its Python (3.12).
// Usage: node workerd.mjs NPM_FOLDER PROJECT_FOLDER. Every .py below PROJECT_FOLDER is a module; the main
// one is main.py, whose `on_fetch` and so on are the handlers. Prints the address; ends with stdin.
import { readFileSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { join, relative, resolve } from "node:path";

const [npm, project] = process.argv.slice(2).map((folder) => resolve(folder));
const { Miniflare } = createRequire(join(npm, "package.json"))("miniflare-2024");

const files = readdirSync(project, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile() && entry.name.endsWith(".py"))
  .map((entry) => relative(project, join(entry.parentPath ?? entry.path, entry.name)));
const modules = ["main.py", ...files.filter((path) => path !== "main.py")].map((path) => ({
  type: "PythonModule",
  path: "/" + path,
  contents: readFileSync(join(project, path), "utf8"),
}));

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
      ...JSON.parse(readFileSync(join(project, "bindings.json"), "utf8")),
    },
  ],
});
console.log(String(await platform.ready));

process.stdin.resume();
process.stdin.on("end", async () => {
  await platform.dispose();
  process.exit(0);
});
