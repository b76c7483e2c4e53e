// The other Worker of the portable suite, for the real platform; other/main.py is the same in Python.
import { RpcTarget, WorkerEntrypoint } from "cloudflare:workers";

class Counter extends RpcTarget {
  #count = 0;
  add(number) {
    return (this.#count += number);
  }
}

export default class extends WorkerEntrypoint {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/fails") throw new RangeError("it fails");
    return new Response(await request.arrayBuffer(), {
      status: 201,
      headers: {
        "content-type": "application/octet-stream",
        "x-method": request.method,
        "x-path": pathname,
        "x-given": request.headers.get("x-given") ?? "",
      },
    });
  }
  echo(value) {
    return value;
  }
  add(first, second) {
    return first + second;
  }
  named(options) {
    return Object.keys(options).sort();
  }
  refuse(kind) {
    throw new { TypeError, RangeError }[kind](`no ${kind}`);
  }
  adder(number) {
    return (other) => number + other;
  }
  counter() {
    return new Counter();
  }
  async twice(call) {
    return await call(await call(1));
  }
}
