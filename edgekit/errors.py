"""Every error a user of edgekit may want to catch, in one tree.

    EdgekitError
    ├── ConfigError             a configuration file, an Env declaration or a route that cannot work
    ├── BindingError            a call on a binding failed; `.code` is the platform's number or status
    │   ├── KVError             (KVTypeError is also a TypeError)
    │   ├── R2Error             (R2TypeError is also a TypeError, R2RangeError a ValueError)
    │   ├── ServiceError        a call to another Worker failed as such (ServiceTypeError is also a TypeError)
    │   ├── SecretsStoreError
    │   ├── CacheTypeError      also a TypeError
    │   ├── RateLimitError
    │   ├── D1Error             `.code` is SQLite's name of the error (D1TypeError is also a TypeError)
    │   ├── AnalyticsError      (AnalyticsTypeError is also a TypeError)
    │   ├── EmailError          `.code` is a name, such as "E_RECIPIENT_NOT_ALLOWED"
    │   ├── AiError             `.name` is the platform's name of the error
    │   ├── QueueError          (QueueTypeError is also a TypeError)
    │   └── VectorizeError
    ├── HTTPError               raise it anywhere in a handler: it becomes that response
    ├── WebTypeError            what web standards call a TypeError; also a Python TypeError
    │   └── BodyUsedError       a body was read a second time
    ├── WebRangeError           what web standards call a RangeError; also a Python ValueError
    ├── DataCloneError          a value that cannot be copied to where it was sent; also a TypeError
    ├── WebSyntaxError          text that is not what it claims to be (JSON, a form); also a ValueError
    ├── AbortError              what waited on an AbortSignal was aborted: the signal's default reason
    │   └── AbortTimeout        ... by AbortSignal.timeout; also a Python TimeoutError
    ├── FetchError              an outgoing request failed; `.url`; also an OSError
    ├── UnsupportedError        known, but not to be had here
    ├── StorageError            a store could not read or write (disk full, damaged, closed); `__cause__`
    └── FencedOut               a write carried the token of a lease that has passed to somebody else

Texts of binding errors are the platform's own, so that what is searched for is found.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class EdgekitError(Exception):
    """The root: `except EdgekitError` catches all that edgekit raises on purpose."""


class ConfigError(EdgekitError):
    """Found at start-up: the message names the file, key, binding or route, and what to do."""


class BindingError(EdgekitError):
    """A binding refused or failed. `code` is the platform's status, error number or name of the
    error, if it has one.
    """

    def __init__(self, message: str, *, code: int | str | None = None) -> None:
        super().__init__(message)
        self.code = code


class KVError(BindingError):
    """A KV operation was refused; `code` is the HTTP status that the platform answers."""


class KVTypeError(KVError, TypeError):
    """A KV call whose arguments the platform refuses as a TypeError."""


class R2Error(BindingError):
    """An R2 operation was refused; `code` is the number that the text ends with, if it has one."""


class R2TypeError(R2Error, TypeError):
    """An R2 call whose arguments the platform refuses as a TypeError."""


class R2RangeError(R2Error, ValueError):
    """An R2 call whose arguments the platform refuses as a RangeError."""


class ServiceError(BindingError):
    """Another Worker could not be called. What its handler or method raises is raised as it is."""


class ServiceTypeError(ServiceError, TypeError):
    """A call of a method that the other Worker does not have, or does not let others call."""


class SecretsStoreError(BindingError):
    """A secret of the secrets store could not be had."""


class CacheTypeError(BindingError, TypeError):
    """A call on a cache that the platform refuses; it raises nothing but TypeErrors."""


class RateLimitError(BindingError):
    """A call of a rate limiter with options that it does not take."""


class D1Error(BindingError):
    """SQL was refused or failed; `code` is SQLite's name of the error, such as "SQLITE_CONSTRAINT"."""


class D1TypeError(D1Error, TypeError):
    """A D1 call whose arguments the platform refuses as a TypeError."""


class AnalyticsError(BindingError):
    """A query of analytics was refused or failed."""


class AnalyticsTypeError(AnalyticsError, TypeError):
    """A data point that the platform refuses as a TypeError."""


class EmailError(BindingError):
    """An email was refused or could not be handed on."""


class AiError(BindingError):
    """A model could not be run. `name` is the platform's: InferenceUpstreamError, AiInternalError."""

    def __init__(
        self, message: str, *, code: int | None = None, name: str = "InferenceUpstreamError"
    ) -> None:
        super().__init__(message, code=code)
        self.name = name


class VectorizeError(BindingError):
    """A call on a vector index was refused; `code` is the platform's number of the error."""


class QueueError(BindingError):
    """A Queues operation was refused; `code` is the HTTP status of the platform's broker."""


class QueueTypeError(QueueError, TypeError):
    """A Queues call whose arguments the platform refuses as a TypeError."""


class HTTPError(EdgekitError):
    """Raised from any depth of a handler, it becomes the response.

    `status` is 400 to 599 in practice (any status that a Response may have). `detail` is a text
    (sent as text/plain), a mapping (sent as JSON) or None (the status' own phrase). `headers` are added.
    """

    def __init__(
        self,
        status: int,
        detail: str | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {detail}" if detail is not None else str(status))
        self.status = status
        self.detail = detail
        self.headers = headers


class WebTypeError(EdgekitError, TypeError):
    """What the Fetch, URL and Streams standards call a TypeError."""


class BodyUsedError(WebTypeError):
    """The body was already read, or a reader holds it."""


class WebRangeError(EdgekitError, ValueError):
    """What the web standards call a RangeError."""


class WebSyntaxError(EdgekitError, ValueError):
    """Text that could not be parsed. `path` says where, in the manner of `$.user.age`, if known."""

    def __init__(self, message: str, *, path: str | None = None) -> None:
        super().__init__(message)
        self.path = path


class DataCloneError(EdgekitError, TypeError):
    """A value has no copy: what the web standards call a "DataCloneError". See bindings/values.py."""


class AbortError(EdgekitError):
    """An AbortSignal was aborted. What the web standards call an "AbortError"."""


class AbortTimeout(AbortError, TimeoutError):
    """The time of an `AbortSignal.timeout` is over. What the standards call a "TimeoutError"."""


class FetchError(EdgekitError, OSError):
    """An outgoing request failed before there was a response: `url` names it, `__cause__` says why."""

    def __init__(self, message: str, *, url: str) -> None:
        super().__init__(message)
        self.url = url


class UnsupportedError(EdgekitError):
    """The platform has it, this place does not; the message says what to use instead."""


class StorageError(EdgekitError):
    """A store could not read or write: the message names its file, `__cause__` says why.

    A write that raised it was not acknowledged; it may be tried again.
    """


class FencedOut(EdgekitError):
    """The lease behind a fenced write is no longer held: another process has taken over."""
