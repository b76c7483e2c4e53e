"""Event and EventTarget: what AbortSignal and WebSocket have in common. DOM, as far as they need it.

Listeners are plain callables that take the event. Nothing bubbles, and nothing is dispatched here:
each heir says when, and in whose task, its listeners run.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edgekit.errors import WebTypeError
from edgekit.web.spelling import Spelled, options

Listener = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Event(Spelled):
    """Something happened: `type` says what, `target` to whom."""

    type: str
    target: Any = field(default=None, repr=False, compare=False)


class EventTarget(Spelled):
    """Mixin: `add_event_listener` and `remove_event_listener`."""

    __slots__ = ("_listeners",)

    _listeners: list[tuple[str, Listener, bool]]

    @options
    def add_event_listener(self, type: str, listener: Listener, *, once: bool = False) -> None:
        """Call `listener(event)` for each event of that type; a pair that is there is not added."""
        if not callable(listener):
            raise WebTypeError(f"a listener is a callable, not {listener!r:.100}")
        if not any(t == type and other == listener for t, other, _ in self._listeners):
            # A new list each time: whoever is calling the listeners goes through the old one.
            self._listeners = [*self._listeners, (type, listener, once)]

    def remove_event_listener(self, type: str, listener: Listener) -> None:
        """Call it no more; nothing happens where it is not registered."""
        self._listeners = [x for x in self._listeners if x[0] != type or x[1] != listener]

    def _listeners_for(self, type: str) -> list[Listener]:
        """Those to be called now; the ones for a single event are taken off."""
        found = [(listener, once) for t, listener, once in self._listeners if t == type]
        for listener, once in found:
            if once:
                self.remove_event_listener(type, listener)
        return [listener for listener, _ in found]
