"""`edgekit import-state`: what the real platform has kept is what is here afterwards."""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from edgekit.bindings.d1 import D1Database
from edgekit.bindings.kv import KVNamespace
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.r2_object import R2ObjectBody
from edgekit.cli.main import main
from edgekit.config import load
from edgekit.engines.open import open_store
from edgekit.runtime.env import kv_space, r2_space
from tests.bridge.bridge import HERE
from tests.bridge.conftest import npm_folder

pytestmark = pytest.mark.bridge

NAMESPACE = "0f2ac74b498b48028cb68387c421e279"
CONFIG = {
    "name": "app",
    "kv_namespaces": [{"binding": "KV", "id": NAMESPACE}],
    "r2_buckets": [{"binding": "R2", "bucket_name": "files-bucket"}],
    "d1_databases": [{"binding": "DB", "database_id": "xxxx-yyyy-zzzz"}],
}


async def _told(queries: list[str]) -> dict[str, Any]:
    """The same here."""
    config = load()
    store = open_store(config.store, config.blobs, durable=False)
    kv = KVNamespace(store.records, kv_space(NAMESPACE))
    r2 = R2Bucket(store.records, store.blobs(), r2_space("files-bucket"))
    db = D1Database(store.sql().open("xxxx-yyyy-zzzz"))
    told: dict[str, Any] = {"kv": [], "r2": [], "db": []}
    for key in (await kv.list()).keys:
        value = await kv.get(key.name, "bytes")
        assert value is not None
        told["kv"].append([key.name, key.get("expiration"), key.get("metadata"), value.hex()[:64]])
    for each in (await r2.list()).objects:
        found = await r2.get(each.key)
        assert isinstance(found, R2ObjectBody)
        http = dict(found.http_metadata)
        if "cacheExpiry" in http:
            http["cacheExpiry"] = f"{http['cacheExpiry']:%Y-%m-%dT%H:%M:%S.000Z}"
        about = {
            "version": found.version,
            "etag": found.etag,
            "size": found.size,
            "uploaded": round(found.uploaded.timestamp() * 1000),
            "customMetadata": found.custom_metadata,
            "httpMetadata": http,
            "checksums": found.checksums.to_json(),
        }
        told["r2"].append([found.key, about, (await found.bytes()).hex()[:64]])
    told["db"] = [[sql, await db.prepare(sql).raw()] for sql in queries]
    await store.close()
    return told


def test_the_state_of_a_platform_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["node", str(HERE / "state.mjs"), str(npm_folder())]
    command.append(str(tmp_path / ".wrangler" / "state"))
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    expected = json.loads(done.stdout)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrangler.json").write_text(json.dumps(CONFIG))
    result = CliRunner().invoke(main, ["import-state"])
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        f"KV KV ({NAMESPACE}): 5 keys",
        "R2 R2 (files-bucket): 4 objects; 1 unfinished upload left out",
        "D1 DB (xxxx-yyyy-zzzz): 2 tables",
    ]
    assert asyncio.run(_told([sql for sql, _ in expected["db"]])) == expected
