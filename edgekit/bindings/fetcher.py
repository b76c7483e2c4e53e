"""Fetcher: something that answers requests, and, where it is another Worker, calls of its methods.

`env.OTHER` of a service, `env.ASSETS`, and `env.ORIGIN`, the app behind an EdgeMiddleware. What may
cross in a call, and how, is `services.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any, ClassVar, NoReturn

from edgekit.errors import ServiceTypeError
from edgekit.web.request import Request
from edgekit.web.response import Response
from edgekit.web.spelling import Spelled
from edgekit.web.url import URL

Calls = Callable[
    [str, tuple[Any, ...], dict[str, Any]], Awaitable[Any]
]  # of (method, args, kwargs)


class Fetcher(Spelled):
    """`await fetcher.fetch(request)`: a Request, or a URL with Request's options.

    The response streams. What the other side raises is raised here. `await fetcher.method(...)` calls
    a method of the other Worker's entrypoint class, by its own spelling; see edgekit.bindings.services.
    """

    __slots__ = ("_call", "_calls")

    binding_kind: ClassVar[str] = "services"

    def __init__(
        self, call: Callable[[Request], Awaitable[Response]], calls: Calls | None = None
    ) -> None:
        self._call = call
        self._calls = calls or _no_methods

    async def fetch(
        self, input: Request | str | URL, init: Mapping[str, Any] | None = None, **options: Any
    ) -> Response:
        """Send a request there. A Request without options is passed on as it is."""
        if not isinstance(input, Request) or init or options:
            input = Request(input, init, **options)
        return await self._call(input)

    def __getattr__(self, name: str) -> Any:
        # Whether the other Worker has such a method, only it can say, when it is called.
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        return partial(_method, self._calls, name)


def _method(calls: Calls, name: str, /, *args: Any, **kwargs: Any) -> Awaitable[Any]:
    return calls(name, args, kwargs)


async def _no_methods(name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> NoReturn:
    raise missing(name)


def missing(name: str) -> ServiceTypeError:
    """What a call of a method that is not there raises."""
    return ServiceTypeError(f'The RPC receiver does not implement the method "{name}".')
