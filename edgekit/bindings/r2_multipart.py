"""R2MultipartUpload: an object put in parts, in any order and by anybody who knows the upload's id.

An upload is a record, each part another, with its own blob; completing it makes an object of the blobs
as they are. One that nobody completes within seven days is gone then, with its parts: the bytes of a
part are dropped an hour later, so that who completes it at the last moment still finds them.
"""

from __future__ import annotations

import base64
import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgekit import host
from edgekit.bindings import r2_options as given
from edgekit.bindings.r2_object import Description, R2Object
from edgekit.bindings.r2_options import failure
from edgekit.bindings.r2_space import Space, milliseconds, new_version
from edgekit.bindings.results import R2UploadedPart
from edgekit.bindings.webidl import integer, string
from edgekit.engines.base import Delete, Fence, Put, Record
from edgekit.engines.blobs import Piece, dropping, names_of, undropping
from edgekit.errors import FencedOut, R2TypeError, StorageError
from edgekit.web.spelling import Spelled, options, snake

logger = logging.getLogger(__name__)

MIN_PART = 5 * 1024 * 1024  # bytes, of all parts but the last
MAX_PARTS = 10_000
LIFETIME = 7 * 24 * 3600  # seconds, of an upload that is not completed

_GRACE = 3600  # seconds
_OPEN, _COMPLETED, _ABORTED = range(3)


class _Upload(NamedTuple):
    """An upload's record. `expires` in seconds since 1970."""

    key: str
    state: int
    expires: float
    storage_class: str
    http: dict[str, Any]
    custom: dict[str, str]


class _Stored(NamedTuple):
    """A part's record."""

    etag: str
    md5: str
    blob: str
    size: int

    @property
    def piece(self) -> Piece:
        return Piece(self.blob, self.size)


class R2MultipartUpload(Spelled):
    """An upload in parts of an object; `key` and `upload_id` are all that it takes to resume it."""

    __slots__ = ("_space", "key", "upload_id")

    key: str
    upload_id: str

    def __init__(self, space: Space, key: str, upload_id: str) -> None:
        self._space = space
        self.key = key
        self.upload_id = upload_id

    @options
    async def upload_part(
        self, part_number: int, value: given.Value, *, ssec_key: Any = None
    ) -> R2UploadedPart:
        """Put a part, by its number (1 to 10,000), or put it anew.

        All parts but the last, by number, must be of one size, at least 5 MiB, the last at most as
        long; complete() looks at it.
        """
        method, space = "uploadPart", self._space
        number = integer(part_number, R2TypeError)
        data = given.held(method, value, "R2MultipartUpload", none=False)
        _check_number(number)
        given.refuse_ssec_key(method, ssec_key)
        given.check_key(method, self.key.encode())
        await self._find(method, host.now())  # before the bytes are received
        received = await space.receive(method, data, "md5", always_blob=True)
        try:
            [piece] = received.pieces
            place = self._place(number)
            etag = _token()
            stored = _Stored(etag, received.digests["md5"].hex(), *piece)
            while True:
                now = host.now()
                record, upload = await self._find(method, now)
                before = await space.records.get(space.uploads, place, now=now)
                at = upload.expires + _GRACE
                ops = [
                    Put(
                        space.uploads,
                        place,
                        etag.encode(),
                        host.json_encode(stored),
                        upload.expires,
                    ),
                    *dropping([piece.name], at=at),
                ]
                old: list[Piece] = []
                if before is not None:
                    old = [_Stored(*host.json_decode(before.meta)).piece]
                    ops += undropping(names_of(old), at=at)
                fence = [self._fence(record), _fence(space, place, before)]
                try:
                    await space.commit(ops, fence, now=now, writer=received.writer, drop=[old])
                except FencedOut:
                    continue  # the same part was put by somebody else, or all was completed
                return R2UploadedPart(partNumber=number, etag=etag)
        except BaseException:
            await received.discard()
            raise

    async def complete(self, uploaded_parts: Sequence[Mapping[str, Any]]) -> R2Object:
        """Make the object, of these parts in the order of their numbers; other parts are dropped."""
        method, space = "completeMultipartUpload", self._space
        chosen = _chosen(uploaded_parts)
        key = given.check_key(method, self.key.encode())
        while True:
            now = host.now()
            record, upload = await self._find(method, now, unknown=10001)
            if len({number for number, _ in chosen}) < len(chosen):
                raise failure(method, 10001)
            stored = await self._stored(now)
            parts = [(number, stored.get(number)) for number, _ in chosen]
            pieces: list[_Stored] = []
            for (_, part), (_, etag) in zip(parts, chosen, strict=True):
                if part is None or part.etag != etag:
                    raise failure(method, 10025)
                pieces.append(part)
            if any(part.size < MIN_PART for part in pieces[:-1]):
                raise failure(method, 10011)
            pieces = [part for _, part in sorted(zip((n for n, _ in parts), pieces, strict=True))]
            _check_sizes(method, pieces)

            about = Description(
                version=new_version(),
                size=sum(part.size for part in pieces),
                etag=_etag(pieces),
                uploaded=milliseconds(now),
                storage_class=upload.storage_class,
                checksums={},
                http=upload.http,
                custom=upload.custom,
            )
            before = await space.records.get(space.objects, key, now=now)
            put, fence, old = space.placing(
                key, about, before, pieces=[part.piece for part in pieces]
            )
            used = {part.blob for part in pieces}
            unused = [part.piece for part in stored.values() if part.blob not in used]
            ops = [put, *self._closing(upload, _COMPLETED, stored.values())]
            # A part that is put anew meanwhile takes the blob of the one before it away.
            same = [
                Fence(space.uploads, self._place(number), etag.encode()) for number, etag in chosen
            ]
            try:
                fences = [self._fence(record), fence, *same]
                await space.commit(ops, fences, now=now, drop=[old, unused])
            except FencedOut:
                continue
            await self._drop_late(upload, stored, now)
            return R2Object(self.key, about)

    async def abort(self) -> None:
        """Drop the upload with its parts; nothing happens when it is over already."""
        method, space = "abortMultipartUpload", self._space
        given.check_key(method, self.key.encode())
        while True:
            now = host.now()
            record, upload = await self._find(method, now, unknown=10001, over=0)
            if upload.state != _OPEN:
                return
            stored = await self._stored(now)
            ops = self._closing(upload, _ABORTED, stored.values())
            pieces = [part.piece for part in stored.values()]
            try:
                await space.commit(ops, [self._fence(record)], now=now, drop=[pieces])
            except FencedOut:
                continue
            await self._drop_late(upload, stored, now)
            return

    @property
    def _id(self) -> bytes:
        return self.upload_id.encode()

    def _place(self, number: int) -> bytes:
        return b"%s/%05d" % (self._id, number)

    async def _find(
        self, method: str, now: float, *, unknown: int = 10024, over: int = 10024
    ) -> tuple[Record, _Upload]:
        """The upload, if it is one of this key; the numbers of the errors, 0 for none."""
        record = await self._space.records.get(self._space.uploads, self._id, now=now)
        if record is not None and b"/" not in self._id:  # which is a part's record
            upload = _Upload(*host.json_decode(b"".join(record.value)))
            if upload.key == self.key:
                if upload.state != _OPEN and over:
                    raise failure(method, over)
                return record, upload
        raise failure(method, unknown)

    def _fence(self, record: Record) -> Fence:
        return _fence(self._space, self._id, record)

    async def _stored(self, now: float) -> dict[int, _Stored]:
        """The parts by their numbers."""
        space = self._space
        entries = await space.records.list(
            space.uploads, now=now, prefix=self._id + b"/", limit=MAX_PARTS
        )
        return {int(entry.key[-5:]): _Stored(*host.json_decode(entry.meta)) for entry in entries}

    async def _drop_late(self, upload: _Upload, seen: Mapping[int, _Stored], now: float) -> None:
        """Drop the parts that were put after those of a closed upload were looked at. No more will be.

        A process that dies before this, or a store that fails, leaves them to their deadline.
        """
        known = {part.blob for part in seen.values()}
        try:
            late = [part for part in (await self._stored(now)).values() if part.blob not in known]
            if late:
                at = upload.expires + _GRACE
                ops = [op for part in late for op in undropping([part.blob], at=at)]
                await self._space.commit(ops, (), now=now, drop=[[part.piece for part in late]])
        except StorageError as error:  # the upload is over all the same
            logger.warning("late parts of an upload to %s: %s", self._space.objects, error)

    def _closing(self, upload: _Upload, state: int, parts: Any) -> list[Put | Delete]:
        """No more parts, and no deadline for those that there are. Their records expire by themselves."""
        at = upload.expires + _GRACE
        ops = [op for part in parts for op in undropping([part.blob], at=at)]
        return [_record(self._space, self._id, upload._replace(state=state)), *ops]


async def create(
    space: Space, key: str, storage_class: str, http: dict[str, Any], custom: dict[str, str]
) -> R2MultipartUpload:
    """Begin an upload."""
    now = host.now()
    upload_id = _token()
    upload = _Upload(key, _OPEN, now + LIFETIME, storage_class, http, custom)
    await space.records.apply((_record(space, upload_id.encode(), upload),), now=now)
    return R2MultipartUpload(space, key, upload_id)


def _token() -> str:
    return base64.urlsafe_b64encode(host.random_bytes(33)).decode()


def _record(space: Space, place: bytes, upload: _Upload) -> Put:
    return Put(space.uploads, place, host.json_encode(upload), expires=upload.expires)


def _fence(space: Space, place: bytes, record: Record | None) -> Fence:
    return Fence(space.uploads, place, None if record is None else b"".join(record.value))


def _chosen(parts: Any) -> list[tuple[int, str]]:
    """Number and etag of each part that complete was given."""
    if not isinstance(parts, list | tuple):
        raise R2TypeError(
            "Failed to execute 'complete' on 'R2MultipartUpload': parameter 1 is not of type 'Array'."
        )
    chosen = []
    for index, part in enumerate(parts):
        if not isinstance(part, Mapping):
            raise R2TypeError(
                f"Incorrect type for array element {index}: the provided value is not of type 'UploadedPart'."
            )
        fields = {snake(str(name)): value for name, value in part.items()}
        chosen.append(
            (integer(fields.get("part_number", 0), R2TypeError), string(fields.get("etag")) or "")
        )
    for number, _ in chosen:
        _check_number(number)
    return chosen


def _check_number(number: int) -> None:
    if not 1 <= number <= MAX_PARTS:
        raise R2TypeError(
            f"Part number must be between 1 and {MAX_PARTS} (inclusive). Actual value was: {number}"
        )


def _check_sizes(method: str, parts: list[_Stored]) -> None:
    *others, last = parts or [_Stored("", "", "", 0)]
    if any(part.size < MIN_PART or part.size != others[0].size for part in others) or (
        others and last.size > others[0].size
    ):
        raise failure(method, 10048)


def _etag(parts: list[_Stored]) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    for part in parts:
        digest.update(bytes.fromhex(part.md5))
    return f"{digest.hexdigest()}-{len(parts)}"
