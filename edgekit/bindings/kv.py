"""KVNamespace: the key-value binding over any engine's Records. Spec: Workers KV.

Limits, texts and the order of the checks are those of the real platform, against which
`tests/bridge/test_kv.py` runs this file; what differs is listed in `tests/bridge/differences.py`.
This is not a cache: every read sees the last write, so `cache_ttl` is checked and does nothing.

Arguments are taken as JavaScript takes them: a number, a boolean or None where a string belongs is
spelled out ("5", "true", "null"); a number may be a numeric string, and is cut to a whole one.
"""

from __future__ import annotations

from collections.abc import (
    AsyncIterable,
    Awaitable,
    Iterable,
    Mapping,
    Sequence,
    Set,
)
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    TypeAlias,
    TypeVar,
    overload,
)

from edgekit import host
from edgekit.bindings.chunks import collected, handed_out
from edgekit.bindings.cursors import cursor_of, key_of
from edgekit.bindings.results import KVListKey, KVListResult, KVValue
from edgekit.bindings.webidl import integer, json_value, string, utf8
from edgekit.engines.base import Delete, Put
from edgekit.errors import KVError, KVTypeError, WebSyntaxError
from edgekit.web.spelling import Spelled, options
from edgekit.web.streams import ReadableStream

if TYPE_CHECKING:
    from edgekit.engines.base import Record, Records

MAX_KEY = 512  # bytes of UTF-8, of a key and of a prefix
MAX_VALUE = 25 * 1024 * 1024  # bytes
MAX_METADATA = 1024  # bytes of JSON
MAX_KEYS_LISTED = 1000
MAX_KEYS_READ = 100
MAX_READ = 25 * 1024 * 1024  # UTF-16 code units of all the values that one get([...]) reads
MIN_EXPIRATION_TTL = 60  # seconds
MIN_CACHE_TTL = 30  # seconds

_KEYS_AT_ONCE = 10  # what get([...]) holds at most, in values, before it looks at MAX_READ

_NOT_A_VALUE = (
    "KV put() accepts only strings, ArrayBuffers, ArrayBufferViews, and ReadableStreams as values."
)
_NOT_A_TYPE = (
    'Unknown response type. Possible types are "text", "arrayBuffer", "json", and "stream".'
)
_NOT_A_KEY = "Failed to execute '{}' on 'KvNamespace': parameter 1 is not of type 'string'."

T = TypeVar("T")
Number: TypeAlias = float | str | None
# The class has a method `list`, which hides the type's name from its annotations.
Keys: TypeAlias = list[str] | tuple[str, ...]
Value: TypeAlias = (
    str | bytes | bytearray | memoryview | ReadableStream | AsyncIterable[bytes] | Iterable[bytes]
)


class KVNamespace(Spelled):
    """A namespace of keys (str, up to 512 bytes of UTF-8) and values (up to 25 MiB).

    A refused call raises KVError with the platform's text and, as `code`, its HTTP status;
    KVTypeError where the platform raises a TypeError.
    """

    __slots__ = ("_records", "_space")

    binding_kind: ClassVar[str] = "kv_namespaces"

    def __init__(self, records: Records, space: str) -> None:
        self._records = records
        self._space = space

    @overload
    async def get(
        self, key: str, type: Literal["text"] = "text", *, cache_ttl: Number = None
    ) -> str | None: ...
    @overload
    async def get(self, key: str, type: Literal["json"], *, cache_ttl: Number = None) -> Any: ...
    @overload
    async def get(
        self, key: str, type: Literal["bytes", "arrayBuffer"], *, cache_ttl: Number = None
    ) -> bytes | None: ...
    @overload
    async def get(
        self, key: str, type: Literal["stream"], *, cache_ttl: Number = None
    ) -> ReadableStream | None: ...
    @overload
    async def get(
        self, key: Keys, type: Literal["text"] = "text", *, cache_ttl: Number = None
    ) -> dict[str, str | None]: ...
    @overload
    async def get(
        self, key: Keys, type: Literal["json"], *, cache_ttl: Number = None
    ) -> dict[str, Any]: ...
    @options
    async def get(self, key: Any, type: Any = "text", *, cache_ttl: Number = None) -> Any:
        """The value of a key, None if there is none; of a list of up to 100 keys, a dict.

        `type` is text (UTF-8; what is not becomes U+FFFD), json (WebSyntaxError if it is not),
        bytes or stream; for several keys, whose values together have at most 25 MiB, text or json.
        """
        if key.__class__ is not str and isinstance(key, list | tuple):
            return await self._get_many(key, type, cache_ttl, with_metadata=False)
        record = await self._read(key, cache_ttl)
        return None if record is None else _decoded(record.value, type)

    @overload
    async def get_with_metadata(
        self, key: str, type: Literal["text"] = "text", *, cache_ttl: Number = None
    ) -> KVValue[str | None]: ...
    @overload
    async def get_with_metadata(
        self, key: str, type: Literal["json"], *, cache_ttl: Number = None
    ) -> KVValue[Any]: ...
    @overload
    async def get_with_metadata(
        self, key: str, type: Literal["bytes", "arrayBuffer"], *, cache_ttl: Number = None
    ) -> KVValue[bytes | None]: ...
    @overload
    async def get_with_metadata(
        self, key: str, type: Literal["stream"], *, cache_ttl: Number = None
    ) -> KVValue[ReadableStream | None]: ...
    @overload
    async def get_with_metadata(
        self, key: Keys, type: Literal["text"] = "text", *, cache_ttl: Number = None
    ) -> dict[str, KVValue[str] | None]: ...
    @overload
    async def get_with_metadata(
        self, key: Keys, type: Literal["json"], *, cache_ttl: Number = None
    ) -> dict[str, KVValue[Any] | None]: ...
    @options
    async def get_with_metadata(
        self, key: Any, type: Any = "text", *, cache_ttl: Number = None
    ) -> Any:
        """As `get`, the value with the metadata that it was put with (None if there is none)."""
        if isinstance(key, list | tuple):
            return await self._get_many(key, type, cache_ttl, with_metadata=True)
        record = await self._read(key, cache_ttl)
        if record is None:
            return KVValue(value=None, metadata=None, cacheStatus=None)
        value = _decoded(record.value, type)
        return KVValue(value=value, metadata=_metadata(record), cacheStatus=None)

    @options
    async def put(
        self,
        key: str,
        value: Value,
        *,
        expiration: Number = None,
        expiration_ttl: Number = None,
        metadata: Any = None,
    ) -> None:
        """Store a value: text, bytes, or a stream (or other iterator) of bytes.

        It expires `expiration_ttl` seconds from now, or else at `expiration` (seconds since 1970),
        in both cases at least 60 seconds from now. `metadata` is anything with a JSON form of up to
        1024 bytes. A stream is read only when all other arguments are right, and closed as soon as
        it has passed 25 MiB.
        """
        moment = None if expiration is None else integer(expiration, KVTypeError)
        ttl = None if expiration_ttl is None else integer(expiration_ttl, KVTypeError)
        name = _name("PUT", key)
        meta = b"" if metadata is None else _stringified(metadata)
        data = _held(value)
        _check_decodable("PUT", name)
        now = host.now()
        expires = _expires(int(now), moment, ttl)
        if len(meta) > MAX_METADATA:
            raise _refused(
                "PUT", 413, f"Metadata length of {len(meta)} exceeds limit of {MAX_METADATA}."
            )
        if isinstance(data, ReadableStream):
            data = await collected(data, MAX_VALUE, _too_long)
        elif isinstance(data, memoryview):
            if data.nbytes > MAX_VALUE:  # before it is copied
                raise _too_long(data.nbytes)
            data = bytes(data)
        elif len(data) > MAX_VALUE:
            raise _too_long(len(data))
        await self._records.apply((Put(self._space, name, data, meta, expires),), now=now)

    async def delete(self, key: str) -> None:
        """Remove a key; nothing happens where there is none."""
        name = _name("DELETE", key)
        _check_decodable("DELETE", name)
        await self._records.apply((Delete(self._space, name),), now=host.now())

    @options
    async def list(
        self,
        *,
        prefix: str | None = None,
        limit: Number = MAX_KEYS_LISTED,
        cursor: str | None = None,
    ) -> KVListResult:
        """Up to `limit` (at most 1000; 0 means 1000) keys with that prefix, ordered by their UTF-8.

        `cursor` is that of the page before. One that no list has given is never refused.
        """
        count = integer(limit, KVTypeError)
        if count <= 0:
            count = MAX_KEYS_LISTED
        elif count > MAX_KEYS_LISTED:
            raise _refused(
                "GET",
                400,
                f"Invalid key_count_limit of {count}. Please specify an integer less than 1000.",
            )
        start = b"" if prefix is None else _replaced(prefix).encode()
        _check_length("GET", start)
        entries = await self._records.list(
            self._space,
            now=host.now(),
            prefix=start,
            after=None if cursor is None else key_of(string(cursor) or ""),
            limit=count + 1,
        )
        more = len(entries) > count
        keys = []
        for entry in entries[:count]:
            key = KVListKey(name=entry.key.decode())
            if entry.expires is not None:
                key["expiration"] = int(entry.expires)
            if entry.meta:
                key["metadata"] = host.json_decode(entry.meta)
            keys.append(key)
        result = KVListResult(keys=keys, list_complete=not more)
        if more:
            result["cursor"] = cursor_of(entries[count - 1].key)
        result["cacheStatus"] = None
        return result

    def _read(self, key: Any, cache_ttl: Number) -> Awaitable[Record | None]:
        # Not a coroutine itself: `get` is to cost one layer above the engine, not two.
        ttl = None if cache_ttl is None else integer(cache_ttl, KVTypeError)
        name = _name("GET", key)
        _check_decodable("GET", name)
        if ttl is not None:
            _check_cache_ttl("GET", ttl)
        return self._records.get(self._space, name, now=host.now())

    async def _get_many(
        self, keys: Sequence[Any], type: Any, cache_ttl: Number, *, with_metadata: bool
    ) -> dict[str, Any]:
        op = "GET_BULK"
        ttl = None if cache_ttl is None else integer(cache_ttl, KVTypeError)
        if type and type not in ("text", "json"):
            raise _refused(op, 400, f'"{string(type)}" is not a valid type. Use "json" or "text"')
        if len(keys) > MAX_KEYS_READ:
            raise _refused(op, 400, f"You can request a maximum of {MAX_KEYS_READ} keys")
        if not keys:
            raise _refused(op, 400, "You must request a minimum of 1 key")
        # The platform checks key by key as it reads, so that a wrong value of an earlier key is
        # what it complains of, not the wrong name of a later one.
        names: list[str] = []
        wrong: KVError | None = None
        try:
            for key in keys:
                name = _bulk_name(key)
                if ttl is not None:
                    _check_cache_ttl(op, ttl)
                names.append(name)
        except KVError as error:
            wrong = error
        values: dict[str, Any] = {}
        total = 0
        now = host.now()
        for start in range(0, len(names), _KEYS_AT_ONCE):
            part = names[start : start + _KEYS_AT_ONCE]
            records = await self._records.get_many(
                self._space, [name.encode() for name in part], now=now
            )
            for name, record in zip(part, records, strict=True):
                value: Any = None
                if record is not None:
                    value = text = _text(record.value).removeprefix("\ufeff")
                    total += len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
                    if type == "json":
                        value = _bulk_json(text)
                    if with_metadata and value is not None:
                        value = KVValue(value=value, metadata=_metadata(record))
                values[name] = value
            if total > MAX_READ:
                break
        if wrong is not None:
            raise wrong
        if total > MAX_READ:
            raise _refused(op, 413, "Total size of request exceeds the limit of 25MB")
        return values


def _refused(op: str, status: int, text: str) -> KVError:
    return KVError(f"KV {op} failed: {status} {text}", code=status)


def _too_long(length: int) -> KVError:
    return _refused("PUT", 413, f"Value length of {length} exceeds limit of {MAX_VALUE}.")


def _name(op: str, key: Any) -> bytes:
    """A key as the engine knows it, checked as the platform checks a single key."""
    name = (
        key.encode()
        if key.__class__ is str and key.isascii()
        else _utf8(key, _NOT_A_KEY.format(op.lower()))
    )
    if not name:
        raise KVTypeError("Key name cannot be empty.")
    if name in (b".", b".."):
        raise KVTypeError(f'"{name.decode()}" is not allowed as a key name.')
    if len(name) > MAX_KEY:
        _check_length(op, name)
    return name


def _check_decodable(op: str, name: bytes) -> None:
    """Refuse a key with a lone surrogate, which the platform's store finds out, not its front."""
    if not name.isascii() and name.decode(errors="ignore").encode() != name:
        raise _refused(op, 400, "Could not URL-decode key name")


def _bulk_name(key: Any) -> str:
    """A key as the platform checks it among several: later, with texts of its own."""
    name = _replaced(key)
    if not name:
        raise _refused("GET_BULK", 400, "Key names must not be empty")
    if name in (".", ".."):
        raise _refused("GET_BULK", 400, f'Illegal key name "{name}". Please use a different name.')
    _check_length("GET_BULK", name.encode())
    return name


def _check_length(op: str, name: bytes) -> None:
    if len(name) > MAX_KEY:
        raise _refused(
            op,
            414,
            f"UTF-8 encoded length of {len(name)} exceeds key length limit of {MAX_KEY}.",
        )


def _check_cache_ttl(op: str, ttl: int) -> None:
    if ttl < MIN_CACHE_TTL:
        raise _refused(
            op, 400, f"Invalid cache_ttl of {ttl}. Cache TTL must be at least {MIN_CACHE_TTL}."
        )


def _expires(now: int, expiration: int | None, ttl: int | None) -> int | None:
    if ttl is not None:
        if ttl <= 0:
            why = "Please specify integer greater than 0."
        elif ttl < MIN_EXPIRATION_TTL:
            why = f"Expiration TTL must be at least {MIN_EXPIRATION_TTL}."
        else:
            return now + ttl
        raise _refused("PUT", 400, f"Invalid expiration_ttl of {ttl}. {why}")
    if expiration is None:
        return None
    if expiration <= now:
        why = "Please specify integer greater than the current number of seconds since the UNIX epoch."
    elif expiration < now + MIN_EXPIRATION_TTL:
        why = f"Expiration times must be at least {MIN_EXPIRATION_TTL} seconds in the future."
    else:
        return expiration
    raise _refused("PUT", 400, f"Invalid expiration of {expiration}. {why}")


def _utf8(value: Any, refusal: str) -> bytes:
    text = string(value)
    if text is None:
        raise KVTypeError(refusal)
    return utf8(text)


def _replaced(value: Any) -> str:
    """A string as it arrives at the platform's store by other ways than as a single key."""
    return _utf8(value, _NOT_A_KEY.format("get")).decode("utf-8", "replace")


def _held(value: Any) -> bytes | memoryview | ReadableStream | list[bytes]:
    if isinstance(value, str):
        return utf8(value)
    if isinstance(value, bytes | ReadableStream):
        return value
    if isinstance(value, bytearray | memoryview):
        return memoryview(value)
    # Lists, tuples, dicts and sets are objects to the platform, which refuses those.
    if isinstance(value, AsyncIterable) or (
        isinstance(value, Iterable) and not isinstance(value, Sequence | Mapping | Set)
    ):
        return ReadableStream(value)
    return _utf8(value, _NOT_A_VALUE)


def _decoded(value: list[bytes], type: Any) -> Any:
    if type == "text" or type is None:
        return _text(value)
    if type == "json":
        try:
            return host.json_decode(_text(value))
        except (host.JSONSyntaxError, host.JSONShapeError) as error:
            raise WebSyntaxError(str(error)) from None
    if type in ("bytes", "arrayBuffer"):
        return value[0] if len(value) == 1 else b"".join(value)
    if type == "stream":
        return ReadableStream(handed_out(value))
    raise KVTypeError(_NOT_A_TYPE)


def _text(value: list[bytes]) -> str:
    return (value[0] if len(value) == 1 else b"".join(value)).decode("utf-8", "replace")


def _bulk_json(text: str) -> Any:
    try:
        return host.json_decode(text)
    except (host.JSONSyntaxError, host.JSONShapeError):
        raise _refused(
            "GET_BULK", 400, "At least one of the requested keys corresponds to a non-json value"
        ) from None


def _metadata(record: Record) -> Any:
    return host.json_decode(record.meta) if record.meta else None


def _stringified(metadata: Any) -> bytes:
    """Metadata as JSON.stringify spells it: these bytes are what the limit counts."""
    try:
        return host.json_encode(json_value(metadata))
    except (TypeError, ValueError, RecursionError) as error:
        raise KVTypeError(f"KV metadata has no JSON form: {error}") from error
