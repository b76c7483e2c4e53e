"""data: URLs: each answer is workerd's."""

from __future__ import annotations

import asyncio

import pytest

from edgekit import AbortController, Request, fetch
from edgekit.errors import WebTypeError

ASCII = "text/plain;charset=US-ASCII"


@pytest.mark.parametrize(
    ("url", "content_type", "text"),
    [
        ("data:,hello%20world", ASCII, "hello world"),
        ("DATA:,x", ASCII, "x"),
        ("data:,a b?q=1", ASCII, "a b?q=1"),
        ("data:text/html,<b>x</b>#fragment", "text/html", "<b>x</b>"),
        ("data:text/plain;base64,aGVsbG8=", "text/plain", "hello"),
        ("data:text/plain; base64 ,aGVsbG8=", "text/plain", "hello"),
        ("data:;base64,aGVsbG8", ASCII, "hello"),
        ("data:;base64,aGVs bG8=", ASCII, "hello"),
        ("data:;base64,aGVs%62G8%3D", ASCII, "hello"),
        ("data:text/plain;base64,!!", "text/plain", ""),
        ("data:text/plain;base64;charset=utf-8,aGVsbG8=", "text/plain;charset=utf-8", "aGVsbG8="),
        ("data:;charset=utf-8,%C3%A9", "text/plain;charset=utf-8", "\u00e9"),
        ('data:TEXT/HTML;Charset="utf-8",x', "text/html;charset=utf-8", "x"),
        ("data:image/png;foo=bar;base64,AAAA", "image/png;foo=bar", "\0\0\0"),
        ("data:text/plain;charset=utf-8;x,y", "text/plain;charset=utf-8", "y"),
        ('data:text/plain;a="b c",x', 'text/plain;a="b c"', "x"),
        ("data: text/plain ,x", "text/plain", "x"),
        ("data:;foo=bar,x", "text/plain;foo=bar", "x"),
        ("data:nonsense,x", ASCII, "x"),
        ("data:/,x", ASCII, "x"),
    ],
)
async def test_data_url_answers(url: str, content_type: str, text: str) -> None:
    response = await fetch(url)
    assert (response.status, response.url) == (200, "")
    assert dict(response.headers) == {"content-type": content_type}
    assert await response.text() == text


async def test_only_a_get_has_the_data() -> None:
    for request in (Request("data:,x", method="HEAD"), Request("data:,x", method="POST")):
        response = await fetch(request)
        assert response.headers["content-type"] == ASCII
        assert await response.text() == ""


async def test_data_url_without_data_is_refused() -> None:
    with pytest.raises(WebTypeError, match="Fetch API cannot load: data:text/plain"):
        await fetch("data:text/plain")


async def test_an_aborted_signal_is_looked_at() -> None:
    controller = AbortController()
    controller.abort()
    with pytest.raises(Exception, match="aborted") as caught:
        await asyncio.wait_for(fetch("data:,x", signal=controller.signal), 5)
    assert caught.type.__name__ == "AbortError"
