"""Configuration: the wrangler file, its secrets files and the EDGEKIT_* variables, as one typed Config.

The only module that reads any of them. It opens no store, builds no binding and knows no Env class:
`runtime/env.py` does that with the Config it gets.

The rules are wrangler's (checked against 4.86, its source and configuration reference): file names,
JSONC, named environments, secrets files. Where edgekit differs on purpose:
- the nearest folder with a wrangler file wins (wrangler prefers a far wrangler.json to a near .toml);
- a binding kind that edgekit does not have is an error here, never a silent None (`NOT_YET`);
- a KV namespace is its `id` in every mode (wrangler's dev prefers `preview_id`), so that server and
  CLI mean the same store; without one it is the binding's name, as in wrangler's dev;
- secrets files are read in production too, and the process' environment comes last and wins, for the
  names that the configuration or the Env class knows;
- unquoted values in secrets files end at ` #`, as python-dotenv has it, not at any `#`.
"""

from __future__ import annotations

import difflib
import ipaddress
import logging
import os
import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from edgekit.errors import ConfigError
from edgekit.formats import fingerprint, read_document, read_secrets, secrets_files
from edgekit.kinds import HyperdriveConfig, Kinds, entries, named

logger = logging.getLogger(__name__)

FILE_NAMES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")

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


class _Secrets(msgspec.Struct, frozen=True):
    required: tuple[str, ...] = ()


class _Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    trusted_proxies: tuple[str, ...] = ()
    forwarded: Literal["any", "cloudflare", "forwarded", "x-forwarded"] = "any"
    max_body_bytes: Annotated[int, msgspec.Meta(ge=0)] = 100 * 1024 * 1024
    cache_bytes: Annotated[int, msgspec.Meta(ge=0)] = 1024 * 1024 * 1024
    ai_models: dict[str, str] = {}


class _File(Kinds, frozen=True, kw_only=True):
    """The keys of a wrangler file that edgekit reads, of the environment in use."""

    name: str | None = None
    main: str | None = None
    compatibility_date: Annotated[str, msgspec.Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")] | None = None
    compatibility_flags: tuple[str, ...] = ()
    vars: dict[str, Any] = {}
    secrets: _Secrets | None = None
    edgekit: _Settings = _Settings()


_SINGLE = frozenset(f.name for f in msgspec.structs.fields(Kinds) if f.default is None)
_KNOWN = frozenset(_File.__struct_fields__) | frozenset(NOT_YET) | _IGNORED


class Config(Kinds, frozen=True, kw_only=True):
    """What one process is to run with. Its repr shows names, never values.

    `path` is the wrangler file, None without one; `root` its folder, or the one the search began in.
    `store` and `blobs` are URLs whose relative paths have been made absolute; `blobs` is None where
    the store is to decide. `smtp` says how email leaves: smtp:, smtps:, file:PATH (in development a
    folder of the store), None where nobody has said. `ai_url` is a server that speaks OpenAI's API,
    `ai_models` its names of models by the platform's. `trusted_proxies` are CIDRs, `forwarded` the headers they set; `max_body_bytes` limits a request's body,
    `cache_bytes` what all caches keep together.
    """

    store: str
    blobs: str | None = None
    path: Path | None = None
    root: Path = Path()
    environment: str | None = None
    mode: str = "production"
    name: str | None = None
    main: Path | None = None
    compatibility_date: str | None = None
    compatibility_flags: tuple[str, ...] = ()
    vars: dict[str, Any] = {}
    required_secrets: tuple[str, ...] = ()
    trusted_proxies: tuple[str, ...] = ()
    forwarded: str = "any"
    max_body_bytes: int = 100 * 1024 * 1024
    cache_bytes: int = 1024 * 1024 * 1024
    smtp: str | None = None
    ai_url: str | None = None
    ai_key: str | None = None
    ai_models: dict[str, str] = {}
    _secrets: dict[str, str] = {}
    _environ: Mapping[str, str] = {}

    def version(self) -> dict[str, str]:
        """`id`, `tag` and `timestamp` of what is deployed: EDGEKIT_VERSION_ID, _TAG and _TIMESTAMP.

        Without those the id is a UUID made of what the configuration file and `main` contain, and the
        timestamp is when the later of them was written: the same in all processes of a deployment.
        """
        identity, written = fingerprint([file for file in (self.path, self.main) if file])
        own = {"id": identity, "tag": "", "timestamp": written}
        variables = {key: self._environ.get(f"EDGEKIT_VERSION_{key.upper()}") for key in own}
        return {key: variables[key] or value for key, value in own.items()}

    def secrets_files(self) -> list[Path]:
        """The secrets files that were read, the later one's values before the earlier one's."""
        return secrets_files(self.root, self.environment, dotenv=_reads_dotenv(self._environ))

    def secret_names(self) -> list[str]:
        """The names of the secrets that were read from files."""
        return list(self._secrets)

    @property
    def development(self) -> bool:
        """True under `edgekit dev` (EDGEKIT_MODE=development); everything else is production."""
        return self.mode == "development"

    def variables(self, declared: Collection[str] = ()) -> dict[str, Any]:
        """The vars and secrets by name: `vars`, then the secrets files, then the environment.

        `declared` names the variables that the Env class declares. The process' environment may set
        those, and those that a file names, and no others; what comes from it or from a secrets file
        is a str. A required secret that is nowhere is a warning in development, as in `wrangler dev`,
        and a ConfigError in production, as in `wrangler deploy`.
        """
        values: dict[str, Any] = {**self.vars, **self._secrets}
        bindings = {name for _, name in named(self)}
        known = {*values, *self.required_secrets, *declared} - bindings
        values.update((name, self._environ[name]) for name in known if name in self._environ)
        missing = [name for name in self.required_secrets if name not in values]
        if missing:
            text = (
                f"{_shown(self.path)}: secrets.required: missing {', '.join(missing)}; add them to "
                ".dev.vars or .env beside the configuration file, or to the environment"
            )
            if not self.development:
                raise ConfigError(text)
            logger.warning("%s", text)
        return values

    def connection_string(self, entry: HyperdriveConfig) -> str:
        """The database of a Hyperdrive binding: as wrangler, from CLOUDFLARE_ (or WRANGLER_)
        HYPERDRIVE_LOCAL_CONNECTION_STRING_<BINDING>, in the environment or a secrets file, else from
        localConnectionString. ConfigError where it is nowhere.
        """
        names = [
            f"{owner}_HYPERDRIVE_LOCAL_CONNECTION_STRING_{entry.binding}"
            for owner in ("CLOUDFLARE", "WRANGLER")
        ]
        for name in names:
            for place in (self._environ, self._secrets):
                if place.get(name):
                    return place[name]
        if entry.local_connection_string:
            return entry.local_connection_string
        raise ConfigError(
            f"{_shown(self.path)}: hyperdrive ({entry.binding}): set {names[0]} in the environment,"
            " or localConnectionString"
        )

    def __repr__(self) -> str:
        return f"Config({', '.join(f'{name}={value!r}' for name, value in self.__rich_repr__())})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:  # msgspec's own would show the values
        return [
            ("path", self.path and str(self.path)),
            ("environment", self.environment),
            ("mode", self.mode),
            ("vars", sorted({*self.vars, *self._secrets})),
            ("bindings", [name for _, name in named(self)]),
        ]


def load(
    path: str | Path | None = None,
    *,
    env: str | None = None,
    start: Path | None = None,
    environ: Mapping[str, str] | None = None,
) -> Config:
    """Read the configuration.

    The file is `path`, else EDGEKIT_CONFIG (the first of `several`), else the nearest one from `start`
    (the current folder) upward, else none. `path` and EDGEKIT_CONFIG may name a folder: the search then starts there.
    `env` picks a named environment, else CLOUDFLARE_ENV does; "" is the top level. `environ` stands
    for the process' environment. Raises ConfigError, which names the file and the key.
    """
    environ = os.environ if environ is None else environ
    configured = several(environ)
    given = Path(os.path.abspath(path or (configured[0] if configured else start or ".")))
    file = find(given) if given.is_dir() else given
    root = file.parent if file else given
    environment = (environ.get("CLOUDFLARE_ENV") if env is None else env) or None
    raw = read_document(file) if file else {}
    project = _project(raw, _shown(file), environment)
    secrets = _read_secrets(root, environment, project.secrets, environ)
    _check_names(project, secrets, _shown(file))
    # Without a file the store is where the process runs, so that a CLI started there finds it.
    base = root if file else Path.cwd()
    store = environ.get("EDGEKIT_STORE") or "sqlite:.edgekit/state"
    blobs = environ.get("EDGEKIT_BLOBS")
    return Config(
        store=_resolve(store, base, "EDGEKIT_STORE"),
        blobs=_resolve(blobs, base, "EDGEKIT_BLOBS") if blobs else None,
        path=file,
        root=root,
        environment=environment,
        mode=environ.get("EDGEKIT_MODE") or "production",
        name=project.name,
        main=Path(os.path.abspath(root / project.main)) if project.main else None,
        compatibility_date=project.compatibility_date,
        compatibility_flags=project.compatibility_flags,
        vars=project.vars,
        required_secrets=project.secrets.required if project.secrets else (),
        **{key: getattr(project, key) for key in Kinds.__struct_fields__},
        trusted_proxies=project.edgekit.trusted_proxies,
        forwarded=project.edgekit.forwarded,
        max_body_bytes=project.edgekit.max_body_bytes,
        cache_bytes=project.edgekit.cache_bytes,
        smtp=_smtp(environ, store, base),
        ai_url=environ.get("EDGEKIT_AI_URL") or None,
        ai_key=environ.get("EDGEKIT_AI_KEY") or None,
        ai_models=project.edgekit.ai_models,
        _secrets=secrets,
        _environ=environ,
    )


def several(environ: Mapping[str, str] | None = None) -> list[Path]:
    """The files that EDGEKIT_CONFIG names: one, or, of Workers beside each other, several, with the
    separator of PATH between them. The first is that of the Worker that answers HTTP.
    """
    text = (os.environ if environ is None else environ).get("EDGEKIT_CONFIG") or ""
    if os.path.exists(text):  # a path may have a separator in it
        return [Path(text)]
    return [Path(each) for each in text.split(os.pathsep) if each]


def environments(file: Path) -> list[str]:
    """The names of the environments that a wrangler file has."""
    return list(read_document(file).get("env") or {})


def bare() -> Config:
    """The configuration of a Worker that has no file, nor looks for one."""
    mode = os.environ.get("EDGEKIT_MODE") or "production"
    return Config(store="memory:", root=Path.cwd(), mode=mode, _environ=os.environ)


def find(folder: Path) -> Path | None:
    """The nearest wrangler file from `folder` upward; of several in one folder, .json before .jsonc before .toml."""
    for place in (folder, *folder.parents):
        for name in FILE_NAMES:
            if os.path.isfile(place / name):
                return place / name
    return None


# --- the wrangler file -----------------------------------------------------------------------------


def _project(raw: dict[str, Any], shown: str, environment: str | None) -> _File:
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
        project = msgspec.convert(there, _File)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `")
        key = located(path.rstrip("`").removeprefix("$").removeprefix(".")) or "the file"
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


def _check_names(project: _File, secrets: Mapping[str, str], shown: str) -> None:
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


def _shown(file: Path | None) -> str:
    return str(file) if file else "no configuration file"


# --- secrets files ---------------------------------------------------------------------------------


def _read_secrets(
    root: Path, environment: str | None, declared: _Secrets | None, environ: Mapping[str, str]
) -> dict[str, str]:
    """The values of the secrets files; only the required ones where those are listed."""
    files = secrets_files(root, environment, dotenv=_reads_dotenv(environ))
    values = read_secrets(files, environ if declared else {})
    if declared:
        return {name: values[name] for name in declared.required if name in values}
    return values


def _reads_dotenv(environ: Mapping[str, str]) -> bool:
    return environ.get("CLOUDFLARE_LOAD_DEV_VARS_FROM_DOT_ENV", "").lower() != "false"


# --- EDGEKIT_* -------------------------------------------------------------------------------------


def _smtp(environ: Mapping[str, str], store: str, base: Path) -> str | None:
    if url := environ.get("EDGEKIT_SMTP"):
        return _resolve(url, base, "EDGEKIT_SMTP") if url.startswith("file:") else url
    if environ.get("EDGEKIT_MODE") != "development":
        return None
    scheme, _, folder = store.partition(":")
    if scheme != "sqlite":
        folder = ".edgekit/state"
    return f"file:{os.path.abspath(base / folder / 'email')}"


def _resolve(url: str, base: Path, variable: str) -> str:
    """The URL with the path of `sqlite:PATH` and `file:PATH` made absolute; others as they are."""
    scheme, colon, path = url.partition(":")
    if not colon or scheme not in ("sqlite", "file"):
        return url  # engines/open.py knows the schemes and refuses the rest
    if path.startswith("///"):
        path = path[2:]
    if not path or path.startswith("//"):
        raise ConfigError(f"{variable}: {url!r} names no path; write {scheme}:PATH")
    return f"{scheme}:{os.path.abspath(base / path)}"
