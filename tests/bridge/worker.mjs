// Inside the real platform: makes the calls it is sent on a binding, one after the other, and answers
// with what came back. The other end, and the form of everything sent, is bridge.py.
//
// {binding, calls: [[[method, [argument, ...]], ...], ...]} -> [{ok: value} | {error: {name, message}}]
// A call is a chain of methods: prepare -> bind -> all. What JSON has no form for is {"$": kind, value}.

let flushes = 0;

const clear = {
  async R2(bucket) {
    let page;
    do {
      page = await bucket.list();
      await bucket.delete(page.objects.map(({ key }) => key));
    } while (page.truncated);
  },
  async DB(database) {
    // Prepared statements are kept there, up to 1 MB of SQL; none is to meet the next schema.
    flushes += 1;
    await database.batch(Array.from({ length: 11 }, (_, at) =>
      database.prepare(`SELECT 1 -- ${flushes} ${at} ${"-".repeat(99_000)}`)));
    const all = async (sql) => (await database.prepare(sql).all()).results;
    const kinds = ["view", "virtual", "table"]; // a virtual table takes its shadow tables with it
    const tables = (await all("PRAGMA table_list"))
      .filter(({ name, type }) => kinds.includes(type) && !/^(_cf_|sqlite_)/i.test(name))
      .sort((a, b) => kinds.indexOf(a.type) - kinds.indexOf(b.type));
    const drops = tables.map(({ name, type }) =>
      `DROP ${type === "view" ? "VIEW" : "TABLE"} "${name.replaceAll('"', '""')}"`);
    const settings = ["case_sensitive_like", "ignore_check_constraints", "legacy_alter_table",
      "recursive_triggers", "reverse_unordered_selects"].map((name) => `PRAGMA ${name} = 0`);
    await database.batch(["PRAGMA defer_foreign_keys = 1", ...drops, ...settings]
      .map((sql) => database.prepare(sql)));
  },
  CALLEE() {},
  QUEUE() {}, // what was sent is consumed in its own time
  async KV(namespace) {
    let page;
    do {
      page = await namespace.list();
      for (const { name } of page.keys) await namespace.delete(name);
    } while (!page.list_complete);
  },
};

// A statement that was left open, and not collected yet, keeps a database's tables from being dropped:
// then the next database takes its place.
let database = "DB";

async function emptied(env, binding) {
  if (binding !== "DB") return clear[binding](env[binding]);
  try {
    return await clear.DB(env[database]);
  } catch (error) {
    database = database === "DB" ? "DB_2" : `DB_${Number(database.slice(3)) + 1}`;
    if (!env[database]) throw error;
  }
}

// What takes several calls on the platform, as one call here.
const prepared = (database, [sql, ...binds]) =>
  binds.reduce((statement, values) => statement.bind(...values), database.prepare(sql));

const callbacks = {
  add: (a, b) => a + b,
  throw: (text) => { throw new TypeError(text); },
  echo: (value) => value,
};

// An R2 object as data: what it tells by getters, its body if it has one, the headers it writes.
async function told(object) {
  if (object === null) return null;
  const headers = new Headers();
  object.writeHttpMetadata(headers);
  const { key, size, etag, httpEtag, range, httpMetadata, customMetadata, storageClass } = object;
  return {
    key, size, etag, httpEtag, range, httpMetadata, customMetadata, storageClass,
    checksums: object.checksums.toJSON(),
    headers: Object.fromEntries(headers),
    body: object.body && await object.arrayBuffer(),
  };
}

// Until what has been consumed stays the same for a while: what that was.
async function consumed(consumer) {
  for (let before, quiet = 0; ;) {
    const seen = await consumer.seen();
    const now = JSON.stringify(seen);
    quiet = seen.length && now === before ? quiet + 1 : 0;
    if (quiet === 4) return seen;
    before = now;
    await new Promise((done) => setTimeout(done, 8));
  }
}

const compound = {
  QUEUE: {
    async echo(_, ...args) {
      await this.CONSUMER.told([]);
      await this.ECHO.send(...args);
      return (await consumed(this.CONSUMER))[0][1];
    },
    async outcome(_, count, body) {
      const messages = Array.from({ length: count }, (_, at) =>
        ({ id: `${at}`, timestamp: new Date(), attempts: 1, body }));
      const { outcome, ackAll, retryBatch, explicitAcks, retryMessages } =
        await this.CONSUMER.queue("outcome", messages);
      retryMessages.sort((a, b) => a.msgId - b.msgId);
      return { outcome, ackAll, retryBatch, explicitAcks: explicitAcks.sort(), retryMessages };
    },
    async run(_, count, rounds) {
      await this.CONSUMER.told(rounds);
      await this.WORK.sendBatch(Array.from({ length: count }, (_, body) => ({ body })));
      return consumed(this.CONSUMER);
    },
  },
  CACHE: {
    async steps(_, name, steps) {
      const cache = name === null ? caches.default : await caches.open(name);
      const results = [];
      for (const { op, request, response, options } of steps) {
        try {
          const key = request.url ? new Request(request.url, request) : request;
          const result = op === "put" ? await cache.put(key, new Response(response.body, response))
            : await cache[op](key, options);
          const { status, headers } = result ?? {};
          results.push(status === undefined ? result
            : { status, headers: [...headers], body: new Uint8Array(await result.arrayBuffer()) });
        } catch (error) {
          results.push(error);
        }
      }
      return results;
    },
  },
  R2: {
    head: async (bucket, ...args) => told(await bucket.head(...args)),
    get: async (bucket, ...args) => told(await bucket.get(...args)),
    put: async (bucket, ...args) => told(await bucket.put(...args)),
    async list(bucket, ...args) {
      const page = await bucket.list(...args);
      return { ...page, objects: await Promise.all(page.objects.map(told)) };
    },
    async createMultipartUpload(bucket, ...args) {
      const { key, uploadId } = await bucket.createMultipartUpload(...args);
      return { key, uploadId };
    },
    uploadPart: (bucket, key, id, ...args) => bucket.resumeMultipartUpload(key, id).uploadPart(...args),
    complete: async (bucket, key, id, parts) =>
      told(await bucket.resumeMultipartUpload(key, id).complete(parts)),
    abort: (bucket, key, id) => bucket.resumeMultipartUpload(key, id).abort(),
  },
  CALLEE: {
    callback: (callee, name, values) => callee.apply(callbacks[name], ...values),
    async count(callee, start, steps) {
      const counter = await callee.counter(start);
      const results = [];
      try {
        for (const [method, ...values] of steps) results.push(await counter[method](...values));
      } finally {
        counter[Symbol.dispose]();
      }
      return results;
    },
    async request(callee, url, init) {
      const response = await callee.fetch(url, init);
      const headers = [...response.headers].filter(([name]) => name.startsWith("x-") || name === "location");
      const { status, redirected } = response;
      return { status, redirected, url: response.url, headers, text: await response.text() };
    },
  },
  DB: {
    statement: (database, statement, method, ...args) => prepared(database, statement)[method](...args),
    batch: (database, statements) => database.batch(statements.map((each) => prepared(database, each))),
    async session(database, constraint, statements) {
      const session = database.withSession(...constraint);
      const before = session.getBookmark();
      const results = [];
      for (const each of statements) results.push(...(await session.batch([prepared(session, each)])));
      return { before, after: typeof session.getBookmark(), results };
    },
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
    case "body": return new Response(fromBase64(value.value)).body; // its length is known
    case "headers": return new Headers(value.value);
    case "date": return new Date(value.value);
    case "bigint": return BigInt(value.value);
    case "set": return new Set(value.value.map(inner));
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
  if (value instanceof Date) return { $: "date", value: value.getTime() };
  if (value instanceof ArrayBuffer) return { $: "bytes", value: toBase64(new Uint8Array(value)) };
  if (value instanceof ReadableStream) {
    return { $: "stream", value: toBase64(new Uint8Array(await new Response(value).arrayBuffer())) };
  }
  if (value instanceof Uint8Array) return { $: "bytes", value: toBase64(value) };
  if (value instanceof Set) return { $: "set", value: await encode([...value]) };
  if (value instanceof Error) return { $: "error", name: value.name, message: value.message };
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
        let target = env[binding === "DB" ? database : binding];
        for (const [method, args] of chain) {
          const values = args.map((argument) => decode(argument, results));
          const own = compound[binding]?.[method];
          target = method === "$clear" ? await emptied(env, binding)
            : own ? await own.call(env, target, ...values)
            : await target[method](...values);
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
