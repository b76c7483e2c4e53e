"""Events and signals of JavaScript's side: Event, EventTarget, AbortController, AbortSignal. Spec: DOM."""

from __future__ import annotations

from functools import partial
from typing import Any

from edgekit.compat.javascript.convert import native, view
from edgekit.compat.javascript.errors import TypeError_
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import entries_of, null, string
from edgekit.compat.javascript.views import Events, View, call, on_property
from edgekit.web import abort, events


class Event(JsProxy):
    """`Event.new(type)`, and what listeners are given."""

    isTrusted = False
    eventPhase = 0

    def __init__(self, type: Any, init: Any = None) -> None:
        chosen = native(init) or {}
        self.type = string(type)
        self.target: Any = null()
        self.defaultPrevented = False
        self.bubbles, self.cancelable, self.composed = (
            bool(chosen.get(name)) for name in ("bubbles", "cancelable", "composed")
        )
        self.timeStamp = 0
        self._stopped = False

    @property
    def currentTarget(self) -> Any:
        return self.target

    @property
    def returnValue(self) -> bool:
        return not self.defaultPrevented

    def composedPath(self) -> Any:
        """Nobody, or the one that it is dispatched to: events here do not propagate."""
        return self._array([self.target] if self.target else [])

    def preventDefault(self) -> None:
        self.defaultPrevented = self.cancelable

    def stopPropagation(self) -> None:
        """Nothing: events here do not propagate."""

    def stopImmediatePropagation(self) -> None:
        """Call no more listeners of this event."""
        self._stopped = True


class CustomEvent(Event):
    """An event with a `detail`."""

    def __init__(self, type: Any, init: Any = None) -> None:
        super().__init__(type, init)
        self.detail = dict(entries_of(init)).get("detail", null()) if init else null()


class EventView(View, of=events.Event, reads="type target"):
    """An event that edgekit tells of."""

    _js_name = "Event"
    __slots__ = ()

    @property
    def currentTarget(self) -> Any:
        return view(self._it.target)


class EventTarget(JsProxy):
    """`EventTarget.new()`: listeners, and `dispatchEvent` that calls them."""

    def __init__(self) -> None:
        self._listeners: list[tuple[str, Any, bool]] = []

    def addEventListener(self, type: str, listener: Any, options: Any = None) -> None:
        chosen = native(options)
        chosen = chosen if isinstance(chosen, dict) else {}  # a bool would be about capturing
        signal = chosen.get("signal")
        if signal is not None and signal.aborted:
            return
        if not any(t == type and native(f) == native(listener) for t, f, _ in self._listeners):
            self._listeners.append((type, listener, bool(chosen.get("once"))))
            if signal is not None:
                remove = partial(self.removeEventListener, type, listener)
                signal.add_event_listener("abort", lambda event: remove(), once=True)

    def removeEventListener(self, type: str, listener: Any, options: Any = None) -> None:
        self._listeners = [
            x for x in self._listeners if x[0] != type or native(x[1]) != native(listener)
        ]

    def dispatchEvent(self, event: Any) -> bool:
        """Call the listeners of the event's type; whether nobody prevented its default."""
        event.target = self
        for type, listener, once in list(self._listeners):
            if type == event.type and not event._stopped:
                if once:
                    self.removeEventListener(type, listener)
                (getattr(listener, "handleEvent", None) or listener)(event)
        return not event.defaultPrevented


class AbortSignal(Events, of=abort.AbortSignal, reads="aborted", methods="throwIfAborted"):
    """`AbortSignal.timeout(ms)`, `AbortSignal.abort(reason)`, `AbortSignal.any(signals)`."""

    __slots__ = ()
    onabort = on_property("abort")

    def __init__(self) -> None:
        raise TypeError_("Illegal constructor")

    @property
    def reason(self) -> Any:
        return view(self._it.reason)

    @staticmethod
    def abort(reason: Any = None) -> Any:
        return view(abort.AbortSignal.abort(reason))

    @staticmethod
    def timeout(milliseconds: float) -> Any:
        return call(abort.AbortSignal.timeout, (milliseconds,), {})

    @staticmethod
    def any(signals: Any) -> Any:
        return view(abort.AbortSignal.any([native(signal) for signal in signals]))


class AbortController(View, of=abort.AbortController, reads="signal"):
    """`AbortController.new()`."""

    __slots__ = ()

    def __init__(self) -> None:
        self._it = abort.AbortController()

    def abort(self, reason: Any = None) -> None:
        """Abort the signal; without a reason, with an AbortError."""
        self._it.abort(reason)
