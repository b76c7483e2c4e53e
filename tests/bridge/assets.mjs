// Starts the real platform with one worker for each site (a folder of assets and its configuration)
// and one in front of them, which makes the requests it is sent; prints the address of that one, and
// stops when stdin ends. Usage: node assets.mjs FOLDER SITES, where FOLDER/node_modules holds
// Miniflare and SITES is a JSON file: {name: {directory, worker, html_handling, ...}}.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const { Miniflare, Log, LogLevel } = require("miniflare");

const sites = JSON.parse(readFileSync(process.argv[3], "utf8"));

// What the router does not answer with an asset, this does; it asks the binding when it is told to.
const worker = `export default {
  async fetch(request, env) {
    if (request.headers.has("x-via")) return env.ASSETS.fetch(request);
    return new Response("worker " + request.method + " " + new URL(request.url).pathname);
  },
};`;

// [{site, method, url, headers}] -> [[status, [[name, value]], text] | {error}]
const front = `export default {
  async fetch(request, env) {
    const answers = [];
    for (const { site, method, url, headers } of await request.json()) {
      try {
        const answer = await env[site].fetch(url, { method, headers, redirect: "manual" });
        answers.push([answer.status, [...answer.headers], await answer.text()]);
      } catch (error) {
        answers.push({ error: String(error) });
      }
    }
    return Response.json(answers);
  },
};`;

function siteWorker([name, site]) {
  return {
    name,
    modules: true,
    script: worker,
    compatibilityDate: site.compatibility_date,
    compatibilityFlags: site.compatibility_flags ?? [],
    assets: {
      directory: site.directory,
      binding: "ASSETS",
      routerConfig: { has_user_worker: site.worker, ...site.router },
      assetConfig: {
        html_handling: site.html_handling,
        not_found_handling: site.not_found_handling,
      },
    },
  };
}

const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false, // or it would ask the network where it is
  log: new (class extends Log {
    // What it says of _headers and _redirects is compared too.
    logWithLevel(level, message) {
      if (level === LogLevel.WARN) console.log(JSON.stringify(message));
    }
  })(LogLevel.WARN),
  workers: [
    {
      name: "front",
      modules: true,
      script: front,
      compatibilityDate: "2026-07-01",
      serviceBindings: Object.fromEntries(Object.keys(sites).map((name) => [name, name])),
    },
    ...Object.entries(sites).map(siteWorker),
  ],
});
console.log(String(await platform.ready));

process.stdin.resume();
process.stdin.on("end", async () => {
  await platform.dispose();
  process.exit(0);
});
