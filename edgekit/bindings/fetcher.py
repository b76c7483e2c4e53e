"""Fetcher: something that answers requests, such as `env.ORIGIN`, the app behind an EdgeMiddleware."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Spelled
from edgekit.web.url import URL


class Fetcher(Spelled):
    """`await fetcher.fetch(request)`: a Request, or a URL with Request's options.

    The response streams. What the other side raises is raised here.
    """

    __slots__ = ("_call",)

    binding_kind: ClassVar[str] = "services"

    def __init__(self, call: Callable[[Request], Awaitable[Response]]) -> None:
        self._call = call

    async def fetch(
        self, input: Request | str | URL, init: Mapping[str, Any] | None = None, **options: Any
    ) -> Response:
        """Send a request there. A Request without options is passed on as it is."""
        if not isinstance(input, Request) or init or options:
            input = Request(input, init, **options)
        return await self._call(input)
