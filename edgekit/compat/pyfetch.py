"""`pyodide.http`: `pyfetch` and its FetchResponse."""

from __future__ import annotations

import json
from typing import Any

from edgekit.compat import http
from edgekit.compat.javascript.convert import native, view
from edgekit.compat.javascript.errors import rethrow
from edgekit.compat.javascript.proxy import JsNull
from edgekit.errors import FetchError, UnsupportedError


class AbortError(OSError):
    """A request failed, or was aborted."""

    def __init__(self, reason: Any = None) -> None:
        super().__init__(str(reason))
        self.reason = reason


class FetchResponse(http.FetchResponse):
    """An answer: what `workers.FetchResponse` has; its headers are a dict, with names in lower case."""

    @property
    def headers(self) -> Any:
        """Names in lower case, several values joined by ", "."""
        return dict(super().headers.items())

    @property
    def status_text(self) -> str:
        return str(super().status_text)

    async def json(self, **options: Any) -> Any:  # type: ignore[override]
        """The body by `json.loads`, which takes the options."""
        return json.loads(await self.text(), **options)

    async def buffer(self) -> Any:
        """The whole body, as an ArrayBuffer."""
        return view(await self.bytes())

    async def _into_file(self, file: Any) -> None:
        file.write(await self.bytes())

    async def _create_file(self, path: Any) -> None:
        with open(path, "xb") as file:  # noqa: ASYNC230 - as it is there
            file.write(await self.bytes())

    def clone(self) -> FetchResponse:  # type: ignore[override]
        """A second answer with the same body."""
        return _seen(super().clone())

    def abort(self, reason: Any = None) -> None:
        """Nothing: a body that nobody reads is closed when the answer is collected."""


def _seen(answer: Any) -> FetchResponse:
    made = FetchResponse.__new__(FetchResponse)
    made.__dict__ = answer.__dict__
    return made


async def pyfetch(
    url: Any, /, *, signal: Any = None, fetcher: Any = None, **options: Any
) -> FetchResponse:
    """Send a request with `fetch`'s options as keywords; AbortError when there is no answer."""
    from edgekit import client

    opened = {name: native(value) for name, value in options.items()}
    opened = {name: value for name, value in opened.items() if value is not None}
    if signal is not None and not isinstance(signal, JsNull):
        opened["signal"] = native(signal)
    if (body := opened.get("body")) is not None:
        opened["body"] = http.as_body(body)
    ask = client.fetch if fetcher is None or isinstance(fetcher, JsNull) else fetcher
    source = native(url)
    try:
        answer = await ask(source if hasattr(source, "method") else str(source), **opened)
    except FetchError as error:
        raise AbortError(str(error)) from error
    except Exception as error:
        rethrow(error)
    return _seen(native(answer))


def open_url(url: str) -> Any:
    """Refused, as Workers have no XMLHttpRequest."""
    raise UnsupportedError(
        f"pyodide.http.open_url({url!r}): Workers have no XMLHttpRequest; use await pyfetch(url)"
    )
