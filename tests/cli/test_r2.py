"""`edgekit r2`, on a store of its own and beside a server."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result

from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2ObjectBody
from edgekit.cli import progress
from edgekit.cli.main import main
from edgekit.config import load
from edgekit.engines.open import open_store
from edgekit.runtime.env import r2_space

from .running import Command

CONFIG = """{
    "name": "app",
    "r2_buckets": [
        {"binding": "PHOTOS", "bucket_name": "photos"},
        {"binding": "EU", "bucket_name": "photos", "jurisdiction": "eu"},
        {"binding": "FILES"}
    ]
}"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def r2(*arguments: str, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["r2", *arguments], input=stdin)


def done(*arguments: str, stdin: bytes | None = None) -> Result:
    result = r2(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


def refused(*arguments: str, stdin: bytes | None = None) -> str:
    result = r2(*arguments, stdin=stdin)
    assert result.exit_code != 0, result.output
    assert not result.stdout
    return result.stderr


def found(
    bucket: str, key: str, jurisdiction: str | None = None
) -> tuple[R2ObjectBody, bytes] | None:
    async def run() -> Any:
        store = open_store(load().store, durable=False)
        made = R2Bucket(store.records, store.blobs(), r2_space(bucket, jurisdiction))
        object = await made.get(key)
        content = await object.bytes() if isinstance(object, R2ObjectBody) else None
        await store.close()
        return object and (object, content)

    return asyncio.run(run())


def test_an_object_is_put_got_and_deleted(folder: Path) -> None:
    (folder / "in").write_bytes(b"\0\xff" * 100)
    assert (
        "Put 'a//b/' into the bucket photos, 200 bytes"
        in done("object", "put", "photos/a//b/", "--file", "in").stdout
    )
    assert done("object", "get", "photos/a//b/", "--pipe").stdout_bytes == b"\0\xff" * 100
    done("object", "get", "photos/a//b/", "--file", "out")
    assert (folder / "out").read_bytes() == b"\0\xff" * 100
    done("object", "delete", "photos/a//b/")
    assert "The specified key does not exist: 'a//b/'" in refused(
        "object", "get", "photos/a//b/", "-p"
    )
    assert sorted(path.name for path in folder.iterdir()) == [".edgekit", "in", "out"]


def test_standard_input_is_put_and_the_file_is_named_after_the_key(folder: Path) -> None:
    done("object", "put", "photos/x/y.txt", "--pipe", stdin=b"piped")
    result = done("object", "get", "photos/x/y.txt")
    assert "Wrote y.txt, 5 bytes" in result.stderr
    assert (folder / "y.txt").read_bytes() == b"piped"


def test_all_metadata_is_kept() -> None:
    done(
        *("object", "put", "photos/k", "--pipe", "--content-type", "a/b", "--cd", "inline"),
        *("--ce", "br", "--content-language", "de", "--cc", "no-store"),
        *("--expires", "2030-01-02T03:04:05Z", "--storage-class", "InfrequentAccess"),
        stdin=b"x",
    )
    pair = found("photos", "k")
    assert pair is not None
    assert pair[0].http_metadata == {
        "contentType": "a/b",
        "contentDisposition": "inline",
        "contentEncoding": "br",
        "contentLanguage": "de",
        "cacheControl": "no-store",
        "cacheExpiry": datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    assert pair[0].storage_class == "InfrequentAccess"
    done("object", "put", "photos/k", "-p", "--expires", "Wed, 02 Jan 2030 03:04:05 GMT", stdin=b"")
    pair = found("photos", "k")
    assert pair is not None
    assert pair[0].http_metadata.cache_expiry == datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_what_is_not_there_or_not_right_is_said(folder: Path) -> None:
    put = ("object", "put", "photos/k")
    assert "BUCKET/KEY" in refused("object", "put", "photos", "--pipe", stdin=b"")
    assert "BUCKET/KEY" in refused("object", "get", "/k", "--pipe")
    assert "either --file or --pipe" in refused(*put)
    (folder / "in").write_bytes(b"x")
    assert "either --file or --pipe" in refused(*put, "--pipe", "--file", "in")
    assert "either --file or --pipe" in refused("object", "get", "photos/k", "-p", "-f", "x")
    assert "No such file" in refused(*put, "--file", "nothing")
    assert "'tomorrow' is not a date" in refused(*put, "-p", "--expires", "tomorrow", stdin=b"")
    assert "Standard or InfrequentAccess" in refused(*put, "-p", "-s", "Cheap", stdin=b"")
    assert "10020" in refused("object", "put", "photos/" + "k" * 1025, "-p", stdin=b"")
    assert "--remote" in refused("object", "get", "photos/k", "--remote")
    done(*put, "--file", "in")
    (folder / "k").mkdir()
    assert "k is a directory: say which file with --file" in refused("object", "get", "photos/k")
    assert "in/k: " in refused("object", "get", "photos/k", "-f", "in/k")
    assert "in/a/k: " in refused("object", "get", "photos/k", "-f", "in/a/k")
    done("object", "get", "photos/k", "-f", "new/folder/k")
    assert (folder / "new/folder/k").read_bytes() == (folder / "in").read_bytes()


def test_where_a_file_names_buckets_another_name_is_an_error(folder: Path) -> None:
    (folder / "wrangler.jsonc").write_text(CONFIG)
    message = refused("object", "put", "photo/k", "--pipe", stdin=b"")
    assert "r2_buckets has no bucket 'photo'; there: photos, photos (eu), FILES" in message
    done("object", "put", "FILES/k", "--pipe", stdin=b"1")
    done("object", "put", "photos/k", "--pipe", stdin=b"2")
    done("object", "put", "photos/k", "--pipe", "-J", "eu", stdin=b"3")
    pairs = found("FILES", "k"), found("photos", "k"), found("photos", "k", "eu")
    assert [pair and pair[1] for pair in pairs] == [b"1", b"2", b"3"]


def test_the_buckets_of_a_file_are_listed(folder: Path) -> None:
    (folder / "wrangler.jsonc").write_text(CONFIG)
    assert "photos  eu            EU" in done("bucket", "list").stdout
    listed = json.loads(done("bucket", "list", "--json").stdout)
    assert listed[0] == {"name": "photos", "jurisdiction": None, "binding": "PHOTOS"}


def test_many_files_are_put(folder: Path) -> None:
    items = []
    for number in range(30):
        (folder / f"{number}").write_bytes(b"x" * number)
        items.append({"key": f"a/{number}", "file": f"{number}"})
    (folder / "list.json").write_text(json.dumps(items))
    options = ("--filename", "list.json", "--concurrency", "3", "--content-type", "a/b")
    assert "Put 30 objects" in done("bulk", "put", "photos", *options).stdout
    pair = found("photos", "a/29")
    assert pair is not None
    assert pair[1] == b"x" * 29
    assert pair[0].http_metadata == {"contentType": "a/b"}
    assert "Put 0 objects" in done("bulk", "put", "photos", "-f", "-", stdin=b"[]").stdout


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b"{", "not JSON"),
        (b"{}", "not a JSON array"),
        (b"[5]", "item 0: expected an object with key and file"),
        (b'[{"key": "a", "file": "in", "x": 1}]', "item 0: expected"),
        (b'[{"key": "a", "file": "none"}]', "item 0: none: there is no such file"),
        (
            b'[{"key": "a", "file": "in"}, {"key": "' + b"k" * 1025 + b'", "file": "in"}]',
            "item 1: put",
        ),
    ],
)
def test_a_list_of_files_that_is_wrong_is_refused(folder: Path, content: bytes, text: str) -> None:
    (folder / "in").write_bytes(b"x")
    assert text in refused("bulk", "put", "photos", "-f", "-", stdin=content)


def test_a_store_in_memory_is_out_of_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    assert "out of reach" in refused("object", "get", "photos/k", "--pipe")


def test_it_works_beside_a_server(folder: Path) -> None:
    (folder / "main.py").write_text(
        "from edgekit import Env, R2Bucket, Response, worker\n"
        "class Files(Env):\n"
        "    FILES: R2Bucket\n"
        "@worker\n"
        "async def fetch(request, env: Files):\n"
        "    if request.method == 'PUT':\n"
        "        await env.FILES.put(request.path[1:], request.body)\n"
        "    found = await env.FILES.get(request.path[1:], range=request.headers)\n"
        "    return Response(found and found.body, status=200 if found else 404)\n"
    )
    done("object", "put", "FILES/before", "--pipe", stdin=b"1" * 200_000)
    with (
        Command(folder, "serve", "main:fetch", "--port", "0") as server,
        httpx.Client(base_url=f"http://127.0.0.1:{server.port()}") as client,
    ):
        assert client.get("/before").content == b"1" * 200_000
        assert client.get("/before").headers["content-length"] == "200000"
        assert client.get("/before", headers={"range": "bytes=-3"}).content == b"111"
        done("object", "put", "FILES/while", "--pipe", stdin=b"2")
        assert client.get("/while").content == b"2"
        client.put("/put", content=b"3" * 100_000)
        assert done("object", "get", "FILES/put", "--pipe").stdout_bytes == b"3" * 100_000
        done("object", "delete", "FILES/put")
        assert client.get("/put").status_code == 404


class Terminal:
    """Standard error as a terminal."""

    def __init__(self) -> None:
        self.written = ""

    def write(self, text: str) -> int:
        self.written += text
        return len(text)

    def flush(self) -> None: ...

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("total", [3 * 1024 * 1024, None])
async def test_a_transfer_shows_how_far_it_has_come_on_a_terminal(
    monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    async def chunks() -> Any:
        for _ in range(3):
            yield b"x" * 1024 * 1024

    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    monkeypatch.setattr(progress, "_EVERY", 0)
    assert len([chunk async for chunk in progress.shown(chunks(), "photo", total)]) == 3
    whole = " of 3.0" if total else ""
    for done in ("1.0", "2.0", "3.0"):
        assert f"photo: {done}{whole} MiB, " in terminal.written
    assert terminal.written.endswith("\r\033[K")  # and nothing is left of it
