"""HTMLRewriter on the real platform and here: random documents, in random pieces, through random
handlers, must come out the same, and the handlers must have seen the same.

Not compared: into how many pieces a text comes. Steps that change a text are therefore only given
where that makes no difference.
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
import subprocess
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from edgekit.errors import EdgekitError
from edgekit.web.html_rewriter import HTMLRewriter
from edgekit.web.response import Response
from edgekit.web.spelling import snake
from edgekit.web.streams import ReadableStream
from tests.bridge.bridge import HERE
from tests.bridge.comparing import random_calls
from tests.bridge.conftest import npm_folder
from tests.web.test_html_rewriter_selectors import MATCHES, PAGE, REFUSED

pytestmark = pytest.mark.bridge

CALLS = 20

Job = dict[str, Any]  # {chunks, type, rules}


class Platform:
    """The real one."""

    def __init__(self) -> None:
        command = ["node", str(HERE / "rewriter.mjs"), str(npm_folder())]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None
        self._address = urllib.parse.urlsplit(self._process.stdout.readline().strip()).netloc

    def run(self, jobs: list[Job]) -> list[Any]:
        sent = [
            {**job, "chunks": [base64.b64encode(chunk).decode() for chunk in job["chunks"]]}
            for job in jobs
        ]
        connection = http.client.HTTPConnection(self._address)
        connection.request("POST", "/", json.dumps(sent))
        answers = json.loads(connection.getresponse().read())
        connection.close()
        for answer in answers:
            if "output" in answer:
                answer["output"] = base64.b64decode(answer["output"])
        return answers

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    platform = Platform()
    yield platform
    platform.close()


async def here(job: Job) -> dict[str, Any]:
    """The same by edgekit."""
    events: list[Any] = []
    try:
        rewriter = HTMLRewriter()
        for at, rule in enumerate(job["rules"]):
            kinds = {kind: steps for kind, steps in rule.items() if kind != "selector"}
            handlers = {kind: _handler(at, kind, steps, events) for kind, steps in kinds.items()}
            if "selector" in rule:
                rewriter.on(rule["selector"], handlers)
            else:
                rewriter.on_document(handlers)
        headers = {"content-type": job["type"]} if job.get("type") else {}
        response = Response(ReadableStream(iter(job["chunks"])), headers=headers)
        output = await rewriter.transform(response).bytes()
    except EdgekitError as error:
        return {"error": f"TypeError: {error}", "events": events}
    except ValueError as error:
        return {"error": f"RangeError: {error}", "events": events}
    return {"output": output, "events": events}


def _handler(at: int, kind: str, steps: list[Any], events: list[Any]) -> Any:
    async def later(token: Any) -> None:
        events.append([at, kind, *_told(kind, token)])
        for step in steps:
            if step[0] == "tick":
                await asyncio.sleep(0)
            else:
                _perform(token, step, [at, kind], events)

    def now(token: Any) -> None:
        events.append([at, kind, *_told(kind, token)])
        for step in steps:
            _perform(token, step, [at, kind], events)

    return later if ["tick"] in steps else now


def _told(kind: str, token: Any) -> list[Any]:
    match kind:
        case "element":
            attributes = [list(pair) for pair in token.attributes]
            return [token.tagName, token.namespaceURI, token.removed, attributes]
        case "text":
            return [token.text, token.lastInTextNode, token.removed]
        case "comments":
            return [token.text, token.removed]
        case "doctype":
            return [token.name, token.publicId, token.systemId]
    return []


def _perform(token: Any, step: list[Any], where: list[Any], events: list[Any]) -> None:
    method, *args = step
    result = None
    try:
        if method == "throw":
            raise ValueError(args[0])
        if method == "onEndTag":

            def end_tag(tag: Any) -> None:
                events.append([*where, "end tag", tag.name])
                for each in args[0]:
                    _perform(tag, each, [*where, "end tag"], events)

            token.on_end_tag(end_tag)
        elif method == "set":
            setattr(token, snake(args[0]), args[1])
        elif method == "get":
            result = getattr(token, args[0])
        else:
            result = getattr(token, method)(*[_content(each) for each in args])
            if result is None and method.startswith("get"):
                events.append([*where, method, None])
        if result is not None and result is not token:
            events.append([*where, method, result])
    except EdgekitError as error:
        events.append([*where, method, f"TypeError: {error}"])


def _content(value: Any) -> Any:
    if isinstance(value, dict) and "stream" in value:
        return ReadableStream(value["stream"])
    if isinstance(value, dict) and "response" in value:
        return Response(value["response"])
    return value


def joined(answer: dict[str, Any]) -> dict[str, Any]:
    """An answer with the pieces of each text joined: each rule's texts up to their last piece."""
    events: list[Any] = []
    begun: dict[int, list[Any]] = {}
    for event in answer["events"]:
        if event[1] != "text" or len(event) != 5:
            events.append(event)
            continue
        at, _, text, last, removed = event
        parts = begun.setdefault(at, [])
        parts.append(text)
        if last:
            events.append([at, "text", "".join(parts), removed])
            begun.pop(at)
    return {**answer, "events": events}


# --- Documents

NAMES = ["p", "div", "b", "i", "a", "ul", "li", "P", "x-y", "br", "img", "span"]
VALUES = ["a", "b", "a b", "A", "x&amp;y", "", "1", "é", "a-b", '"'.replace('"', "q"), "TEXT", "a/"]
names = st.sampled_from(NAMES)
spaces = st.sampled_from([" ", "  ", "\n", "\r\n", "\t", " / "])
attribute = st.builds(
    lambda name, space, equals, value, quote: (
        f"{space}{name}"
        + (f"{equals}{quote}{value}{quote}" if quote else f"{equals}{value}".replace(" ", "_"))
    ),
    st.sampled_from(["class", "id", "title", "type", "href", "CLASS", "data-x", "lang", "=z"]),
    spaces,
    st.sampled_from(["=", " = ", "=\n"]),
    st.sampled_from(VALUES),
    st.sampled_from(["'", '"', "'", '"', ""]),
)
bare = st.builds(lambda space, name: space + name, spaces, st.sampled_from(["hidden", "a", "B"]))
attributes = st.lists(attribute | bare, max_size=3).map("".join)
closing = st.sampled_from([">", ">", ">", ">", "/>", " />", " >", "\n>"])
texts = st.sampled_from(
    [
        "x",
        "text",
        " ",
        "\n",
        "\r\n",
        "\r",
        "a&amp;b",
        "&lt;",
        "é€😀",
        "a\r\nb\r\n",
        "0\0",
        "&",
        "]]>",
    ]
)
odd = st.sampled_from(
    [
        "<!-- c -->",
        "<!--->",
        "<!-->",
        "<!--a--!>",
        "<!x>",
        "<?php x?>",
        "</ c>",
        "</>",
        "<!-- <p> -->",
        "<![CDATA[x]]>",
        "<!doctype html>",
        "a < b",
        "<3",
        "</>x</>",
        "<!---->",
        "<!--\r\n-->",
        "< p>",
    ]
)
raw = st.sampled_from(
    [
        "<title>a<b>c</title>",
        "<textarea>\r\n<p></textarea>",
        "<script>a<!--b</script>",
        "<script><!--<script></script>--></script>",
        "<style>p > a { }</style>",
        "<title></title >",
        "<xmp><p></xm></xmp>",
        "<noscript><p></noscript>",
        "<iframe></p></iframe>",
        "<script>1\r\n</script>",
        "<script>if (a</script.x) </script\n>",
        "<style></STYLE>",
        "<title>&amp;</TITLE x=y>",
    ]
)
foreign = st.sampled_from(
    [
        "<svg>",
        "</svg>",
        "<math>",
        "</math>",
        "<path d='1'/>",
        "<g>",
        "</g>",
        "<circle />",
        "<mi>",
        "</mi>",
        "<title>",
        "</title>",
        "<desc>",
        "</desc>",
        "<foreignObject>",
        "</foreignObject>",
        "<font>",
        "<font color=red>",
        "<annotation-xml encoding='text/html'>",
        "</annotation-xml>",
        "<style>",
        "<![CDATA[a<b]]>",
        "<![CDATA[]]>",
        "</style>",
        "<svg/>",
    ]
)
tags = st.builds(lambda n, a, c: f"<{n}{a}{c}", names, attributes, closing)
ends = st.builds(lambda n, a: f"</{n}{a}>", names, st.sampled_from(["", "", "", " ", " x=1", "\n"]))
markup = tags | tags | tags | ends | ends | texts | texts
tails = st.sampled_from(
    ["", "", "", "<p", "</p", "<p a='", "<", "</", "<!-- u", "<!-", "<!", "x<", "<?x"]
)


def documents(parts: Any) -> Any:
    return st.builds(lambda found, tail: "".join(found) + tail, st.lists(parts, max_size=14), tails)


@st.composite
def chunks(draw: Any, parts: Any) -> list[bytes]:
    data = draw(documents(parts)).encode()
    cuts = sorted(draw(st.lists(st.integers(0, len(data)), max_size=5)))
    return [data[a:b] for a, b in zip([0, *cuts], [*cuts, len(data)], strict=True) if a < b]


# --- Rules

compound = st.sampled_from(
    [
        "p",
        "div",
        "*",
        "b",
        ".a",
        "#a",
        "[class]",
        "[title=a]",
        "[type=text]",
        "[title='a b']",
        "li",
        "[class~=b]",
        "[lang|=a]",
        "[href^=a]",
        "[href$=b]",
        "[title*='&']",
        "p.a",
        ":not(p)",
        "br",
        ":first-child",
        "li:nth-child(2)",
        "p:first-of-type",
        ":nth-child(odd)",
        "a:not(.a)",
        "P",
        ":nth-of-type(2n+1)",
        "[title=A i]",
        "[title=a s]",
        "x-y",
        "img",
        "p:not(:first-child)",
    ]
)
complex_ = st.builds(
    lambda first, rest: first + "".join(combinator + each for combinator, each in rest),
    compound,
    st.lists(st.tuples(st.sampled_from([" ", " > ", ">"]), compound), max_size=2),
)
selectors = st.lists(complex_, min_size=1, max_size=2).map(", ".join)
html = st.sampled_from([[], [], [{"html": True}]])
content = st.sampled_from(["C", "<i>", "&\"'", "é", ""])


def inserting(*methods: str) -> Any:
    return st.builds(lambda m, c, h: [m, c, *h], st.sampled_from(methods), content, html)


gone = st.sampled_from([["remove"], ["get", "removed"]])
of_end_tags = st.lists(
    inserting("before", "after")
    | st.sampled_from([["get", "name"], ["set", "name", "z"], ["remove"]]),
    max_size=2,
)
of_elements = st.lists(
    inserting("before", "after", "prepend", "append")
    | inserting("replace", "setInnerContent", "before", "after")
    | st.sampled_from(
        [
            ["remove"],
            ["removeAndKeepContent"],
            ["get", "removed"],
            ["tick"],
            ["set", "tagName", "q"],
            ["getAttribute", "CLASS"],
            ["hasAttribute", "id"],
            ["removeAttribute", "class"],
            ["setAttribute", "Class", 'n"<'],
            ["setAttribute", "new", "é"],
            ["set", "tagName", "a b"],
            ["setAttribute", "a b", ""],
            ["getAttribute", "title"],
        ]
    )
    | of_end_tags.map(lambda steps: ["onEndTag", steps]),
    max_size=3,
)
of_comments = st.lists(
    inserting("before", "after", "replace")
    | gone
    | st.sampled_from([["set", "text", "n"], ["set", "text", "-->"], ["tick"]]),
    max_size=2,
)
of_texts = st.lists(st.sampled_from([["remove"], ["tick"], ["get", "removed"]]), max_size=1).map(
    lambda steps: [step for step in steps if step[0] != "get"]
)
rule = st.fixed_dictionaries(
    {"selector": selectors},
    optional={"element": of_elements, "comments": of_comments, "text": of_texts},
) | st.fixed_dictionaries({"selector": selectors, "element": of_elements})
of_document = st.fixed_dictionaries(
    {},
    optional={
        "doctype": st.just([]),
        "comments": of_comments,
        "text": of_texts,
        "end": st.lists(inserting("append"), max_size=2),
    },
)
rules = st.lists(rule | rule | of_document, min_size=1, max_size=4)


def jobs(parts: Any, *more: Any) -> Any:
    job = st.builds(
        lambda pieces, given: {"chunks": pieces, "type": "text/html", "rules": [*given, *more]},
        chunks(parts),
        rules,
    )
    return st.lists(job, min_size=CALLS, max_size=CALLS)


def without_shrinking(calls: int) -> settings:
    """Documents are small; to make twenty of them smaller takes hypothesis minutes."""
    return settings(random_calls(calls), phases=[Phase.generate])


def compare(platform: Platform, given: list[Job]) -> None:
    for job, real in zip(given, platform.run(given), strict=True):
        ours = joined(asyncio.run(here(job)))
        real = joined(real)
        assert ours == real, f"{job}\n  real: {real}\n  here: {ours}"


@without_shrinking(CALLS)
@given(given=jobs(markup | odd | raw))
def test_documents_come_out_the_same(platform: Platform, given: list[Job]) -> None:
    compare(platform, given)


# A handler of all texts is always there: without one the platform misses every other element of
# those that it must look at twice (title, desc, font and the like in SVG and MathML).
@without_shrinking(2 * CALLS)
@given(given=jobs(markup | foreign | foreign, {"text": []}))
def test_documents_with_svg_and_mathml_come_out_the_same(
    platform: Platform, given: list[Job]
) -> None:
    compare(platform, given)


def selecting(selector: str, page: str = PAGE) -> Job:
    return {
        "chunks": [page.encode()],
        "type": "text/html",
        "rules": [{"selector": selector, "element": [["getAttribute", "id"]]}, {"text": []}],
    }


def test_selectors_match_the_same_elements(platform: Platform) -> None:
    answers = platform.run([selecting(selector) for selector, _ in MATCHES])
    for (selector, expected), answer in zip(MATCHES, answers, strict=True):
        ids = [int(event[3]) for event in answer["events"] if event[2] == "getAttribute"]
        assert ids == expected, selector


def test_what_is_no_selector_is_refused_with_the_same_text(platform: Platform) -> None:
    given = [(selector, text) for selectors, text in REFUSED for selector in selectors]
    answers = platform.run([selecting(selector) for selector, _ in given])
    for (selector, text), answer in zip(given, answers, strict=True):
        assert answer.get("error") == f"TypeError: Parser error: {text}", selector


@pytest.mark.parametrize(
    ("job", "real", "here_"),
    [
        # Bytes that are none of the coding stay what they are; there a handler of texts changes them.
        (
            {"chunks": [b"<p>\xff</p>"], "rules": [{"selector": "p", "text": []}]},
            b"<p>\xef\xbf\xbd</p>",
            b"<p>\xff</p>",
        ),
        # Of the elements that the platform must look at twice, it misses every other one.
        (
            {
                "chunks": [b"<svg><desc></desc><title></title></svg>"],
                "rules": [{"selector": "*", "element": [["before", "x"]]}],
            },
            b"x<svg>x<desc></desc><title></title></svg>",
            b"x<svg>x<desc></desc>x<title></title></svg>",
        ),
        # A stream may be put where the platform takes text only.
        (
            {"chunks": [b"x"], "rules": [{"end": [["append", {"stream": "s"}]]}]},
            b"x",
            b"xs",
        ),
        # Names that the coding lacks, and x-user-defined, which no document is in.
        (
            {"chunks": [b"x"], "type": "text/html;charset=x-user-defined", "rules": []},
            b"x",
            "TypeError: Parser error: Unknown character encoding has been provided.",
        ),
    ],
)
async def test_known_differences_still_differ(
    platform: Platform, job: Job, real: Any, here_: Any
) -> None:
    (there,) = platform.run([job])
    ours = await here(job)
    assert there.get("output", there.get("error")) == real
    assert ours.get("output", ours.get("error")) == here_
