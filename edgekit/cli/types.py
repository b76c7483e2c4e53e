"""`edgekit types`: writes the typed Env that a configuration declares, as wrangler does for TypeScript.

    class AppEnv(Env):
        VISITS: KVNamespace
        GREETING: Literal["Hello", "Hi"]     # its values in all environments; str with --no-strict-vars
        API_KEY: str                         # a secret

Names and options are wrangler's. Without --env the names are those of all environments together: a
variable that one of them lacks is None there, and a binding that one lacks is not looked for at the start.
The same configuration gives the same file, byte for byte. It is for a Worker here and on the platform.
"""

from __future__ import annotations

import json
import keyword
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from edgekit.cli import options
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.config import Config

_USUAL = "worker_configuration.py"
_MADE = '"""Made by `edgekit types`'
_LITERAL = re.compile(r"Literal\[.*\]").sub

_CLASSES = {
    "ai": "Ai",
    "analytics_engine_datasets": "AnalyticsEngineDataset",
    "assets": "Fetcher",
    "d1_databases": "D1Database",
    "hyperdrive": "Hyperdrive",
    "kv_namespaces": "KVNamespace",
    "queues": "Queue",
    "queues.producers": "Queue",
    "r2_buckets": "R2Bucket",
    "ratelimits": "RateLimit",
    "secrets_store_secrets": "SecretsStoreSecret",
    "send_email": "SendEmail",
    "services": "Fetcher",
    "vectorize": "Vectorize",
    "version_metadata": "WorkerVersionMetadata",
}


@click.command()
@click.argument("path", required=False)
@click.option("--env-interface", default="AppEnv", show_default=True, help="The name of the class.")
@click.option(
    "--strict-vars/--no-strict-vars",
    default=True,
    show_default=True,
    help="Literal types for variables, or str and int: for those that the environment overrides.",
)
@click.option(
    "--check", is_flag=True, help="Write nothing; exit code 1 if the file is not current."
)
@click.option("-e", "--env", metavar="NAME", help="The environment of the wrangler file.")
@click.option("-c", "--config", metavar="FILE", help="The wrangler file (sets EDGEKIT_CONFIG).")
def types(
    path: str | None,
    env_interface: str,
    strict_vars: bool,
    check: bool,
    config: str | None,
    env: str | None,
) -> None:
    """Write the class of env to PATH (worker_configuration.py beside the wrangler file)."""
    from edgekit import config as configuration

    if not env_interface.isidentifier() or keyword.iskeyword(env_interface):
        raise click.UsageError(f"--env-interface {env_interface}: not a name that a class can have")
    environ = dict(os.environ)
    options.apply(environ, config, env, None)
    first = configuration.load(environ=environ)
    if first.path is None:
        raise ConfigError("there is no wrangler configuration file here, nor further up")
    file = Path(path) if path else first.root / _USUAL
    if file.suffix != ".py":
        raise click.UsageError(f"{file}: the file's name must end in .py")
    loaded = [first]
    if not environ.get("CLOUDFLARE_ENV"):
        # Its warnings about the others are for those who use them.
        configuration.logger.disabled = True
        try:
            loaded += (
                configuration.load(first.path, env=name, environ=environ)
                for name in configuration.environments(first.path)
            )
        finally:
            configuration.logger.disabled = False
    text = _module(loaded, env_interface, first.path.name, strict=strict_vars)
    try:
        current = file.read_text("utf-8") if file.exists() else None
        if check:
            if current != text:
                raise click.ClickException(
                    f"{file} is {'missing' if current is None else 'out of date'}: run `edgekit types`"
                )
            click.echo(f"{file} is up to date.")
        elif current == text:
            click.echo(f"{file} was up to date.")
        elif current and not current.startswith(_MADE):
            raise click.ClickException(f"{file} was not made by `edgekit types`: name another file")
        else:
            file.write_text(text, "utf-8")
            click.echo(f"Wrote {env_interface} to {file}.")
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error


def _module(configs: list[Config], name: str, source: str, *, strict: bool) -> str:
    lines: list[str] = []
    elsewhere: list[str] = []
    comments = []
    used = {"Env"}
    typing = set()
    for field in _fields(configs, strict=strict):
        kind = " | ".join(field.types)
        if not field.name.isidentifier() or keyword.iskeyword(field.name) or field.name[0] == "_":
            comments.append(f'    # env["{field.name}"]: {kind}')
            continue
        if field.binding and (len(field.types) > 1 or not field.everywhere):
            into = elsewhere
        else:
            into = lines
            if not field.everywhere:
                kind += " = None" if kind == "Any" else " | None = None"
        into.append(f"    {field.name}: {kind}")
        used |= set(field.types) & set(_CLASSES.values())
        typing |= {"Any"} if "Any" in _LITERAL("", kind) else set()
        typing |= {"Literal"} if "Literal[" in kind else set()
    if elsewhere:
        typing.add("TYPE_CHECKING")
        lines.append("    if TYPE_CHECKING:  # not in every environment, or another thing there")
        lines += [f"    {line}" for line in elsewhere]
    imports = (
        [f"from typing import {', '.join(sorted(typing, key=_as_imported))}", ""] if typing else []
    )
    imports.append(f"from edgekit import {', '.join(sorted(used, key=str.lower))}")
    if len(imports[-1]) > 88:
        names = "".join(f"    {each},\n" for each in sorted(used, key=str.lower))
        imports[-1] = f"from edgekit import (\n{names})"
    return "\n".join(
        [
            f'{_MADE} from {source}; make it anew instead of changing it."""',
            "",
            *imports,
            "",
            "",
            f"class {name}(Env):",
            f'    """The bindings, variables and secrets of {source}."""',
            *([""] if lines or comments else []),
            *lines,
            *comments,
            "",
        ]
    )


def _as_imported(name: str) -> tuple[bool, str]:
    """Where sorters of imports put it: constants first."""
    return (not name.isupper(), name)


class _Field(NamedTuple):
    """A name in env. `types` are those it has, in one environment or another."""

    name: str
    types: list[str]
    binding: bool  # in at least one of them
    everywhere: bool


def _fields(configs: list[Config], *, strict: bool) -> Iterator[_Field]:
    """Each name in env, bindings first."""
    from edgekit.kinds import named

    classes: dict[str, list[str]] = {}
    secrets: dict[str, int] = {}  # in how many environments
    values: dict[str, list[Any]] = {}
    for config in configs:
        for kind, name in named(config):
            classes.setdefault(name, []).append(_CLASSES[kind])
        those = {*config.required_secrets, *config.secret_names()}
        for name in those:
            secrets[name] = secrets.get(name, 0) + 1
        for name, value in config.vars.items():
            if name not in those:
                values.setdefault(name, []).append(value)
    for name in dict.fromkeys((*classes, *values, *sorted(secrets))):
        bound, given, secret = classes.get(name, []), values.get(name, []), secrets.get(name, 0)
        types = [*dict.fromkeys(bound), *_types(given, secret=bool(secret), strict=strict)]
        number = len(bound) + len(given) + secret
        yield _Field(name, types, bool(bound), number == len(configs))


def _types(values: list[Any], *, secret: bool, strict: bool) -> list[str]:
    kinds = [type(value) for value in values]
    if strict and values and not secret and all(kind in (str, int) for kind in kinds):
        literals = dict.fromkeys(_literal(value) for value in values)
        return [f"Literal[{', '.join(literals)}]"]
    shown = dict.fromkeys(_JSON.get(kind, "Any") for kind in [str] * secret + kinds)
    if "Any" in shown:
        return ["Any"]
    if "float" in shown:
        shown.pop("int", None)
    return list(shown)


_JSON: dict[type, str] = {
    str: "str",
    int: "int",
    float: "float",
    bool: "bool",
    list: "list[Any]",
    dict: "dict[str, Any]",
}


def _literal(value: str | int) -> str:
    if isinstance(value, int) or not value.isprintable():
        return repr(value)
    return json.dumps(value, ensure_ascii=False)  # in the quotes that formatters prefer
