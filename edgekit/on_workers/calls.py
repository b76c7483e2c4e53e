"""How a binding's method is called on the platform: options, data, and errors as the binding's own."""

from __future__ import annotations

import re
from typing import Any

from pyodide.ffi import JsException, to_js

from edgekit.errors import BindingError, DataCloneError, WebSyntaxError
from edgekit.on_workers.convert import into_js, text_of
from edgekit.on_workers.http import fixed, stream_into_js
from edgekit.web.spelling import camel
from edgekit.web.streams import ReadableStream

# The platform's number or name of an error, as its texts have it: "... failed: 400 ...",
# "... (10020)", "...: SQLITE_ERROR".
_CODE = re.compile(r"failed: (\d{3})\b|\((\d+)\)$|: (SQLITE_\w+)$")


class Errors:
    """The classes of one binding's errors, by JavaScript's names."""

    def __init__(self, error: type[BindingError], **others: type[BindingError]) -> None:
        self._error = error
        self._others = others

    async def of(self, promise: Any) -> Any:
        """What a call comes to."""
        try:
            return await promise
        except JsException as failed:
            raise self.made(failed) from failed

    def made(self, failed: JsException) -> Exception:
        """Our error for the platform's."""
        name, message = text_of(failed)
        if name == "SyntaxError":
            return WebSyntaxError(message)
        if name == "DataCloneError":
            return DataCloneError(message)
        found = _CODE.search(message)
        code: Any = None
        if found:
            code = found[3] or int(found[1] or found[2])
        return self._others.get(name, self._error)(message, code=code)


def given(**options: Any) -> Any:
    """The options that are not None, as JavaScript's object; None where there are none."""
    found = {camel(name): value for name, value in options.items() if value is not None}
    return into_js(found) if found else None


def data(value: Any) -> Any:
    """A value to be stored: text, bytes, a Blob or a stream.

    R2 takes streams whose length is known: those that came from the platform, and those of Blobs.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return to_js(bytes(value))
    if hasattr(value, "_as_body") and hasattr(value, "stream"):  # a Blob; importing it costs
        return fixed(stream_into_js(value.stream()), value.size)
    if hasattr(value, "__aiter__") or hasattr(value, "__next__"):
        value = value if isinstance(value, ReadableStream) else ReadableStream(value)
    return stream_into_js(value) if isinstance(value, ReadableStream) else into_js(value)
