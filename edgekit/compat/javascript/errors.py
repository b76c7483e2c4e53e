"""JsException: an error of JavaScript's, as `except JsException` finds it; and edgekit's errors as one.

`thrown(error)` makes an error of edgekit's a JsException *too*: the same object, of a class that is
both, so that nothing is lost. An exception that the project's own code raised, in a callback, comes
back as it is, as in Pyodide.
"""

from __future__ import annotations

from typing import Any, NoReturn

from edgekit.compat.javascript import late
from edgekit.compat.javascript.proxy import JsProxy, JsType
from edgekit.errors import (
    AbortError,
    AbortTimeout,
    BindingError,
    DataCloneError,
    EdgekitError,
    FetchError,
    HTTPError,
    UnsupportedError,
    WebRangeError,
    WebSyntaxError,
    WebTypeError,
)

_LEGACY_CODES = {
    "IndexSizeError": 1,
    "NotFoundError": 8,
    "NotSupportedError": 9,
    "InvalidStateError": 11,
    "SyntaxError": 12,
    "InvalidAccessError": 15,
    "TimeoutError": 23,
    "NetworkError": 19,
    "AbortError": 20,
    "InvalidCharacterError": 5,
    "QuotaExceededError": 22,
    "DataCloneError": 25,
}


class JsException(JsProxy, Exception):
    """An error: `name`, `message`, `stack`; as text, "name: message".

    Made of a message, or of a name and a message. Catch it as `pyodide.ffi.JsException`.
    """

    _js_name = "Error"
    name: str
    message: str

    def __init__(self, *args: Any) -> None:
        Exception.__init__(self, *args)
        self.name = str(args[0]) if len(args) > 1 else self.constructor.name  # type: ignore[attr-defined]
        self.message = str(args[-1]) if args else ""

    @property
    def js_error(self) -> JsException:
        """The error itself, in the words of older Pyodides."""
        return self

    @property
    def stack(self) -> str:
        """The text of the error and where it was raised."""
        import traceback

        frames = traceback.extract_tb(self.__traceback__)
        return "".join(
            [str(self), *(f"\n    at {f.name} ({f.filename}:{f.lineno})" for f in reversed(frames))]
        )

    def toString(self) -> str:
        return f"{self.name}: {self.message}" if self.message else self.name

    def __repr__(self) -> str:
        return str(self)

    def __reduce__(self) -> Any:
        return JsException, (self.name, self.message)


class Error(JsException):
    """`js.Error`, and by inheritance the other classes of errors that code makes by name."""

    def __init__(self, message: Any = None, options: Any = None) -> None:
        text = "" if message is None else js_string(message)
        super().__init__(self.constructor.name, text)  # type: ignore[attr-defined]
        if options is not None and "cause" in (chosen := late.convert.native(options)):
            self.cause = chosen["cause"]


def js_string(value: Any) -> str:
    return str(late.values.string(value))


def _error_class(name: str) -> type[Error]:
    return JsType(name, (Error,), {"__doc__": f"`js.{name}`.", "_js_name": name})  # type: ignore[return-value]


TypeError_ = _error_class("TypeError")
RangeError = _error_class("RangeError")
SyntaxError_ = _error_class("SyntaxError")
ReferenceError_ = _error_class("ReferenceError")
EvalError = _error_class("EvalError")
URIError = _error_class("URIError")


class AggregateError(Error):
    """Several errors at once, as `Promise.any` has them."""

    _js_name = "AggregateError"

    def __init__(self, errors: Any, message: Any = None) -> None:
        super().__init__(message)
        self.errors = self._array(errors)


class DOMException(JsException):
    """An error that web standards know by its name: `DOMException.new(message, name)`."""

    _js_name = "DOMException"

    def __init__(self, message: Any = "", name: Any = "Error") -> None:
        super().__init__(js_string(name), js_string(message))

    @property
    def code(self) -> int:
        """The number that old standards gave the name; 0 for the rest."""
        return _LEGACY_CODES.get(self.name, 0)


_NAMES: tuple[tuple[type[BaseException], str], ...] = (
    (DataCloneError, "DataCloneError"),
    (AbortTimeout, "TimeoutError"),
    (AbortError, "AbortError"),
    (WebTypeError, "TypeError"),
    (WebRangeError, "RangeError"),
    (WebSyntaxError, "SyntaxError"),
    (FetchError, "Error"),
    (HTTPError, "TypeError"),  # a body that is not what it was read as
    (TypeError, "TypeError"),
    (RecursionError, "RangeError"),
    (OverflowError, "RangeError"),
    (ValueError, "RangeError"),
)
# Each class of edgekit's errors -> the class that is a JsException too.
_both: dict[type, type] = {}


def thrown(error: BaseException) -> BaseException:
    """An error of edgekit's that is a JsException as well; any other as it is.

    Python's own TypeError and ValueError come from arguments that a function here does not take, when
    they are raised in this package, and from the project's code, where they stay.
    """
    if isinstance(error, JsException | UnsupportedError):
        return error
    if not isinstance(error, EdgekitError):
        if isinstance(error, TypeError | ValueError) and _is_ours(error):
            return made(error)
        return error
    cls = type(error)
    both = _both.get(cls)
    if both is None:
        both = _both[cls] = JsType(
            cls.__name__,
            (_Thrown, cls),
            {"__module__": cls.__module__, "__doc__": cls.__doc__, "_js_name": "Error"},
        )
    text = str(error)
    name = error.name if "name" in vars(error) else name_of(error)  # type: ignore[attr-defined]
    try:
        error.__class__ = both
    except TypeError:  # another layout, as OSError has
        return made(error)
    error.name, error.message = name, _detail(error) or text  # type: ignore[attr-defined]
    return error


def rethrow(error: Exception) -> NoReturn:
    """For an `except` clause: raise the error on, as `thrown` has it."""
    other = thrown(error)
    if other is error:
        raise error
    raise other from error


class _Thrown(JsException):
    """Mixin of the classes that `thrown` makes."""


def made(error: BaseException) -> JsException:
    """A JsException that says the same."""
    other = JsException(name_of(error), _detail(error) or str(error))
    other.__cause__ = error
    return other


def name_of(error: BaseException) -> str:
    """JavaScript's name of an error's kind."""
    if isinstance(error, JsException):
        return error.name
    if isinstance(error, BindingError):
        if isinstance(error, TypeError):
            return "TypeError"
        return "RangeError" if isinstance(error, ValueError) else "Error"
    return next((name for cls, name in _NAMES if isinstance(error, cls)), "Error")


def _detail(error: BaseException) -> str | None:
    detail = getattr(error, "detail", None) if isinstance(error, HTTPError) else None
    return str(detail.get("error", detail)) if isinstance(detail, dict) else detail


def _is_ours(error: BaseException) -> bool:
    """Whether an error was raised by edgekit, not by code that it has called."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    if trace is None:
        return False
    module = str(trace.tb_frame.f_globals.get("__name__", ""))
    return module == "edgekit" or module.startswith("edgekit.")
