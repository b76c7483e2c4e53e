"""`edgekit import-state`, from a state laid out as wrangler's; tests/bridge/test_import_state.py has a
real one.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edgekit.bindings.d1 import D1Database
from edgekit.bindings.kv import KVNamespace
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2ObjectBody
from edgekit.cli.main import main
from edgekit.cli.wrangler_state import _object_id
from edgekit.config import load
from edgekit.engines.open import Store, open_store
from edgekit.runtime.env import kv_space, r2_space

CONFIG = {
    "name": "app",
    "kv_namespaces": [{"binding": "KV", "id": "kvid"}, {"binding": "NEVER", "id": "never"}],
    "r2_buckets": [{"binding": "R2", "bucket_name": "files"}],
    "d1_databases": [{"binding": "DB", "database_name": "db", "preview_database_id": "preview"}],
}
ENTRIES = """CREATE TABLE _mf_entries (
    key TEXT PRIMARY KEY, blob_id TEXT NOT NULL, expiration INTEGER, metadata TEXT)"""
OBJECTS = """
    CREATE TABLE _mf_objects (key TEXT PRIMARY KEY, blob_id TEXT, version TEXT NOT NULL,
        size INTEGER NOT NULL, etag TEXT NOT NULL, uploaded INTEGER NOT NULL, checksums TEXT NOT NULL,
        http_metadata TEXT NOT NULL, custom_metadata TEXT NOT NULL);
    CREATE TABLE _mf_multipart_uploads (upload_id TEXT PRIMARY KEY, key TEXT NOT NULL,
        http_metadata TEXT NOT NULL, custom_metadata TEXT NOT NULL, state TINYINT DEFAULT 0 NOT NULL);
    CREATE TABLE _mf_multipart_parts (upload_id TEXT NOT NULL, part_number INTEGER NOT NULL,
        blob_id TEXT NOT NULL, size INTEGER NOT NULL, etag TEXT NOT NULL, checksum_md5 TEXT NOT NULL,
        object_key TEXT, PRIMARY KEY (upload_id, part_number));
"""


class Wrangler:
    """Lays out a state as Miniflare does."""

    def __init__(self, folder: Path) -> None:
        self.v3 = folder / ".wrangler/state/v3"

    def database(self, kind: str, of: str, name: str, schema: str) -> sqlite3.Connection:
        unique = f"miniflare-{of}"
        file = self.v3 / kind / unique / f"{_object_id(unique, name)}.sqlite"
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "metadata.sqlite").touch()
        con = sqlite3.connect(file, isolation_level=None)
        con.execute("PRAGMA journal_mode = wal")
        con.executescript(schema)
        return con

    def blob(self, kind: str, name: str, data: bytes) -> str:
        blob = hashlib.sha256(data).hexdigest()
        file = self.v3 / kind / name / "blobs" / blob
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        return blob

    def kv(self, name: str, **values: tuple[bytes, float | None, Any]) -> None:
        con = self.database("kv", "KVNamespaceObject", name, ENTRIES)
        for key, (value, expiration, metadata) in values.items():
            row = (
                key,
                self.blob("kv", name, value),
                expiration and int(expiration * 1000),
                None if metadata is None else json.dumps(metadata),
            )
            con.execute("INSERT INTO _mf_entries VALUES (?, ?, ?, ?)", row)
        con.close()

    def r2(self, name: str) -> sqlite3.Connection:
        return self.database("r2", "R2BucketObject", name, OBJECTS)

    def put(self, con: sqlite3.Connection, name: str, key: str, data: bytes, **more: Any) -> None:
        row = {
            "blob": self.blob("r2", name, data),
            "version": hashlib.md5(key.encode()).hexdigest(),
            "size": len(data),
            "etag": hashlib.md5(data).hexdigest(),
            "uploaded": 1_700_000_000_123,
            "checksums": "{}",
            "http": "{}",
            "custom": "{}",
            **more,
        }
        marks = ", ".join("?" * 9)
        con.execute(f"INSERT INTO _mf_objects VALUES ({marks})", (key, *row.values()))


@pytest.fixture
def wrangler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Wrangler:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrangler.json").write_text(json.dumps(CONFIG))
    return Wrangler(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["import-state", *arguments])


def done(*arguments: str) -> Result:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result


def with_store(work: Callable[[Store], Awaitable[Any]]) -> Any:
    async def work_and_close() -> Any:
        config = load()
        store = open_store(config.store, config.blobs, durable=False)
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(work_and_close())


def values(*keys: str) -> list[Any]:
    async def read(store: Store) -> list[Any]:
        kv = KVNamespace(store.records, kv_space("kvid"))
        found = [await kv.get_with_metadata(key, "bytes") for key in keys]
        return [(each.value, each.metadata) for each in found]

    return with_store(read)


def test_keys_come_with_their_expiration_and_metadata(wrangler: Wrangler) -> None:
    later = time.time() + 3600
    wrangler.kv(
        "kvid",
        plain=(b"v", None, None),
        ünï=(b"\xff" * 100_000, later, {"a": [1, "é"]}),
        empty=(b"", None, None),
        gone=(b"x", time.time() - 5, None),
    )
    assert done().stdout == "KV KV (kvid): 3 keys, and 1 expired\n"
    assert values("plain", "ünï", "empty", "gone") == [
        (b"v", None),
        (b"\xff" * 100_000, {"a": [1, "é"]}),
        (b"", None),
        (None, None),
    ]

    async def listed(store: Store) -> Any:
        return (await KVNamespace(store.records, kv_space("kvid")).list(prefix="ü")).keys[0]

    assert with_store(listed).expiration == int(later)


def test_many_keys_come_in_groups(wrangler: Wrangler) -> None:
    wrangler.kv("kvid", **{f"k{at:04}": (b"%d" % at, None, None) for at in range(250)})
    assert done().stdout == "KV KV (kvid): 250 keys\n"
    assert values("k0000", "k0249") == [(b"0", None), (b"249", None)]


def test_objects_keep_their_version_etag_and_time(wrangler: Wrangler) -> None:
    con = wrangler.r2("files")
    sha = hashlib.sha256(b"hello").hexdigest()
    wrangler.put(
        con,
        "files",
        "a/b.txt",
        b"hello",
        checksums=json.dumps({"sha256": sha}),
        http=json.dumps({"contentType": "text/plain", "cacheExpiry": 1_700_000_000_000}),
        custom=json.dumps({"é": "ü"}),
    )
    wrangler.put(con, "files", "multi", b"", blob=None, size=3, etag=f"{'a' * 32}-2")
    for number, data in ((2, b"c"), (1, b"ab")):
        row = ("u", number, wrangler.blob("r2", "files", data), len(data), "e", "m", "multi")
        con.execute("INSERT INTO _mf_multipart_parts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    con.execute("INSERT INTO _mf_multipart_uploads VALUES ('x', 'open', '{}', '{}', 0)")
    con.close()
    assert done().stdout == "R2 R2 (files): 2 objects; 1 unfinished upload left out\n"

    async def read(store: Store) -> list[Any]:
        bucket = R2Bucket(store.records, store.blobs(), r2_space("files"))
        first, second = await bucket.get("a/b.txt"), await bucket.get("multi")
        assert isinstance(first, R2ObjectBody)
        assert isinstance(second, R2ObjectBody)
        return [first, await first.text(), second, await second.text()]

    first, text, second, joined = with_store(read)
    assert (text, joined) == ("hello", "abc")
    assert first.version == hashlib.md5(b"a/b.txt").hexdigest()
    assert first.uploaded.timestamp() == 1_700_000_000.123
    assert first.etag == hashlib.md5(b"hello").hexdigest()
    assert first.checksums.md5 == hashlib.md5(b"hello").digest()
    assert first.checksums.sha256.hex() == sha
    assert first.http_metadata.cacheExpiry.timestamp() == 1_700_000_000
    assert first.custom_metadata == {"é": "ü"}
    assert (second.etag, second.checksums.md5) == (f"{'a' * 32}-2", None)


def database(wrangler: Wrangler, name: str = "preview", size: int = 4096) -> None:
    wrangler.database(
        "d1",
        "D1DatabaseObject",
        name,
        f"""
        PRAGMA page_size = {size};
        PRAGMA journal_mode = delete; VACUUM; PRAGMA journal_mode = wal;
        CREATE TABLE t (id INTEGER PRIMARY KEY, data BLOB); INSERT INTO t VALUES (7, x'0102');
        CREATE TABLE "_cf_KV" (key); CREATE TABLE _cf_METADATA (key); CREATE VIEW w AS SELECT id FROM t;
        CREATE VIRTUAL TABLE ft USING fts5 (body); INSERT INTO ft VALUES ('hello world');
        """,
    ).close()


def rows(*statements: str) -> list[Any]:
    async def read(store: Store) -> list[Any]:
        db = D1Database(store.sql().open("db"))
        return [await db.prepare(sql).raw() for sql in statements]

    return with_store(read)


@pytest.mark.parametrize("size", [4096, 1024])
def test_a_database_is_copied_without_what_is_wranglers(wrangler: Wrangler, size: int) -> None:
    database(wrangler, size=size)
    assert done().stdout == "D1 DB (preview): 2 tables\n"
    found = rows(
        "SELECT * FROM w",
        "SELECT hex(data) FROM t",
        "SELECT body FROM ft WHERE ft MATCH 'world'",
        "SELECT count(*) FROM sqlite_schema WHERE name LIKE '\\_cf%' ESCAPE '\\'",
        "INSERT INTO t VALUES (8, NULL) RETURNING id",
    )
    assert found == [[[7]], [["0102"]], [["hello world"]], [[0]], [[8]]]


def test_what_is_there_is_kept_without_force(wrangler: Wrangler) -> None:
    database(wrangler)
    wrangler.kv("kvid", a=(b"1", None, None))
    con = wrangler.r2("files")
    wrangler.put(con, "files", "o", b"1")
    done()
    rows("INSERT INTO t VALUES (9, NULL)")
    refused = run()
    assert refused.exit_code == 1
    assert refused.stderr == (
        "Error: there is data already in KV KV (kvid), R2 R2 (files), D1 DB (preview);"
        " --force writes over it. Nothing was imported.\n"
    )
    assert rows("SELECT id FROM t") == [[[7], [9]]]
    done("--force")
    assert rows("SELECT id FROM t") == [[[7]]]
    con.close()


def test_what_no_binding_has_is_told(wrangler: Wrangler, tmp_path: Path) -> None:
    wrangler.kv("stranger", a=(b"1", None, None))
    database(wrangler, "another")
    (wrangler.v3 / "do" / "some").mkdir(parents=True)
    (wrangler.v3 / "cache" / "some").mkdir(parents=True)
    result = done(str(tmp_path / ".wrangler"))
    assert result.stdout == "Nothing to import: no binding of the wrangler file was ever used.\n"
    assert result.stderr.splitlines() == [
        "KV stranger: left out: no binding of the wrangler file has it",
        "D1: left out: 1 database that no binding of the wrangler file has",
        "do: left out: only KV, R2 and D1 can be taken over",
    ]


@pytest.mark.parametrize("inner", [".", ".wrangler", ".wrangler/state", ".wrangler/state/v3"])
def test_the_folder_may_be_named_in_many_ways(
    wrangler: Wrangler, tmp_path: Path, inner: str
) -> None:
    wrangler.kv("kvid", a=(b"1", None, None))
    assert done(str(tmp_path / inner)).stdout == "KV KV (kvid): 1 key\n"


def test_without_a_state_or_a_wrangler_file_it_says_so(
    wrangler: Wrangler, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "there is no state of wrangler dev here" in run().stderr
    (tmp_path / "wrangler.json").unlink()
    assert "there is no wrangler file here" in run().stderr
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    assert "out of reach" in run().stderr


def test_what_is_damaged_is_named(wrangler: Wrangler) -> None:
    wrangler.kv("kvid", a=(b"1", None, None))
    (blob,) = (wrangler.v3 / "kv/kvid/blobs").iterdir()
    blob.unlink()
    result = run()
    assert result.exit_code == 1
    assert "KV KV (kvid): 'a': " in result.stderr
    assert "No such file" in result.stderr

    con = wrangler.r2("files")
    wrangler.put(con, "files", "short", b"12", size=3)
    con.close()
    result = run("--force")
    assert "'a': " in result.stderr
    blob.write_bytes(b"1")
    assert "'short' has 2 bytes, not 3" in run("--force").stderr

    con = sqlite3.connect(next(iter(wrangler.v3.glob("r2/mini*/[!m]*.sqlite"))))
    con.execute("UPDATE _mf_objects SET blob_id = '../../../secret'")
    con.commit()
    assert "no name of a file: '../../../secret'" in run("--force").stderr
    con.execute("UPDATE _mf_objects SET blob_id = 'ff'")
    con.commit()
    con.close()
    assert "'short': " in run("--force").stderr


def test_files_that_are_no_databases_are_named(wrangler: Wrangler) -> None:
    database(wrangler)
    (file,) = wrangler.v3.glob("d1/mini*/[!m]*.sqlite")
    file.write_bytes(b"no database at all" * 100)
    result = run()
    assert (result.exit_code, str(file) in result.stderr) == (1, True)
    wrangler.kv("kvid")
    file.unlink()
    (file,) = wrangler.v3.glob("kv/mini*/[!m]*.sqlite")
    file.write_bytes(b"no database at all" * 100)
    result = run()
    assert (result.exit_code, str(file) in result.stderr) == (1, True)
