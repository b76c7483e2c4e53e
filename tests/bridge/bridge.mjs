// Starts the real platform with one worker (worker.mjs) in front of its bindings, prints the
// worker's address, and stops when stdin ends. Usage: node bridge.mjs FOLDER, where FOLDER/node_modules
// holds Miniflare. A new binding is one line in `bindings`, and its `clear` in worker.mjs.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const { Miniflare } = require("miniflare");

const bindings = {
  serviceBindings: { CALLEE: "callee", CONSUMER: "consumer" },
  queueProducers: { QUEUE: "bridge", ECHO: "echo", WORK: "work" },
  kvNamespaces: ["KV"],
  d1Databases: ["DB", "DB_2", "DB_3", "DB_4", "DB_5"], // see `emptied` in worker.mjs
  r2Buckets: ["R2"],
  ratelimits: { RATELIMIT: { namespace_id: "1", simple: { limit: 5, period: 60 } } },
};

const now = { maxBatchTimeout: 0 };
const queueConsumers = {
  bridge: { maxBatchSize: 100, maxBatchTimeout: 60 },
  echo: { ...now, maxBatchSize: 1 },
  work: { ...now, maxBatchSize: 10, maxRetries: 2, deadLetterQueue: "letters" },
  letters: { ...now, maxBatchSize: 10 },
};

const script = (name) => readFileSync(new URL(name, import.meta.url), "utf8");
const shared = { modules: true, compatibilityDate: "2026-07-01", compatibilityFlags: ["service_binding_extra_handlers"] };

const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false, // or it would ask the network where it is
  workers: [
    { ...shared, name: "worker", script: script("worker.mjs"), ...bindings },
    { ...shared, name: "callee", script: script("callee.mjs") },
    { ...shared, name: "consumer", script: script("consumer.mjs"), queueConsumers },
  ],
});
console.log(String(await platform.ready));

process.stdin.resume();
process.stdin.on("end", async () => {
  await platform.dispose();
  process.exit(0);
});
