// A second Worker inside the real platform, which the first calls by its service binding CALLEE. Its
// twin in Python is the class Callee of test_services.py.
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

class Counter extends RpcTarget {
  constructor(start) { super(); this.value = start; }
  inc(by) { this.value += by; return this.value; }
  fail(text) { throw new RangeError(text); }
  get total() { return this.value; }
  alarm() { return "no alarm"; }
}

class Plain {}

const errors = { Error, TypeError, RangeError };

export default class extends WorkerEntrypoint {
  echo(...values) { return values[0]; }
  args(...values) { return values; }
  change(value) { if (Array.isArray(value)) value.push(1); return value; }
  throw(name, text) { throw new errors[name](text); }
  make(name, text) { return new errors[name](text); }
  counter(start) { return new Counter(start); }
  apply(call, ...values) { return call(...values); }
  nothing() {}
  _hidden() { return "not here"; }
  object() { return new Plain(); }
  get total() { return 5; }
  alarm() {}
  async fetch(request) {
    const url = new URL(request.url);
    const status = Number(url.searchParams.get("status") ?? "200");
    if (url.pathname === "/throw") throw new RangeError("no answer");
    if (status >= 300 && status < 400) {
      return new Response(null, { status, headers: { location: url.searchParams.get("to") } });
    }
    const body = await request.text();
    const seen = [...request.headers].filter(([name]) => name.startsWith("x-"));
    const answer = JSON.stringify({ method: request.method, url: request.url, body, seen });
    return new Response([204, 205, 304].includes(status) ? null : answer, { status, headers: { "x-answer": "1" } });
  }
}
