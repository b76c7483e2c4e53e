"""An engine with files of its own that few deployments use: opened when it is first asked for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from edgekit.errors import StorageError


class _Closes(Protocol):
    async def close(self) -> None: ...


E = TypeVar("E", bound=_Closes)


class Later(Generic[E]):
    """`later()` is the engine; `opened` is too, or None before the first call.

    StorageError after `close`, or a store that was closed would open again.
    """

    def __init__(self, open: Callable[[], E]) -> None:
        self._open = open
        self.opened: E | None = None
        self._closed = False

    def __call__(self) -> E:
        if self._closed:
            raise StorageError("the store is closed")
        if self.opened is None:
            self.opened = self._open()
        return self.opened

    async def close(self) -> None:
        """Close it if it was opened."""
        self._closed = True
        if self.opened is not None:
            await self.opened.close()
