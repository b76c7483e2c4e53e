// Makes a state as wrangler dev keeps it, with the real platform, tells what it holds, and dies without
// warning. Usage: node state.mjs FOLDER STATE, where FOLDER/node_modules holds Miniflare.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const { Miniflare } = require("miniflare");

const place = (kind) => join(process.argv[3], "v3", kind);
const platform = new Miniflare({
  modules: true,
  script: "export default { fetch() { return new Response('') } }",
  compatibilityDate: "2026-07-01",
  cf: false,
  kvNamespaces: { KV: "0f2ac74b498b48028cb68387c421e279" },
  r2Buckets: { R2: "files-bucket" },
  d1Databases: { DB: "xxxx-yyyy-zzzz" },
  kvPersist: place("kv"),
  r2Persist: place("r2"),
  d1Persist: place("d1"),
});
const hex = (buffer) => Buffer.from(buffer).toString("hex").slice(0, 64);

const kv = await platform.getKVNamespace("KV");
await kv.put("plain", "value");
await kv.put("späce \"k'/x", "ünï", { metadata: { a: [1, "é"] } });
await kv.put("expiring", "soon", { expirationTtl: 3600 });
await kv.put("big", new Uint8Array(3_000_000).fill(7));
await kv.put("empty", "");
await kv.put("deleted", "x");
await kv.delete("deleted");

const r2 = await platform.getR2Bucket("R2");
const sha256 = await crypto.subtle.digest("SHA-256", new TextEncoder().encode("hello"));
await r2.put("a/b.txt", "hello", {
  httpMetadata: { contentType: "text/plain", cacheControl: "no-store", cacheExpiry: new Date(1700000000000) },
  customMetadata: { k: "v", "é": "ü" },
  sha256,
});
await r2.put("empty", "");
await r2.put("replaced", "1");
await r2.put("replaced", "2");
const upload = await r2.createMultipartUpload("parts", { customMetadata: { m: "1" } });
const parts = [
  await upload.uploadPart(1, new Uint8Array(5 * 2 ** 20).fill(1)),
  await upload.uploadPart(2, new Uint8Array(100).fill(2)),
];
await upload.complete(parts);
await (await r2.createMultipartUpload("unfinished")).uploadPart(1, "x");

const db = await platform.getD1Database("DB");
for (const sql of [
  "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, data BLOB, x REAL)",
  "INSERT INTO t (name, data, x) VALUES ('ü', x'010203', 1.5)",
  "CREATE INDEX i ON t (name)",
  "CREATE VIEW w AS SELECT name FROM t",
  "CREATE VIRTUAL TABLE ft USING fts5 (body)",
  "INSERT INTO ft VALUES ('hello world')",
]) await db.prepare(sql).run();

const told = { kv: [], r2: [], db: [] };
for (const { name, expiration, metadata } of (await kv.list()).keys) {
  told.kv.push([name, expiration ?? null, metadata ?? null, hex(await kv.get(name, "arrayBuffer"))]);
}
for (const { key } of (await r2.list()).objects) {
  const object = await r2.get(key);
  const { version, etag, size, uploaded, customMetadata, httpMetadata, checksums } = object;
  const found = { version, etag, size, uploaded: uploaded.getTime(), customMetadata, httpMetadata };
  told.r2.push([key, { ...found, checksums: checksums.toJSON() }, hex(await object.arrayBuffer())]);
}
for (const sql of ["SELECT id, name, hex(data), x FROM t", "SELECT * FROM w", "SELECT body FROM ft WHERE ft MATCH 'world'"]) {
  told.db.push([sql, await db.prepare(sql).raw()]);
}
console.log(JSON.stringify(told));
process.kill(process.pid, "SIGKILL");
