"""Calls between Workers: what crosses, which methods may be called, and how errors come back.

Workers' RPC. Arguments and results cross as copies (`values.py`). Functions and RpcTargets cross as
stubs, and run where they came from; Fetchers cross as they are; streams and bodies move. How a Worker
is found and run is the business of `runtime/deployment.py`, which gives a `Home` for each.

Differences from the platform, on purpose: methods whose name begins with an underscore cannot be
called; stubs need no disposing and live as long as somebody holds them (`dup()` is there for programs
that call it); no promise pipelining, as in Python on Workers. Keyword arguments arrive as one dict
behind the others, as they do there.
"""

from __future__ import annotations

import inspect
import traceback
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Protocol

from edgekit.bindings.fetcher import Fetcher, missing
from edgekit.bindings.values import clone
from edgekit.errors import DataCloneError, ServiceError, ServiceTypeError

_PACKAGE = __file__.rpartition("bindings")[0]

MAX_BYTES = 32 * 1024 * 1024  # of the text and bytes in one call's arguments, or in its result

# Names that the platform keeps for itself, on an entrypoint and on any target.
_OF_ENTRYPOINTS = frozenset(
    {"alarm", "connect", "constructor", "dup", "fetch"}
    | {"webSocketMessage", "webSocketClose", "webSocketError"}
    | {"web_socket_message", "web_socket_close", "web_socket_error"}
)
_OF_TARGETS = frozenset({"constructor", "dup"})


class RpcTarget:
    """What is passed to another Worker by reference: `class Counter(RpcTarget)`.

    The other Worker gets a stub, and `await stub.method(...)` runs the method here. Its methods, sync
    or async, can be called, not its attributes, nor anything whose name begins with an underscore.
    """


class Home(Protocol):
    """A running Worker, as crossings see it."""

    name: str

    def current(self) -> Home | None:
        """The Worker whose code is running now; None outside of all."""
        ...

    async def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """Run `work` as a part of this Worker, one level deeper than the caller."""
        ...


class RpcStub:
    """A function or RpcTarget of another Worker. Call it, or its methods, and await the result."""

    __slots__ = ("_home", "_target")

    def __init__(self, target: Any, home: Home) -> None:
        self._target = target
        self._home = home

    def dup(self) -> RpcStub:
        """Another stub of the same target."""
        return RpcStub(self._target, self._home)

    def __call__(self, *args: Any, **kwargs: Any) -> Awaitable[Any]:
        return call(self._home, self._itself, None, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name, name=name, obj=self)
        return partial(_member, self, name)

    def _itself(self) -> Any:
        return self._target

    def __repr__(self) -> str:
        return f"<RpcStub of the Worker {self._home.name!r}>"


def _member(stub: RpcStub, name: str, /, *args: Any, **kwargs: Any) -> Awaitable[Any]:
    return call(stub._home, stub._itself, name, args, kwargs)


def call(
    home: Home,
    target: Callable[[], Any],
    name: str | None,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
) -> Awaitable[Any]:
    """Call a method, or with `name` None the target itself, at `home`; `target` is made there.

    The arguments are copied at once. Errors keep their class, text, arguments and attributes, and
    have `remote` set; where they were raised stands in a note.
    """
    here = home.current()
    given = _carried([*args, kwargs] if kwargs else list(args), here)

    async def work() -> tuple[Any, Exception | None]:
        try:
            owner = target()
            # What a Workers project is given is seen by other names: compat/entrypoints.py.
            receives = getattr(type(owner), "_receives", None)
            arguments = given if receives is None else receives(given)
            result = _method(owner, name)(*arguments)
            if inspect.isawaitable(result):
                result = await result
            return _carried(result, home), None
        except Exception as error:
            return None, crossing(error, home)

    return _outcome(home, work)


async def _outcome(home: Home, work: Callable[[], Awaitable[Any]]) -> Any:
    result, error = await home.run(work)
    if error is not None:
        raise error
    return result


def crossing(error: Exception, home: Home) -> Exception:
    """An error of `home` as others get it: a copy, without the frames, which hold its variables."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_PACKAGE)
    ]
    copied: Exception = clone(error)
    if frames:
        lines = "".join(traceback.StackSummary.from_list(frames).format())
        copied.add_note(f"In the Worker {home.name!r}:\n{lines.rstrip()}")
    copied.remote = True  # type: ignore[attr-defined]
    return copied


def _carried(value: Any, home: Home | None) -> Any:
    carried = clone(value, by_reference=partial(_reference, home))
    if (size := _size(carried)) > MAX_BYTES:
        raise ServiceError(
            "Serialized RPC arguments or return values are limited to 32MiB, but the size of this "
            f"value was: {size} bytes."
        )
    return carried


def _reference(home: Home | None, value: Any) -> Any:
    """What stands for `value` of `home` elsewhere; None for what cannot be passed."""
    if isinstance(value, Fetcher | RpcStub):
        return value
    if isinstance(value, RpcTarget) or (callable(value) and not isinstance(value, type)):
        return RpcStub(value, home or _NOWHERE)
    if inspect.isawaitable(value):
        if inspect.iscoroutine(value):
            value.close()  # or Python would warn, later and elsewhere, that nobody awaited it
        raise DataCloneError(
            f"{type(value).__name__} could not be cloned. Await it, and pass its result."
        )
    return None


def _size(value: Any) -> int:
    """The bytes of text and data in a copy, about as the platform counts them."""
    size, seen, stack = 0, set(), [value]
    while stack:
        item = stack.pop()
        kind = item.__class__
        if kind is str:
            size += _length(item)
        elif kind is bytes:
            size += len(item)
        elif isinstance(item, dict | list | set) and id(item) not in seen:
            seen.add(id(item))
            stack += item.values() if isinstance(item, dict) else item
            if isinstance(item, dict):
                size += sum(map(_length, item))
    return size


def _length(text: str) -> int:
    # As V8 holds it: Latin-1 where that is enough, else UTF-16.
    return len(text) if text.isascii() or max(text) < "\u0100" else 2 * len(text)


def _method(target: Any, name: str | None) -> Callable[..., Any]:
    if name is None:
        if isinstance(target, RpcTarget):
            raise ServiceTypeError('"(this)" is not a function.')
        return target  # type: ignore[no-any-return]
    entrypoint = not isinstance(target, RpcTarget)
    if name in (_OF_ENTRYPOINTS if entrypoint else _OF_TARGETS):
        raise ServiceTypeError(f"'{name}' is a reserved method and cannot be called over RPC.")
    # Of the class and what it inherits, but not the object's own, which are its private state.
    classes = type(target).__mro__ if not callable(target) else ()
    if name.startswith("_") or not any(
        name in vars(cls) for cls in classes if cls.__module__ not in _OURS
    ):
        raise missing(name)
    member = getattr(target, name)
    if not callable(member):
        raise ServiceTypeError(f'"{name}" is not a function.')
    return member  # type: ignore[no-any-return]


_OURS = frozenset({"builtins", "edgekit.entrypoints", __name__})


class _Nowhere:
    """The home of what code outside of all Workers passes, such as a test or a script."""

    name = "(none)"

    def current(self) -> Home | None:
        return None

    async def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        return await work()


_NOWHERE: Home = _Nowhere()
