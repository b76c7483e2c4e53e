"""A wrangler file's keys, of the top level or of a named environment, checked and typed.

The rules are wrangler's: which keys there are, which an environment inherits, which names must differ.
It reads no file and no environment variable: config.py does, and calls this.
"""

from __future__ import annotations

import difflib
import ipaddress
import logging
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from edgekit.errors import ConfigError
from edgekit.kinds import BUCKET, Kinds, entries, named

logger = logging.getLogger("edgekit.config")  # of the configuration as a whole

# What the platform has and edgekit has not: key -> its name in the message. Whoever furnishes a kind
# deletes its line and adds it to kinds.py.
NOT_YET = {
    "agent_memory": "Agent Memory",
    "ai_search": "AI Search",
    "ai_search_namespaces": "AI Search namespaces",
    "artifacts": "Artifacts",
    "browser": "Browser Rendering",
    "cloudchamber": "Cloudchamber",
    "connect": "TCP listeners",
    "containers": "Containers",
    "data_blobs": "data blobs",
    "dispatch_namespaces": "dispatch namespaces",
    "durable_objects": "Durable Objects",
    "flagship": "Flagship",
    "images": "Images",
    "logfwdr": "logfwdr",
    "media": "Media Transformations",
    "mtls_certificates": "mTLS certificates",
    "pipelines": "Pipelines",
    "site": "Workers Sites",
    "stream": "Stream",
    "streaming_tail_consumers": "streaming tail consumers",
    "text_blobs": "text blobs",
    "unsafe": "unsafe bindings",
    "unsafe_hello_world": "the hello-world binding",
    "vpc_networks": "VPC networks",
    "vpc_services": "VPC services",
    "wasm_modules": "Wasm modules",
    "websearch": "web search",
    "worker_loaders": "worker loaders",
    "workflows": "Workflows",
}

# Keys that matter to the platform or to wrangler's build only: accepted, not read.
_IGNORED = frozenset(
    """
    access account_id base_dir build cache compliance_region define exports find_additional_modules
    first_party_worker jsx_factory jsx_fragment keep_names limits logpush migrations minify no_bundle
    observability placement preserve_file_names preview_urls previews python_modules route routes
    rules tsconfig upload_source_maps workers_dev
    """.split()  # noqa: SIM905
)
_TOP_LEVEL_ONLY = frozenset(
    """
    $schema addresses alias data_blobs dependencies_instrumentation dev env keep_vars legacy_env
    pages_build_output_dir send_metrics site text_blobs wasm_modules
    """.split()  # noqa: SIM905
)
_INHERITED_KINDS = frozenset(["assets", "logfwdr", "triggers"])
_NOT_INHERITED = (
    frozenset(["define", "secrets", "vars", *Kinds.__struct_fields__, *NOT_YET])
    - _INHERITED_KINDS
    - _TOP_LEVEL_ONLY
)


class Secrets(msgspec.Struct, frozen=True):
    required: tuple[str, ...] = ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trusted_proxies: tuple[str, ...] = ()
    forwarded: Literal["any", "cloudflare", "forwarded", "x-forwarded"] = "any"
    max_body_bytes: Annotated[int, msgspec.Meta(ge=0)] = 100 * 1024 * 1024
    cache_bytes: Annotated[int, msgspec.Meta(ge=0)] = 1024 * 1024 * 1024
    ai_models: dict[str, str] = {}


_NAME = msgspec.Meta(
    pattern=r"^([a-z0-9_][a-z0-9_-]*)?\Z",
    description="lower-case letters, digits, - and _, no - at the start",
)
_DATE = msgspec.Meta(
    pattern=r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\Z",
    description='a date such as "2026-01-31"',
)


class Project(Kinds, frozen=True, kw_only=True):
    """The keys of a wrangler file that edgekit reads, of the environment in use."""

    name: Annotated[str, _NAME] | None = None
    main: str | None = None
    compatibility_date: Annotated[str, _DATE] | None = None
    compatibility_flags: tuple[str, ...] = ()
    vars: dict[str, Any] = {}
    secrets: Secrets | None = None
    edgekit: Settings = Settings()


_SINGLE = frozenset(f.name for f in msgspec.structs.fields(Kinds) if f.default is None)
_KNOWN = frozenset(Project.__struct_fields__) | frozenset(NOT_YET) | _IGNORED


def read_project(raw: dict[str, Any], shown: str, environment: str | None) -> Project:
    """The typed keys of the top level or of the named environment, by wrangler's rules of inheritance."""
    top = {key: value for key, value in raw.items() if key != "env"}
    _warn_of_unknown(top, _KNOWN | _TOP_LEVEL_ONLY, shown)
    section = _section(raw, shown, environment)
    merged = top
    if environment and section is None:
        merged = {**top, **_suffixed(top, environment)}
    elif environment and section is not None:
        where = f"env.{environment}"
        _warn_of_unknown(section, _KNOWN, shown, where)
        _warn_of_not_inherited(top, section, shown, where)
        inherited = {key: value for key, value in top.items() if key not in _NOT_INHERITED}
        merged = {**inherited, **_suffixed(top, environment), **section}

    def located(key: str) -> str:
        """`kv_namespaces[0].id`, with its environment in front where that is where it stands."""
        top_key = re.split(r"[.\[]", key, maxsplit=1)[0]
        return f"env.{environment}.{key}" if section and top_key in section else key

    refused = [
        f"{shown}: {located(kind)}{_in_brackets(_names(merged[kind]))}: edgekit does not have {label} yet"
        for kind, label in NOT_YET.items()
        if not _empty(merged.get(kind))
    ]
    if refused:
        raise ConfigError("\n".join(refused))
    try:
        # `"ai": {}` declares nothing, as anywhere else.
        there = {key: value for key, value in merged.items() if value != {} or key not in _SINGLE}
        project = msgspec.convert(there, Project)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        key = located(path.rstrip("`").removeprefix("$").removeprefix(".")) or "the file"
        for meta in (BUCKET, _NAME, _DATE):
            what = what.replace(f"`str` matching regex {meta.pattern!r}", meta.description or "")
        raise ConfigError(f"{shown}: {key}: {what}") from None
    for place, entry in entries(project):
        where, fields = located(place), msgspec.structs.fields(entry)
        _warn_of_unknown(_at(merged, place), [f.encode_name for f in fields], shown, where)
        if getattr(entry, "remote", False):
            logger.warning("%s: %s.remote is ignored: edgekit's bindings are local", shown, where)
    if project.secrets:
        _warn_of_unknown(merged["secrets"], ("required",), shown, located("secrets"))
    return project


def _at(raw: Any, place: str) -> Any:
    """What stands at `queues.producers[1]`; nothing where the default does."""
    for step in re.findall(r"\w+", place):
        raw = raw[int(step)] if isinstance(raw, list) else raw.get(step, ())
    return raw


def _section(raw: dict[str, Any], shown: str, environment: str | None) -> dict[str, Any] | None:
    """The named environment's own keys; None at the top level, or where the file has no environments."""
    if not environment:
        return None
    sections = raw.get("env", {})
    if not isinstance(sections, dict):
        raise ConfigError(f"{shown}: env: expected an object of environments")
    if not sections:
        if raw:
            logger.warning(
                "%s: no environment %r, and no other: the top level is used", shown, environment
            )
        return None
    if environment not in sections:
        names = ", ".join(sections)
        raise ConfigError(f"{shown}: no environment named {environment!r}; there are: {names}")
    section = sections[environment]
    if not isinstance(section, dict):
        raise ConfigError(f"{shown}: env.{environment}: expected an object of keys")
    return {key: value for key, value in section.items() if value is not None}


def _suffixed(top: dict[str, Any], environment: str) -> dict[str, Any]:
    name = top.get("name")
    return {"name": f"{name}-{environment}"} if name and isinstance(name, str) else {}


def _warn_of_unknown(
    keys: Iterable[str], known: Collection[str], shown: str, where: str = ""
) -> None:
    for key in keys:
        if key not in known:
            near = difflib.get_close_matches(key, known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else ""
            logger.warning("%s: unknown key %r%s%s", shown, key, f" in {where}" * bool(where), hint)


def _warn_of_not_inherited(
    top: dict[str, Any], section: dict[str, Any], shown: str, where: str
) -> None:
    for key in sorted(_NOT_INHERITED & top.keys()):
        above, here = (
            list(value) if key == "vars" and isinstance(value, dict) else _names(value)
            for value in (top[key], section.get(key))
        )
        missing = [name for name in above if name not in here]
        if missing or (key not in section and not _empty(top[key])):
            text = "%s: %s%s: at the top level but not in %s, which does not inherit it"
            logger.warning(text, shown, key, _in_brackets(missing), where)


def _names(value: Any) -> list[str]:
    """The names that a value of any binding kind gives its bindings (or crons, queues, services)."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [name for item in value for name in _names(item)]
    if not isinstance(value, dict):
        return []
    for key in ("binding", "name", "class_name", "service", "queue"):
        if isinstance(value.get(key), str):
            return [value[key]]
    inner = ("bindings", "producers", "consumers", "crons", "required")
    return [name for key in inner for name in _names(value.get(key))]


def _in_brackets(names: list[str]) -> str:
    return f" ({', '.join(names)})" if names else ""


def _empty(value: Any) -> bool:
    """True for what declares nothing: a missing key, `[]`, `{"crons": []}`."""
    if isinstance(value, dict):
        return all(_empty(item) for item in value.values())
    return value is None or value == []


def check_names(project: Project, secrets: Mapping[str, str], shown: str) -> None:
    problems = []
    owners: dict[str, str] = {}
    required = project.secrets.required if project.secrets else ()
    bindings = named(project)
    for owner, name in bindings:
        # A name is an attribute of env here and in JavaScript, where $ may stand in it too.
        if not name.replace("$", "_").isidentifier():
            problems.append(f"{owner}: {name!r} is not a name that env can have")
    for owner, name in (
        *bindings,
        *(("vars", name) for name in project.vars),
        *(("secrets.required", name) for name in required),
    ):
        if name in owners:
            problems.append(f"{owner}: {name} is already the name of one in {owners[name]}")
        owners.setdefault(name, owner)
    problems += [
        f"{name} in the secrets file is already the name of one in {owners[name]}"
        for name in secrets
        if any(name == bound for _, bound in bindings)
    ]
    for index, proxy in enumerate(project.edgekit.trusted_proxies):
        try:
            ipaddress.ip_network(proxy)
        except ValueError as error:
            problems.append(f"edgekit.trusted_proxies[{index}]: {error}")
    if problems:
        raise ConfigError("\n".join(f"{shown}: {problem}" for problem in problems))


def shown_path(file: Path | None) -> str:
    return str(file) if file else "no configuration file"
