"""edgekit's static assets beside the platform's own router and server of assets.

Random folders, each with a configuration, `_headers`, `_redirects` and `.assetsignore` of its own,
and random requests to them. EDGEKIT_BRIDGE_OPS says how many requests are compared, at least.
"""

from __future__ import annotations

import asyncio
import gzip
import os
import random
import re
import urllib.parse
from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from edgekit.bindings.content_types import _types
from tests.bridge.assets import Platform, Site, ask_here
from tests.bridge.bridge import Call
from tests.bridge.comparing import OPERATIONS
from tests.bridge.differences import KNOWN_DIFFERENCES, explained

pytestmark = pytest.mark.bridge

MODES = ("auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none")
NOT_FOUND = ("none", "single-page-application", "404-page")
SITES = 24
SEED = 0 if "EDGEKIT_BRIDGE_OPS" not in os.environ else None


def compare(real: Platform, name: str, site: Site, calls: list[Call]) -> None:
    theirs = real.ask(name, calls)
    ours = asyncio.run(ask_here(site.here(), calls))
    for call, there, here in zip(calls, theirs, ours, strict=True):
        if there != here and not explained("Assets", call, there, here):
            raise AssertionError(
                f"{name}: {call!r}\n  real: {there!r}\n  here: {here!r}\n  {site!r}"
            )


# What folders and requests are made of -------------------------------------------------------------

FOLDERS = ["", "a/", "b/", "a/b/", "sub/", "é/", "x y/", "[c]/", "a.html/", "%41/", "index/"]
FILES = [
    *("index.html", "404.html", "a.html", "b.html", "c.html", "sub.html", "index", "a", "b", "c"),
    *("a.txt", "é.html", "x y.html", "[c].txt", "%41.html", "100%.txt", "UP.html", ".hid", ".html"),
    *("a+b.txt", "$&.html", "~!*'().html", "a\\b.txt", "a.b.html", "q?.html", "h#.html", "x.zzz"),
    *("index.html.html", "index.htm", "a;b=c,d.css", "@:.js", "a.bak", "deep.svg"),
]
ENDS = [
    "",
    "",
    "/",
    "/index",
    "/index.html",
    ".html",
    "/404",
    "/x",
    "index",
    "//",
    "/.",
    "/..",
    "?q=1",
]
ODD = [
    *("/", "//", "/index", "/%", "/%zz", "/%ff", "/a%00", "/..%2f..%2fetc/passwd", "/%2e%2e/a"),
    *(
        "/a%5c..%5cb",
        "/a\\b",
        "/_headers",
        "/_redirects",
        "/.assetsignore",
        "/é",
        "/%C3%A9/",
        "/a|b",
    ),
    *("/%e9", "/a/%2e/b", "/a%2Fb", "/A", "/a?", "/a?x=%20&y", "/a#f", '/a"b', "/a<b>", "/^`{}"),
    *("/old", "/old?x=1", "/s/1/2", "/s/", "/p/7", "/p/7/x", "/p/a.b/%41", "/gone/x", "/r", "/h/1"),
]
REDIRECTS_FROM = [
    *(
        "/old",
        "/s/*",
        "/p/:id",
        "/p/:id/:x",
        "/a",
        "/é",
        "/gone/*",
        "noslash",
        "/r",
        "/b/",
        "/h/:a/:a",
    ),
    *("https://other.test/y", "/q?x=1", "/:one", "/", "/*", "/sub/*/x", "/a/:splat", "/%41"),
]
REDIRECTS_TO = [
    *(
        "/a",
        "/b/",
        "/sub/:splat",
        "/x/:id?k=:x",
        "https://example.com/:splat",
        "/index.html",
        "/a#f",
    ),
    *(
        "//example.com/x",
        "/:nope",
        "https://example.com:80/x?y#z",
        "/é",
        "/a//b",
        "http://plain.test/",
    ),
    *("/a?b=c#d", "nothing", "https://site.test/same", "/c.html", "/a/../b", "/404"),
]
REDIRECT_ENDS = [
    "",
    "",
    " 200",
    " 200",
    " 301",
    " 302",
    " 303",
    " 307",
    " 308",
    " 404",
    " x",
    " 301 x",
    " # why",
]
HEADER_PATHS = [
    *(
        "/*",
        "/a",
        "/:x",
        "/sub/*",
        "https://site.test/*",
        "https://:h.test/a",
        "http://x.test/",
        "/é",
    ),
    *("/a/*/*", "/s/:splat/*", "/b/:x/:y", "https://site.test:80/a", "/:x/:x", "/%41", "/old"),
]
HEADER_LINES = [
    *(
        "  X-A: 1",
        "  X-A: :splat",
        "  X-B: :x and :y",
        "  ! X-A",
        "  ! Cache-Control",
        "  ! Content-Type",
    ),
    *(
        "  Cache-Control: public",
        "  Content-Type: text/x",
        "  nonsense",
        "  X-C:",
        "  : v",
        "  X Y: 1",
    ),
    *(
        "  X-D: a",
        "  X-D: b",
        "# comment",
        "",
        "  X-E: http://x:y",
        "  Link: </a.css>; rel=preload",
    ),
]
PATTERNS = [
    *(
        "*.bak",
        "sub",
        "/a",
        "a/",
        "b/*",
        "**/c.html",
        "a/**",
        "!a.html",
        "# no",
        "",
        "*.TXT",
        "?.html",
    ),
    *(
        "[ab].html",
        "x\\ y",
        "!/b",
        "index*",
        "a/b",
        "/*/b",
        "404.html ",
        "\\#x",
        "é*",
        "a/**/b.html",
    ),
]


def random_site(
    source: random.Random, taken: set[str], html_handling: str, not_found_handling: str
) -> Site:
    """`taken` are the names of files, and of folders with a slash, of the sites made before."""
    files: dict[str, str] = {}
    for _ in range(source.randrange(5, 40)):
        name = source.choice(FOLDERS) + source.choice(FILES)
        above = {name[:at] for at, letter in enumerate(name) if letter == "/"}
        if f"{name}/" not in taken and not above & taken:
            files[name] = f"the file {name}"
            taken |= {name, *(f"{folder}/" for folder in above)}
    if source.random() < 0.6:
        files["_redirects"] = "\n".join(
            f"{source.choice(REDIRECTS_FROM)} {source.choice(REDIRECTS_TO)}{source.choice(REDIRECT_ENDS)}"
            for _ in range(source.randrange(8))
        )
    if source.random() < 0.6:
        lines = []
        for _ in range(source.randrange(1, 7)):
            lines += [
                source.choice(HEADER_PATHS),
                *source.choices(HEADER_LINES, k=source.randrange(4)),
            ]
        files["_headers"] = "\n".join(lines)
    if source.random() < 0.4:
        files[".assetsignore"] = "\n".join(source.choices(PATTERNS, k=source.randrange(1, 4)))
    has_worker = source.random() < 0.7
    first: bool | list[str] = False
    if has_worker and source.random() < 0.3:
        rules = ["/ab*", "/api/*", "!/a", "/*.html", "!/sub/*", "/s/*", "/é", "/%C3%A9*"]
        choices: list[bool | list[str]] = [True, ["/*"], ["/b", *source.sample(rules, 3)]]
        first = source.choice(choices)
    # The platform refuses a flag that its date has already.
    dates: list[tuple[str, list[str]]] = [
        ("2025-03-31", []),
        ("2025-03-31", ["assets_navigation_prefers_asset_serving"]),
        ("2025-04-01", []),
        ("2026-07-01", []),
        ("2026-07-01", ["assets_navigation_has_no_effect"]),
    ]
    date, flags = source.choice(dates)
    return Site(files, html_handling, not_found_handling, has_worker, first, date, flags)


def random_call(source: random.Random, site: Site) -> Call:
    if source.random() < 0.2:
        path = source.choice(ODD)
    else:
        path = "/" + source.choice([*site.files, "nothing", "a/none", "sub/none/x"])
        if source.random() < 0.5:
            for end in source.sample(["index.html", ".html", "index", "/"], 2):
                path = path.removesuffix(end)
        if source.random() < 0.4:
            path += source.choice(ENDS)
        style = source.random()
        if style < 0.4:  # canonical
            path = urllib.parse.quote(path, safe="/!*'()~?=")
        elif style < 0.6:  # a browser's
            path = urllib.parse.quote(path, safe="/!$&'()*+,;=:@~[]|?")
        elif style < 0.7:
            path = "".join(
                f"%{ord(c):02x}" if ord(c) < 128 and source.random() < 0.3 else c for c in path
            )
        elif style < 0.8:
            path = path.replace("/", source.choice(["//", "/./", "%2F"]), 1)
    path = path if path.startswith("/") else "/" + path
    headers: dict[str, str] = {}
    if source.random() < 0.2:
        headers["sec-fetch-mode"] = source.choice(["navigate", "cors"])
    if source.random() < 0.05:
        headers["authorization"] = "Bearer x"
    if source.random() < 0.1:
        headers["x-via"] = "binding"
    method = source.choice(["HEAD", "POST", "PUT", "OPTIONS"]) if source.random() < 0.15 else "GET"
    return Call("fetch", (path,), {"method": method, "headers": headers})


@pytest.fixture(scope="module")
def sites(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Site]:
    folder = tmp_path_factory.mktemp("sites")
    source = random.Random(SEED)
    # Miniflare reads the files of all workers in the folder of the first: one with all of them.
    made: dict[str, Site] = {"first": Site({})}
    taken: set[str] = set()
    for number in range(SITES):
        mode, not_found = list(product(MODES, NOT_FOUND))[number % 12]
        made[f"random{number}"] = random_site(source, taken, mode, not_found)
    made["types"] = Site(
        {f"types/x.{extension}": "" for extension in _types()}, html_handling="none"
    )
    made["differences"] = Site(DIFFERENT)
    for site in made.values():
        made["first"].files = {**made["first"].files, **site.files}
    for name, site in made.items():
        site.write(folder / name)
    (folder / "outside.txt").write_text("outside")
    for name in ("first", "differences"):
        (folder / name / "link.txt").symlink_to(folder / "outside.txt")
    return made


@pytest.fixture(scope="module")
def real(sites: dict[str, Site], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = Platform(sites, tmp_path_factory.mktemp("platform"))
    yield platform
    platform.close()


DIFFERENT: dict[str, str | bytes] = {
    "digits.txt": "0123456789",
    "packed.txt": "packed",
    "packed.txt.gz": gzip.compress(b"packed", mtime=0),
    "wrong.txt": "",
    ".env": "SECRET=1",
    "_redirects": "/s/* /to/:splat\n",
    "_headers": "/wrong.txt\n  X(Y: 1\n",
}


@pytest.mark.parametrize("number", range(SITES))
def test_random_requests_are_answered_as_on_the_platform(
    real: Platform, sites: dict[str, Site], number: int
) -> None:
    site = sites[f"random{number}"]
    source = random.Random(None if SEED is None else number)
    calls = [random_call(source, site) for _ in range(-(-OPERATIONS // SITES))]
    compare(real, f"random{number}", site, calls)


def test_every_known_extension_has_the_content_type_of_the_platform(
    real: Platform, sites: dict[str, Site]
) -> None:
    calls = [Call("fetch", (f"/{name}",)) for name in sites["types"].files]
    compare(real, "types", sites["types"], calls)


def test_rules_are_warned_of_as_by_the_platform(
    real: Platform, sites: dict[str, Site], caplog: pytest.LogCaptureFixture
) -> None:
    for name, site in sites.items():
        if name not in ("first", "differences"):
            site.here()
    ours = {record.getMessage() for record in caplog.records}
    theirs = {text for text in real.warnings if not re.search("/(first|differences)/", text)}
    assert theirs == ours


@pytest.mark.parametrize(
    "difference",
    [each for each in KNOWN_DIFFERENCES if each.binding == "Assets"],
    ids=lambda difference: difference.what,
)
def test_known_difference_still_is_one(
    real: Platform, sites: dict[str, Site], difference: Any
) -> None:
    calls = list(difference.example)
    there = real.ask("differences", calls)[-1]
    here = asyncio.run(ask_here(sites["differences"].here(), calls))[-1]
    assert there != here
    assert difference.allows(calls[-1], there, here)
