"""What the guestbook looks like: one HTML page without JavaScript or anything from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from html import escape
from zlib import crc32

MAX_NAME = 40  # characters
MAX_MESSAGE = 500

STYLE = """
:root {
  color-scheme: light dark;
  --paper: #f6f2ea; --card: #fffdf9; --ink: #2a2622; --soft: #6b6259; --line: #e2d9cb;
  --accent: #9a3b1f; --on-accent: #fff; --wrong: #a4161a; --glow: #fbe7b5;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #191714; --card: #23201c; --ink: #ece5db; --soft: #a89d90; --line: #3a352e;
    --accent: #f0a37e; --on-accent: #23130b; --wrong: #ff9d94; --glow: #4a3c1a;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0; background: var(--paper); color: var(--ink);
  font: 1.0625rem/1.6 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif;
}
.wrap { max-width: 66rem; margin: 0 auto; padding: 3.5rem 1.25rem 4rem; }
h1, h2 { font-family: Georgia, "Iowan Old Style", "Times New Roman", serif; line-height: 1.15; }
h1 { font-size: clamp(2.1rem, 6vw, 3.1rem); margin: 0; letter-spacing: -.02em; }
h2 { font-size: 1.35rem; margin: 0 0 1rem; }
.lead { margin: .6rem 0 2.5rem; color: var(--soft); font-size: 1.125rem; }
a { color: var(--accent); text-underline-offset: .2em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
main { display: grid; gap: 3rem; }
@media (min-width: 56rem) {
  main { grid-template-columns: 21rem 1fr; align-items: start; }
  .sign { position: sticky; top: 2rem; }
}
.sign, .entry {
  background: var(--card); border: 1px solid var(--line); border-radius: .9rem;
}
.sign { padding: 1.5rem; }
label { display: block; font-weight: 600; }
.hint { margin: 0; color: var(--soft); font-size: .875rem; }
.wrong { margin: .35rem 0 0; color: var(--wrong); font-size: .9375rem; font-weight: 600; }
.field { margin-bottom: 1.15rem; }
input, textarea {
  display: block; width: 100%; margin-top: .35rem; padding: .6rem .75rem; font: inherit;
  color: inherit; background: var(--paper); border: 1px solid var(--soft); border-radius: .5rem;
}
textarea { min-height: 8.5rem; resize: vertical; }
[aria-invalid=true] { border: 2px solid var(--wrong); }
button {
  width: 100%; padding: .7rem 1rem; font: inherit; font-weight: 600; cursor: pointer;
  color: var(--on-accent); background: var(--accent); border: 0; border-radius: .5rem;
}
button:hover { filter: brightness(1.1); }
.entries { list-style: none; margin: 0; padding: 0; display: grid; gap: 1rem; }
.entry { display: grid; grid-template-columns: auto 1fr; gap: 0 .9rem; padding: 1.15rem 1.3rem; }
.entry { scroll-margin-top: 5rem; }
.entry:target { background: var(--glow); border-color: var(--accent); }
.face {
  grid-row: span 2; width: 2.75rem; height: 2.75rem; border-radius: 50%; color: #fff;
  font: 600 1.25rem/2.75rem Georgia, serif; text-align: center;
}
.tone0 { background: #8a3b52; } .tone1 { background: #2f5d8a; } .tone2 { background: #3d6b45; }
.tone3 { background: #7a5320; } .tone4 { background: #5b4a8a; } .tone5 { background: #1f6b6b; }
.who { margin: 0; display: flex; flex-wrap: wrap; gap: 0 .75rem; align-items: baseline; }
.who strong { overflow-wrap: anywhere; }
time { color: var(--soft); font-size: .875rem; }
.words { margin: .25rem 0 0; white-space: pre-wrap; overflow-wrap: anywhere; }
.empty { padding: 3rem 1.5rem; text-align: center; color: var(--soft);
  border: 2px dashed var(--line); border-radius: .9rem; }
nav { display: flex; justify-content: space-between; margin-top: 1.5rem; font-weight: 600; }
footer { margin-top: 3.5rem; color: var(--soft); font-size: .875rem; }
"""


@dataclass
class Draft:
    """What stands in the form: empty, or what a visitor sent and should change."""

    name: str
    message: str
    problems: dict[str, str]  # by field


def render(
    title: str,
    entries: Iterable[tuple[str, str, str, datetime]],
    draft: Draft,
    *,
    older: str | None,
    first: bool,
) -> tuple[str, str]:
    """The page and its Content-Security-Policy. `entries` are (id, name, message, time)."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    items = "".join(_entry(*entry) for entry in entries)
    if items:
        book = f'<ol class="entries">{items}</ol>'
    else:
        book = '<p class="empty">Nobody has written here yet. The first page is yours.</p>'
    turns = "" if first else '<a href="/">Newest entries</a>'
    if older:
        turns += f'<span></span><a rel="next" href="{escape(older)}">Older entries</a>'
    wrong = "Please check the form: " if draft.problems else ""
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{wrong}{escape(title)}</title>
<link rel="icon" href="data:,">
<style>{STYLE}</style>
</head>
<body>
<div class="wrap">
<header>
<h1>{escape(title)}</h1>
<p class="lead">You were here. Leave a line for whoever comes next.</p>
</header>
<main>
<section class="sign" aria-labelledby="sign">
<h2 id="sign">Sign the book</h2>
<form method="post" action="/">
<div class="field">
<label for="name">Your name</label>
<input id="name" name="name" value="{escape(draft.name)}" maxlength="{MAX_NAME}" required
 autocomplete="name"{_marks(draft, "name")}>{_wrong(draft, "name")}
</div>
<div class="field">
<label for="message">Your message</label>
<p class="hint" id="message-hint">Up to {MAX_MESSAGE} characters of plain text.</p>
<textarea id="message" name="message" maxlength="{MAX_MESSAGE}" required{_marks(draft, "message", "message-hint")}>
{escape(draft.message)}</textarea>{_wrong(draft, "message")}
</div>
<button>Sign</button>
</form>
</section>
<section aria-labelledby="book">
<h2 id="book">{"Latest entries" if first else "Older entries"}</h2>
{book}
{f'<nav aria-label="Pages">{turns}</nav>' if turns else ""}
</section>
</main>
<footer>Runs on edgekit. The same book as JSON: <a href="/api/entries">/api/entries</a></footer>
</div>
</body>
</html>
"""
    return page, policy


def _entry(key: str, name: str, message: str, at: datetime) -> str:
    # bdi and dir=auto: a name or message in Arabic or Hebrew must not turn the line around it.
    return f"""
<li class="entry" id="{escape(key)}">
<span class="face tone{crc32(name.encode()) % 6}" aria-hidden="true">{escape(name[0].upper())}</span>
<p class="who"><strong><bdi>{escape(name)}</bdi></strong>
<time datetime="{at.isoformat()}">{at.day} {at:%B %Y, %H:%M} UTC</time></p>
<p class="words" dir="auto">{escape(message)}</p>
</li>"""


def _marks(draft: Draft, name: str, hint: str = "") -> str:
    """What tells a screen reader of a hint and of a mistake; the first mistake gets the cursor."""
    described = [hint] if hint else []
    marks = ""
    if name in draft.problems:
        described.append(f"{name}-wrong")
        marks = ' aria-invalid="true"'
        if name == next(iter(draft.problems)):
            marks += " autofocus"
    return marks + (f' aria-describedby="{" ".join(described)}"' if described else "")


def _wrong(draft: Draft, name: str) -> str:
    problem = draft.problems.get(name)
    return f'\n<p class="wrong" id="{name}-wrong">{escape(problem)}</p>' if problem else ""
