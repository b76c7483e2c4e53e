"""The rules of `edgekit check`: what each is about, how bad it is, why, and what to do instead.

P... is for programs that go to Workers: what breaks there, tried on Pyodide 0.28.3 and 314, or read in the
platform's documents and sources. H... is the other direction: what a Workers project uses that edgekit
has not. A rule's severity is that of most of its findings; a finding may say otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")


@dataclass(frozen=True)
class Rule:
    """`reason` says what happens, `remedy` what to do."""

    id: str
    title: str
    severity: Severity
    reason: str
    remedy: str


def _rules(*rules: Rule) -> dict[str, Rule]:
    return {rule.id: rule for rule in rules}


RULES = _rules(
    Rule(
        "P000",
        "cannot be read",
        "error",
        "It is no Python that can be parsed here.",
        "Correct the syntax, or run the check with the Python that the program is for.",
    ),
    Rule(
        "P001",
        "threads",
        "error",
        "Workers have no threads: `RuntimeError: can't start new thread`. Importing threading, locks and"
        " context variables are fine.",
        "Make it async; for work after the response, ctx.wait_until().",
    ),
    Rule(
        "P002",
        "a framework's threads",
        "warning",
        "It hands sync code to a thread. Workers' SDK (1.6.11 and later) runs the most common of these"
        " inline, where it blocks every request; elsewhere it is `can't start new thread`.",
        "Make the function async.",
    ),
    Rule(
        "P003",
        "an executor without threads",
        "note",
        "On Workers it runs inline, one after the other: the event loop waits for it.",
        "Keep it short, or make it async.",
    ),
    Rule(
        "P004",
        "processes",
        "error",
        "Workers have one process: this is an OSError.",
        "Send the work to a queue, or to another Worker by a service binding.",
    ),
    Rule(
        "P005",
        "other programs",
        "error",
        "There is nothing to run on Workers: this is an OSError or NotImplementedError.",
        "Call a service that does it with fetch(), or use a library.",
    ),
    Rule(
        "P006",
        "sockets",
        "error",
        "The event loop of Workers has no sockets: NotImplementedError.",
        "Use fetch(), a WebSocket, or a database through Hyperdrive.",
    ),
    Rule(
        "P007",
        "a server or loop of one's own",
        "error",
        "Workers own the event loop and listen themselves.",
        "Leave it to the platform: export Default; await instead of running a loop. What is only for"
        ' your machine belongs under `if __name__ == "__main__":`.',
    ),
    Rule(
        "P008",
        "randomness at import",
        "error",
        "Workers keep the memory that is there after import and start every isolate from it, so they"
        " refuse randomness before the first event.",
        "Make the value when a request needs it, for instance in a function with functools.cache.",
    ),
    Rule(
        "P009",
        "the time at import",
        "warning",
        "Workers start from a copy of the memory after import, so this value stays what it was when the"
        " Worker was deployed, or is 0.",
        "Ask for the time in the handler.",
    ),
    Rule(
        "P010",
        "I/O at import",
        "error",
        "Workers allow no I/O before the first event, and know no bindings then; a connection made at"
        " import is dead in every isolate that starts from the copied memory.",
        "Do it in the handler, or in `@app.on_start`.",
    ),
    Rule(
        "P011",
        "blocking waits",
        "warning",
        "It stops all requests of the isolate.",
        "await asyncio.sleep(...)",
    ),
    Rule(
        "P012",
        "modules that are not there",
        "error",
        "Python on Workers does not have this module: ModuleNotFoundError.",
        "Do without, or import it in `try ... except ImportError`.",
    ),
    Rule(
        "P013",
        "modules with limits",
        "note",
        "A file of sqlite3 is in memory and gone with the isolate; ssl, sqlite3 and lzma are packages of"
        " their own in Python 3.13 on Workers.",
        "Keep data in D1.",
    ),
    Rule(
        "P014",
        "OpenSSL's hashes",
        "warning",
        "It is missing in Python's own build for WebAssembly; whether Workers have it is not known.",
        "Use WebCrypto (js.crypto.subtle) there, or the package cryptography.",
    ),
    Rule(
        "P015",
        "time zones",
        "warning",
        "Workers have no time zone files: ZoneInfoNotFoundError.",
        "Add the package tzdata to the project's dependencies.",
    ),
    Rule(
        "P016",
        "signals",
        "error",
        "There are no signals on Workers: AttributeError, or they never come.",
        "asyncio.timeout(...)",
    ),
    Rule(
        "P017",
        "files",
        "warning",
        "Files on Workers are in the isolate's memory: no other isolate sees them, and they are gone soon.",
        "Use R2 or KV; write logs with logging.",
    ),
    Rule(
        "P018",
        "machine code",
        "error",
        "Packages with machine code run on Workers only if they are built for it, in the one version that"
        " is there.",
        "Use the platform's version, or another package.",
    ),
    Rule(
        "P019",
        "JavaScript from text",
        "error",
        "Workers make no code from strings: EvalError.",
        "Call JavaScript's functions by name.",
    ),
    Rule(
        "P020",
        "conversions to JavaScript",
        "warning",
        "The value arrives as something else than it looks: to_js makes a Map of a dict, and before"
        " Python 3.13 None is undefined, which D1 refuses.",
        "to_js(value, dict_converter=js.Object.fromEntries), or go through edgekit's bindings.",
    ),
    Rule(
        "P021",
        "handlers of the old form",
        "warning",
        "Functions such as on_fetch are not called from compatibility date 2025-08-14 on.",
        "class Default(WorkerEntrypoint): async def fetch(self, request): ...",
    ),
    Rule(
        "P022",
        "tasks that nobody waits for",
        "warning",
        "Workers may end it once the response is sent.",
        "ctx.wait_until(...)",
    ),
    Rule(
        "P023",
        "large bodies in memory",
        "warning",
        "The whole body is copied into Python's memory to be sent on; an isolate has 128 MB in all.",
        "Pass the stream on: Response(source.body).",
    ),
    Rule(
        "P024",
        "an app's lifespan",
        "warning",
        "Workers' ASGI adapter runs it around every request.",
        "Make what it makes when it is first needed; in edgekit, `@app.on_start`.",
    ),
    Rule(
        "P025",
        "HTTP clients",
        "warning",
        "Sync clients stop the isolate while they wait, and need Python 3.13 there; httpx cannot set"
        " User-Agent there.",
        "edgekit.fetch()",
    ),
    Rule(
        "P026",
        "an old compatibility date",
        "warning",
        "The Python of that date cannot wait in sync code (no run_sync), has no WorkerEntrypoint, and its"
        " packages are old.",
        "Set compatibility_date to 2025-09-29 or later.",
    ),
    Rule(
        "P027",
        "too large",
        "error",
        "Workers refuse a script above the plan's limit: 3 MiB compressed on the free plan, 10 MiB on the"
        " paid one.",
        "Leave packages out, or use the platform's own.",
    ),
    Rule(
        "P028",
        "a different machine",
        "note",
        "Workers are a 32-bit machine with one CPU and made-up process and host names; recursion is"
        " shallower.",
        "Do not let results depend on it.",
    ),
    Rule(
        "P029",
        "state in globals",
        "warning",
        "There are many isolates, each with memory of its own, and they end at any time: what one request"
        " leaves here, the next may not find.",
        "Keep it in KV, D1 or the Cache; a cache that may be lost is fine, and may be ignored by comment.",
    ),
    Rule(
        "P030",
        "what works",
        "note",
        "asyncio.timeout, TaskGroup, context variables, anyio's task groups, fail_after and memory"
        " streams, BaseHTTPMiddleware and async generators work on Workers: nothing is ever reported.",
        "Nothing.",
    ),
    Rule(
        "P031",
        "what edgekit has on ASGI only",
        "error",
        "It stands before or around an ASGI server, and Workers have none.",
        "Use @app.middleware, bindings, and App().mount().",
    ),
    Rule(
        "P032",
        "what cannot be built",
        "error",
        "`edgekit build` refuses it.",
        "Change what it says.",
    ),
    Rule(
        "H001",
        "bindings",
        "error",
        "edgekit has no such binding (yet), and refuses to start.",
        "Remove it from the configuration, or keep this Worker on the platform.",
    ),
    Rule(
        "H002",
        "JavaScript",
        "error",
        "edgekit runs no JavaScript and no WebAssembly.",
        "Use a Python package that does it.",
    ),
    Rule(
        "H003",
        "names of js",
        "error",
        "The module js of edgekit has the names that Workers code usually uses, and not this one.",
        "Use Python's own means, or edgekit's.",
    ),
    Rule(
        "H004",
        "names of pyodide and workers",
        "error",
        "edgekit has no such name.",
        "Use Python's own means, or edgekit's.",
    ),
    Rule(
        "H005",
        "handlers",
        "error",
        "edgekit sends no such events.",
        "Keep this Worker on the platform.",
    ),
    Rule(
        "H006",
        "packages",
        "error",
        "It is not installed here; on Workers, packages come from the platform or from python_modules/.",
        "pip install it.",
    ),
    Rule(
        "H007",
        "several processes",
        "note",
        "`edgekit serve --workers N` runs N processes, and each has its own memory, as isolates have.",
        "Keep shared state in KV, D1 or the Cache.",
    ),
    Rule(
        "H008",
        "another Python",
        "note",
        "The project says that it is for another Python than the one that runs here.",
        "Run edgekit with that Python.",
    ),
)
