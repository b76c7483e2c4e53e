"""AsgiRequest over a hand-made scope, and how a Response begins on the wire."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit import host
from edgekit.asgi import AsgiRequest, response_start
from edgekit.errors import BodyUsedError, HTTPError, WebTypeError
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.streams import ReadableStream

Headers = list[tuple[bytes, bytes]]


def scope_of(target: bytes = b"/", headers: Headers | None = None, **others: Any) -> dict[str, Any]:
    raw, _, query = target.partition(b"?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": unquote_to_bytes(raw).decode("utf-8", "replace"),
        "raw_path": raw,
        "query_string": query,
        "root_path": "",
        "headers": [(b"host", b"example.com")] if headers is None else headers,
        "client": ("192.0.2.1", 1234),
        "server": ("127.0.0.1", 8000),
    }
    return {k: v for k, v in {**scope, **others}.items() if v is not ...}


async def never() -> Any:
    raise AssertionError("nothing was to be received")


def request_of(target: bytes = b"/", headers: Headers | None = None, **others: Any) -> AsgiRequest:
    return AsgiRequest(scope_of(target, headers, **others), never)


def with_body(*messages: Any, headers: Headers | None = None, **others: Any) -> AsgiRequest:
    """A POST whose messages are chunks, the last one final, or whole messages."""
    queue = [
        m
        if isinstance(m, dict)
        else {"type": "http.request", "body": m, "more_body": i < len(messages) - 1}
        for i, m in enumerate(messages)
    ]

    async def receive() -> Any:
        await asyncio.sleep(0)
        return queue.pop(0)

    headers = [(b"transfer-encoding", b"chunked")] if headers is None else headers
    return AsgiRequest(scope_of(headers=headers, method="POST", **others), receive)


# URL ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "authority", "url"),
    [
        (b"/", b"example.com", "http://example.com/"),
        (b"/a?b=c", b"example.com:8000", "http://example.com:8000/a?b=c"),
        (b"/a", b"EXAMPLE.com:80", "http://example.com/a"),
        (b"/a", b"example.com:", "http://example.com/a"),
        (b"/a", b"example.com:0080", "http://example.com/a"),
        (b"/a", b"example.com:08000", "http://example.com:8000/a"),
        (b"/a", b"example.com.", "http://example.com./a"),
        (b"/a", b"127.1", "http://127.0.0.1/a"),
        (b"/a", b"0x7f000001", "http://127.0.0.1/a"),
        (b"/a", b"1.0x1", "http://1.0.0.1/a"),
        (b"/a", b"[::1]:81", "http://[::1]:81/a"),
        (b"/a", b"b%C3%BCcher.example", "http://xn--bcher-kva.example/a"),
        (b"/a", b"xn--bcher-kva.example", "http://xn--bcher-kva.example/a"),
        (b"/a/./b/../c", b"h", "http://h/a/c"),
        (b"/a/%2e%2e/c", b"h", "http://h/c"),
        (b"/a\\b", b"h", "http://h/a/b"),
        (b"/%7Ea%2Fb%zz", b"h", "http://h/%7Ea%2Fb%zz"),
        (b"/\xc3\xa9?\xc3\xa9", b"h", "http://h/%C3%A9?%C3%A9"),
        (b"/a#b?c#d", b"h", "http://h/a%23b?c%23d"),
        (b"//other/x", b"h", "http://h//other/x"),
        (b"/a?b?c/../d", b"h", "http://h/a?b?c/../d"),
        (b"/a?'\"<>", b"h", "http://h/a?%27%22%3C%3E"),
        (b"/a?", b"h", "http://h/a"),
    ],
)
def test_the_url_is_absolute_and_normalised(target: bytes, authority: bytes, url: str) -> None:
    assert request_of(target, [(b"host", authority)]).url == url


@pytest.mark.parametrize(
    "authority",
    [
        *(
            b"a b",
            b"a/b",
            b"a\\b",
            b"a?b",
            b"a#b",
            b"u@h",
            b"u:p@h",
            b"h:x",
            b"h:99999",
            b"h:65536",
        ),
        *(b"[::1", b"[", b"a%00b", b"a\tb", b"a<b", b"256.256.256.256", b"1.2.3.4.5", b":80"),
        *(b"a..b:x", b"b\xc3\xbccher.example", b"h\0", b"a,b:1,2"),
    ],
)
def test_a_bad_host_is_a_400(authority: bytes) -> None:
    with pytest.raises(HTTPError) as caught:
        _ = request_of(b"/", [(b"host", authority)]).url
    assert caught.value.status == 400


def test_two_hosts_that_differ_are_a_400() -> None:
    with pytest.raises(HTTPError) as caught:
        _ = request_of(headers=[(b"host", b"a"), (b"host", b"b")]).url
    assert caught.value.status == 400
    assert request_of(headers=[(b"host", b"a"), (b"host", b"a")]).url == "http://a/"


def test_without_a_host_the_server_is_asked() -> None:
    assert request_of(headers=[]).url == "http://127.0.0.1:8000/"
    assert request_of(headers=[(b"host", b"")]).url == "http://127.0.0.1:8000/"
    assert request_of(headers=[], server=("::1", 80)).url == "http://[::1]/"
    assert request_of(headers=[], server=("/run/socket", None)).url == "http://localhost/"
    assert request_of(headers=[], server=None).url == "http://localhost/"


def test_the_scheme_is_the_connection_s() -> None:
    assert request_of(scheme="https").url == "https://example.com/"
    assert request_of(headers=[(b"host", b"h:443")], scheme="https").url == "https://h/"
    assert request_of(headers=[(b"host", b"h:443")]).url == "http://h:443/"


def test_optional_keys_of_the_scope_may_be_missing() -> None:
    request = request_of(
        raw_path=..., root_path=..., scheme=..., client=..., server=..., http_version=...
    )
    assert (request.url, request.path, request.client) == ("http://example.com/", "/", None)
    assert request_of(b"/%C3%A9/%2e%2e/b", raw_path=...).path == "/b"


AUTHORITIES = st.one_of(
    st.text(st.sampled_from("aA0.-x1:[]9_%~"), max_size=10).map(str.encode),
    st.binary(max_size=4),
    st.sampled_from(
        [b"xn--80ak6aa92e.com", b"a.xn--", b"h:65535", b"0x1", b"1.2.3", b"a.08", b"a..b"]
    ),
)
TARGETS = st.text(st.sampled_from("/aZ.%2eEfF0\\?#'\"|^~<>{}[]:@;=&+\x7fé"), max_size=15)


@given(TARGETS, AUTHORITIES)
def test_the_short_cuts_give_what_the_url_parser_gives(target: str, authority: bytes) -> None:
    """Nothing but the URL standard decides, however plain the text looks."""
    raw, _, query = ("/" + target).encode().partition(b"?")
    request = request_of(raw + b"?" + query, [(b"host", authority or b"h")])
    try:
        url = request.url
    except HTTPError:
        return
    record = host.parse_url(url)
    assert record is not None
    assert record.href == url
    path, encoded = request.target()
    assert host.parse_url("http://h" + (encoded or path)).pathname == record.pathname
    assert request.path == Request(url).path
    assert list(request.query.items()) == list(Request(url).query.items())


# Path -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (b"/a/b", "/a/b"),
        (b"/a%2Fb%20c", "/a/b c"),
        (b"/%C3%A9", "/é"),
        (b"/a/../b", "/b"),
        (b"/a/%2E%2e/b", "/b"),
        (b"/a\\..\\b", "/b"),
        (b"/a%5C..%5Cb", "/a\\..\\b"),
        (b"//a", "//a"),
    ],
)
def test_the_path_is_decoded_and_normalised(target: bytes, path: str) -> None:
    assert request_of(target).path == path


@pytest.mark.parametrize(
    ("root", "target", "path", "raw"),
    [
        ("/api", b"/api/a", "/a", None),
        ("/api", b"/api", "/", None),
        ("/api", b"/api/", "/", None),
        ("/api", b"/api/a%2Fb", "/a/b", "/a%2Fb"),
        ("/api", b"/api/../api/a", "/a", "/a"),
        ("/api", b"/apis/a", "/apis/a", None),
        ("/api", b"/apis/a%20b", "/apis/a b", "/apis/a%20b"),
        ("/api", b"/other", "/other", None),
        ("/a b/c", b"/a%20b/c/d", "/d", "/d"),
        ("/\xe9", b"/%C3%A9/d", "/d", "/d"),
    ],
)
def test_the_path_is_below_the_root_path(
    root: str, target: bytes, path: str, raw: str | None
) -> None:
    request = request_of(target, root_path=root)
    assert request.path == path
    got = request.target()
    assert got[0] == path
    assert got[1] in (raw, path if raw is None else raw)
    assert Request(request).path == request.clone().path == path


@pytest.mark.parametrize(
    "target", [b"secret", b"xsecret", b"@other/secret", b"http://other/secret", b""]
)
def test_a_path_that_does_not_begin_with_a_slash_is_no_other_path(target: bytes) -> None:
    request = request_of(target)
    try:
        assert not request.target()[0].startswith("/")
    except HTTPError:
        pass  # as good


def test_the_asterisk_of_options() -> None:
    request = request_of(b"*", method="OPTIONS")
    assert request.path == "*"
    assert request.url == "http://example.com/*"


# Headers, cf, client --------------------------------------------------------------------------------


def test_headers_of_an_incoming_request_cannot_be_changed() -> None:
    request = request_of(headers=[(b"host", b"h"), (b"x", b"1"), (b"x", b"2"), (b"y", b"\xe9")])
    assert request.headers is request.headers
    assert (request.headers["X"], request.headers["y"]) == ("1, 2", "é")
    for change in (lambda: request.headers.set("x", "3"), lambda: request.headers.delete("x")):
        with pytest.raises(WebTypeError, match="immutable"):
            change()
    copy = Request(request)
    copy.headers["x"] = "3"
    assert request.headers["x"] == "1, 2"


def test_query_and_cookies() -> None:
    request = request_of(b"/?a=1&a=%C3%A9", [(b"cookie", b"a=1"), (b"cookie", b"b=2")])
    assert request.query.get_all("a") == ["1", "é"]
    assert request.cookies == {"a": "1", "b": "2"}


def test_client_and_cf() -> None:
    request = request_of(**{"edgekit.cf": {"country": "DE"}})
    assert request.client == ("192.0.2.1", 1234)
    assert request.cf.country == "DE"
    assert request_of(client=None).client is None


def test_a_rebuilt_request_keeps_client_and_cf() -> None:
    request = request_of(**{"edgekit.cf": {"country": "DE"}})
    for other in (request.clone(), Request(request), Request("http://x/", request)):
        assert other.client == ("192.0.2.1", 1234)
        assert other.cf.country == "DE"


# Body -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [[], [(b"content-length", b"0")], [(b"content-length", b"00")]])
async def test_without_a_body_nothing_is_received(headers: Headers) -> None:
    request = AsgiRequest(scope_of(headers=headers), never)
    assert request.body is None
    assert (await request.text(), request.body_used) == ("", False)


async def test_reading_no_body_uses_nothing() -> None:
    request = with_body(b"", headers=[])
    assert (await request.bytes(), request.body_used) == (b"", False)
    assert await request.text() == ""


async def test_http_2_needs_no_header_for_a_body() -> None:
    request = with_body(b"ab", headers=[], http_version="2")
    assert await request.body.read_all() == b"ab"
    assert request_of(http_version="2").body is None


@pytest.mark.parametrize(
    "messages", [(b"ab",), (b"a", b"b"), (b"a", b"", b"b", b""), (b"", b"ab", b"")]
)
async def test_the_body_arrives_in_chunks(messages: tuple[bytes, ...]) -> None:
    assert await with_body(*messages).text() == "ab"
    assert b"".join([c async for c in with_body(*messages).body]) == b"ab"
    request = with_body(*messages)
    assert (await request.clone().text(), await request.text()) == ("ab", "ab")
    assert await Request(with_body(*messages)).text() == "ab"


async def test_messages_may_lack_their_optional_keys() -> None:
    assert (
        await with_body(
            {"type": "http.request", "more_body": True}, {"type": "http.request"}
        ).bytes()
        == b""
    )


@pytest.mark.parametrize("messages", [(b"ab",), (b"a", b"b")])
async def test_the_body_is_used_once(messages: tuple[bytes, ...]) -> None:
    request = with_body(*messages)
    assert not request.body_used
    await request.text()
    assert request.body_used
    with pytest.raises(BodyUsedError):
        await request.text()
    with pytest.raises(BodyUsedError):
        request.clone()
    with pytest.raises(BodyUsedError):
        Request(request)


@pytest.mark.parametrize("messages", [(b"ab",), (b"a", b"b")])
async def test_two_readers_at_the_same_time_are_refused(messages: tuple[bytes, ...]) -> None:
    request = with_body(*messages)
    results = await asyncio.gather(request.text(), request.text(), return_exceptions=True)
    assert results[0] == "ab"
    assert isinstance(results[1], BodyUsedError)


async def test_the_body_is_received_only_as_it_is_read() -> None:
    asked = 0

    async def receive() -> Any:
        nonlocal asked
        asked += 1
        return {"type": "http.request", "body": b"x", "more_body": True}

    request = AsgiRequest(
        scope_of(headers=[(b"transfer-encoding", b"chunked")], method="POST"), receive
    )
    reader = request.body.get_reader()
    assert asked == 0
    await reader.read()
    await asyncio.sleep(0)
    assert asked == 1


def limited(*messages: Any, headers: Headers | None = None) -> AsgiRequest:
    request = with_body(*messages, headers=headers)
    request.max_body = 4
    return request


@pytest.mark.parametrize("read", [AsgiRequest.bytes, AsgiRequest.json, lambda r: r.body.read_all()])
@pytest.mark.parametrize(
    ("messages", "headers"),
    [
        ([b"12345"], [(b"content-length", b"5")]),
        ([b"12345"], [(b"content-length", b"9" * 5000)]),
        ([b"12345"], None),
        ([b"123", b"45"], None),
        ([b"12", b"34", b"5"], [(b"content-length", b"4"), (b"transfer-encoding", b"chunked")]),
    ],
)
async def test_too_large_a_body_is_a_413(read: Any, messages: Any, headers: Any) -> None:
    with pytest.raises(HTTPError) as caught:
        await read(limited(*messages, headers=headers))
    assert caught.value.status == 413


async def test_a_body_at_the_limit_is_taken() -> None:
    for request in (
        limited(b"1234"),
        limited(b"12", b"34"),
        limited(b"1234", headers=[(b"content-length", b"4")]),
    ):
        assert await request.text() == "1234"


@pytest.mark.parametrize(
    "length", [b"+5", b"-1", b" 5", b"5 ", b"0x5", b"5,5", b"", b"a", b"1_0", b"\xb2", b"5.0"]
)
def test_a_bad_content_length_is_a_400(length: bytes) -> None:
    with pytest.raises(HTTPError) as caught:
        _ = request_of(headers=[(b"content-length", length)], method="POST").body
    assert caught.value.status == 400


def test_transfer_encoding_overrides_the_length() -> None:
    headers = [(b"content-length", b"0"), (b"transfer-encoding", b"chunked")]
    for order in (headers, headers[::-1]):
        assert request_of(headers=order, method="POST").body is not None


async def test_a_client_that_goes_away_while_sending_is_an_error_not_an_end() -> None:
    gone = {"type": "http.disconnect"}
    first = {"type": "http.request", "body": b"a", "more_body": True}
    for messages in ((gone,), (first, gone)):
        for read in (AsgiRequest.text, lambda r: r.body.read_all()):
            request = with_body(*messages)
            with pytest.raises(WebTypeError, match="Network connection lost"):
                await read(request)
            assert request.gone


# Watching for the client to go ----------------------------------------------------------------------


class Wire:
    """A receive() that is fed by hand."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[Any] = asyncio.Queue()
        self.waiting = 0

    async def receive(self) -> Any:
        self.waiting += 1
        try:
            return await self.queue.get()
        finally:
            self.waiting -= 1

    def body(self, chunk: bytes, more: bool = False) -> None:
        self.queue.put_nowait({"type": "http.request", "body": chunk, "more_body": more})

    def gone(self) -> None:
        self.queue.put_nowait({"type": "http.disconnect"})

    def request(self) -> AsgiRequest:
        headers = [(b"transfer-encoding", b"chunked")]
        return AsgiRequest(scope_of(headers=headers, method="POST"), self.receive)


async def turns() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_watch_ends_when_the_client_goes() -> None:
    wire = Wire()
    request = wire.request()
    wire.body(b"")
    wire.gone()
    await request.watch()
    assert request.gone


async def test_what_the_watcher_took_is_there_for_the_reader() -> None:
    wire = Wire()
    request = wire.request()
    task = asyncio.ensure_future(request.watch())
    wire.body(b"a", more=True)
    await task
    assert not request.gone
    assert not request.watchable
    wire.body(b"b")
    assert await request.text() == "ab"


async def test_a_reader_that_comes_while_the_watcher_waits_shares_its_receive() -> None:
    wire = Wire()
    request = wire.request()
    watcher = asyncio.ensure_future(request.watch())
    await turns()
    reader = asyncio.ensure_future(request.text())
    await turns()
    assert wire.waiting == 1
    wire.body(b"a", more=True)
    await turns()
    wire.body(b"b")
    assert await reader == "ab"
    await watcher


async def test_no_body_is_not_used_up_whether_it_is_watched_or_not() -> None:
    wire = Wire()
    request = wire.request()
    watcher = asyncio.ensure_future(request.watch())
    wire.body(b"")
    await turns()
    for _ in range(2):
        assert await request.text() == ""
        assert not request.body_used
    watcher.cancel()


async def test_the_watcher_goes_on_after_the_last_message() -> None:
    wire = Wire()
    request = wire.request()
    watcher = asyncio.ensure_future(request.watch())
    wire.body(b"all")
    assert await request.text() == "all"
    await turns()
    assert not watcher.done()
    wire.gone()
    await watcher
    assert request.gone


async def test_a_reader_is_told_when_the_watcher_saw_the_client_go() -> None:
    wire = Wire()
    request = wire.request()
    watcher = asyncio.ensure_future(request.watch())
    await turns()
    reader = asyncio.ensure_future(request.text())
    await turns()
    wire.gone()
    wire.gone()  # a server says so whenever it is asked
    await watcher
    with pytest.raises(WebTypeError):
        await reader


async def test_a_request_that_is_being_read_is_not_watched() -> None:
    wire = Wire()
    request = wire.request()
    assert request.watchable
    reader = asyncio.ensure_future(request.text())
    await turns()
    assert not request.watchable
    wire.body(b"x")
    await reader
    assert request.watchable


# How a response begins ------------------------------------------------------------------------------


def sent(response: Response, method: str = "GET") -> dict[str, str]:
    message = response_start(response, method)
    assert message["type"] == "http.response.start"
    assert all(
        type(n) is bytes and type(v) is bytes and n == n.lower() for n, v in message["headers"]
    )
    return {n.decode(): v.decode() for n, v in message["headers"]}


def test_a_known_length_is_told() -> None:
    assert sent(Response("é")) == {
        "content-type": "text/plain;charset=UTF-8",
        "content-length": "2",
    }
    assert sent(Response(b"")) == {"content-length": "0"}
    assert sent(Response()) == {"content-length": "0"}
    assert sent(Response(status=205)) == {"content-length": "0"}


def test_statuses_without_a_body_tell_no_length() -> None:
    assert sent(Response(status=204)) == {}
    assert sent(Response(status=304, headers={"etag": '"a"'})) == {"etag": '"a"'}


def test_a_stream_tells_the_length_only_if_it_knows_it() -> None:
    """A header may be that of another response, of which these are the headers."""
    assert sent(Response([b"a"])) == {}
    assert sent(Response([b"a"], headers={"content-length": "7"})) == {}
    assert sent(Response([b"a"], headers={"content-length": "7"}), "HEAD") == {
        "content-length": "7"
    }
    assert sent(Response(ReadableStream([b"a"], length=1))) == {"content-length": "1"}


@pytest.mark.parametrize("body", ["abc", b"abc"])
def test_a_wrong_length_is_put_right(body: Any) -> None:
    assert sent(Response(body, headers={"content-length": "7"}))["content-length"] == "3"
    assert sent(Response(None, headers={"content-length": "7"}))["content-length"] == "0"


def test_a_stream_of_known_length_puts_a_wrong_length_right() -> None:
    stale = {"content-length": "7"}
    assert sent(Response(ReadableStream([b"abc"], length=3), headers=stale)) == {
        "content-length": "3"
    }
    read = Response(b"abc", headers=stale)
    assert read.body is not None  # a middleware has looked at it
    assert sent(read) == {"content-length": "3"}
    assert sent(Response(ReadableStream([b"abc"], length=3), headers=stale).clone()) == {
        "content-length": "3"
    }


def test_a_response_to_head_may_tell_a_length() -> None:
    assert sent(Response(None, headers={"content-length": "7"}), "HEAD")["content-length"] == "7"
    assert sent(Response("abc", headers={"content-length": "7"}), "HEAD")["content-length"] == "3"
    assert sent(Response(), "HEAD")["content-length"] == "0"


def test_headers_of_the_connection_are_not_the_handler_s() -> None:
    names = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"]
    assert sent(Response("a", headers={**dict.fromkeys(names, "x"), "y": "1"})) == {
        "y": "1",
        "content-type": "text/plain;charset=UTF-8",
        "content-length": "1",
    }


def test_cookies_stay_apart() -> None:
    response = Response(headers=[("set-cookie", "a=1"), ("set-cookie", "b=2")])
    headers = response_start(response)["headers"]
    assert [v for n, v in headers if n == b"set-cookie"] == [b"a=1", b"b=2"]


def test_the_response_s_own_headers_are_not_changed() -> None:
    response = Response("a", headers={"x": "1"})
    response_start(response)
    assert "content-length" not in response.headers


async def test_what_cannot_be_sent_is_an_error() -> None:
    with pytest.raises(WebTypeError, match="error"):
        response_start(Response.error())
    read, locked = Response(ReadableStream([b"a"])), Response(ReadableStream([b"a"]))
    await read.body.read_all()
    locked.body.get_reader()
    for response in (read, locked):
        with pytest.raises(BodyUsedError):
            response_start(response)
