"""Configuration: the wrangler file, its secrets files and the EDGEKIT_* variables, as one typed Config.

The only module that reads any of them; what a wrangler file's keys mean is wrangler.py's. It opens no store, builds no binding and knows no Env class:
`runtime/env.py` does that with the Config it gets.

The rules are wrangler's (checked against 4.86, its source and configuration reference): file names,
JSONC, named environments, secrets files. Where edgekit differs on purpose:
- the nearest folder with a wrangler file wins (wrangler prefers a far wrangler.json to a near .toml);
- a binding kind that edgekit does not have is an error, never a silent None;
- a KV namespace is its `id` in every mode (wrangler's dev prefers `preview_id`), so that server and
  CLI mean the same store; without one it is the binding's name, as in wrangler's dev;
- secrets files are read in production too, and the process' environment comes last and wins, for the
  names that the configuration or the Env class knows;
- unquoted values in secrets files end at ` #`, as python-dotenv has it, not at any `#`.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Collection, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from edgekit.errors import ConfigError
from edgekit.formats import fingerprint, read_document, read_secrets, secrets_files
from edgekit.kinds import HyperdriveConfig, Kinds, named
from edgekit.wrangler import Secrets, check_names, read_project, shown_path

logger = logging.getLogger(__name__)

FILE_NAMES = ("wrangler.json", "wrangler.jsonc", "wrangler.toml")


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
        """The vars and secrets by name: `vars`, then the secrets files, then the environment, then
        EDGEKIT_VARS, which `edgekit dev --var` sets.

        `declared` names the variables that the Env class declares. The process' environment may set
        those, and those that a file names, and no others; what comes from it or from a secrets file
        is a str. A required secret that is nowhere is a warning in development, as in `wrangler dev`,
        and a ConfigError in production, as in `wrangler deploy`.
        """
        values: dict[str, Any] = {**self.vars, **self._secrets}
        bindings = {name for _, name in named(self)}
        known = {*values, *self.required_secrets, *declared} - bindings
        values.update((name, self._environ[name]) for name in known if name in self._environ)
        values.update(_overrides(self._environ))
        missing = [name for name in self.required_secrets if name not in values]
        if missing:
            text = (
                f"{shown_path(self.path)}: secrets.required: missing {', '.join(missing)}; add them to "
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
            f"{shown_path(self.path)}: hyperdrive ({entry.binding}): set {names[0]} in the environment,"
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
    project = read_project(raw, shown_path(file), environment)
    secrets = _read_secrets(root, environment, project.secrets, environ)
    check_names(project, secrets, shown_path(file))
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


# --- secrets files ---------------------------------------------------------------------------------


def _read_secrets(
    root: Path, environment: str | None, declared: Secrets | None, environ: Mapping[str, str]
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


def _overrides(environ: Mapping[str, str]) -> dict[str, str]:
    """EDGEKIT_VARS: variables by name, as a JSON object of texts."""
    text = environ.get("EDGEKIT_VARS")
    if not text:
        return {}
    with suppress(ValueError):
        found = json.loads(text)
        if isinstance(found, dict) and all(isinstance(each, str) for each in found.values()):
            return found
    raise ConfigError("EDGEKIT_VARS is not a JSON object of texts")


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
