"""Workers' spelling beside Python's: the one mechanism, used by every public class.

On Workers a call reads `kv.getWithMetadata(k, {"cacheTtl": 60})`; here it is
`kv.get_with_metadata(k, cache_ttl=60)`. Both work. `Spelled` gives a class the camelCase names;
`options` lets a method take its options in either spelling, and also as one trailing dict (None
counts as no options). `Plain` is what a plain JavaScript object becomes: a dict with attributes.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

F = TypeVar("F", bound=Callable[..., Any])

_HUMP = re.compile(r"(?<=[a-z0-9])([A-Z])")


@functools.lru_cache(maxsize=1024)
def snake(name: str) -> str:
    """`getWithMetadata` -> `get_with_metadata`; a name without humps is returned as it is."""
    return _HUMP.sub(lambda m: "_" + m[1].lower(), name)


@functools.lru_cache(maxsize=1024)
def camel(name: str) -> str:
    """`expiration_ttl` -> `expirationTtl`; leading and trailing underscores stay."""
    return re.sub(r"(?<=[a-z0-9])_([a-z0-9])", lambda m: m[1].upper(), name)


class Spelled:
    """Mixin: every public attribute that a class defines in snake_case has its camelCase name too.

    The names are added when the class is made: a `__getattr__` would slow down every attribute of
    every object, since CPython does not specialise the classes that have one.
    """

    __slots__ = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in list(vars(cls).items()):
            if name.startswith("_") or (other := camel(name)) == name or other in vars(cls):
                continue
            plain = not (callable(value) or hasattr(value, "__get__"))
            setattr(cls, other, _alias(name) if plain else value)


def _alias(name: str) -> property:
    # A plain function: dataclasses of Python 3.14 look into the code of a class' properties.
    def read(self: Any) -> Any:
        return getattr(self, name)

    return property(read)


def options(method: F) -> F:
    """Let a method's options come as camelCase keywords or as one trailing dict.

    Options are the keyword-only parameters and the positional ones with a default. A dict counts
    as options only after all required arguments: `put(key, {})` passes the dict as the value.
    An option that the method does not know is ignored in a dict, as JavaScript does, and a
    TypeError as a keyword, as Python does.
    """
    code = method.__code__
    positional: int = code.co_argcount
    required = positional - len(method.__defaults__ or ())
    names: tuple[str, ...] = code.co_varnames
    known = frozenset(names[required : positional + code.co_kwonlyargcount])

    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        if kwargs and not known.issuperset(kwargs):
            kwargs = {snake(name): value for name, value in kwargs.items()}
        if len(args) > required:
            last = args[-1]
            if isinstance(last, dict):
                args = args[:-1]
                for name, value in last.items():
                    if (name := snake(name)) in known:
                        kwargs.setdefault(name, value)
            elif last is None and len(args) > positional:
                args = args[:-1]
        return method(*args, **kwargs)

    return cast(F, call)


class Plain(dict[str, Any]):
    """A plain object of the platform: a dict whose keys are attributes too, in either spelling."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            for key in (name, camel(name), snake(name)):
                if key in self:
                    return self[key]
            raise AttributeError(
                f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self
            )

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value
