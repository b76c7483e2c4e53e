"""Config -> env: the one file that joins bindings and engines.

A new binding is one line in `_BINDINGS`: its key in the configuration, and how its entries become
objects.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit.bindings.ai import Ai
from edgekit.bindings.analytics import AnalyticsEngineDataset
from edgekit.bindings.assets import Assets
from edgekit.bindings.d1 import D1Database
from edgekit.bindings.fetcher import Fetcher
from edgekit.bindings.hyperdrive import Hyperdrive
from edgekit.bindings.kv import KVNamespace
from edgekit.bindings.queues import Queue
from edgekit.bindings.r2 import R2Bucket
from edgekit.bindings.ratelimit import RateLimit
from edgekit.bindings.secrets_store import SecretsStoreSecret
from edgekit.bindings.vectorize import Vectorize
from edgekit.bindings.version import WorkerVersionMetadata
from edgekit.config import Config
from edgekit.context import Spawn
from edgekit.engines.open import Store
from edgekit.env import Env, build, declarations
from edgekit.errors import ConfigError
from edgekit.runtime.deployment import Deployment
from edgekit.worker import Worker

logger = logging.getLogger(__name__)


def kv_space(namespace_id: str) -> str:
    """The space of the records engine that holds a KV namespace; the CLI uses it too."""
    return f"kv/{namespace_id}"


@dataclass(frozen=True, slots=True)
class Place:
    """What bindings are made from.

    `store` opens the store at the first call: a Worker that keeps nothing needs none. `spawn` runs
    what a binding does beside its calls. `deployment` are the Workers of this process; `given` has
    the names that need not be made.
    """

    config: Config
    store: Callable[[], Store]
    spawn: Spawn
    assets: Assets | None = None
    deployment: Deployment = field(default_factory=Deployment)
    given: Container[str] = ()


def r2_space(bucket: str, jurisdiction: str | None = None) -> str:
    """The space of the records engine that holds an R2 bucket; the CLI uses it too."""
    return f"r2/{jurisdiction}/{bucket}" if jurisdiction else f"r2/{bucket}"


def _r2_buckets(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.r2_buckets:
        yield entry.binding, _r2_bucket(entry.bucket, place, entry.jurisdiction)


def _r2_bucket(name: str, place: Place, jurisdiction: str | None = None) -> Any:
    store = place.store()
    return R2Bucket(store.records, store.blobs(), r2_space(name, jurisdiction))


def _d1_databases(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.d1_databases:
        yield entry.binding, _d1_database(entry.database, place)


def _d1_database(name: str, place: Place) -> Any:
    return D1Database(place.store().sql().open(name))


def _kv_namespaces(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.kv_namespaces:
        yield entry.binding, _kv_namespace(entry.namespace_id, place)


def _kv_namespace(name: str, place: Place) -> Any:
    return KVNamespace(place.store().records, kv_space(name))


def _queues(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.queues.producers:
        queues = place.store().queues()
        yield entry.binding, Queue(queues, entry.queue, delivery_delay=entry.delivery_delay)


def _queue(name: str, place: Place) -> Any:
    return Queue(place.store().queues(), name)


def _assets(place: Place) -> Iterator[tuple[str, Any]]:
    config = place.config.assets
    if place.assets is not None and config is not None and config.binding:
        yield config.binding, Fetcher(place.assets.fetch)


def _services(place: Place) -> Iterator[tuple[str, Any]]:
    config = place.config
    for entry in config.services:
        if entry.binding in place.given:
            continue
        where = f"{config.path}: services ({entry.binding})"
        resident = place.deployment.required(where, entry.service, entry.environment)
        yield entry.binding, resident.fetcher(where, entry.entrypoint, entry.props)


def _service(name: str, place: Place) -> Any:
    known = name.lower().replace("_", "-")
    wanted = known if place.deployment.find(known) else name
    return place.deployment.required(name, wanted).fetcher(name)


def _version(place: Place) -> Iterator[tuple[str, Any]]:
    if (entry := place.config.version_metadata) is not None:
        yield entry.binding, version_of(place.config)


def version_of(config: Config) -> WorkerVersionMetadata:
    """What is deployed, for `version_metadata` and traces."""
    return WorkerVersionMetadata(config.version())


def _secrets(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.secrets_store_secrets:
        space = secrets_space(entry.store_id)
        yield entry.binding, SecretsStoreSecret(place.store().records, space, entry.secret_name)


def secrets_space(store_id: str) -> str:
    """The space of the records engine that holds a secrets store; the CLI uses it too."""
    return f"secrets/{store_id}"


def _datasets(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.analytics_engine_datasets:
        yield entry.binding, _dataset(entry.dataset or entry.binding, place)


def _dataset(name: str, place: Place) -> Any:
    return AnalyticsEngineDataset(place.store().analytics(), name)


def _hyperdrives(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.hyperdrive:
        if entry.binding in place.given:
            continue
        text = place.config.connection_string(entry)
        try:
            yield entry.binding, Hyperdrive(text)
        except ConfigError as error:
            raise ConfigError(f"hyperdrive ({entry.binding}): {error}") from None


def _emails(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.send_email:
        rules = {
            "destination_address": entry.destination_address,
            "allowed_destination_addresses": entry.allowed_destination_addresses,
            "allowed_sender_addresses": entry.allowed_sender_addresses,
        }
        yield entry.binding, _email(entry.binding, place, **rules)


def _email(name: str, place: Place, **rules: Any) -> Any:
    # Imported here: few Workers send email, and it takes a tenth of the start.
    from edgekit.bindings.email import SendEmail
    from edgekit.runtime.mail import post_of

    if place.config.smtp is None and name not in place.given:
        logger.warning("%s: EDGEKIT_SMTP is not set: no email can be sent", name)
    return SendEmail(post_of(place.config.smtp), **rules)


def _ais(place: Place) -> Iterator[tuple[str, Any]]:
    if (entry := place.config.ai) is not None:
        yield entry.binding, _ai(entry.binding, place)


def _ai(name: str, place: Place) -> Any:
    from edgekit import client  # not light either

    config = place.config
    if config.ai_url is None and name not in place.given:
        logger.warning("%s: EDGEKIT_AI_URL is not set: no model can be run", name)
    return Ai(client.fetch, config.ai_url, config.ai_key, config.ai_models)


def _indexes(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.vectorize:
        yield entry.binding, _index(entry.index_name, place)


def _index(name: str, place: Place) -> Any:
    return Vectorize(place.store().vectors(), name)


def _ratelimits(place: Place) -> Iterator[tuple[str, Any]]:
    for entry in place.config.ratelimits:
        simple = entry.simple
        yield (
            entry.binding,
            RateLimit(
                place.store().counters(),
                entry.namespace_id,
                limit=simple.limit,
                period=simple.period,
            ),
        )


_BINDINGS: dict[str, Callable[[Place], Iterator[tuple[str, Any]]]] = {
    "assets": _assets,
    "r2_buckets": _r2_buckets,
    "d1_databases": _d1_databases,
    "kv_namespaces": _kv_namespaces,
    "queues": _queues,
    "services": _services,
    "version_metadata": _version,
    "secrets_store_secrets": _secrets,
    "analytics_engine_datasets": _datasets,
    "hyperdrive": _hyperdrives,
    "send_email": _emails,
    "ai": _ais,
    "vectorize": _indexes,
    "ratelimits": _ratelimits,
}
# What a declared binding gets when there is no configuration file: a store of its own name.
_WITHOUT_FILE: dict[str, Callable[[str, Place], Any]] = {
    "r2_buckets": _r2_bucket,
    "d1_databases": _d1_database,
    "kv_namespaces": _kv_namespace,
    "queues": _queue,
    "services": _service,
    "analytics_engine_datasets": _dataset,
    "send_email": _email,
    "ai": _ai,
    "vectorize": _index,
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
                if not config.development and d.kind != "services":
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
