"""One program, the same answers everywhere: over HTTP, on ASGI and on real Workers.

Not compared: headers that a server adds by itself.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.parse
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from websockets.sync.client import connect

from tests.on_workers.places import HERE, project, running


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        return None


_opener = urllib.request.build_opener(_Stay, urllib.request.ProxyHandler({}))


def ask(url: str, method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data=body, headers=names, method=method)
    try:
        with _opener.open(request, timeout=60) as response:
            return Answer(response.status, response.headers, response.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, error.headers, error.read())


def test_results_become_responses(url: str) -> None:
    found = ask(f"{url}/text")
    assert (found.status, found.text) == (200, "Hello, Wörld!")
    assert found.headers["content-type"].replace(" ", "").lower() == "text/plain;charset=utf-8"
    found = ask(f"{url}/bytes")
    assert (found.headers["content-type"], found.body) == ("application/octet-stream", b"\x00\xff")
    found = ask(f"{url}/json")
    assert found.headers["content-type"] == "application/json"
    assert found.text == '{"a":null,"b":[1,2.5,true],"c":"é"}'
    found = ask(f"{url}/html")
    assert found.headers["content-type"].replace(" ", "").lower() == "text/html;charset=utf-8"
    assert found.text == "<p>é</p>"


@pytest.mark.parametrize("status", [200, 201, 204, 205, 404, 599])
def test_a_status_arrives(url: str, status: int) -> None:
    assert ask(f"{url}/status/{status}").status == status


def test_redirects_and_empty_bodies(url: str) -> None:
    found = ask(f"{url}/redirect")
    assert (found.status, found.headers["location"], found.body) == (303, "/text", b"")
    found = ask(f"{url}/nothing")
    assert (found.status, found.body) == (200, b"")


def test_cookies_come_and_go_one_by_one(url: str) -> None:
    found = ask(f"{url}/cookies", cookie="x=1; y=a b; x=2")
    assert found.json["y"] == "a b"
    assert found.headers.get_all("set-cookie") == ["a=1; Path=/; HttpOnly", "b=2; Path=/"]


def test_errors_and_what_no_route_takes(url: str) -> None:
    found = ask(f"{url}/refused")
    assert (found.status, found.json, found.headers["x-kind"]) == (
        418,
        {"error": "a teapot"},
        "pot",
    )
    found = ask(f"{url}/no/such")
    assert (found.status, found.json) == (404, {"no": "/no/such"})
    found = ask(f"{url}/text", method="POST", body=b"")
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    assert ask(f"{url}/text", method="HEAD").body == b""


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"])
def test_a_request_is_seen_the_same(url: str, method: str) -> None:
    path = "/inspect/a%20b/%C3%A9/c%2Fd"
    body = b"x" if method in ("POST", "PUT", "PATCH") else None
    found = ask(f"{url}{path}?q=1&q=%26&z", method, body, x_test="v").json
    assert found == {
        "method": method,
        "path": "/inspect/a b/é/c/d",
        "rest": "a b/é/c/d",
        "pathname": path,
        "search": "?q=1&q=%26&z",
        "query": ["1", "&"],
        "x": "v",
        "greeting": "Howdy",
        "settings": {"a": [1, None], "b": {"c": True}},
    }


def test_headers_that_are_no_ascii_are_the_bytes_that_came(url: str) -> None:
    text = "é日".encode().decode("latin-1")  # as Headers shows bytes
    found = ask(f"{url}/inspect/x", x_test=text)
    assert (found.json["x"], found.headers["x-seen"]) == (text, text)


def test_variables_are_python_values(url: str) -> None:
    greeting, settings, there, names = ask(f"{url}/vars").json
    assert (greeting, settings, there) == ("Howdy", {"a": [1, None], "b": {"c": True}}, True)
    assert {"KV", "GREETING", "SETTINGS"} <= set(names)


def test_bodies_are_read_in_every_way(url: str) -> None:
    binary = bytes(range(256)) * 1000
    assert ask(f"{url}/echo", "POST", binary).body == binary
    assert ask(f"{url}/echo/text", "POST", "aé".encode()).text == "éa"
    assert ask(f"{url}/echo/json", "POST", b'{"a": [null]}').json == {"got": {"a": [None]}}
    found = ask(f"{url}/count", "POST", binary).json
    assert found == {"total": len(binary), "some": True, "used": True}
    assert ask(f"{url}/twice", "POST", b"ab").json == ["ab", "ab", "BodyUsedError"]


def test_json_that_is_none_is_a_400(url: str) -> None:
    found = ask(f"{url}/echo/json", "POST", b"{")
    assert found.status == 400
    assert found.json["path"] == "$"


def test_forms_are_read(url: str) -> None:
    body = urllib.parse.urlencode([("a", "1"), ("a", "é")]).encode()
    kind = "application/x-www-form-urlencoded"
    assert ask(f"{url}/echo/form", "POST", body, content_type=kind).json == [["a", "1"], ["a", "é"]]
    body = (
        b"--B\r\ncontent-disposition: form-data; name=t\r\n\r\nv\r\n"
        b'--B\r\ncontent-disposition: form-data; name="f"; filename="n.txt"\r\n'
        b"content-type: text/x\r\n\r\nfile\r\n--B--\r\n"
    )
    kind = "multipart/form-data; boundary=B"
    found = ask(f"{url}/echo/form", "POST", body, content_type=kind).json
    assert found == [["t", "v"], ["f", "n.txt", "text/x", 4, "file"]]


def test_streams_go_out(url: str) -> None:
    found = ask(f"{url}/stream")
    assert found.text == "".join(f"line {n}\n" for n in range(1000))
    assert found.headers["content-type"] == "text/plain"
    assert ask(f"{url}/tee").json == ["abcd", "abcd"]
    found = ask(f"{url}/events")
    assert found.headers["content-type"] == "text/event-stream"
    assert found.text.startswith('event: tick\ndata: {"n":0}\n\n')


def test_a_stream_of_known_length_says_it(url: str, place: str) -> None:
    found = ask(f"{url}/sized")
    assert found.body == b"abcde"
    if place != "pyodide":  # Node's streams have no length
        assert found.headers["content-length"] == "5"


def test_head_opens_no_body(url: str) -> None:
    assert ask(f"{url}/opened/head", "HEAD").status == 200
    assert ask(f"{url}/opened/get").json == []


def test_the_webs_types_are_the_same(url: str) -> None:
    assert ask(f"{url}/types").json == {
        "headers": [["a", "1"], ["b", "2, 3"], ["set-cookie", "x=1"], ["set-cookie", "y=2"]],
        "params": [["1", "2"], "é", "a=1&b=%C3%A9&a=2"],
        "url": "https://example.com/c?d",
        "request": ["POST", "https://example.com/b?x#y", "1", "hi"],
        "form": True,
    }


def test_middleware_and_mounts(url: str) -> None:
    found = ask(f"{url}/inner/page/a")
    assert found.json == {"inner": "a", "path": "/inner/page/a"}
    assert found.headers["x-stamp"] == "GET"


def test_work_goes_on_after_the_response(url: str) -> None:
    assert ask(f"{url}/later").text == "soon"
    for _ in range(100):
        if ask(f"{url}/was-done").text == "done":
            return
    raise AssertionError("what wait_until was given did not happen")


@pytest.mark.workers
@pytest.mark.parametrize("place", ["workerd", "pyodide"])
def test_first_requests_that_come_together_start_it_once(
    place: str, npm: Path, tmp_path: Path
) -> None:
    folder = project(place, tmp_path / "starting", npm / "wheels", HERE / "starting")
    with running(place, folder, npm) as url, ThreadPoolExecutor(5) as threads:
        found = list(threads.map(lambda n: ask(f"{url}/{n}", "POST", b"%d" % n), range(5)))
        answers = sorted(answer.text for answer in found if answer.status == 200)
        assert len(answers) == 4  # the first start fails, and with it the one that began it
        assert len({text.partition(" ")[2] for text in answers}) == 4
        assert ask(url, "POST", b"x").text == "2 x"


def test_fetch_goes_out(url: str, addresses: dict[str, str]) -> None:
    elsewhere = addresses["uvicorn"]
    target = urllib.parse.quote(f"{elsewhere}/text", safe="")
    assert ask(f"{url}/outside?to={target}").json == [200, True, "Hello, Wörld!"]
    target = urllib.parse.quote(f"{elsewhere}/echo", safe="")
    found = ask(f"{url}/proxy?to={target}", "POST", b"through")
    assert (found.body, found.headers["x-proxied"]) == (b"through", "200")


def test_a_cron_fires(url: str, place: str) -> None:
    if place == "workerd":
        pytest.skip("nothing fires crons by hand in the simulator of 2024")
    time = 1_790_000_000_000
    found = ask(f"{url}/cdn-cgi/handler/scheduled?cron=*/5+*+*+*+*&time={time}")
    assert (found.status, found.text) == (200, "ok")
    assert ask(f"{url}/fired").json == ["*/5 * * * *", time]


def test_web_sockets_echo(url: str, place: str) -> None:
    if place == "pyodide":
        pytest.skip("Node has no WebSocketPair")
    with connect(f"{url.replace('http', 'ws')}/socket") as socket:
        for message in ("text", b"\x00\xff", "é" * 1000):
            socket.send(message)
            assert socket.recv(timeout=30) == message
        socket.close(4000, "enough")


def test_web_sockets_go_out(url: str, place: str, addresses: dict[str, str]) -> None:
    if place == "pyodide":
        pytest.skip("Node's fetch opens no web sockets")
    target = urllib.parse.quote(f"{addresses['uvicorn']}/socket", safe="")
    assert ask(f"{url}/socket/ask?to={target}").json == ["text", [0, 255]]
    with connect(f"{url.replace('http', 'ws')}/socket/through?to={target}") as socket:
        socket.send("through")
        assert socket.recv(timeout=30) == "through"


def test_large_bodies_go_through(url: str, addresses: dict[str, str]) -> None:
    data = bytes(range(256)) * 8192  # 2 MiB
    target = urllib.parse.quote(f"{addresses['uvicorn']}/echo", safe="")
    assert ask(f"{url}/proxy?to={target}", "POST", data).body == data
