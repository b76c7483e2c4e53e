// Starts the real platform with one worker (worker.mjs) in front of its bindings, prints the
// worker's address, and stops when stdin ends. Usage: node bridge.mjs FOLDER, where FOLDER/node_modules
// holds Miniflare. A new binding is one line in `bindings`, and its `clear` in worker.mjs.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const { Miniflare } = require("miniflare");

const bindings = {
  kvNamespaces: ["KV"],
};

const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false, // or it would ask the network where it is
  modules: true,
  script: readFileSync(new URL("worker.mjs", import.meta.url), "utf8"),
  compatibilityDate: "2026-07-01",
  ...bindings,
});
console.log(String(await platform.ready));

process.stdin.resume();
process.stdin.on("end", async () => {
  await platform.dispose();
  process.exit(0);
});
