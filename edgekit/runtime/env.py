"""Config -> env: the one file that joins bindings and engines.

A new binding is one line in `_BINDINGS`: its key in the configuration, and how its entries become
objects.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from edgekit.bindings.kv import KVNamespace
from edgekit.config import Config
from edgekit.context import Spawn
from edgekit.engines.open import Store
from edgekit.env import Env, build, declarations
from edgekit.errors import ConfigError
from edgekit.worker import Worker

logger = logging.getLogger(__name__)


def kv_space(namespace_id: str) -> str:
    """The space of the records engine that holds a KV namespace; the CLI uses it too."""
    return f"kv/{namespace_id}"


@dataclass(frozen=True, slots=True)
class Place:
    """What bindings are made from.

    `store` opens the store at the first call: a Worker that keeps nothing needs none. `spawn` runs
    what a binding does beside its calls.
    """

    config: Config
    store: Callable[[], Store]
    spawn: Spawn


def _kv_namespaces(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.kv_namespaces:
        yield entry.binding, _kv_namespace(entry.namespace_id, place)


def _kv_namespace(name: str, place: Place) -> Any:
    return KVNamespace(place.store().records, kv_space(name))


_BINDINGS: dict[str, Callable[[Place], Iterator[tuple[str, Any]]]] = {
    "kv_namespaces": _kv_namespaces,
}
# What a declared binding gets when there is no configuration file: a store of its own name.
_WITHOUT_FILE: dict[str, Callable[[str, Place], Any]] = {
    "kv_namespaces": _kv_namespace,
}


def build_env(worker: Worker, place: Place, overrides: Mapping[str, Any] | None = None) -> Env:
    """The env of `worker`, checked against every Env class in it. ConfigError lists what is wrong."""
    config = place.config
    declared = [d for cls in worker.env_classes() for d in declarations(cls)]
    values = config.variables([d.name for d in declared if not d.is_binding])
    for bindings in _BINDINGS.values():
        values.update(bindings(place))
    values.update(overrides or {})
    if config.path is None:
        for d in declared:
            if d.is_binding and d.name not in values:
                make = _WITHOUT_FILE.get(d.type.binding_kind)
                if make is None:
                    raise ConfigError(
                        f"{d.name}: a {d.type.__name__} needs a wrangler configuration file"
                    )
                values[d.name] = make(d.name, place)
                if not config.development:
                    logger.warning(
                        "no configuration file: %s is the %s %r of the store",
                        d.name,
                        d.type.__name__,
                        d.name,
                    )
    first, *others = worker.env_classes()
    for cls in others:
        build(cls, values)
    return build(first, values)
