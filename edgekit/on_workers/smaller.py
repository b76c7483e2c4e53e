"""The smaller bindings and events of real Workers; the classes of edgekit.bindings are the contract."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from typing import Any

import js

from edgekit.bindings.scheduled import ScheduledController
from edgekit.errors import BindingError, RateLimitError
from edgekit.on_workers.calls import Errors
from edgekit.on_workers.convert import call, from_js, into_js, kind_of
from edgekit.web.spelling import Plain, Spelled, camel

_ERRORS = Errors(BindingError)
_RATE_ERRORS = Errors(RateLimitError)


class RateLimit(Spelled):
    """See edgekit.bindings.ratelimit.RateLimit."""

    binding_kind = "ratelimits"

    def __init__(self, limiter: Any) -> None:
        self._js = limiter

    async def limit(self, options: Mapping[str, Any] | None = None, /, **named: Any) -> Plain:
        if not (isinstance(options, Mapping) or (options is None and named)):
            raise RateLimitError("invalid rate limit options")
        given = into_js({**(options or {}), **named})
        outcome: Plain = from_js(await _RATE_ERRORS.of(self._js.limit(given)))
        return outcome


class Other:
    """A binding, or what an event is about, without a class here: attributes, and methods with options
    last, by either spelling.
    """

    def __init__(self, target: Any) -> None:
        self._js = target

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        found = getattr(self._js, name, None)
        if found is None:
            name = camel(name)
            found = getattr(self._js, name, None)
        if found is None and not js.Reflect.has(self._js, name.rstrip("_")):
            raise AttributeError(f"{kind_of(self._js)} has no {name!r}", name=name, obj=self)
        if not callable(found):
            return from_js(found)

        def method(*args: Any, **given: Any) -> Any:
            if given:
                args = (*args, {camel(key): value for key, value in given.items()})
            while args and args[-1] is None:  # no options
                args = args[:-1]
            result = call(self._js, name, *args)
            return _later(result) if hasattr(result, "then") else from_js(result)

        return method

    def _to_js(self) -> Any:
        return self._js


async def _later(promise: Awaitable[Any]) -> Any:
    return from_js(await _ERRORS.of(promise))


class SendEmail(Other):
    """See edgekit.bindings.email.SendEmail: takes an EmailMessage, or a builder's options."""

    binding_kind = "send_email"

    async def send(self, message: Any = None, /, **options: Any) -> Any:
        from edgekit.bindings.email import EmailMessage

        if isinstance(message, EmailMessage):
            from workers import import_from_javascript

            made = import_from_javascript("cloudflare:email").EmailMessage
            given = made.new(getattr(message, "from"), message.to, into_js(message.raw))
        else:
            given = into_js({camel(k): v for k, v in {**(message or {}), **options}.items()})
        return await _later(self._js.send(given))


class Scheduled(ScheduledController):
    """The platform's controller of a cron's firing."""

    def __init__(self, controller: Any) -> None:
        super().__init__(str(controller.cron), controller.scheduledTime)
        self._js = controller

    def no_retry(self) -> None:
        super().no_retry()
        self._js.noRetry()


def trace_items(events: Any) -> Any:
    """What a tail handler gets: plain objects, as they are over there when made JSON."""
    return from_js(js.JSON.parse(js.JSON.stringify(events)))
