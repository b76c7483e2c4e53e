"""Request, Response and their like, as `workers` has them."""

from __future__ import annotations

import io
import json
import zipfile
from http import HTTPMethod, HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from edgekit.asgi import AsgiRequest
from edgekit.compat.convert import Buffer
from edgekit.compat.forms import Blob, File, FormData
from edgekit.compat.http import (
    BodyUsedError,
    FetchResponse,
    Headers,
    HttpStatusError,
    IncomingRequest,
    Request,
    Response,
    adopt,
    fetch,
)
from edgekit.web.blob import Blob as WebBlob
from edgekit.web.blob import File as WebFile
from edgekit.web.formdata import FormData as WebFormData
from edgekit.web.headers import Headers as WebHeaders
from edgekit.web.request import Request as WebRequest
from edgekit.web.response import Response as WebResponse
from edgekit.web.streams import ReadableStream


def incoming(method: str = "GET", body: bytes = b"", headers: Any = ()) -> Request:
    sent = [*headers, (b"content-length", b"%d" % len(body))]
    scope = {
        "type": "http",
        "method": method,
        "path": "/p",
        "raw_path": b"/p",
        "query_string": b"q=1",
        "headers": sent,
        "server": ("h", 80),
    }

    async def receive() -> Any:
        return {"type": "http.request", "body": body}

    request: Request = IncomingRequest(scope, receive)
    return request


# Requests -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "request_", [incoming("POST"), Request("http://h/p?q=1", method=HTTPMethod.POST)]
)
def test_request_has_the_sdks_properties(request_: Request):
    assert request_.method is HTTPMethod.POST
    assert request_.method == "POST"
    assert request_.url.startswith("http://h/p?q=1") or request_.url == "http://h/p?q=1"
    assert repr(request_) == "Request(method='POST', url='http://h/p?q=1')"
    assert (request_.cache, request_.is_history_navigation) == ("default", False)
    assert request_.isHistoryNavigation is False  # type: ignore[attr-defined]
    assert not request_.body_used


def test_a_method_that_python_does_not_know_is_a_str():
    assert incoming("PROPFIND").method == "PROPFIND"
    assert Request("http://h/", method="PROPFIND").method == "PROPFIND"


async def test_json_is_pythons():
    request = incoming("POST", b'{"a": 1.5}')
    assert await request.json(parse_float=str) == {"a": "1.5"}
    with pytest.raises(json.JSONDecodeError):
        await incoming("POST", b"{").json()


async def test_a_body_is_read_once_and_then_an_os_error():
    request = incoming("POST", b"abc")
    assert await request.text() == "abc"
    for read in (request.text, request.bytes, request.json, request.buffer, request.form_data):
        with pytest.raises(OSError, match="already been used"):
            await read()
    with pytest.raises(BodyUsedError):
        request.clone()


async def test_bodies_in_all_forms():
    assert await incoming("POST", b"abc").buffer() == b"abc"
    buffer = await incoming("POST", b"abc").arrayBuffer()  # type: ignore[attr-defined]
    assert isinstance(buffer, Buffer)
    assert buffer.to_bytes() == b"abc"
    blob = await incoming("POST", b"abc", [(b"content-type", b"text/x")]).blob()
    assert (type(blob), blob.content_type, await blob.text()) == (Blob, "text/x", "abc")
    form = await incoming(
        "POST", b"a=1&a=2", [(b"content-type", b"application/x-www-form-urlencoded")]
    ).formData()  # type: ignore[attr-defined]
    assert form.get_all("a") == ["1", "2"]
    with pytest.raises(TypeError, match="FormData"):
        await incoming("POST", b"abc", [(b"content-type", b"text/plain")]).form_data()


def test_a_body_of_what_it_cannot_be_made_of_is_refused_with_the_sdks_words():
    for body in (object(), {"a": 1}, 1.5):
        with pytest.raises(TypeError, match=f"Unsupported type in Response: {type(body).__name__}"):
            Response(body)


async def test_chunks_of_a_body_are_buffers():
    body = incoming("POST", b"abc").body
    assert body is not None
    assert [(type(chunk), chunk.tobytes()) async for chunk in body] == [(Buffer, b"abc")]  # type: ignore[attr-defined]
    body = incoming("POST", b"abc").body
    assert body is not None
    reader = body.get_reader()
    assert (await reader.read())["value"].to_py() == b"abc"
    assert (await reader.read())["done"]
    body = incoming("POST", b"abc").body
    assert body is not None
    one, two = body.tee()
    assert [await one.read_all(), await two.read_all()] == [b"abc", b"abc"]
    assert incoming().body is None


@pytest.mark.parametrize(
    ("value", "text"), [(86400, "86400"), (True, "true"), (1.5, "1.5"), (2.0, "2")]
)
def test_header_values_that_are_numbers_are_spelled_as_javascript_does(value: Any, text: str):
    assert Response("", headers={"x-n": value}).headers["x-n"] == text
    assert Response("", headers=[("x-n", value), ("x-n", "b")]).headers["x-n"] == f"{text}, b"
    assert Request("https://a.test/", headers={"x-n": value}).headers["x-n"] == text
    assert Response.json({}, headers={"x-n": value}).headers["x-n"] == text


@pytest.mark.parametrize("value", [None, object()])
def test_other_header_values_are_refused(value: Any):
    with pytest.raises(TypeError, match="expected str, got"):
        Response("", headers={"x-n": value})


def test_headers_can_be_changed_and_lack_nothing():
    request = incoming(headers=[(b"accept", b"a"), (b"accept", b"b")])
    headers = request.headers
    assert headers["accept"] == "a, b"
    assert headers["nothing"] is None
    assert headers.get_all("Accept") == ["a, b"]  # as JavaScript's Headers have them
    headers.add_header("Set-Cookie", "a=1")
    headers.add_header("Set-Cookie", "b=2")
    assert headers.get_all("set-cookie") == ["a=1", "b=2"]
    assert headers.get_all("nothing") == []
    assert headers.get_all("nothing", "x") == "x"
    assert headers.get_content_type() == "text/plain"
    headers["X-New"] = "1"
    headers.add_header("x-file", "attachment", filename="a.txt", plain=None)
    del headers["accept"]
    del headers["accept"]
    assert "accept" not in request.headers
    assert request.headers["x-new"] == "1"
    assert request.headers["x-file"] == 'attachment; filename="a.txt"; plain'


async def test_request_of_a_request():
    first = Request("http://h/", method="POST", body={"a": 1} and "x", headers={"a": "b"})
    second = Request(first, headers=[["c", "d"]], fetcher=None)
    assert (await second.text(), second.headers["c"], second.method) == ("x", "d", "POST")
    twin = Request("http://h/", method="POST", body="y")
    assert await twin.clone().text() == await twin.text() == "y"
    assert type(twin.clone if False else Request("http://h/").clone()) is Request


# Responses ------------------------------------------------------------------------------------------


def test_response_takes_its_options_by_place_name_or_dict():
    for response in (
        Response("x", 404, "Nope", {"a": "b"}),
        Response("x", status=404, status_text="Nope", headers=[("a", "b")]),
        Response("x", {"status": 404, "statusText": "Nope", "headers": {"a": "b"}}),
        Response("x", status=HTTPStatus.NOT_FOUND, statusText="Nope", headers=Headers({"a": "b"})),
        Response("x", WebResponse("y", status=404, status_text="Nope", headers={"a": "b"})),
    ):
        assert (response.status, response.status_text, response.headers["a"]) == (404, "Nope", "b")
        assert response.statusText == "Nope"  # type: ignore[attr-defined]


def test_repr():
    assert (
        repr(Response.json({}))
        == "Response(status=200, status_text='OK', content_type='application/json')"
    )
    response = Response(None)
    response.url, response.type = "http://h/", "basic"
    assert repr(response) == "Response(status=200, status_text='OK', url='http://h/', type='basic')"


@pytest.mark.parametrize(
    "body",
    [b"abc", bytearray(b"abc"), memoryview(b"abc"), Blob("abc"), Buffer(b"abc"), iter([b"a", "bc"]),
     ReadableStream([b"abc"]), Response("abc").body],
)  # fmt: skip
async def test_bodies_of_many_kinds(body: Any):
    assert await Response(body).text() == "abc"


@pytest.mark.parametrize("body", [{}, 1, 1.5])
def test_bodies_that_are_none(body: Any):
    with pytest.raises(TypeError, match="Unsupported type in Response"):
        Response(body)


async def test_response_of_a_response_is_the_same_one():
    first = Response("abc", 201)
    second = Response(first)
    assert second.status == 201
    assert await second.text() == "abc"
    assert first.body_used
    with pytest.raises(ValueError, match="Expected no options"):
        Response(Response("x"), 201)


async def test_json_is_written_as_python_does():
    for response in (Response.json({"a": [1, None]}), Response.from_json({"a": [1, None]})):
        assert response.headers["content-type"] == "application/json"
        assert await response.text() == '{"a": [1, null]}'
    assert await Response.json({"a": 1}).json() == {"a": 1}
    response = Response.json([], 201, headers={"x": "y"})  # type: ignore[call-arg, arg-type]
    assert (response.status, response.headers["content-type"]) == (201, "application/json")
    response = Response.json([], {"status": 202, "headers": {"content-type": "text/x"}})
    assert response.status == 202
    response = Response.json([], headers={"Content-Type": "text/x"})
    assert response.headers["content-type"] == "text/x"


def test_redirect():
    response = Response.redirect("https://example.com/a", 307)
    assert (response.status, response.headers["location"]) == (307, "https://example.com/a")
    assert isinstance(response, Response)
    with pytest.raises(ValueError, match="redirect status"):
        Response.redirect("https://example.com/", 200)
    with pytest.raises(ValueError, match="redirect status"):  # looked at before the URL
        Response.redirect("", 502)
    with pytest.raises(TypeError, match="Unable to parse URL: /there"):
        Response.redirect("/there")


async def test_what_pyodides_response_has():
    assert await Response("abc").memoryview() == b"abc"
    assert await Response("abc").string() == "abc"
    assert await Response("abc").buffer() == b"abc"
    assert await Response("abc", 201, headers={"a": "b"}).replace_body("x").text() == "x"
    assert Response("abc", 201, headers={"a": "b"}).replace_body("x").headers["a"] == "b"
    Response("x", 399).raise_for_status()
    for status in (404, 500):
        with pytest.raises(HttpStatusError, match=str(status)):
            Response("x", status).raise_for_status()
    assert isinstance(Response(""), FetchResponse)
    twin = Response("abc")
    assert await twin.clone().text() == await twin.text() == "abc"
    with pytest.raises(OSError, match="already"):
        twin.clone()


async def test_archives_are_unpacked(tmp_path: Path):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("a.txt", "text")
    await Response(packed.getvalue()).unpack_archive(extract_dir=str(tmp_path), format="zip")
    assert (tmp_path / "a.txt").read_text() == "text"


def test_headers_of_one_name_are_joined_but_for_cookies():
    pairs = [("x", "1"), ("set-cookie", "a=1"), ["X", "2"], ("set-cookie", "b=2")]
    raw = Response("x", headers=pairs).headers.raw
    assert raw[:3] == [(b"x", b"1, 2"), (b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


def test_headers_of_a_response_are_its_own():
    response = Response("x")
    response.headers["a"] = "b"
    response.headers.append("Set-Cookie", "c=d")
    assert response.headers["a"] == "b"
    assert response.headers.get_all("set-cookie") == ["c=d"]


def test_text_that_is_no_utf8():
    assert Response("\ud800")._body == "\ufffd".encode()


# Blobs and forms --------------------------------------------------------------------------------------


async def test_blobs():
    blob = Blob(["abc", b"def"], content_type="text/x", endings="native")
    assert (blob.size, blob.content_type, blob.type) == (6, "text/x", "text/x")
    assert (await blob.bytes(), await blob.arrayBuffer()) == (b"abcdef", b"abcdef")  # type: ignore[attr-defined]
    part = blob.slice(1, 3, "text/y")
    assert (type(part), await part.text(), part.content_type) == (Blob, "bc", "text/y")
    assert await blob.slice().text() == "abcdef"
    assert Blob(blob).content_type == "text/x"
    assert Blob([blob]).content_type == ""
    assert await blob.stream().read_all() == b"abcdef"


def test_files():
    file = File(["x"], "n.txt", "text/x", last_modified=5)
    assert (file.name, file.content_type, file.last_modified) == ("n.txt", "text/x", 5)
    again = File(file, "m.txt")
    assert (again.name, again.last_modified, again.content_type) == ("m.txt", 5, "text/x")
    assert File(file).name == "n.txt"
    assert isinstance(file, Blob)


async def test_forms():
    form = FormData({"a": "b"})
    form.append("f", Blob("x"), "n.txt")
    form["c"] = "d"
    assert len(form) == 3
    assert form["nothing"] is None
    assert type(form["f"]) is File
    assert form["f"].name == "n.txt"
    assert next(iter(form.items())) == ("a", "b")
    with pytest.raises(TypeError, match="Expected single item"):
        form["a"] = ["b"]
    with pytest.raises(TypeError, match="Expected form_data"):
        FormData(5)
    copy = FormData(form)
    assert copy.get_all("a") == ["b"]
    read = await Request("http://h/", method="POST", body=form).form_data()
    assert (type(read), type(read["f"])) == (FormData, File)


# adopt, fetch ----------------------------------------------------------------------------------------


def test_adopt():
    assert type(adopt(WebRequest("http://h/"))) is Request
    assert type(adopt(WebResponse("x"))) is Response
    assert type(adopt(WebHeaders())) is Headers
    assert type(adopt(WebBlob("x"))) is Blob
    assert type(adopt(WebFile("x", "n"))) is File
    assert type(adopt(WebFormData({"a": "b"}))) is FormData
    request = adopt(
        AsgiRequest({"method": "PUT", "path": "/", "query_string": b"", "headers": []}, None)
    )  # type: ignore[arg-type]
    assert (type(request), request.method) == (IncomingRequest, "PUT")
    assert adopt(5) == 5


async def test_fetch_adopts_the_answer():
    asked = []

    async def fetcher(resource: Any, init: Any, **options: Any) -> WebResponse:
        asked.append((resource, init, options))
        return WebResponse("ok")

    response = await fetch(
        "http://h/", {"method": "POST"}, headers=[["a", "b"]], body="x", fetcher=fetcher
    )
    assert type(response) is Response
    assert asked == [("http://h/", {"method": "POST"}, {"headers": [("a", "b")], "body": "x"})]
    with pytest.raises(OSError, match="127"):
        await fetch("http://127.0.0.1:1/")


def test_what_the_platform_tells_of_a_connection_and_nobody_knows_here_is_none():
    cf = incoming().cf
    assert (cf.country, cf.latitude, cf["httpProtocol"]) == (None, None, "HTTP/1.1")
    assert "country" not in cf
    assert Request("http://h/", cf={"country": "NL"}).cf.country == "NL"
    with pytest.raises(AttributeError):
        _ = cf.county


def test_what_is_known_of_the_connection_has_a_proxys_methods():
    request = incoming(headers=[(b"accept-encoding", b"gzip")])
    assert request.cf.clientAcceptEncoding == request.cf["clientAcceptEncoding"] == "gzip"
    assert request.cf.to_py() == dict(request.cf)
    assert request.cf is request.cf
    assert Request("http://h/").cf is None
    assert Request("http://h/", cf={"a": {"b": [1]}}).cf.a.b.length == 1
    assert request.cf.object_keys().length == len(request.cf.object_values()) == 2
    assert request.cf.object_entries().to_py()[1] == ["clientAcceptEncoding", "gzip"]
    assert request.cf.as_object_map() is request.cf
    assert Request("http://h/", cf={"a": {"b": [1, {}]}}).cf.to_py() == {"a": {"b": [1, {}]}}


class Foreign:
    """What code of JavaScript's would hand over."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def _to_edgekit(self) -> Any:
        return self._value


async def test_objects_of_javascripts_are_taken_for_what_they_are():
    first = Request("http://h/", method="POST", body="abc")
    same = Request(Foreign(first))
    assert (type(same), same.url, await same.text()) == (Request, "http://h/", "abc")
    assert first.body_used
    came = Request(Foreign(incoming("PUT", b"abc")))
    assert (type(came), came.method, await came.text()) == (IncomingRequest, "PUT", "abc")
    with pytest.raises(ValueError, match="Expected no options"):
        Request(Foreign(first), method="PUT")
    assert Request(Foreign("http://h/a")).url == "http://h/a"
    response = Response(Foreign(WebResponse("abc", status=201)))
    assert (response.status, await response.text()) == (201, "abc")
    given = Response(Foreign(b"abc"), headers=Foreign(WebHeaders({"a": "b"})))
    assert (await given.text(), given.headers["a"]) == ("abc", "b")
    assert await Blob([Foreign(b"abc"), Foreign("d")]).text() == "abcd"
    assert FormData(Foreign({"a": "b"}))["a"] == "b"
    form = FormData({"one": Foreign(WebBlob([b"1"]))})
    form["two"] = Foreign(WebBlob([b"2"]))
    form.append("three", Foreign("3"))
    assert [type(value) for value in form.values()] == [File, File, str]
    assert await form["two"].text() == "2"


def test_faults_are_javascripts_errors_too():
    from edgekit.compat.javascript.errors import JsException

    with pytest.raises(JsException, match="status codes in the range"):
        Response("x", status=700)
    with pytest.raises(JsException, match="Invalid URL"):
        Request("/relative")
