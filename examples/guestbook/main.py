"""A guestbook: a page with a form, and the same as a JSON API. The entries are kept in KV.

KV lists its keys in ascending order only, so a key begins with the time that is left until the year
2286: the newest entry has the smallest key, and a page of entries is one `list` and one `get`.
"""

from __future__ import annotations

import json
import secrets
import time
import unicodedata
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from edgekit import App, Env, HTTPError, KVNamespace, Next, Request, Response
from page import MAX_MESSAGE, MAX_NAME, Draft, render

PAGE = 20  # entries on a page of HTML, and of JSON unless `limit` says otherwise
MAX_PAGE = 100  # the most keys that one `get` of KV reads
PREFIX = "entry/"
DISTANT = 10**19  # nanoseconds since 1970


class AppEnv(Env):
    ENTRIES: KVNamespace
    TITLE: str = "Guestbook"


@dataclass
class NewEntry:
    """What a visitor sends."""

    name: str
    message: str


@dataclass
class Entry:
    """What is kept; `at` is in UTC, as ISO 8601 writes it."""

    name: str
    message: str
    at: str


app = App(AppEnv)


@app.middleware
async def own_forms_only(request: Request, env: AppEnv, next: Next) -> Response:
    """Refuse what another site's page makes a visitor's browser send (CSRF)."""
    if request.method not in ("GET", "HEAD", "OPTIONS"):
        site = request.headers.get("sec-fetch-site")
        origin = request.headers.get("origin")
        if site is not None:
            own = site in ("same-origin", "none")
        else:  # browsers tell the site over HTTPS and on localhost only; curl tells neither
            own = origin is None or origin.partition("//")[2] == request.headers.get("host")
        if not own:
            raise HTTPError(403, "This form belongs to another site.")
    return await next(request)


@app.get("/")
async def index(request: Request, env: AppEnv) -> Response:
    return await page(env, Draft("", "", {}), cursor=request.query.get("cursor"))


@app.post("/")
async def sign(request: Request, env: AppEnv) -> Response:
    form = await request.form_data()
    fields = {name: value for name, value in form.items() if isinstance(value, str)}
    new = clean(NewEntry(fields.get("name", ""), fields.get("message", "")))
    if found := problems(new):
        return await page(env, Draft(new.name, new.message, found), status=422)
    # 303: the browser goes on with a GET, so that reloading the page does not post again.
    return Response.redirect(f"/#{await store(env, new)}", 303)


@app.get("/api/entries")
async def list_entries(request: Request, env: AppEnv) -> dict[str, Any]:
    text = request.query.get("limit", str(PAGE))
    limit = int(text) if text.isdecimal() and len(text) <= 3 else 0
    if not 1 <= limit <= MAX_PAGE:
        raise HTTPError(400, {"error": f"limit is a number from 1 to {MAX_PAGE}"})
    entries, cursor = await load(env, limit, request.query.get("cursor"))
    return {
        "entries": [{"id": key, **asdict(entry)} for key, entry in entries],
        "cursor": cursor,
    }


@app.post("/api/entries")
async def add_entry(request: Request, env: AppEnv) -> Response:
    new = clean(checked(await request.json()))
    for field, problem in problems(new).items():
        raise HTTPError(422, {"error": problem, "path": f"$.{field}"})
    return Response.json({"id": await store(env, new)}, status=201)


async def page(
    env: AppEnv, draft: Draft, *, cursor: str | None = None, status: int = 200
) -> Response:
    entries, more = await load(env, PAGE, cursor)
    older = f"/?{urlencode({'cursor': more})}" if more else None
    shown = [(key, e.name, e.message, datetime.fromisoformat(e.at)) for key, e in entries]
    html, policy = render(env.TITLE, shown, draft, older=older, first=cursor is None)
    headers = {
        "content-security-policy": policy,
        "referrer-policy": "same-origin",
        "x-content-type-options": "nosniff",
    }
    return Response.html(html, status=status, headers=headers)


async def load(
    env: AppEnv, limit: int, cursor: str | None
) -> tuple[list[tuple[str, Entry]], str | None]:
    """A page of entries with their ids, the newest first, and the cursor of the next page."""
    listed = await env.ENTRIES.list(prefix=PREFIX, limit=limit, cursor=cursor)
    names = [key.name for key in listed.keys]
    values = await env.ENTRIES.get(names) if names else {}
    entries = [
        (name.removeprefix(PREFIX), Entry(**json.loads(text)))
        for name, text in values.items()
        if text is not None  # removed since it was listed
    ]
    return entries, listed.get("cursor")


async def store(env: AppEnv, new: NewEntry) -> str:
    """Keep an entry; returns its id."""
    key = f"{DISTANT - time.time_ns():019}-{secrets.token_hex(4)}"
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    await env.ENTRIES.put(PREFIX + key, json.dumps(asdict(Entry(new.name, new.message, now))))
    return key


def checked(sent: Any) -> NewEntry:
    """A JSON body as an entry. With msgspec `await request.json(NewEntry)` says as much, but where
    this is to run on Cloudflare too, it saves a package that is not pure Python.
    """
    if not isinstance(sent, dict):
        raise HTTPError(422, {"error": "Expected an object.", "path": "$"})
    fields: dict[str, Any] = {**sent}
    for name in ("name", "message"):
        if name not in fields:
            raise HTTPError(422, {"error": f"There is no {name!r}.", "path": "$"})
        if not isinstance(fields[name], str):
            raise HTTPError(422, {"error": "Expected a text.", "path": f"$.{name}"})
    return NewEntry(fields["name"], fields["message"])


def clean(new: NewEntry) -> NewEntry:
    """Without blanks around, control characters, the browser's CRLFs, and line ends in the name."""
    name, message = (
        "".join(c for c in text if c == "\n" or unicodedata.category(c) != "Cc").strip()
        for text in (" ".join(new.name.split()), new.message.replace("\r\n", "\n"))
    )
    return NewEntry(name, message)


def problems(new: NewEntry) -> dict[str, str]:
    """What a visitor should change, by field."""
    found: dict[str, str] = {}
    if not new.name:
        found["name"] = "Please tell us your name."
    elif len(new.name) > MAX_NAME:
        found["name"] = (
            f"Please shorten your name to {MAX_NAME} characters; it has {len(new.name)}."
        )
    if not new.message:
        found["message"] = "Please write a message."
    elif len(new.message) > MAX_MESSAGE:
        found["message"] = (
            f"Please shorten your message to {MAX_MESSAGE} characters; it has {len(new.message)}."
        )
    return found
