"""fetch(): what is sent, what comes back, and what is refused."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
from typing import Any

import pytest

from edgekit import client_pool
from edgekit.client import _target, fetch
from edgekit.client_pool import in_words
from edgekit.errors import BodyUsedError, FetchError, WebTypeError
from edgekit.web.headers import Headers
from edgekit.web.request import Request
from edgekit.web.url import URL, URLSearchParams

from .origin import Origin, reply

# What is sent -------------------------------------------------------------------------------------


async def test_a_get_sends_only_host_and_accept_encoding(origin: Origin) -> None:
    response = await fetch(origin.url + "/a?b=c")
    assert response.status == 200
    assert response.ok
    got = origin.got[0]
    assert (got.method, got.target, got.body) == ("GET", "/a?b=c", b"")
    assert [name.lower() for name, _ in got.headers] == ["host", "accept-encoding"]
    assert got.header("host") == f"127.0.0.1:{origin.port}"
    assert (got.header("accept-encoding") or "").startswith("gzip, deflate")


async def test_a_url_is_sent_as_the_url_standard_writes_it(origin: Origin) -> None:
    await fetch(origin.url + "/ä b/%7E/../|x'?q=ü&r=a+b c#fragment")
    assert origin.got[0].target == "/%C3%A4%20b/|x'?q=%C3%BC&r=a+b%20c"


@pytest.mark.parametrize("kind", ["url", "dict", "keywords", "request", "camel"])
async def test_options_come_as_keywords_as_a_dict_or_in_a_request(
    origin: Origin, kind: str
) -> None:
    url = origin.url + "/x"
    options: dict[str, Any] = {"method": "put", "headers": {"X-A": "1"}, "body": "text"}
    if kind == "url":
        await fetch(URL(url), **options)
    elif kind == "dict":
        await fetch(url, options)
    elif kind == "keywords":
        await fetch(url, **options)
    elif kind == "request":
        await fetch(Request(url, options))
    else:
        await fetch(url, {**options, "cf": {"cacheTtl": 5}, "referrerPolicy": "origin"})
    got = origin.got[0]
    assert (got.method, got.header("x-a"), got.body) == ("PUT", "1", b"text")
    assert got.header("content-type") == "text/plain;charset=UTF-8"
    assert got.header("content-length") == "4"


async def test_a_request_can_be_sent_once_and_changed_by_options(origin: Origin) -> None:
    request = Request(origin.url, method="POST", body="1", headers={"x-a": "1"})
    await fetch(request, headers={"x-b": "2"}, method="PUT")
    got = origin.got[0]
    assert (got.method, got.header("x-a"), got.header("x-b"), got.body) == ("PUT", None, "2", b"1")
    with pytest.raises(BodyUsedError):
        await fetch(request)


async def test_another_url_with_a_request_in_the_place_of_options(origin: Origin) -> None:
    await fetch(origin.url + "/b", Request(origin.url, method="POST", body="1"))
    assert (origin.got[0].method, origin.got[0].target, origin.got[0].body) == ("POST", "/b", b"1")


async def test_the_next_call_for_a_url_knows_nothing_of_the_options_before(origin: Origin) -> None:
    await fetch(origin.url, method="POST", body="1", headers={"x-a": "1"}, redirect="manual")
    await fetch(origin.url)
    got = origin.got[1]
    assert (got.method, got.body, got.header("x-a")) == ("GET", b"", None)


async def test_headers_that_belong_to_a_connection_are_not_passed_on(origin: Origin) -> None:
    names = ("connection", "content-length", "expect", "host", "keep-alive", "te", "upgrade")
    headers = {**dict.fromkeys(names, "7"), "transfer-encoding": "chunked", "x-kept": "1"}
    await fetch(origin.url, headers=headers)
    got = origin.got[0]
    assert sorted(name.lower() for name, _ in got.headers) == ["accept-encoding", "host", "x-kept"]
    assert got.header("host") == f"127.0.0.1:{origin.port}"


async def test_resolve_override_connects_elsewhere_for_the_urls_host(origin: Origin) -> None:
    url = f"http://name.example:{origin.port}/x"
    response = await fetch(url, cf={"resolveOverride": "127.0.0.1"})
    assert response.url == url
    assert origin.got[0].header("host") == f"name.example:{origin.port}"


async def test_headers_keep_their_repetitions_and_bytes(origin: Origin) -> None:
    headers = Headers([("x-a", "1"), ("x-a", "2")])
    headers.raw.append((b"x-utf8", "ü".encode()))
    await fetch(origin.url, headers=headers)
    got = origin.got[0]
    assert [value for name, value in got.headers if name == "x-a"] == ["1", "2"]
    assert "x-utf8: ü\r\n".encode() in got.raw


async def test_what_the_caller_accepts_is_sent_without_what_cannot_be_read_here(
    origin: Origin,
) -> None:
    accept = {"accept-encoding": "zstd, gzip;q=0.5, *"}
    await fetch(origin.url, headers=accept)
    await fetch(origin.url, headers={"accept-encoding": "zstd"})
    await fetch(origin.url, headers=accept, encode_response_body="manual")
    sent = [got.header("accept-encoding") for got in origin.got]
    assert sent == ["gzip;q=0.5", "identity", "zstd, gzip;q=0.5, *"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
async def test_a_method_that_may_have_a_body_says_that_there_is_none(
    origin: Origin, method: str
) -> None:
    await fetch(origin.url, method=method)
    assert origin.got[0].header("content-length") == "0"
    assert origin.got[0].header("content-type") is None


async def test_bytes_and_forms_are_sent_with_their_length(origin: Origin) -> None:
    await fetch(origin.url, method="POST", body=b"\0\xff")
    await fetch(origin.url, method="POST", body=URLSearchParams({"a": "b c"}))
    await fetch(origin.url, method="POST", body=b"")
    assert [got.body for got in origin.got] == [b"\0\xff", b"a=b+c", b""]
    assert [got.header("content-length") for got in origin.got] == ["2", "5", "0"]
    types = [got.header("content-type") for got in origin.got]
    assert types == [None, "application/x-www-form-urlencoded;charset=UTF-8", None]


# What comes back ----------------------------------------------------------------------------------


async def test_a_response_has_status_phrase_headers_and_url(origin: Origin) -> None:
    cookies = ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")
    origin.answers["/x"] = reply("text", "418 Short And Stout", ("X-A", "ü"), *cookies)
    response = await fetch(origin.url + "/x?y#z")
    assert (response.status, response.status_text) == (418, "Short And Stout")
    assert response.headers["x-a"] == "ü"
    assert response.headers.get_set_cookie() == ["a=1", "b=2"]
    assert response.headers["content-length"] == "4"
    assert (response.url, response.redirected, response.type) == (
        origin.url + "/x?y",
        False,
        "default",
    )
    assert await response.text() == "text"
    with pytest.raises(BodyUsedError):
        await response.text()


async def test_a_responses_headers_can_be_changed(origin: Origin) -> None:
    response = await fetch(origin.url)
    response.headers["x-mine"] = "1"
    assert response.headers["x-mine"] == "1"


async def test_json_and_bytes_of_a_response(origin: Origin) -> None:
    origin.answers["/x"] = reply('{"a": [1]}')
    assert await (await fetch(origin.url + "/x")).json() == {"a": [1]}
    assert await (await fetch(origin.url + "/x")).bytes() == b'{"a": [1]}'


@pytest.mark.parametrize("status", ["204 No Content", "205 Reset Content", "304 Not Modified"])
async def test_statuses_without_a_body_have_none(origin: Origin, status: str) -> None:
    origin.answers["/x"] = reply("", status, length=status.startswith("205"))
    response = await fetch(origin.url + "/x")
    assert response.body is None
    assert await response.bytes() == b""


async def test_a_head_request_has_no_body_and_keeps_the_length(origin: Origin) -> None:
    origin.answers["/x"] = reply("", "200 OK", ("Content-Length", "1234"), length=False)
    response = await fetch(origin.url + "/x", method="HEAD")
    assert response.body is None
    assert response.headers["content-length"] == "1234"
    await fetch(origin.url + "/y")
    assert origin.connections == 1


async def test_an_error_status_is_a_response(origin: Origin) -> None:
    origin.answers["/x"] = reply("gone", "500 Internal Server Error")
    response = await fetch(origin.url + "/x")
    assert not response.ok
    assert await response.text() == "gone"


async def test_cookies_are_nobodys_business(origin: Origin) -> None:
    origin.answers["/x"] = reply("", "200 OK", ("Set-Cookie", "a=1; Path=/"))
    await fetch(origin.url + "/x")
    await fetch(origin.url + "/y")
    assert origin.got[1].header("cookie") is None


async def test_interim_responses_are_skipped(origin: Origin) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    origin.answers["/x"] = hints + reply("text")
    assert await (await fetch(origin.url + "/x")).text() == "text"


# What cannot be sent ------------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["ftp://h/", "ws://h/", "about:blank"])
async def test_other_schemes_are_type_errors(url: str) -> None:
    with pytest.raises(WebTypeError, match="Fetch API cannot load"):
        await fetch(url)


@pytest.mark.parametrize("url", ["", "/path", "http://", "http://[bad"])
async def test_what_is_no_absolute_url_is_a_type_error(url: str) -> None:
    with pytest.raises(WebTypeError, match="Invalid URL"):
        await fetch(url)


async def test_a_url_with_credentials_is_a_type_error_that_does_not_repeat_them() -> None:
    with pytest.raises(WebTypeError, match="includes credentials") as raised:
        await fetch("http://user:secret@h/")
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("method", ["CONNECT", "trace", "TRACK"])
async def test_methods_that_fetch_forbids(method: str) -> None:
    with pytest.raises(WebTypeError, match="unsupported"):
        await fetch("http://h/", method=method)


async def test_an_unknown_option_is_an_error_as_a_keyword_and_ignored_in_a_dict(
    origin: Origin,
) -> None:
    with pytest.raises(TypeError, match="wrong"):
        await fetch(origin.url, wrong=1)
    await fetch(origin.url, {"wrong": 1})
    with pytest.raises(WebTypeError, match="encode_response_body"):
        await fetch(origin.url, encode_response_body="never")


async def test_an_override_that_is_no_host_is_an_error(origin: Origin) -> None:
    with pytest.raises(FetchError, match=rf"{origin.url}/ failed: "):
        await fetch(origin.url, cf={"resolveOverride": "a/b"})


# Errors -------------------------------------------------------------------------------------------


async def test_an_error_names_the_url_and_the_cause(origin: Origin) -> None:
    url = f"http://127.0.0.1:{origin.port}/path?query"
    origin._server.close()
    await origin._server.wait_closed()
    with pytest.raises(FetchError) as raised:
        await fetch(url + "#fragment", method="POST")
    assert str(raised.value) == f"POST {url} failed: connection refused"
    assert raised.value.url == url
    assert isinstance(raised.value.__cause__, OSError)


async def test_a_name_that_is_not_found(origin: Origin, monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(FetchError, match=r"http://nothing\.invalid/ failed: the host's name"):
        await fetch("http://nothing.invalid/")


async def test_a_connection_that_does_not_come_about(
    origin: Origin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def getaddrinfo(*args: Any, **kwargs: Any) -> Any:
        await asyncio.Event().wait()

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    monkeypatch.setattr(client_pool, "CONNECT_SECONDS", 0.01)
    with pytest.raises(FetchError, match=r"failed: no connection within 0\.01 seconds"):
        await fetch("http://somewhere.invalid/")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            ssl.SSLCertVerificationError(1, "certificate verify failed: self-signed certificate"),
            "the server's certificate is not valid",
        ),
        (ssl.SSLError(1, "[SSL] handshake failure"), "TLS failed"),
        (ConnectionResetError(104, "Connection reset by peer"), "connection reset"),
        (OSError(101, "Network is unreachable"), "[Errno 101] Network is unreachable"),
        (RuntimeError(), "RuntimeError"),
    ],
)
def test_causes_in_words(error: Exception, words: str) -> None:
    assert in_words(error).startswith(words)


async def test_tls_with_a_server_that_does_not_speak_it(origin: Origin) -> None:
    origin.greeting = b"220 smtp.example ESMTP\r\n"
    with pytest.raises(FetchError, match=rf"https://127.0.0.1:{origin.port}/ failed: TLS failed"):
        await fetch(f"https://127.0.0.1:{origin.port}/")


async def test_an_answer_that_is_not_http(origin: Origin) -> None:
    origin.answers["/x"] = b"SSH-2.0-OpenSSH\r\n\r\n"
    with pytest.raises(FetchError, match="the answer is not valid HTTP"):
        await fetch(origin.url + "/x")


async def test_a_connection_that_is_closed_without_an_answer(origin: Origin) -> None:
    async def hang_up(got: Any, reader: Any, writer: asyncio.StreamWriter) -> None:
        writer.close()

    origin.answers["/x"] = hang_up
    with pytest.raises(FetchError, match="closed the connection without an answer"):
        await fetch(origin.url + "/x", method="POST")


async def test_a_connection_that_is_reset(origin: Origin) -> None:
    async def reset(got: Any, reader: Any, writer: asyncio.StreamWriter) -> None:
        writer.transport.abort()

    origin.answers["/x"] = reset
    with pytest.raises(FetchError, match=r"closed the connection|connection reset"):
        await fetch(origin.url + "/x", method="POST")


async def test_a_switch_of_protocols_that_nobody_asked_for(origin: Origin) -> None:
    origin.answers["/x"] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: other\r\n\r\n"
    with pytest.raises(FetchError, match="not asked for"):
        await fetch(origin.url + "/x")


# Import -------------------------------------------------------------------------------------------


def test_aiohttp_is_imported_at_the_first_call() -> None:
    code = (
        "import sys, edgekit.client; assert not {'aiohttp', 'yarl', 'multidict'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("url", "reached"),
    [
        ("https://aws.amazon.com/x", "https://aws.amazon.com/x"),
        ("http://news.example/ws", "http://news.example/ws"),
        ("ws://ws.example/ws", "http://ws.example/ws"),
        ("wss://ws.example/", "https://ws.example/"),
    ],
)
def test_ws_in_a_name_is_no_scheme(url: str, reached: str) -> None:
    target = _target(url)
    assert str(target.address) == reached


async def test_headers_that_connection_names_stay_behind(origin: Origin) -> None:
    headers = {"connection": "close, X-Hop", "x-hop": "1", "x-end": "2"}
    await (await fetch(origin.url, headers=headers)).bytes()
    assert "x-end" in str(origin.got[-1]).lower()
    assert "x-hop" not in str(origin.got[-1]).lower()
