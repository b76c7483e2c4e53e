"""Env: what a Worker is given besides the request, declared by annotations and checked at start-up.

    class AppEnv(Env):
        VISITS: KVNamespace          # a binding: a class with `binding_kind`; it must exist
        GREETING: str = "Hello"      # a variable: any other type; only these may have a default

`declarations` reads such a class, `build` makes its instance from the values that the configuration,
or the platform's own `env`, has. This module knows no engine, no file and no binding by name.
"""

from __future__ import annotations

import copy
import inspect
import sys
import typing
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, TypeVar

from edgekit import host
from edgekit.errors import ConfigError, UnsupportedError

E = TypeVar("E", bound="Env")

MISSING: Any = object()


class Env:
    """Bindings and variables by name: `env.X`, `env["X"]`, `"X" in env`, `for name in env`.

    Subclass it and annotate what the Worker needs; what else the configuration has is there too.
    ClassVars and names that begin with an underscore declare nothing. Its repr never shows a value.
    """

    if not TYPE_CHECKING:  # hidden, or type checkers would accept any attribute

        def __getattr__(self, name: str) -> Any:
            # Only reached for what the instance and its class do not have.
            raise AttributeError(_lacks(self, name), name=name, obj=self)

    def __getitem__(self, name: str) -> Any:
        try:
            return self.__dict__[name]
        except KeyError:
            raise KeyError(_lacks(self, name)) from None

    def __contains__(self, name: object) -> bool:
        return name in self.__dict__

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.__dict__) or 'empty'}>"


class Declaration(NamedTuple):
    """One annotation of an Env class.

    `kind` is the type's `binding_kind`, None for a variable. `default` is MISSING where there is none.
    """

    name: str
    type: Any
    kind: str | None
    default: Any

    @property
    def is_binding(self) -> bool:
        return self.kind is not None


def declarations(cls: type[Env]) -> list[Declaration]:
    """What `cls` declares, its base classes' first; a name declared again counts as the last one says.

    Raises ConfigError with a line for each annotation that cannot be resolved or cannot work.
    """
    found: dict[str, Declaration] = {}
    problems: list[str] = []
    for base in reversed(cls.__mro__):
        for name, type_ in _hints(base, problems):
            default = next((vars(b)[name] for b in cls.__mro__ if name in vars(b)), MISSING)
            kind = _kind(type_)
            found[name] = Declaration(name, type_, kind, default)
            if kind and default is not MISSING:
                problems.append(f"{cls.__name__}.{name}: a binding can have no default")
            elif not kind and any(_kind(one) for one in typing.get_args(type_)):
                problems.append(
                    f"{cls.__name__}.{name}: a binding stands alone, not inside {_named(type_)}"
                )
    if problems:
        raise ConfigError("\n".join(problems))
    return list(found.values())


def build(cls: type[E], values: Mapping[str, Any]) -> E:
    """The instance of `cls` with `values`, in which bindings are objects and variables JSON or str.

    A variable is converted to its declared type: a str may spell a number, a bool, or JSON. Raises
    ConfigError with a line for each binding or variable that is missing or of the wrong type.
    """
    env = cls.__new__(cls)
    env.__dict__.update(values)
    problems = []
    for declared in declarations(cls):
        name, value = declared.name, values.get(declared.name, MISSING)
        try:
            env.__dict__[name] = (_binding if declared.kind else _variable)(declared, value)
        except ConfigError as error:
            problems.append(f"{cls.__name__}.{name}: {error}")
    if problems:
        raise ConfigError("\n".join(problems))
    return env


def _binding(declared: Declaration, value: Any) -> Any:
    expected = f"expected the binding {_named(declared.type)}"
    put = f'put {declared.name} under "{declared.kind}" in the configuration file'
    if value is MISSING:
        raise ConfigError(f"{expected}, found nothing; {put}")
    # On real Workers a binding is a JavaScript object behind a wrapper, so its class proves nothing;
    # what can be told apart is a variable, and a binding that says it is of another kind.
    kind = _kind(type(value))
    if kind is None and (value is None or isinstance(value, str | int | float | list | dict)):
        raise ConfigError(f"{expected}, found a variable of that name; {put}")
    if kind not in (None, declared.kind):
        raise ConfigError(f"{expected}, found the binding {_named(type(value))}; {put}")
    return value


def _variable(declared: Declaration, value: Any) -> Any:
    expected = f"expected {_named(declared.type)}"
    put = (
        f'put {declared.name} under "vars" in the configuration file, or as a secret into .dev.vars, '
        ".env or the environment"
    )
    if value is MISSING:
        if declared.default is MISSING:
            raise ConfigError(f"{expected}, found nothing; {put}")
        return copy.deepcopy(declared.default)  # or a list would be one list in every Env
    if _kind(type(value)):
        raise ConfigError(f"{expected}, found the binding {_named(type(value))}; {put}")
    try:
        return host.convert(value, declared.type)
    except host.JSONShapeError as error:
        found = f"found {_named(type(value))}"
        if error.path != "$":
            found += f" ({error} at {error.path})"
        elif ", got `" not in str(error):  # more than the two types, which are there already
            found += f" ({error})"
        raise ConfigError(f"{expected}, {found}; {put}") from None
    except UnsupportedError as error:
        raise ConfigError(str(error)) from None
    except TypeError:
        raise ConfigError(
            f"{_named(declared.type)} is no binding, nor a type that a variable can have"
        ) from None


def _hints(base: type, problems: list[str]) -> Iterator[tuple[str, Any]]:
    """The resolved annotations of one class, each on its own, so that a faulty one can be named."""
    if base is Env:
        return
    # As typing does it for a whole class: the module's names go before the class' own.
    inner, outer = dict(vars(base)), vars(sys.modules[base.__module__])
    try:
        annotations = inspect.get_annotations(base)
    except _UNRESOLVED as error:  # Python 3.14 resolves them here, all at once
        problems.append(f"{base.__name__}: {error}; {_IMPORT_IT}")
        return
    for name, annotation in annotations.items():
        if name.startswith("_"):
            continue
        alone = type("_", (), {"__annotations__": {name: annotation}})
        try:
            hint = typing.get_type_hints(alone, inner, outer, include_extras=True)[name]
        except _UNRESOLVED as error:
            problems.append(f"{base.__name__}.{name}: {error}; {_IMPORT_IT}")
            continue
        if hint is not ClassVar and typing.get_origin(hint) is not ClassVar:
            yield name, hint


_UNRESOLVED = (NameError, AttributeError, SyntaxError, TypeError)
_IMPORT_IT = "what an annotation names must be imported in its module, also when it runs"


def _kind(type_: Any) -> str | None:
    """The `binding_kind` of a binding's class, None for anything else."""
    if typing.get_origin(type_) is typing.Annotated:
        type_ = type_.__origin__
    kind = getattr(type_, "binding_kind", None) if isinstance(type_, type) else None
    return kind if isinstance(kind, str) else None


def _named(type_: Any) -> str:
    if isinstance(type_, type) and not typing.get_args(type_):
        return type_.__name__
    return repr(type_).replace("typing.", "")


def _lacks(env: Env, name: str) -> str:
    return f"{type(env).__name__} has no {name!r}; it has: {', '.join(env) or 'nothing'}"
