"""What `wrangler dev` has kept in `.wrangler/state/v3`: KV, R2 and D1, to be read.

Nothing is written there, and wrangler may be running meanwhile. Each namespace, bucket and database is
an SQLite file whose name is made of its id; large bytes lie in files beside it. The layout is
Miniflare's, of wrangler 3 and 4.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import apsw

from edgekit.errors import ConfigError, StorageError

_CLASSES = {"kv": "KVNamespaceObject", "r2": "R2BucketObject", "d1": "D1DatabaseObject"}
_BLOB = re.compile(r"[0-9a-f]{1,200}")
_CHUNK = 2**18


@dataclass(frozen=True, slots=True)
class Pair:
    """A key of KV. `expiration` is in seconds since 1970."""

    key: str
    file: Path
    expiration: float | None
    metadata: Any


@dataclass(frozen=True, slots=True)
class Stored:
    """An object of R2; its bytes are those of `files`, one after the other. `uploaded` is in ms."""

    key: str
    files: list[Path]
    version: str
    size: int
    etag: str
    uploaded: int
    checksums: dict[str, str]
    http: dict[str, Any]
    custom: dict[str, str]


class State:
    """The state in `folder`: a `v3`, or a `.wrangler`, `state` or project that has one.

    Raises ConfigError where there is none.
    """

    def __init__(self, folder: Path) -> None:
        inner = (folder, folder / "v3", folder / "state" / "v3", folder / ".wrangler/state/v3")
        found = next((each for each in inner if each.name == "v3" and each.is_dir()), None)
        if found is None:
            raise ConfigError(
                f"{folder}: there is no state of wrangler dev here, which is kept in"
                " .wrangler/state/v3 unless --persist-to says another place"
            )
        self.folder = found

    def file(self, kind: str, name: str) -> Path | None:
        """The SQLite file of a namespace, bucket or database; None where it was never used."""
        unique = f"miniflare-{_CLASSES[kind]}"
        file = self.folder / kind / unique / f"{_object_id(unique, name)}.sqlite"
        return file if file.is_file() else None

    def names(self, kind: str) -> list[str]:
        """The namespaces or buckets of which there are bytes."""
        return sorted(each.parent.name for each in (self.folder / kind).glob("*/blobs"))

    def files(self, kind: str) -> set[Path]:
        """The SQLite files of all namespaces, buckets or databases."""
        found = (self.folder / kind / f"miniflare-{_CLASSES[kind]}").glob("*.sqlite")
        return {file for file in found if file.name != "metadata.sqlite"}

    def others(self) -> list[str]:
        """The kinds of state that are not read."""
        known = {*_CLASSES, "cache"}
        return sorted(
            each.name
            for each in self.folder.iterdir()
            if each.name not in known and each.is_dir() and any(each.iterdir())
        )

    def pairs(self, name: str) -> Iterator[Pair]:
        """The keys of a KV namespace."""
        rows = self._rows(
            "kv", name, "SELECT key, blob_id, expiration, metadata FROM _mf_entries ORDER BY key"
        )
        for key, blob, expiration, metadata in rows:
            yield Pair(
                key,
                self._blob("kv", name, blob),
                None if expiration is None else expiration / 1000,
                None if metadata is None else json.loads(metadata),
            )

    def objects(self, name: str) -> Iterator[Stored]:
        """The objects of an R2 bucket."""
        parts: dict[str, list[Path]] = {}
        for key, blob in self._rows(
            "r2",
            name,
            "SELECT object_key, blob_id FROM _mf_multipart_parts WHERE object_key IS NOT NULL"
            " ORDER BY object_key, part_number",
        ):
            parts.setdefault(key, []).append(self._blob("r2", name, blob))
        for key, blob, version, size, etag, uploaded, *texts in self._rows(
            "r2",
            name,
            "SELECT key, blob_id, version, size, etag, uploaded, checksums, http_metadata,"
            " custom_metadata FROM _mf_objects ORDER BY key",
        ):
            checksums, http, custom = map(json.loads, texts)
            files = parts.get(key, []) if blob is None else [self._blob("r2", name, blob)]
            yield Stored(key, files, version, size, etag, uploaded, checksums, http, custom)

    def unfinished(self, name: str) -> int:
        """How many uploads to a bucket have been begun and neither completed nor aborted."""
        sql = "SELECT count(*) FROM _mf_multipart_uploads WHERE state = 0"
        return int(next(self._rows("r2", name, sql))[0])

    def _blob(self, kind: str, name: str, blob: str) -> Path:
        if not _BLOB.fullmatch(blob):
            raise StorageError(f"{self.folder / kind}: {name}: no name of a file: {blob!r:.100}")
        return self.folder / kind / name / "blobs" / blob

    def _rows(self, kind: str, name: str, sql: str) -> Iterator[tuple[Any, ...]]:
        file = self.file(kind, name)
        if file is None:
            return
        try:
            flags = apsw.SQLITE_OPEN_READONLY | apsw.SQLITE_OPEN_URI
            con = apsw.Connection(f"file:{quote(str(file))}?mode=ro", flags=flags)
            try:
                con.set_busy_timeout(10_000)
                yield from con.execute(sql)
            finally:
                con.close()
        except apsw.Error as error:
            raise StorageError(f"{file}: {error}") from error


def read(file: Path) -> Iterator[bytes]:
    """The bytes of a file, a piece at a time."""
    with file.open("rb") as source:
        while chunk := source.read(_CHUNK):
            yield chunk


def _object_id(unique: str, name: str) -> str:
    """The id that Miniflare's object of a class has for a name."""
    key = hashlib.sha256(unique.encode()).digest()
    first = hmac.digest(key, name.encode(), "sha256")[:16]
    return (first + hmac.digest(key, first, "sha256")[:16]).hex()
