"""The other Worker of the portable suite, where it runs here; other.mjs is the same in JavaScript."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from edgekit import Request, Response, RpcTarget, WorkerEntrypoint


class Counter(RpcTarget):
    def __init__(self) -> None:
        self._count = 0

    async def add(self, number: int) -> int:
        self._count += number
        return self._count


class Default(WorkerEntrypoint):
    async def fetch(self, request: Request) -> Response:
        if request.path == "/fails":
            raise ValueError("it fails")
        return Response(
            await request.bytes(),
            status=201,
            headers={
                "x-method": request.method,
                "x-path": request.path,
                "x-given": request.headers.get("x-given", ""),
            },
        )

    async def echo(self, value: Any) -> Any:
        return value

    async def add(self, first: int, second: int) -> int:
        return first + second

    async def named(self, options: dict[str, Any]) -> list[str]:
        return sorted(options)

    async def refuse(self, kind: str) -> None:
        raise {"TypeError": TypeError, "RangeError": ValueError}[kind](f"no {kind}")

    async def adder(self, number: int) -> Callable[[int], Any]:
        async def add(other: int) -> int:
            return number + other

        return add

    async def counter(self) -> Counter:
        return Counter()

    async def twice(self, function: Callable[[int], Any]) -> int:
        once: int = await function(1)
        again: int = await function(once)
        return again
