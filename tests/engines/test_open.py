"""`open_store`: from a URL to a store, or to an error that says what is wrong."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from edgekit.engines.base import Put
from edgekit.engines.open import open_store
from edgekit.errors import ConfigError, StorageError


async def test_memory_is_a_new_store_each_time() -> None:
    one, two = open_store("memory:", durable=True), open_store("memory:", durable=True)
    await one.records.apply([Put("s", b"k", b"v")], now=0)
    assert await one.records.get("s", b"k", now=0) is not None
    assert await two.records.get("s", b"k", now=0) is None
    await one.close()
    await two.close()


@pytest.mark.parametrize("durable", [True, False])
async def test_sqlite_keeps_its_records_in_a_directory(tmp_path: Path, durable: bool) -> None:
    folder = tmp_path / "deep" / "state"
    store = open_store(f"sqlite:{folder}", durable=durable)
    await store.records.apply([Put("s", b"k", b"v")], now=0)
    await store.close()
    assert (folder / "records.sqlite3").exists()
    store = open_store(f"sqlite:{folder}", durable=durable)
    assert await store.records.get("s", b"k", now=0) is not None
    await store.close()


@pytest.mark.parametrize("url", ["memory:", "sqlite:{}/state"])
async def test_a_closed_store_opens_nothing_anew(tmp_path: Path, url: str) -> None:
    store = open_store(url.format(tmp_path), durable=False)
    databases = store.sql()
    await store.close()
    before = sorted(tmp_path.rglob("*"))
    for engine in (store.blobs, store.queues, store.sql, store.analytics, store.caches):
        with pytest.raises(StorageError, match="closed"):
            engine()
    with pytest.raises(StorageError, match="closed"):
        databases.open("new")
    assert sorted(tmp_path.rglob("*")) == before


async def test_an_engine_that_cannot_be_closed_leaves_no_other_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail() -> None:
        raise OSError("a fault")

    store = open_store(f"sqlite:{tmp_path}/state", durable=False)
    blobs = store.blobs()
    close = blobs.close
    monkeypatch.setattr(blobs, "close", fail)
    with pytest.raises(OSError, match="a fault"):
        await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.records.get("s", b"k", now=0)
    await close()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
async def test_the_directory_is_its_owners_alone(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path / 'state'}", durable=False)
    await store.close()
    assert stat.S_IMODE((tmp_path / "state").stat().st_mode) == 0o700


@pytest.mark.parametrize("url", ["", "memory", "memory:x", "sqlite:", "state", "redis://h"])
def test_what_is_no_store_is_refused_with_what_there_is(url: str) -> None:
    with pytest.raises(ConfigError, match=r"EDGEKIT_STORE: .*sqlite:PATH, memory:"):
        open_store(url, durable=True)


def test_a_password_in_the_url_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="'postgresql:'") as caught:
        open_store("postgresql://user:secret@host/db", durable=True)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("path", ["file", "file/state", "file/deep/state"])
def test_a_file_where_a_directory_has_to_be_is_named(tmp_path: Path, path: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=str(tmp_path / "file")):
        open_store(f"sqlite:{tmp_path / path}", durable=True)


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="nothing is forbidden to root"
)
async def test_what_cannot_be_written_is_named(tmp_path: Path) -> None:
    await open_store(f"sqlite:{tmp_path / 'state'}", durable=True).close()
    (tmp_path / "state" / "records.sqlite3").chmod(0o400)
    with pytest.raises(ConfigError, match=r"records\.sqlite3 cannot be written"):
        open_store(f"sqlite:{tmp_path / 'state'}", durable=True)
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        open_store(f"sqlite:{tmp_path / 'new'}", durable=True)
    with pytest.raises(ConfigError, match=str(tmp_path)):
        open_store(f"sqlite:{tmp_path}", durable=True)
    tmp_path.chmod(0o700)


def test_memory_imports_no_sqlite() -> None:
    code = (
        "import sys; from edgekit.engines.open import open_store;"
        "open_store('memory:', durable=False); sys.exit('apsw' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
