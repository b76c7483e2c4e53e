"""The kinds of bindings and triggers in a wrangler file: one Struct for an entry of each.

Only what the file says, in its words, with its defaults; config.py reads files and makes these,
`runtime/env.py` makes bindings of them. Keys and bounds are those of wrangler's configuration.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

Named = Annotated[str, msgspec.Meta(min_length=1)]
# With a description, which is what a person is told that does not match.
BUCKET = msgspec.Meta(
    pattern=r"^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]\Z",
    description="3 to 63 lower-case letters, digits and hyphens, no hyphen at either end",
)


class _Entry(msgspec.Struct, frozen=True, kw_only=True):
    pass


class KVNamespaceConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `kv_namespaces`."""

    binding: str
    id: Named | None = None
    preview_id: str | None = None
    remote: bool = False

    @property
    def namespace_id(self) -> str:
        """Which namespace it is, in every mode: `id`, else the binding's name."""
        return self.id or self.binding


class R2BucketConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `r2_buckets`."""

    binding: str
    bucket_name: Annotated[str, BUCKET] | None = None
    preview_bucket_name: Annotated[str, BUCKET] | None = None
    jurisdiction: str | None = None
    remote: bool = False

    @property
    def bucket(self) -> str:
        """Which bucket it is, in every mode: `bucket_name`, else the binding's name."""
        return self.bucket_name or self.binding


class D1DatabaseConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `d1_databases`. `migrations_dir` is relative to the configuration file."""

    binding: str
    database_name: Named | None = None
    database_id: Named | None = None
    preview_database_id: str | None = None
    migrations_table: Named = "d1_migrations"
    migrations_dir: Named = "migrations"
    migrations_pattern: str | None = None
    remote: bool = False

    @property
    def database(self) -> str:
        """Which database it is, in every mode: `database_id`, else its name, else the binding's."""
        return self.database_id or self.database_name or self.binding


class QueueProducerConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `queues.producers`. `delivery_delay` is in seconds."""

    binding: str
    queue: Named
    delivery_delay: Annotated[float, msgspec.Meta(ge=0, le=86_400)] | None = None
    remote: bool = False


class QueueConsumerConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `queues.consumers`; times in seconds, `visibility_timeout_ms` in milliseconds."""

    queue: Named
    type: Literal["worker", "http_pull"] = "worker"
    max_batch_size: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    max_batch_timeout: Annotated[float, msgspec.Meta(ge=0, le=60)] | None = None
    max_retries: Annotated[int, msgspec.Meta(ge=0, le=100)] | None = None
    dead_letter_queue: Named | None = None
    max_concurrency: Annotated[int, msgspec.Meta(ge=1, le=250)] | None = None
    retry_delay: Annotated[float, msgspec.Meta(ge=0, le=86_400)] | None = None
    visibility_timeout_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None


class QueuesConfig(_Entry, frozen=True, kw_only=True):
    """`queues`."""

    producers: tuple[QueueProducerConfig, ...] = ()
    consumers: tuple[QueueConsumerConfig, ...] = ()


class TriggersConfig(_Entry, frozen=True, kw_only=True):
    """`triggers`."""

    crons: tuple[str, ...] | None = ()


class AssetsConfig(_Entry, frozen=True, kw_only=True):
    """`assets`. `directory` is relative to the configuration file; it is served under `base_path`."""

    directory: str | None = None
    binding: str | None = None
    html_handling: Literal[
        "auto-trailing-slash", "force-trailing-slash", "drop-trailing-slash", "none"
    ] = "auto-trailing-slash"
    not_found_handling: Literal["none", "single-page-application", "404-page"] = "none"
    run_worker_first: bool | tuple[str, ...] = False
    base_path: str | None = None


class ServiceConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `services`: another Worker, by its name."""

    binding: str
    service: Named
    environment: str | None = None
    entrypoint: Named | None = None
    props: dict[str, Any] | None = None
    remote: bool = False


class TailConsumerConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `tail_consumers`."""

    service: Named
    environment: str | None = None


class _SimpleLimit(_Entry, frozen=True, kw_only=True):
    limit: Annotated[int, msgspec.Meta(ge=1)]
    period: Literal[10, 60]


class RateLimitConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `ratelimits`: `simple.limit` calls in `simple.period` seconds."""

    name: str
    namespace_id: Named
    simple: _SimpleLimit

    @property
    def binding(self) -> str:
        return self.name


class VersionMetadataConfig(_Entry, frozen=True, kw_only=True):
    """`version_metadata`."""

    binding: str


class AnalyticsDatasetConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `analytics_engine_datasets`."""

    binding: str
    dataset: Named | None = None


class SecretsStoreSecretConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `secrets_store_secrets`."""

    binding: str
    store_id: Named
    secret_name: Named


class HyperdriveConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `hyperdrive`. Its repr does not show the connection string."""

    binding: str
    id: str | None = None
    local_connection_string: str | None = msgspec.field(name="localConnectionString", default=None)

    def __repr__(self) -> str:
        return f"HyperdriveConfig(binding={self.binding!r})"


class SendEmailConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `send_email`; either one destination or a list of those allowed."""

    name: str
    destination_address: str | None = None
    allowed_destination_addresses: tuple[str, ...] | None = None
    allowed_sender_addresses: tuple[str, ...] | None = None
    remote: bool = False

    def __post_init__(self) -> None:
        if self.destination_address and self.allowed_destination_addresses:
            raise ValueError(
                "destination_address and allowed_destination_addresses cannot both be given"
            )

    @property
    def binding(self) -> str:
        return self.name


class AiConfig(_Entry, frozen=True, kw_only=True):
    """`ai`."""

    binding: str
    remote: bool = False


class VectorizeConfig(_Entry, frozen=True, kw_only=True):
    """One entry of `vectorize`."""

    binding: str
    index_name: Named
    remote: bool = False


class Kinds(msgspec.Struct, frozen=True, kw_only=True):
    """All that a wrangler file binds and triggers, by its keys."""

    kv_namespaces: tuple[KVNamespaceConfig, ...] = ()
    r2_buckets: tuple[R2BucketConfig, ...] = ()
    d1_databases: tuple[D1DatabaseConfig, ...] = ()
    queues: QueuesConfig = QueuesConfig()
    triggers: TriggersConfig = TriggersConfig()
    assets: AssetsConfig | None = None
    services: tuple[ServiceConfig, ...] = ()
    tail_consumers: tuple[TailConsumerConfig, ...] = ()
    ratelimits: tuple[RateLimitConfig, ...] = ()
    version_metadata: VersionMetadataConfig | None = None
    analytics_engine_datasets: tuple[AnalyticsDatasetConfig, ...] = ()
    secrets_store_secrets: tuple[SecretsStoreSecretConfig, ...] = ()
    hyperdrive: tuple[HyperdriveConfig, ...] = ()
    send_email: tuple[SendEmailConfig, ...] = ()
    ai: AiConfig | None = None
    vectorize: tuple[VectorizeConfig, ...] = ()


def entries(kinds: Kinds) -> list[tuple[str, _Entry]]:
    """Every entry with the place where it stands: `kv_namespaces[0]`, `queues.producers[1]`, `ai`."""
    found: list[tuple[str, _Entry]] = []
    for key in Kinds.__struct_fields__:
        value = getattr(kinds, key)
        if isinstance(value, tuple):
            found += [(f"{key}[{at}]", entry) for at, entry in enumerate(value)]
        elif isinstance(value, QueuesConfig):
            found.append((key, value))
            found += [(f"{key}.producers[{at}]", each) for at, each in enumerate(value.producers)]
            found += [(f"{key}.consumers[{at}]", each) for at, each in enumerate(value.consumers)]
        elif value is not None:
            found.append((key, value))
    return found


def named(kinds: Kinds) -> list[tuple[str, str]]:
    """(key of the kind, name in env) of every binding, in the order of the kinds."""
    return [
        (place.partition("[")[0], name)
        for place, entry in entries(kinds)
        if (name := getattr(entry, "binding", None)) is not None
    ]
