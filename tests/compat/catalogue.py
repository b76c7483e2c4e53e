"""The projects in projects/, what is asked of each, and where they can run.

Each is a Workers project of our own, written as its author would for the platform: nothing in it knows
edgekit. Their answers are in answers/, as JSON: recorded from CPython 3.14 in Pyodide with the
platform's SDK where that can run them, else from here, and read by a person (record.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tests.compat.asking import Ask, multipart

HERE = Path(__file__).parent
FOLDER = HERE / "projects"
ANSWERS = HERE / "answers"

_FORM = {"content-type": "application/x-www-form-urlencoded"}
_TEXT = {"content-type": "text/plain"}
_FLASK = ("flask", "werkzeug", "jinja2", "markupsafe", "itsdangerous", "click", "blinker")
_FASTAPI = (
    *("fastapi", "starlette", "pydantic", "annotated_types", "annotated_doc", "anyio", "idna"),
    *("typing_extensions", "typing_inspection", "opentelemetry_api"),
)


@dataclass(frozen=True)
class Project:
    """A project: `asks` in their order.

    `packages`: what it imports that is installed here, and is taken along to Pyodide.
    `not_real`: why Pyodide on Node cannot run it. `sync`: it needs Node with stack switching.
    `beside`: the folders of other Workers in its process. `development`: `edgekit dev` runs it.
    `migrations`: its D1 migrations are applied first.
    """

    name: str
    asks: tuple[Ask, ...]
    packages: tuple[str, ...] = ()
    not_real: str = ""
    sync: bool = False
    beside: tuple[str, ...] = ()
    development: bool = False
    environment: str | None = None
    migrations: str | None = None

    @property
    def folder(self) -> Path:
        """The folder of the wrangler file."""
        return FOLDER / self.name


def _form(what: str, **fields: object) -> Ask:
    body, headers = multipart(fields)
    return Ask(what, body, headers)


def _gets(*targets: str) -> tuple[Ask, ...]:
    return tuple(Ask(f"GET {target}") for target in targets)


_ALL = [
    Project(
        "hello",
        (
            *_gets("/", "/?name=Ad%C3%A1", "/json?name=x", "/html", "/agent", "/empty", "/teapot"),
            Ask("POST /json", b"unread"),
            Ask("HEAD /html"),
        ),
    ),
    Project("env_secrets", _gets("/", "/types", "/flags", "/global", "/patched", "/missing")),
    Project(
        "kv_notes",
        (
            Ask("PUT /notes/one", b"first", {"x-author": "ada"}),
            Ask("PUT /notes/two?kwargs", "zwei ü".encode(), {"x-author": "bob"}),
            Ask("PUT /notes/a%2Fb", b""),
            *_gets("/notes/one", "/notes/two", "/notes/a%2Fb", "/notes/none"),
            *_gets("/notes", "/notes?limit=1", "/notes?prefix=t", "/bulk", "/binary"),
            *_gets("/structured", "/faults"),
            Ask("DELETE /notes/one"),
            Ask("GET /notes/one"),
        ),
    ),
    Project(
        "d1_quotes",
        (
            *_gets("/create", "/count", "/quotes/1"),
            Ask("POST /add", {"who": "Ada", "said": "Notes — “G”", "stars": 4.5}),
            Ask("POST /add", {"who": "Ada", "said": "None", "stars": None}),
            Ask("POST /add", {"who": "Bob", "said": "None"}),
            *_gets("/quotes/1", "/quotes/99", "/by/Ada", "/by/Nobody", "/batch", "/count", "/raw"),
            *_gets("/blob", "/syntax", "/column"),
        ),
    ),
    Project(
        "r2_files",
        (
            Ask("PUT /a/one.txt", b"hello world", {**_TEXT, "x-by": "ada"}),
            Ask("PUT /b.bin", bytes(range(256)), {"content-type": "application/octet-stream"}),
            Ask("POST /stream", bytes(70_000), _TEXT, not_real="its bodies have no known length"),
            Ask("PUT /empty", b"", _TEXT),
            *_gets("/a/one.txt", "/b.bin", "/empty", "/none"),
            Ask("HEAD /a/one.txt"),
            Ask("HEAD /none"),
            Ask("GET /stream", headers={"x-range": "69990-20"}, not_real="as above"),
            Ask("DELETE /stream"),
            Ask("GET /a/one.txt", headers={"x-range": "6-5"}),
            Ask("GET /a/one.txt", headers={"x-upper": "1"}),
            Ask("GET /a/one.txt", headers={"if-none-match": '"5eb63bbbe01eeed093cb22bb8f5acdc3"'}),
            Ask("DELETE /a/one.txt"),
            Ask("GET /a/one.txt"),
            Ask("GET /"),
            Ask("PATCH /b.bin", b""),
        ),
    ),
    Project(
        "queue_jobs",
        (
            Ask("POST /", {"job": "plain"}),
            Ask("GET /plain", again=True),
            Ask("POST /", {"job": "flaky", "fail": True}),
            Ask("GET /flaky", again=True),
            Ask("POST /many", b""),
            *(Ask(f"GET /m{number}", again=True) for number in range(3)),
        ),
    ),
    Project(
        "cron_counter",
        (
            Ask("GET /"),
            Ask("GET /cdn-cgi/handler/scheduled?cron=0+3+*+*+*&time=1764000000000"),
            Ask("GET /cdn-cgi/local/scheduled?cron=*/30+*+*+*+*&time=1764000060000"),
            Ask("GET /"),
        ),
        not_real="crons come from the runtime",
        development=True,
    ),
    Project(
        "assets_site",
        _gets(
            *("/", "/app.js", "/about", "/about.html", "/api/time", "/raw/app.js", "/raw/none"),
            "/nothing",
        ),
        not_real="assets are the runtime's",
    ),
    Project(
        "rpc_pair/shop",
        _gets(
            *("/set?item=tea&cents=250", "/set?item=milk&cents=120", "/price", "/fail", "/missing"),
            "/other",
        ),
        not_real="several Workers are the runtime's",
        beside=("rpc_pair/prices",),
    ),
    Project(
        "fastapi_items",
        (
            *_gets("/", "/items/tea", "/search?q=a%20b", "/search?q=a&limit=x", "/search"),
            Ask("PUT /items/tea", {"name": "Tea", "cents": 250, "tags": ["hot", "grün"]}),
            Ask("PUT /items/tea", {"name": "Tea", "cents": 0}),
            Ask("PUT /items/tea", b"{"),
            Ask("GET /items/tea"),
            Ask("POST /items/tea"),
        ),
        packages=_FASTAPI,
    ),
    Project(
        "starlette_stream",
        (
            *_gets("/numbers", "/numbers?n=0", "/sub/a/b", "/old", "/none"),
            Ask("POST /later?job=a"),
            Ask("GET /done"),
            Ask("POST /echo", b"x" * 100_000, _TEXT),
            Ask("GET /echo"),
        ),
        packages=("starlette", "anyio", "idna", "typing_extensions"),
    ),
    Project(
        "flask_todo",
        (
            Ask("GET /"),
            Ask("POST /add", b"text=milk+%26+tea", _FORM),
            *_gets(
                "/", "/api?q=%C3%A4", "/cookie", "/stream", "/forbidden", "/name/%C3%A9%20x", "/no"
            ),
            _form("POST /upload", file=("a.bin", "application/octet-stream", bytes(70_000))),
            Ask("PUT /add", b""),
            Ask("POST /add", b"", _FORM),
            Ask("HEAD /cookie"),
        ),
        packages=_FLASK,
        sync=True,
    ),
    Project(
        "django_blog",
        (
            *_gets("/setup", "/"),
            Ask("POST /posts", {"author": "Ada", "title": "On <tea>", "published": True}),
            Ask("POST /posts", {"author": "Ada", "title": "Draft"}),
            Ask("POST /posts", {"author": "Bob", "title": "Milk", "published": True}),
            *_gets(
                "/", "/posts/1", "/posts/1", "/posts/2", "/posts/9", "/stats", "/fail", "/posts"
            ),
            Ask("DELETE /posts/2"),
            Ask("GET /stats"),
        ),
        packages=("django", "asgiref", "sqlparse"),
        sync=True,
    ),
    Project(
        "opengraph", _gets("/page", "/og", "/rewrite", "/none"), not_real="Node has no HTMLRewriter"
    ),
    Project(
        "pillow_card",
        (*_gets("/", "/?width=8&height=4&color=red"),),
        not_real="there is no wheel of Pillow for it on PyPI",
    ),
    Project(
        "websocket_echo",
        (Ask("GET /"), Ask("WS /", ["hello", "ü", b"\x00\xff", "bye"])),
        not_real="Node has no WebSocketPair",
    ),
    Project("socket_consumer", _gets("/client", "/upgrade"), not_real="Node has no WebSocketPair"),
    Project(
        "streaming",
        (
            *_gets("/lines", "/pull", "/bytes", "/buffer"),
            Ask("POST /through", bytes(range(256)) * 2000, {"content-type": "image/x"}),
            Ask("POST /count", bytes(300_000)),
            Ask("POST /reader", "grüße".encode(), _TEXT),
        ),
    ),
    Project(
        "old_on_fetch",
        (
            *_gets("/", "/headers", "/query?a=1&b=%C3%BC", "/kv", "/kv", "/redirect"),
            Ask("POST /json", {"name": "Ada"}),
            Ask("POST /text", b"shout", _TEXT),
        ),
    ),
    Project(
        "old_handler",
        (Ask("GET /k"), Ask("POST /", {"key": "k", "value": "v"}), Ask("GET /k")),
    ),
    Project(
        "js_objects",
        _gets(
            *("/objects", "/collections", "/arrays", "/urls", "/dates", "/crypto", "/errors"),
            *("/timers", "/none"),
        ),
    ),
    Project(
        "sync_http",
        _gets("/requests", "/session", "/httpx", "/urllib"),
        not_real="its HTTP clients need the sockets of real Workers",
    ),
    Project(
        "sync_store", _gets("/count", "/count", "/can", "/sql", "/fetch", "/error", "/x"), sync=True
    ),
    Project(
        "dynamic_modules", _gets("/", "/clock", "/terms.txt", "/none.txt", "/nothing", "/shared.x")
    ),
    Project(
        "form_upload",
        (
            Ask("GET /"),
            _form("POST /upload", title="Tëa", file=("t.txt", "text/plain", b"leaves\n")),
            Ask("GET /t.txt"),
            Ask("POST /fields", b"name=a+b&tag=1&tag=%C3%BC", _FORM),
            _form("POST /fields", name="x", tag="y"),
            Ask("POST /build", b"name=Ada", _FORM),
            Ask("POST /fields", b"{}", {"content-type": "application/json"}),
        ),
    ),
    Project(
        "cookies",
        (
            Ask("GET /read", headers={"cookie": 'a=1; b="two words"; c=%C3%BC'}),
            *_gets("/read", "/visit"),
            Ask("GET /visit", headers={"cookie": "visits=4"}),
            *_gets("/pairs", "/js", "/forget"),
        ),
    ),
    Project(
        "redirects",
        (
            *_gets("/old", "/temp", "/post", "/keep", "/forever", "/default", "/new", "/manual"),
            *_gets("/relay", "/bad-status", "/bad-url"),
            Ask("GET /follow", not_real="some Nodes do not tell that they followed"),
        ),
    ),
    Project(
        "errors",
        (
            *_gets("/not-allowed", "/uncaught", "/body", "/unreachable", "/status", "/exception"),
            *_gets("/cloned", "/later", "/nothing"),
            Ask("POST /json", b'{"a": }'),
            Ask("POST /json", b'{"a": 1.0, "b": "\\u00fc"}'),
            Ask("POST /twice", b"text"),
        ),
    ),
    Project(
        "proxy",
        (
            *_gets("/get", "/rewrite", "/all", "/replace", "/same", "/none"),
            Ask("POST /text", b"passed", _TEXT),
            Ask("POST /stream", b"passed", _TEXT, not_real="Node's Request demands `duplex`"),
            Ask("PUT /stream", bytes(100), _TEXT, not_real="as above"),
        ),
    ),
    Project(
        "mixins",
        (
            *_gets("/", "/", "/later", "/none"),
            Ask("POST /", b"it"),
            Ask("PATCH /", b""),
        ),
    ),
    Project(
        "rate_limit",
        (*_gets("/", "/", "/"), Ask("GET /", headers={"x-user": "ada"})),
    ),
    Project(
        "background",
        tuple(
            each
            for name in ("ctx", "module", "camel", "future")
            for each in (Ask(f"GET /{name}"), Ask(f"GET /seen/{name}", again=True))
        ),
    ),
    Project(
        "json_api",
        (
            Ask("OPTIONS /tasks"),
            Ask("GET /tasks"),
            Ask("POST /tasks", {"title": "wrïte"}),
            Ask("POST /tasks", {}),
            Ask("PATCH /tasks/2", {"done": True}),
            *_gets("/tasks", "/tasks/1", "/tasks/7", "/else"),
            Ask("DELETE /tasks/1"),
            Ask("PUT /tasks/2", b"{}"),
            Ask("GET /tasks"),
        ),
        migrations="DB",
    ),
    Project(
        "page_cache",
        (
            *_gets("/page", "/page", "/other", "/named/page", "/named/page", "/purge", "/page"),
            Ask("PURGE /other"),
        ),
    ),
    Project(
        "webhook",
        (
            Ask("GET /"),
            Ask("POST /", b"{}", {"x-signature": "00"}),
            Ask(
                "POST /",
                b'{"event": "paid"}',
                {"x-signature": "72ded7d0585e7030ba049760fe9bb32450a7a9825be52054fdae05a067beec9d"},
            ),
            Ask("POST /js", b"{}"),
            Ask("POST /js", b"{}", {"x-signature": "00" * 32}),
        ),
    ),
    Project(
        "templates",
        _gets("/", "/?title=%3Cb%3E&text=gr%C3%BCn"),
        packages=("jinja2", "markupsafe"),
    ),
    Project(
        "pyodide_http",
        _gets("/data", "/pyfetch", "/string", "/fetch", "/proxies", "/headers", "/none"),
    ),
    Project("staging", _gets("/"), environment="staging"),
]
PROJECTS = {project.name: project for project in _ALL}
