"""HTMLRewriter: what handlers see, and what becomes of a document.

What is expected here was seen on the real platform; tests/bridge/test_html_rewriter.py compares at
random.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edgekit import HTMLRewriter, Response
from edgekit.errors import BodyUsedError, UnsupportedError, WebTypeError
from edgekit.web.html_rewriter import MAX_OPEN
from edgekit.web.html_rewriter_tokens import MEMORY_LIMIT
from edgekit.web.streams import ReadableStream


async def rewritten(
    document: str | bytes | list[bytes],
    *selected: tuple[str, dict[str, Any]],
    content_type: str = "text/html",
    **of_document: Any,
) -> bytes:
    rewriter = HTMLRewriter()
    for selector, handlers in selected:
        rewriter.on(selector, handlers)
    if of_document:
        rewriter.on_document(of_document)
    body: Any = ReadableStream(iter(document)) if isinstance(document, list) else document
    response = Response(body, headers={"content-type": content_type})
    return await rewriter.transform(response).bytes()


async def changed(document: str, *steps: Any, selector: str = "p") -> str:
    """A document through steps on each element that the selector matches."""

    def element(it: Any) -> None:
        for name, *args in steps:
            getattr(it, name)(*args)

    return (await rewritten(document, (selector, {"element": element}))).decode()


HTML = {"html": True}


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        ([("before", "<1>"), ("before", "2", HTML)], "&lt;1&gt;2<p a=1>x</p>y"),
        ([("after", "3"), ("after", "4")], "<p a=1>x</p>43y"),
        ([("prepend", "5"), ("prepend", "6")], "<p a=1>65x</p>y"),
        ([("append", "7"), ("append", "8")], "<p a=1>x78</p>y"),
        ([("replace", "1"), ("replace", "<2>", HTML), ("before", "B"), ("after", "A")], "B<2>Ay"),
        ([("set_inner_content", "<&>")], "<p a=1>&lt;&amp;&gt;</p>y"),
        (
            [("setInnerContent", "<b>", HTML), ("prepend", "P"), ("append", "A")],
            "<p a=1>P<b>A</p>y",
        ),
        ([("prepend", "P"), ("append", "A"), ("set_inner_content", "S")], "<p a=1>S</p>y"),
        ([("remove",), ("before", "B"), ("after", "A"), ("prepend", "P")], "BPAy"),
        ([("remove_and_keep_content",), ("append", "Q")], "xQy"),
        ([("removeAndKeepContent",), ("remove",)], "y"),
        ([("set_attribute", "new", '"<&')], '<p a=1 new="&quot;<&">x</p>y'),
        ([("set_attribute", "A", "2"), ("set_attribute", "b", 5)], '<p a="2" b="5">x</p>y'),
        ([("set_attribute", "b", None), ("remove_attribute", "A")], '<p b="null">x</p>y'),
        ([("remove_attribute", "zz")], "<p a=1>x</p>y"),
        ([("before", True), ("before", 1.5)], "true1.5<p a=1>x</p>y"),
        ([("__setattr__", "tag_name", "Q")], "<Q a=1>x</Q>y"),
        ([("__setattr__", "tagName", "q"), ("append", "\ud800")], "<q a=1>x\ufffd</q>y"),
    ],
)
async def test_an_element_is_changed(steps: list[Any], expected: str) -> None:
    assert await changed("<p a=1>x</p>y", *steps) == expected


@pytest.mark.parametrize(
    ("document", "steps", "expected"),
    [
        ("<br>x", [("after", "A"), ("append", "Q"), ("prepend", "P")], "<br>Ax"),
        ("<br a='1' />", [("set_attribute", "k", "v")], "<br a='1' k=\"v\" />"),
        ("<br/>", [("__setattr__", "tag_name", "hr")], "<hr/>"),
        ("<BR\n a = 1  b>", [("set_attribute", "k", "v")], '<BR a = 1 b k="v">'),
        ("<br>", [("remove",)], ""),
        ("<br>", [("remove_and_keep_content",), ("set_inner_content", "x")], ""),
    ],
)
async def test_an_element_without_content(document: str, steps: list[Any], expected: str) -> None:
    assert await changed(document, *steps, selector="br") == expected


async def test_self_closing_tags_open_elements_in_html_and_none_in_svg() -> None:
    steps = [("set_attribute", "k", "v"), ("append", "A")]
    assert await changed("<p/>x</p>", *steps) == '<p k="v">xA</p>'
    assert await changed("<svg><g/>x</svg>", *steps, selector="g") == '<svg><g k="v" />x</svg>'


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda e: setattr(e, "tag_name", ""), "Tag name can't be empty."),
        (
            lambda e: setattr(e, "tag_name", "1"),
            "The first character of the tag name should be an ASCII alphabetical character.",
        ),
        (lambda e: setattr(e, "tag_name", "a b"), "` ` character is forbidden in the tag name"),
        (lambda e: e.set_attribute("", ""), "Attribute name can't be empty."),
        (lambda e: e.set_attribute("a=", ""), "`=` character is forbidden in the attribute name"),
    ],
)
async def test_what_cannot_be_a_name_is_refused(call: Any, message: str) -> None:
    with pytest.raises(TypeError) as caught:
        await rewritten("<p>x</p>", ("p", {"element": call}))
    assert str(caught.value) == f"Parser error: {message}"


async def test_an_element_without_content_has_no_end_tag() -> None:
    with pytest.raises(WebTypeError, match=r"^Parser error: No end tag\.$"):
        await changed("<br>", ("on_end_tag", print), selector="br")


async def test_a_new_name_is_written_as_it_was_given_and_told_in_lower_case() -> None:
    seen: list[str] = []

    def element(it: Any) -> None:
        it.tag_name = "Ab"
        seen.append(it.tag_name)

    assert await rewritten("<p>x</p>", ("p", {"element": element})) == b"<Ab>x</Ab>"
    assert seen == ["ab"]


async def test_an_element_tells_of_itself() -> None:
    seen: list[Any] = []

    def element(it: Any) -> None:
        seen.append((it.tag_name, it.namespaceURI.rpartition("/")[2], it.removed))
        seen.append(list(it.attributes))
        seen.append((it.get_attribute("CLASS"), it.getAttribute("x"), it.has_attribute("hidden")))

    page = "<P Class=A class='b' href=\"&amp;\r\n\" / hidden>t"
    assert await rewritten(page, ("p", {"element": element})) == page.encode()
    assert seen == [
        ("p", "xhtml", False),
        [("class", "A"), ("class", "b"), ("href", "&amp;\r\n"), ("hidden", "")],
        ("A", None, True),
    ]


async def test_the_end_tag_is_given_to_its_handler_and_the_last_one_counts() -> None:
    names: list[str] = []

    async def end(tag: Any) -> None:
        await asyncio.sleep(0)
        names.append(tag.name)
        tag.name = "q"
        tag.before("B").after("A").after("Z")

    def element(it: Any) -> None:
        it.onEndTag(lambda tag: names.append("replaced"))
        it.on_end_tag(end)
        it.append("x")

    assert await rewritten("<p>t</P >u", ("p", {"element": element})) == b"<p>txB</q>ZAu"
    assert names == ["p"]

    def lost(it: Any) -> None:
        it.on_end_tag(lambda tag: tag.remove())

    assert await rewritten("<p>t</p>", ("p", {"element": lost})) == b"<p>t"


async def test_an_element_without_its_end_tag_ends_with_the_one_around() -> None:
    names: list[str] = []

    def element(it: Any) -> None:
        it.append("E").after("A").on_end_tag(lambda tag: names.append(tag.name))

    assert await rewritten("<div><p>x</div>z", ("p", {"element": element})) == b"<div><p>xE</div>Az"
    assert names == ["div"]
    assert await rewritten("<p>x", ("p", {"element": element})) == b"<p>x"
    assert names == ["div"]


async def test_all_in_a_removed_element_goes_though_handlers_see_it() -> None:
    seen: list[Any] = []
    page = "<div>1<p>2</p><!--3--><!doctype x></div>4"
    handlers = {
        "text": lambda it: seen.append((it.text, it.removed)),
        "comments": lambda it: it.before("c"),
    }
    found = await rewritten(
        page,
        ("div", {"element": lambda it: it.replace("R")}),
        ("p", {"element": lambda it: seen.append(it.removed)}),
        **handlers,
    )
    assert found == b"R4"
    assert [each for each in seen if each != ("", False)] == [
        ("1", False),
        True,
        ("2", False),
        ("4", False),
    ]


async def test_texts_come_in_pieces_with_an_empty_one_at_the_end() -> None:
    seen: list[Any] = []

    def text(it: Any) -> None:
        seen.append((it.text, it.lastInTextNode))
        it.replace(f"[{it.text}]")

    page = [b"<p>hel", b"lo &amp", b";<b>x</b></p>y"]
    found = await rewritten(page, ("p", {"text": text}))
    assert found == b"<p>[hel][lo &amp;amp][;][]<b>[x][]</b></p>y"
    assert seen == [
        ("hel", False),
        ("lo &amp", False),
        (";", False),
        ("", True),
        ("x", False),
        ("", True),
    ]


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("<!-- c -->", " c "),
        ("<!---->", ""),
        ("<!-->", ""),
        ("<!--->", ""),
        ("<!--a--!>", "a"),
        ("<!x>", "x"),
        ("<?php x?>", "?php x?"),
        ("</ c>", " c"),
        ("<![CDATA[x]]>", "[CDATA[x]]"),
        ("<!--a\r\nb-->", "a\r\nb"),
        ("<!-- u", " u"),
        ("<!-- u--", " u"),
        ("<!", ""),
        ("<?x", "?x"),
    ],
)
async def test_comments_and_what_html_takes_for_one(source: str, text: str) -> None:
    seen: list[Any] = []

    def comment(it: Any) -> None:
        seen.append((it.text, it.removed))
        it.text = "new"
        it.before("<").after(">")

    assert await rewritten(f"x{source}", comments=comment) == b"x&lt;<!--new-->&gt;"
    assert seen == [(text, False)]


async def test_a_comment_cannot_be_given_its_end() -> None:
    with pytest.raises(WebTypeError, match="comment closing sequence"):
        await rewritten("<!--a-->", comments=lambda it: setattr(it, "text", "-->"))


async def test_comments_are_removed_and_replaced() -> None:
    assert await rewritten("a<!--b-->c", comments=lambda it: it.remove()) == b"ac"
    assert await rewritten("a<!--b-->c", comments=lambda it: it.replace("<>")) == b"a&lt;&gt;c"


async def test_the_doctype_is_told() -> None:
    seen: list[Any] = []
    page = "<!DOCTYPE html PUBLIC \"-//W3C//DTD\" 'about:x'><!doctype>"
    found = await rewritten(
        page, doctype=lambda it: seen.append((it.name, it.public_id, it.systemId))
    )
    assert found == page.encode()
    assert seen == [("html", "-//W3C//DTD", "about:x"), (None, None, None)]


async def test_the_end_of_the_document_is_added_to_the_last_handler_first() -> None:
    rewriter = HTMLRewriter()
    rewriter.on_document(end=lambda it: it.append("<1>"))
    rewriter.onDocument({"end": lambda it: it.append("2", html=True)})
    assert await rewriter.transform(Response("x<p")).text() == "x<p2&lt;1&gt;"


async def test_handlers_are_called_in_order_and_those_of_the_document_last() -> None:
    order: list[int] = []
    rewriter = HTMLRewriter().on_document(text=lambda it: order.append(0))
    rewriter.on("p", text=lambda it: order.append(1)).on("*", text=lambda it: order.append(2))
    await rewriter.transform(Response("<p>x")).text()
    assert order == [1, 2, 0, 1, 2, 0]


async def test_handlers_are_objects_dicts_or_functions_and_may_be_async() -> None:
    class Handlers:
        comments = None

        async def element(self, it: Any) -> None:
            await asyncio.sleep(0)
            it.after("1")

    rewriter = HTMLRewriter().on("p", Handlers()).on("p", {"element": lambda it: it.after("2")})
    rewriter.on("p", element=lambda it: it.after("3"))
    assert await rewriter.transform(Response("<p></p>")).text() == "<p></p>321"
    with pytest.raises(WebTypeError, match="'text' is not a function"):
        HTMLRewriter().on("p", {"text": 5})


async def test_one_rewriter_transforms_many() -> None:
    rewriter = HTMLRewriter().on("p:first-child", element=lambda it: it.append("!"))
    first, second = (rewriter.transform(Response("<p>x</p>")) for _ in range(2))
    assert await asyncio.gather(first.text(), second.text()) == ["<p>x!</p>"] * 2


async def test_what_a_handler_raises_fails_the_body_and_closes_the_source() -> None:
    closed: list[bool] = []

    async def source() -> AsyncIterator[bytes]:
        try:
            yield b"<p>"
            yield b"never read"
        finally:
            closed.append(True)

    def fail(it: Any) -> None:
        raise KeyError("mine")

    response = HTMLRewriter().on("p", element=fail).transform(Response(source()))
    with pytest.raises(KeyError, match="mine"):
        await response.text()
    assert closed == [True]


async def test_what_handlers_are_given_is_over_afterwards() -> None:
    kept: list[Any] = []
    keep = {"element": kept.append, "text": kept.append, "comments": kept.append}
    ends = {"doctype": kept.append, "end": kept.append}
    await rewritten("<!doctype html><p>x<!--c--></p>", ("p", keep), **ends)
    assert len(kept) == 6
    for unit in kept:
        for use in (
            lambda unit: unit.remove(),
            lambda unit: unit.append("x"),
            lambda unit: unit.name,
            lambda unit: unit.last_in_text_node,
        ):
            with pytest.raises((WebTypeError, AttributeError)) as caught:
                use(unit)
            if isinstance(caught.value, WebTypeError):
                assert "This content token is no longer valid." in str(caught.value)


async def test_streams_and_responses_are_inserted() -> None:
    def element(it: Any) -> None:
        it.before(ReadableStream([b"<i>\xc3", b"\xa9"]), html=True)
        it.append(Response("<&>")).append("z").after(Response(None))

    found = await rewritten("a<p>b</p>c", ("p", {"element": element}))
    assert found.decode() == "a<i>é<p>b&lt;&amp;&gt;z</p>c"


async def test_what_comes_is_written_as_it_comes() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"<p>one"
        assert got == [b"<p>one"]
        yield b" two</p"
        assert got == [b"<p>one", b" two"]
        yield b">"

    got: list[bytes] = []
    response = HTMLRewriter().on("p", element=lambda it: None).transform(Response(source()))
    assert response.body is not None
    async for chunk in response.body:
        got.append(chunk)
    assert got == [b"<p>one", b" two", b"</p>"]


async def test_a_response_without_body_is_given_back() -> None:
    response = Response(None, status=204)
    assert HTMLRewriter().transform(response) is response
    with pytest.raises(WebTypeError, match="is not of type 'Response'"):
        HTMLRewriter().transform("<p>")  # type: ignore[arg-type]


async def test_the_response_is_otherwise_the_same() -> None:
    response = Response("<p>", status=201, headers={"x-a": "1", "content-length": "3"})
    found = HTMLRewriter().on("p", element=lambda it: it.after("x")).transform(response)
    assert (found.status, found.headers["x-a"]) == (201, "1")
    assert "content-length" not in found.headers
    with pytest.raises(BodyUsedError):
        await response.text()
    with pytest.raises(BodyUsedError):
        HTMLRewriter().transform(response)


async def test_the_extra_is_named_where_it_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "turbohtml", None)
    with pytest.raises(UnsupportedError, match=r"pip install 'edgekit-asgi\[html\]'"):
        await rewritten("x", text=print)


# --- Codings


@pytest.mark.parametrize(
    ("content_type", "source", "text", "expected"),
    [
        ("text/html", b"\xc3\xa9\xff", "é\ufffd", b"\xc3\xa9\xff&\xe2\x82\xac"),
        ("text/html;charset=", b"\xc3\xa9", "é", b"\xc3\xa9&\xe2\x82\xac"),
        ("text/html; CHARSET=Latin1", b"\xe9\x81", "é\ufffd", b"\xe9\x81&\x80"),
        ('text/html;x=y; charset="iso-8859-15"', b"\xe9\xa4", "é€", b"\xe9\xa4&\xa4"),
        ("text/html;charset=iso-8859-2", b"\xb1", "ą", b"\xb1&&#8364;"),
        ("text/html;charset=shift_jis", b"\xe9\x82", "驍", b"\xe9\x82&&#8364;"),
        ("text/html;charset=utf8", b"\xef\xbb\xbfx", "\ufeffx", b"\xef\xbb\xbfx&\xe2\x82\xac"),
    ],
)
async def test_the_charset_is_that_of_the_content_type(
    content_type: str, source: bytes, text: str, expected: bytes
) -> None:
    texts: list[str] = []
    found = await rewritten(
        source,
        content_type=content_type,
        text=lambda it: texts.append(it.text),
        end=lambda it: it.append("&€", html=True),
    )
    assert "".join(texts) == text
    assert found == expected


@pytest.mark.parametrize(
    ("charset", "message"),
    [
        ("bogus", "Unknown character encoding has been provided."),
        ("utf-7", "Unknown character encoding has been provided."),
        ("utf-16", "Expected ASCII-compatible encoding."),
        ("iso-2022-jp", "Expected ASCII-compatible encoding."),
    ],
)
def test_a_charset_that_cannot_be_used_is_refused(charset: str, message: str) -> None:
    response = Response("x", headers={"content-type": f"text/html; charset={charset}"})
    with pytest.raises(WebTypeError) as caught:
        HTMLRewriter().transform(response)
    assert str(caught.value) == f"Parser error: {message}"


async def test_a_character_may_be_cut_anywhere() -> None:
    texts: list[str] = []
    data = "<p>€😀</p>".encode()
    pieces = [data[at : at + 1] for at in range(len(data))]
    assert await rewritten(pieces, text=lambda it: texts.append(it.text)) == data
    assert "".join(texts) == "€😀"


# --- The document as it is

ODD = [
    "a</>b</></><p></>",
    "a\r\nb\rc\n\r<p\r\nx\r>\r\n</p>\r",
    "<title>a<b>\r\n</titl></TITLE x>z",
    "<script>a<!--<script></script>--></script>b<script>x<!-- y</script>c",
    "<style>a</styl</style/>b<textarea></textarea",
    "<plaintext>a<b></plaintext>",
    "<svg><title>a<b>c</b></title><![CDATA[a<b]]]>]]><style><b></style></svg><title><b></title>",
    "<svg><![CDATA[a]",
    "<svg><![CDATA[",
    "<p a='",
    "</",
    "x<",
    "<math><mi><title><b></title></mi><annotation-xml encoding='TEXT/html'><xmp><b></xmp>"
    "</annotation-xml></math>",
    "<svg><font>a</font><font color=1><style></style>",
    "<svg></p><title><b></title>",
    "a < b <3 && &amp; &nosuch; &#65",
    "\0<p\0 \0=\0>",
]


@pytest.mark.parametrize("document", ODD)
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_what_nobody_changes_stays_to_the_last_byte(document: str, size: int) -> None:
    data = document.encode()
    texts: list[str] = []
    elements: list[str] = []
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    found = await rewritten(
        pieces,
        ("*", {"element": lambda it: elements.append(it.tag_name)}),
        text=lambda it: texts.append(it.text),
    )
    assert found == data
    whole: list[str] = []
    await rewritten([data], text=lambda it: whole.append(it.text))
    assert "".join(texts) == "".join(whole)


async def test_a_long_text_passes_and_is_not_kept() -> None:
    async def source() -> AsyncIterator[bytes]:
        yield b"<p>"
        for _ in range(40):
            yield b"0123456789\r\n" * 1000
        yield b"</p><style>"
        for _ in range(20):
            yield b"p > a { }" * 1000
        yield b"</style>"

    sizes = [0]

    def text(it: Any) -> None:
        sizes[0] += len(it.text)

    response = HTMLRewriter().on_document(text=text).transform(Response(source()))
    assert response.body is not None
    assert sum([len(chunk) async for chunk in response.body]) == 40 * 12_000 + 20 * 9000 + 22
    assert sizes[0] == 40 * 12_000 + 20 * 9000


async def test_a_tag_without_end_is_refused_at_the_limit() -> None:
    pieces = [b"<p a='", *[b"x" * 2**16] * (MEMORY_LIMIT // 2**16 + 1)]
    with pytest.raises(WebTypeError, match="The memory limit has been exceeded"):
        await rewritten(pieces, text=lambda it: None)


async def test_elements_are_open_up_to_a_limit() -> None:
    with pytest.raises(WebTypeError, match="The memory limit has been exceeded"):
        await rewritten("<b>" * (MAX_OPEN + 1), ("i", {}))


@pytest.mark.parametrize(
    "document",
    [
        "<select><title>x</title></select>",
        "<select><div><xmp>",
        "<select><template><template></template></template><style>",
        "<select><template><script>",
        "<frameset><style>",
    ],
)
async def test_what_a_browser_might_read_otherwise_is_refused(document: str) -> None:
    with pytest.raises(WebTypeError, match="in the context where it is ambiguous"):
        await rewritten(document, text=lambda it: None)


@pytest.mark.parametrize(
    "document",
    [
        "<select><script>x</script></select><title>x</title>",
        "<select><input><title>x",
        "<frameset><noframes><b></noframes>",
        "<select><select><style></style>",
    ],
)
async def test_what_every_browser_reads_alike_passes(document: str) -> None:
    assert await rewritten(document, text=lambda it: None) == document.encode()
