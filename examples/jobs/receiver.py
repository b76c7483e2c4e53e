"""Somebody else's server, to try it with: /crm takes every event, /shop every fourth.

    python receiver.py [PORT]

It is made without edgekit, as a receiver may be anything that speaks HTTP.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count

calls = count(1)  # of /shop


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        event = self.rfile.read(int(self.headers.get("content-length", 0))).decode()
        takes = self.path == "/crm" or (self.path == "/shop" and next(calls) % 4 == 0)
        self.send_response(204 if takes else 503)
        self.end_headers()
        print(self.path, self.headers["idempotency-key"], event, "taken" if takes else "refused")

    def log_message(self, format: str, *args: object) -> None:
        pass  # one line for each event is enough


def main() -> None:
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 8793
    with suppress(KeyboardInterrupt), ThreadingHTTPServer(("127.0.0.1", port), Receiver) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
