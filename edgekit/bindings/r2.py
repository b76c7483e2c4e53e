"""R2Bucket: objects of any size, over any engine's Records and Blobs. Spec: Workers R2.

An object is one record, its description, which has its bytes, where they are few, or names the blobs that
have them (engines/blobs.py).
Whoever writes fences the record on what he has seen, and looks again when it has changed meanwhile: so
conditions hold at the moment of writing, and every blob that is replaced is removed by somebody.

Limits, texts and the order of the checks are those of the real platform, against which
`tests/bridge/test_r2.py` runs this file; what differs is listed in `tests/bridge/differences.py`.
Bytes stream through: what is held of an upload or a download in memory does not depend on its size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, overload

from edgekit import host
from edgekit.bindings import r2_conditions, r2_multipart
from edgekit.bindings import r2_options as given
from edgekit.bindings.cursors import cursor_of, key_of
from edgekit.bindings.r2_conditions import Condition
from edgekit.bindings.r2_multipart import R2MultipartUpload
from edgekit.bindings.r2_object import Contents, Description, R2Object, R2ObjectBody
from edgekit.bindings.r2_options import Value, failure
from edgekit.bindings.r2_space import Space, milliseconds, new_version
from edgekit.bindings.results import R2Range
from edgekit.bindings.webidl import integer
from edgekit.engines.base import Delete, Entry, Fence, Put
from edgekit.engines.blobs import Piece
from edgekit.errors import FencedOut, R2Error, R2RangeError, R2TypeError, StorageError
from edgekit.web.headers import Headers
from edgekit.web.spelling import Plain, Spelled, options
from edgekit.web.streams import ReadableStream, Source

if TYPE_CHECKING:
    from edgekit.engines.base import Record, Records
    from edgekit.engines.blobs import Blobs

MAX_KEYS_LISTED = 1000
MAX_KEYS_INCLUDED = 100  # of a list that includes metadata
MAX_KEYS_DELETED = 1000

_GROUP_END = b"\xff"  # after a delimited prefix: greater than every key that begins with it

# The class has a method `list`, which hides the type's name from its annotations.
Keys: TypeAlias = list[str] | tuple[str, ...]
Include: TypeAlias = Sequence[str]
Fields: TypeAlias = Mapping[str, Any]
Digest: TypeAlias = str | bytes | bytearray | memoryview


class R2Objects(Plain):
    """One page of a list; `cursor`, which asks for the next one, is there when the list goes on."""

    __slots__ = ()
    objects: list[R2Object]
    truncated: bool
    cursor: str
    delimitedPrefixes: list[str]


class R2Bucket(Spelled):
    """A bucket of objects under keys (str, up to 1024 bytes of UTF-8, any characters).

    A refused call raises R2Error with the platform's text and, as `code`, its number; R2TypeError or
    R2RangeError where the platform raises such an error.
    """

    __slots__ = ("_space",)

    binding_kind: ClassVar[str] = "r2_buckets"

    def __init__(self, records: Records, blobs: Blobs, space: str) -> None:
        self._space = Space(records, blobs, space)

    async def head(self, key: str) -> R2Object | None:
        """What is known of an object; None if there is none."""
        name = given.check_key("head", given.key_bytes("head", key, "string"))
        record = await self._space.records.get(self._space.objects, name, now=host.now())
        if record is None:
            return None
        about = Description.decode(record.meta)
        return R2Object(name.decode(), about, R2Range(offset=0, length=about.size))

    @overload
    async def get(
        self,
        key: str,
        *,
        range: Fields | Headers | None = None,
        ssec_key: Digest | None = None,
    ) -> R2ObjectBody | None: ...
    @overload
    async def get(
        self,
        key: str,
        *,
        only_if: Fields | Headers | None = None,
        range: Fields | Headers | None = None,
        ssec_key: Digest | None = None,
    ) -> R2ObjectBody | R2Object | None: ...
    @options
    async def get(
        self,
        key: str,
        *,
        only_if: Fields | Headers | None = None,
        range: Fields | Headers | None = None,
        ssec_key: Digest | None = None,
    ) -> R2ObjectBody | R2Object | None:
        """An object with its bytes, or those that `range` asks for; None if there is none.

        `range` is {offset, length}, each of which may be missing, or {suffix}, or a request's Headers,
        of which a single range is taken and all else ignored. `only_if` is {etag_matches,
        etag_does_not_match, uploaded_before, uploaded_after, seconds_granularity} or a request's
        Headers; when it does not hold, the answer is an R2Object, which has no body.
        """
        space = self._space
        name = given.key_bytes("get", key, "string")
        fields = r2_conditions.condition_fields(only_if, "GetOptions")
        part_fields = r2_conditions.range_fields(range)
        condition = r2_conditions.condition(fields)
        wanted = r2_conditions.range_of(part_fields)
        given.refuse_ssec_key("get", ssec_key)
        given.check_key("get", name)
        missing: bytes | None = None
        while True:
            record = await space.records.get(space.objects, name, now=host.now())
            if record is None:
                return None
            about = Description.decode(record.meta)
            if not _holds(condition, record):
                return R2Object(name.decode(), about, R2Range(offset=0, length=about.size))
            part = (0, about.size) if wanted is None else wanted.of(about.size)
            if part is None:
                raise failure("get", 10039)
            offset, length = part
            contents = Contents.decode(record.value)
            source: Source | None
            if contents.data is None:
                source = await space.blobs.open(contents.pieces, offset, offset + length)
            else:
                source = (contents.data[offset : offset + length],)
            if source is not None:
                shown = R2Range(offset=offset, length=length)
                stream = ReadableStream(source, length=length)
                return R2ObjectBody(name.decode(), about, shown, stream)
            # Overwritten or deleted after its record was read; unless it is the very same.
            if missing == record.meta:
                raise StorageError(f"the bytes of the object {name.decode()!r} are missing")
            missing = record.meta

    @options
    async def put(
        self,
        key: str,
        value: Value,
        *,
        only_if: Fields | Headers | None = None,
        http_metadata: Fields | Headers | None = None,
        custom_metadata: Mapping[str, str] | None = None,
        md5: Digest | None = None,
        sha1: Digest | None = None,
        sha256: Digest | None = None,
        sha384: Digest | None = None,
        sha512: Digest | None = None,
        storage_class: str | None = None,
        ssec_key: Digest | None = None,
    ) -> R2Object | None:
        """Store an object: text, bytes, a Blob, a stream (or other iterator) of bytes; None is empty.

        It replaces the one that is there, at once and when all bytes have arrived (up to 5 GiB - 5 MiB):
        until then nobody sees it, and nothing is left of one that is cut off. `http_metadata` is
        {content_type, content_language, content_disposition, content_encoding, cache_control,
        cache_expiry} or Headers; `custom_metadata` texts, together up to 2048 bytes. One checksum,
        as hexadecimal text or bytes, is compared with the bytes. `only_if` is that of get; the
        answer is None, and nothing is stored, when it does not hold.
        """
        space = self._space
        name = given.key_bytes("put", key, "string")
        data = given.held("put", value)
        digests = {"md5": md5, "sha1": sha1, "sha256": sha256, "sha384": sha384, "sha512": sha512}
        fields = r2_conditions.condition_fields(only_if, "PutOptions")
        http = given.http_metadata(http_metadata, "PutOptions")
        custom = given.custom_metadata(custom_metadata, "PutOptions")
        given.check_digests(digests)
        condition = r2_conditions.condition(fields)
        wanted = given.checksum(digests)
        given.refuse_ssec_key("put", ssec_key)
        storage = given.storage_class("put", storage_class)
        given.check_key("put", name)
        given.check_custom_metadata("put", custom)
        # A checksum that is wrong is told first; otherwise what will not be stored need not arrive.
        if condition is not None and wanted is None:
            before = await space.records.get(space.objects, name, now=host.now())
            if not _holds(condition, before):
                return None
        received = await space.receive("put", data, *{"md5", wanted[0] if wanted else "md5"})
        found = received.digests
        try:
            if wanted is not None and found[wanted[0]] != wanted[1]:
                raise given.bad_digest(wanted[0], wanted[1], found[wanted[0]])
            while True:
                now = host.now()
                before = await space.records.get(space.objects, name, now=now)
                if not _holds(condition, before):
                    await received.discard()
                    return None
                about = Description(
                    version=new_version(),
                    size=received.size,
                    etag=found["md5"].hex(),
                    uploaded=milliseconds(now),
                    storage_class=storage,
                    checksums={wanted[0]: wanted[1].hex()} if wanted else {},
                    http=http,
                    custom=custom,
                )
                put, fence, old = space.placing(
                    name, about, before, pieces=received.pieces, data=received.data
                )
                try:
                    await space.commit([put], [fence], now=now, writer=received.writer, drop=[old])
                except FencedOut:
                    continue
                return R2Object(name.decode(), about)
        except BaseException:
            await received.discard()
            raise

    async def delete(self, keys: str | Keys) -> None:
        """Remove an object, or up to 1000; nothing happens where there is none."""
        space = self._space
        several = keys if isinstance(keys, list | tuple) else (keys,)
        names = [given.key_bytes("delete", key, "string or Array") for key in several]
        if len(names) > MAX_KEYS_DELETED:
            raise R2Error(f"delete: at most {MAX_KEYS_DELETED} keys at once, not {len(names)}")
        for name in names:
            given.check_key("delete", name)
        names = sorted(set(names))
        while True:
            now = host.now()
            records = await space.records.get_many(space.objects, names, now=now)
            ops: list[Put | Delete] = []
            fence: list[Fence] = []
            runs: list[list[Piece]] = []
            for name, record in zip(names, records, strict=True):
                if record is not None:
                    seen, old = space.seen(name, record)
                    ops.append(Delete(space.objects, name))
                    fence.append(seen)
                    runs.append(old)
            if not ops:
                return
            try:
                await space.commit(ops, fence, now=now, drop=runs)
            except FencedOut:
                continue
            return

    @options
    async def list(
        self,
        *,
        limit: float | str | None = None,
        prefix: str | None = None,
        cursor: str | None = None,
        delimiter: str | None = None,
        start_after: str | None = None,
        include: Include | None = None,
    ) -> R2Objects:
        """Up to `limit` (at most, and without it, 1000) objects, ordered by their keys' UTF-8.

        Only those that begin with `prefix`, come after `start_after`, and after the page that gave
        `cursor`. What has the `delimiter` after the prefix is told of as one delimited prefix, which
        counts as one object. `include` may have httpMetadata and customMetadata, which the objects
        then tell; such a page has at most 100 objects.
        """
        count = -1 if limit is None else integer(limit, R2TypeError)
        texts = [
            given.text_option(value, field, "ListOptions")
            for value, field in (
                (prefix, "prefix"),
                (cursor, "cursor"),
                (delimiter, "delimiter"),
                (start_after, "startAfter"),
            )
        ]
        included = _included(include)
        count = MAX_KEYS_LISTED if count == -1 else count
        if not 1 <= count <= MAX_KEYS_LISTED:
            raise failure("list", 10022)
        if included:
            count = min(count, MAX_KEYS_INCLUDED)
        start, _, mark, after = (
            None if text is None else given.replaced(text).encode() for text in texts
        )
        if cursor is not None:
            after = max(after or b"", key_of(cursor, _GROUP_END) or b"")
        found = await self._listed(start or b"", mark or b"", after, count + 1)
        page = R2Objects(objects=[], truncated=len(found) > count, delimitedPrefixes=[])
        for entry in found[:count]:
            if isinstance(entry, bytes):
                page["delimitedPrefixes"].append(entry.decode())
                continue
            about = Description.decode(entry.meta)
            about = about._replace(
                http=about.http if "httpMetadata" in included else {},
                custom=about.custom if "customMetadata" in included else {},
            )
            page["objects"].append(R2Object(entry.key.decode(), about))
        if page.truncated:
            last = found[count - 1]
            page["cursor"] = cursor_of(last + _GROUP_END if isinstance(last, bytes) else last.key)
        return page

    @options
    async def create_multipart_upload(
        self,
        key: str,
        *,
        http_metadata: Fields | Headers | None = None,
        custom_metadata: Mapping[str, str] | None = None,
        storage_class: str | None = None,
        ssec_key: Digest | None = None,
    ) -> R2MultipartUpload:
        """Begin an upload in parts, for an object with this metadata."""
        method = "createMultipartUpload"
        name = given.key_bytes(method, key, "string")
        http = given.http_metadata(http_metadata, "MultipartOptions")
        custom = given.custom_metadata(custom_metadata, "MultipartOptions")
        given.refuse_ssec_key(method, ssec_key)
        storage = given.storage_class(method, storage_class)
        given.check_key(method, name)
        return await r2_multipart.create(self._space, name.decode(), storage, http, custom)

    def resume_multipart_upload(self, key: str, upload_id: str) -> R2MultipartUpload:
        """An upload that was begun before. Nothing is asked: whether there is one, its methods find out."""
        method = "resumeMultipartUpload"
        name = given.key_bytes(method, key, "string")
        text = given.key_bytes(method, upload_id, "string", parameter=2)
        return R2MultipartUpload(self._space, name.decode(), text.decode())

    async def _listed(
        self, prefix: bytes, delimiter: bytes, after: bytes | None, count: int
    ) -> Sequence[Entry | bytes]:
        """Up to `count` entries and, in their places, delimited prefixes."""
        space = self._space
        found: list[Entry | bytes] = []
        while True:
            entries = await space.records.list(
                space.objects, now=host.now(), prefix=prefix, after=after, limit=count
            )
            group: bytes | None = None
            for entry in entries:
                if group is not None and entry.key.startswith(group):
                    continue
                at = entry.key.find(delimiter, len(prefix)) if delimiter else -1
                group = None if at < 0 else entry.key[: at + len(delimiter)]
                found.append(entry if group is None else group)
                if len(found) == count:
                    return found
            if len(entries) < count:
                return found
            # The rest of a group is jumped over, however many they are.
            after = entries[-1].key if group is None else group + _GROUP_END


def _holds(condition: Condition | None, record: Record | None) -> bool:
    if condition is None:
        return True
    if record is None:
        return condition.holds(None, 0)
    about = Description.decode(record.meta)
    return condition.holds(about.etag, about.uploaded)


def _included(include: Any) -> set[str]:
    if include is None:
        return set()
    if not isinstance(include, list | tuple):
        raise R2TypeError(
            "Incorrect type for the 'include' field on 'ListOptions':"
            " the provided value is not of type 'Array'."
        )
    for index, field in enumerate(include):
        if not isinstance(field, str):
            raise R2TypeError(
                f"Incorrect type for array element {index}: the provided value is not of type 'string'."
            )
    for field in include:
        if field not in ("httpMetadata", "customMetadata"):
            raise R2RangeError(f"Unsupported include value {field}")
    return set(include)
