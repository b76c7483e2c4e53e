"""HTMLRewriter, as every place must answer."""

from __future__ import annotations

from typing import Any

from edgekit import HTMLRewriter, ReadableStream, Response

PAGE = "<!doctype html><p class=a>x &amp; <b>y</b></p><!-- c --><a href=/q>z</a>"


async def _rewritten(rewriter: HTMLRewriter, page: str = PAGE) -> str:
    return await rewriter.transform(Response.html(page)).text()


async def test_elements_are_changed_by_functions(env: Any) -> None:
    def link(element: Any) -> None:
        element.set_attribute("href", "https://h" + element.get_attribute("href"))
        element.before("<").after("<br>", html=True).append("!", {"html": True})
        assert element.get_attribute("nothing") is None
        assert element.has_attribute("href") is True

    found = await _rewritten(HTMLRewriter().on("a[href]", element=link), "<a href=/q>z</a>")
    assert found == '&lt;<a href="https://h/q">z!</a><br>'


async def test_objects_are_handlers_sync_and_async(env: Any) -> None:
    class Seen:
        def __init__(self) -> None:
            self.texts: list[str] = []
            self.tags: list[Any] = []

        async def element(self, element: Any) -> None:
            self.tags.append((element.tag_name, element.tagName, dict(element.attributes)))
            element.tag_name = "div"
            element.on_end_tag(self.end)

        def end(self, tag: Any) -> None:
            self.tags.append(tag.name)
            tag.before("E")

        def text(self, text: Any) -> None:
            self.texts.append(text.text)
            if text.last_in_text_node:
                text.replace("|")

    seen = Seen()
    found = await _rewritten(HTMLRewriter().on("p", seen), "<p class=a>x &amp; <b>y</b></p>")
    assert found == "<div class=a>x &amp; |<b>y|</b>E</div>"
    assert "".join(seen.texts) == "x &amp; y"
    assert seen.tags == [("p", "p", {"class": "a"}), "div"]


async def test_the_document_has_handlers_too(env: Any) -> None:
    kinds: list[Any] = []

    async def comment(comment: Any) -> None:
        kinds.append(comment.text)
        comment.text = "changed"

    rewriter = HTMLRewriter().onDocument(
        {
            "doctype": lambda doctype: kinds.append((doctype.name, doctype.public_id)),
            "comments": comment,
            "end": lambda end: end.append("<hr>", html=True),
        }
    )
    found = await _rewritten(rewriter)
    assert found == PAGE.replace(" c ", "changed") + "<hr>"
    assert kinds == [("html", None), " c "]


async def test_what_a_selector_cannot_be_is_a_type_error(env: Any) -> None:
    for selector in ("", "a + b", "p:last-child", "p["):
        try:
            HTMLRewriter().on(selector, element=print)
        except TypeError as error:
            assert str(error).startswith("Parser error: "), error
        else:
            raise AssertionError(f"{selector!r} was taken")


async def test_streams_go_through_in_pieces(env: Any) -> None:
    pieces = [b"<p>\xc3", b"\xa9</", b"p><i", b">t</i>"]
    rewriter = HTMLRewriter().on("i", element=lambda element: element.set_inner_content("n"))
    response = rewriter.transform(Response(ReadableStream(iter(pieces)), status=201))
    assert response.status == 201
    assert await response.text() == "<p>é</p><i>n</i>"


async def test_what_a_handler_raises_fails_the_body(env: Any) -> None:
    def refuse(element: Any) -> None:
        raise ValueError("not this one")

    try:
        await _rewritten(HTMLRewriter().on("p", element=refuse))
    except Exception as error:
        assert "not this one" in str(error), error
    else:
        raise AssertionError("the body was read")
