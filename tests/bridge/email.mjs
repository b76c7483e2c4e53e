// Starts the real platform with bindings for email, and an email handler that replies; prints the
// worker's address, and stops when stdin ends. Usage: node email.mjs FOLDER, as bridge.mjs.
//
// POST / {calls: [{binding, message: [from, to, raw] | {...}}, ...]} -> [null | {name, message}, ...]
// POST /cdn-cgi/handler/email?... gives the body to the handler, which replies with the raw message in
// the variable REPLY of the body's first header, in base64; see test_email.py.
import { createRequire } from "node:module";
import { join, resolve } from "node:path";

const require = createRequire(join(resolve(process.argv[2]), "package.json"));
const { Miniflare } = require("miniflare");

const script = `
import { EmailMessage } from "cloudflare:email";

async function failure(call) {
  try {
    await call();
    return null;
  } catch (error) {
    return { name: error.name, message: error.message };
  }
}

let replied;

export default {
  async fetch(request, env) {
    if (new URL(request.url).pathname === "/replied") return Response.json(replied);
    const { calls } = await request.json();
    const answers = [];
    for (const { binding, message } of calls) {
      answers.push(await failure(() => {
        const built = Array.isArray(message) ? new EmailMessage(...message) : message;
        return env[binding].send(built);
      }));
    }
    return Response.json(answers);
  },
  async email(message) {
    const { from, to, raw } = JSON.parse(atob(message.headers.get("x-reply")));
    replied = await failure(() => message.reply(new EmailMessage(from, to, raw)));
  },
};`;

const platform = new Miniflare({
  host: "127.0.0.1",
  port: 0,
  cf: false,
  modules: true,
  script,
  compatibilityDate: "2026-07-01",
  unsafeTriggerHandlers: true,
  handleStructuredLogs: () => {}, // where it has put each email
  email: {
    send_email: [
      { name: "ANY" },
      {
        name: "SOME",
        allowed_destination_addresses: ["b@y.com", "c@y.com"],
        allowed_sender_addresses: ["a@x.com"],
      },
      { name: "ONE", destination_address: "b@y.com" },
    ],
  },
});
console.log(String(await platform.ready));

process.stdin.resume();
process.stdin.on("end", async () => {
  await platform.dispose();
  process.exit(0);
});
