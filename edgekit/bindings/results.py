"""What calls of bindings answer: plain objects, which are the same on real Workers.

They are apart from the bindings, because there only these are needed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from edgekit.web.spelling import Plain

if TYPE_CHECKING:
    from datetime import datetime

T = TypeVar("T")

# The keys of R2's httpMetadata, and the headers they stand for.
HTTP_FIELDS = {
    "contentType": "content-type",
    "contentLanguage": "content-language",
    "contentDisposition": "content-disposition",
    "contentEncoding": "content-encoding",
    "cacheControl": "cache-control",
    "cacheExpiry": "expires",
}


class KVValue(Plain, Generic[T]):
    """What get_with_metadata answers; in the form for several keys it has no `cacheStatus`."""

    __slots__ = ()
    value: T
    metadata: Any
    cacheStatus: None


class KVListKey(Plain):
    """One key of a list. `expiration` (seconds since 1970) and `metadata` are there if it has them."""

    __slots__ = ()
    name: str
    expiration: int
    metadata: Any


class KVListResult(Plain):
    """One page of a list; `cursor`, which asks for the next one, is there when the list goes on."""

    __slots__ = ()
    list_complete: bool
    cursor: str
    cacheStatus: None

    @property
    def keys(self) -> list[KVListKey]:  # type: ignore[override]
        """The page's keys, ordered by their UTF-8."""
        return cast("list[KVListKey]", self["keys"])


class D1Meta(Plain):
    """How a query went: `duration` in milliseconds, `size_after` in bytes.

    `rows_read` counts the rows of the result and `rows_written` those that were changed; on the
    platform they also count what was looked at, and entries of indexes.
    """

    __slots__ = ()
    served_by: str
    duration: float
    changes: int
    last_row_id: int
    changed_db: bool
    size_after: int
    rows_read: int
    rows_written: int


class D1Result(Plain):
    """What run(), all() and each statement of batch() answer; `results` are the rows, as objects."""

    __slots__ = ()
    success: bool
    meta: D1Meta
    results: list[Any]


class D1ExecResult(Plain):
    """What exec() answers: how many lines were run, and in how many milliseconds."""

    __slots__ = ()
    count: int
    duration: float


class R2UploadedPart(Plain):
    """What upload_part answers, and complete wants."""

    __slots__ = ()
    partNumber: int
    etag: str


class R2HTTPMetadata(Plain):
    """The headers that an object was put with: those that it has. `cacheExpiry` is a datetime."""

    __slots__ = ()
    contentType: str
    contentLanguage: str
    contentDisposition: str
    contentEncoding: str
    cacheControl: str
    cacheExpiry: datetime


class R2Range(Plain):
    """The bytes of the object that its body has."""

    __slots__ = ()
    offset: int
    length: int


class QueueMetrics(Plain):
    """A queue's backlog: all messages that nobody has acknowledged, those included that are delayed
    or being handled. `oldestMessageTimestamp` (datetime) is there when there is one.
    """

    __slots__ = ()
    backlogCount: int
    backlogBytes: int
    oldestMessageTimestamp: datetime


class QueueSendMetadata(Plain):
    """`metadata` of what sending answers, and of a batch."""

    __slots__ = ()
    metrics: QueueMetrics


class QueueSendResult(Plain):
    """What sending answers: `result.metadata.metrics` is the backlog, what was sent included."""

    __slots__ = ()
    metadata: QueueSendMetadata
