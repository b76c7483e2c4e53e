"""R2 on real Workers; see edgekit.bindings.r2, whose docstrings are the contract."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import js
from pyodide.ffi import to_js

from edgekit.bindings.results import HTTP_FIELDS, R2HTTPMetadata, R2Range, R2UploadedPart
from edgekit.errors import R2Error, R2RangeError, R2TypeError
from edgekit.on_workers.calls import Errors, data, given
from edgekit.on_workers.convert import from_js, into_js, is_null
from edgekit.on_workers.http import JsSource, headers_into_js
from edgekit.web.body import Body
from edgekit.web.conditional import http_date
from edgekit.web.headers import Headers
from edgekit.web.spelling import Plain, Spelled, camel, options
from edgekit.web.streams import ReadableStream

_ERRORS = Errors(R2Error, TypeError=R2TypeError, RangeError=R2RangeError)


def _fields(value: Any) -> Any:
    """Options that are an object or Headers."""
    if isinstance(value, Headers):
        return js.Headers.new(headers_into_js(value))
    return {camel(key): item for key, item in value.items()} if value is not None else None


class R2Objects(Plain):
    """See edgekit.bindings.r2.R2Objects."""

    __slots__ = ()


class R2Object(Spelled):
    """See edgekit.bindings.r2_object.R2Object."""

    def __init__(self, found: Any) -> None:
        self._js = found
        self.key: str = found.key
        self.version: str = found.version
        self.size = int(found.size)
        self.etag: str = found.etag
        self.http_etag: str = found.httpEtag

    @property
    def uploaded(self) -> datetime:
        moment: datetime = from_js(self._js.uploaded)
        return moment

    @property
    def checksums(self) -> R2Checksums:
        return R2Checksums(self._js.checksums)

    @property
    def http_metadata(self) -> R2HTTPMetadata:
        return R2HTTPMetadata(_without_none(from_js(self._js.httpMetadata)))

    @property
    def custom_metadata(self) -> Plain:
        return from_js(self._js.customMetadata) or Plain()

    @property
    def range(self) -> R2Range | None:
        found = from_js(getattr(self._js, "range", None))
        return R2Range({key: int(item) for key, item in found.items()}) if found else None

    @property
    def storage_class(self) -> str:
        return str(from_js(getattr(self._js, "storageClass", None)) or "Standard")

    @property
    def ssec_key_md5(self) -> Any:
        return from_js(getattr(self._js, "ssecKeyMd5", None))

    def write_http_metadata(self, headers: Headers) -> None:
        if not isinstance(headers, Headers):
            raise R2TypeError(
                "Failed to execute 'writeHttpMetadata' on 'HeadResult': parameter 1 is not of type 'Headers'."
            )
        for field, value in self.http_metadata.items():
            text = http_date(value.timestamp()) if field == "cacheExpiry" else value
            headers.set(HTTP_FIELDS[field], text)


def _without_none(found: Any) -> dict[str, Any]:
    return {key: value for key, value in (found or {}).items() if value is not None}


class R2Checksums(Spelled):
    """See edgekit.bindings.r2_object.R2Checksums."""

    def __init__(self, found: Any) -> None:
        for name in ("md5", "sha1", "sha256", "sha384", "sha512"):
            setattr(self, name, from_js(getattr(found, name, None)))

    def to_json(self) -> Plain:
        return Plain({name: value.hex() for name, value in vars(self).items() if value is not None})


class R2ObjectBody(R2Object, Body):
    """See edgekit.bindings.r2_object.R2ObjectBody."""

    _used = False

    def _read_body(self) -> ReadableStream:
        return ReadableStream(JsSource(self._js.body))

    _body: Any = functools.cached_property(_read_body)

    @property
    def headers(self) -> Headers:
        headers = Headers()
        self.write_http_metadata(headers)
        return headers

    async def json(self, type: Any = None) -> Any:
        return await self.read_json(type)


def _object(found: Any) -> Any:
    if is_null(found):
        return None
    return R2Object(found) if is_null(getattr(found, "body", None)) else R2ObjectBody(found)


class R2MultipartUpload(Spelled):
    """See edgekit.bindings.r2_multipart.R2MultipartUpload."""

    def __init__(self, upload: Any) -> None:
        self._js = upload
        self.key: str = upload.key
        self.upload_id: str = upload.uploadId

    async def upload_part(self, part_number: int, value: Any) -> R2UploadedPart:
        part = await _ERRORS.of(self._js.uploadPart(part_number, data(value)))
        return R2UploadedPart(partNumber=part.partNumber, etag=part.etag)

    async def complete(self, uploaded_parts: Sequence[Mapping[str, Any]]) -> Any:
        parts = [{camel(key): value for key, value in part.items()} for part in uploaded_parts]
        return _object(await _ERRORS.of(self._js.complete(into_js(parts))))

    async def abort(self) -> None:
        await _ERRORS.of(self._js.abort())


class R2Bucket(Spelled):
    """See edgekit.bindings.r2.R2Bucket."""

    binding_kind = "r2_buckets"

    def __init__(self, bucket: Any) -> None:
        self._js = bucket

    async def head(self, key: str) -> Any:
        return _object(await _ERRORS.of(self._js.head(key)))

    @options
    async def get(
        self, key: str, *, only_if: Any = None, range: Any = None, ssec_key: Any = None
    ) -> Any:
        asked = given(only_if=_fields(only_if), range=_fields(range), ssec_key=ssec_key)
        return _object(await _ERRORS.of(self._js.get(key, asked)))

    @options
    async def put(
        self,
        key: str,
        value: Any,
        *,
        only_if: Any = None,
        http_metadata: Any = None,
        custom_metadata: Any = None,
        md5: Any = None,
        sha1: Any = None,
        sha256: Any = None,
        sha384: Any = None,
        sha512: Any = None,
        storage_class: str | None = None,
        ssec_key: Any = None,
    ) -> Any:
        asked = given(
            only_if=_fields(only_if),
            http_metadata=_fields(http_metadata),
            custom_metadata=custom_metadata,
            md5=md5,
            sha1=sha1,
            sha256=sha256,
            sha384=sha384,
            sha512=sha512,
            storage_class=storage_class,
            ssec_key=ssec_key,
        )
        return _object(await _ERRORS.of(self._js.put(key, data(value), asked)))

    async def delete(self, keys: Any) -> None:
        await _ERRORS.of(self._js.delete(keys if isinstance(keys, str) else to_js(list(keys))))

    @options
    async def list(
        self,
        *,
        prefix: str | None = None,
        limit: Any = None,
        cursor: str | None = None,
        delimiter: str | None = None,
        start_after: str | None = None,
        include: Any = None,
    ) -> R2Objects:
        asked = given(
            prefix=prefix,
            limit=limit,
            cursor=cursor,
            delimiter=delimiter,
            start_after=start_after,
            include=None if include is None else [camel(name) for name in include],
        )
        page = await _ERRORS.of(self._js.list(asked))
        result = R2Objects(
            objects=[R2Object(found) for found in page.objects],
            truncated=page.truncated,
            delimitedPrefixes=from_js(page.delimitedPrefixes),
        )
        if page.truncated:
            result["cursor"] = page.cursor
        return result

    @options
    async def create_multipart_upload(
        self,
        key: str,
        *,
        http_metadata: Any = None,
        custom_metadata: Any = None,
        storage_class: str | None = None,
        ssec_key: Any = None,
    ) -> R2MultipartUpload:
        asked = given(
            http_metadata=_fields(http_metadata),
            custom_metadata=custom_metadata,
            storage_class=storage_class,
            ssec_key=ssec_key,
        )
        return R2MultipartUpload(await _ERRORS.of(self._js.createMultipartUpload(key, asked)))

    def resume_multipart_upload(self, key: str, upload_id: str) -> R2MultipartUpload:
        return R2MultipartUpload(self._js.resumeMultipartUpload(key, upload_id))
