"""AbortController and AbortSignal: telling others to stop. DOM, "Aborting ongoing activities".

A signal is aborted once, for one reason: an exception (what `throw_if_aborted` raises) or any value.
Listeners are sync and run at once, inside `abort()`; nothing here starts a task. What must await
waits itself: `reason = await signal.wait()`.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import weakref
from collections.abc import Iterable
from typing import Any

from edgekit import host
from edgekit.errors import AbortError, AbortTimeout, WebTypeError
from edgekit.web.events import Event, EventTarget, Listener
from edgekit.web.spelling import Spelled, options

log = logging.getLogger(__name__)


class AbortSignal(EventTarget):
    """Whether, and why, something shall stop.

    Signals come from an AbortController, from `AbortSignal.abort(reason)` (aborted already),
    `AbortSignal.timeout(milliseconds)` and `AbortSignal.any(signals)`. `onabort` is one more listener.
    """

    __slots__ = (
        "__weakref__",
        "_dependents",
        "_onabort",
        "_pinned",
        "_sources",
        "aborted",
        "reason",
    )

    aborted: bool
    reason: Any

    def __init__(self) -> None:
        self.aborted = False
        self.reason = None
        self._onabort: Listener | None = None
        self._listeners = []
        # `any`: a source knows its dependents weakly, so that a signal that lives as long as the
        # process does not collect those of every request; but those with listeners must be kept.
        self._sources: tuple[AbortSignal, ...] = ()
        self._dependents: weakref.WeakSet[AbortSignal] | None = None
        self._pinned: set[AbortSignal] = set()

    @staticmethod
    def abort(reason: Any = None) -> AbortSignal:
        """A signal that is aborted already."""
        signal = AbortSignal()
        signal._abort(reason)
        return signal

    @staticmethod
    def timeout(milliseconds: float) -> AbortSignal:
        """A signal that is aborted with an AbortTimeout after that time. Needs a running event loop."""
        if not milliseconds >= 0:
            raise WebTypeError(f"a timeout is a number of milliseconds, not {milliseconds!r:.100}")
        signal = AbortSignal()
        reason = AbortTimeout("The operation was aborted due to timeout")
        host.call_later(milliseconds / 1000, lambda: signal._abort(reason))
        return signal

    @staticmethod
    def any(signals: Iterable[AbortSignal]) -> AbortSignal:
        """A signal that is aborted as soon as one of these is, for the same reason."""
        signals = list(signals)
        signal = AbortSignal()
        for source in signals:
            if source.aborted:
                signal._abort(source.reason)
                return signal
        roots = [root for source in signals for root in source._sources or (source,)]
        signal._sources = tuple(dict.fromkeys(roots))
        for root in signal._sources:
            if root._dependents is None:
                root._dependents = weakref.WeakSet()
            root._dependents.add(signal)
        return signal

    @property
    def onabort(self) -> Listener | None:
        """One listener that can be set and replaced."""
        return self._onabort

    @onabort.setter
    def onabort(self, listener: Listener | None) -> None:
        if self._onabort is not None:
            self.remove_event_listener("abort", self._onabort)
        self._onabort = listener
        if listener is not None:
            self.add_event_listener("abort", listener)

    def throw_if_aborted(self) -> None:
        """Raise the reason, if aborted; one that is no exception as the text of an AbortError."""
        if self.aborted:
            if isinstance(self.reason, BaseException):
                raise self.reason
            raise AbortError(str(self.reason))

    async def wait(self) -> Any:
        """Return the reason as soon as the signal is aborted."""
        if not self.aborted:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

            def wake(event: Event) -> None:
                if not future.done():
                    future.set_result(None)

            self.add_event_listener("abort", wake, once=True)
            try:
                await future
            finally:
                self.remove_event_listener("abort", wake)
        return self.reason

    @options
    def add_event_listener(self, type: str, listener: Listener, *, once: bool = False) -> None:
        """Call `listener(event)` when the signal is aborted; `type` is "abort". Not a coroutine function."""
        if inspect.iscoroutinefunction(listener):
            raise WebTypeError(
                "a listener of an AbortSignal is a plain function; to await, use `await signal.wait()`"
            )
        super().add_event_listener(type, listener, once=once)
        for source in self._sources:
            source._pinned.add(self)

    def remove_event_listener(self, type: str, listener: Listener) -> None:
        """Call it no more; nothing happens where it is not registered."""
        super().remove_event_listener(type, listener)
        if not self._listeners:
            for source in self._sources:
                source._pinned.discard(self)

    def _abort(self, reason: Any = None) -> None:
        """Abort, unless it is already. For controllers and the runtime."""
        if self.aborted:
            return
        if reason is None:
            reason = AbortError("The operation was aborted")
        affected = [self]
        affected += [signal for signal in self._dependents or () if not signal.aborted]
        for signal in affected:  # all are aborted before the first listener can look
            signal.aborted = True
            signal.reason = reason
        for signal in affected:
            signal._fire()

    def _fire(self) -> None:
        event = Event("abort", self)
        for listener in self._listeners_for("abort"):
            try:
                listener(event)
            except Exception:
                # One that fails must not keep the others from stopping.
                log.exception("a listener of an AbortSignal failed")
        # Nothing more will happen: let go of everybody.
        self._listeners = []
        self._dependents = None
        self._pinned.clear()
        for source in self._sources:
            source._pinned.discard(self)
        self._sources = ()

    def __repr__(self) -> str:
        return f"AbortSignal(aborted={self.aborted})"


class AbortController(Spelled):
    """Holds a signal, and the one way to abort it."""

    __slots__ = ("signal",)

    def __init__(self) -> None:
        self.signal = AbortSignal()

    def abort(self, reason: Any = None) -> None:
        """Abort the signal; without a reason, with an AbortError. The second time does nothing."""
        self.signal._abort(reason)
