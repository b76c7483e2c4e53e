// A consumer inside the real platform that does with a batch what it is told, and tells what it got.
// A step is [place of a message, or -1 for the batch; method; arguments].
import { WorkerEntrypoint } from "cloudflare:workers";

let rounds = [];
let seen = [];

function act(batch, { steps, fails }) {
  for (const [at, method, args] of steps) {
    const target = at < 0 ? batch : batch.messages[at];
    target?.[method](...args);
  }
  if (fails) throw new Error("told to");
}

export default class extends WorkerEntrypoint {
  async queue(batch) {
    const [{ attempts, body }] = batch.messages;
    if (batch.queue === "bridge") return;
    if (batch.queue === "outcome") return act(batch, body);
    const names = batch.messages.map((message) => [message.body, message.attempts]);
    seen.push([batch.queue, batch.queue === "echo" ? body : names]);
    if (batch.queue === "work") act(batch, rounds[attempts - 1] ?? { steps: [], fails: false });
  }
  async told(given) {
    rounds = given;
    seen = [];
  }
  async seen() {
    return seen;
  }
}
