"""`edgekit types`: writes the typed Env that a configuration declares, as wrangler does for TypeScript.

    class AppEnv(Env):
        VISITS: KVNamespace
        GREETING: Literal["Hello", "Hi"]     # its values in all environments; str with --no-strict-vars
        API_KEY: str                         # a secret

Names and options are wrangler's. Without --env the variables are those of all environments together.
The same configuration gives the same file, byte for byte. It is for a Worker here and on the platform.
"""

from __future__ import annotations

import json
import keyword
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import options
from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.config import Config

_USUAL = "worker_configuration.py"

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
        else:
            file.write_text(text, "utf-8")
            click.echo(f"Wrote {env_interface} to {file}.")
    except OSError as error:
        raise click.ClickException(f"{file}: {error.strerror}") from error


def _module(configs: list[Config], name: str, source: str, *, strict: bool) -> str:
    lines, comments = [], []
    used = {"Env"}
    literal = mixed = False
    for field, kind in _fields(configs, strict=strict):
        if not field.isidentifier() or keyword.iskeyword(field) or field.startswith("_"):
            comments.append(f'    # env["{field}"]: {kind}')
            continue
        lines.append(f"    {field}: {kind}")
        used |= {kind} & set(_CLASSES.values())
        literal = literal or kind.startswith("Literal")
        mixed = mixed or "Any" in kind.split("Literal")[0]
    imports = []
    if literal or mixed:
        imports += [f"from typing import {', '.join(['Any'] * mixed + ['Literal'] * literal)}", ""]
    imports.append(f"from edgekit import {', '.join(sorted(used, key=str.lower))}")
    if len(imports[-1]) > 88:
        names = "".join(f"    {each},\n" for each in sorted(used, key=str.lower))
        imports[-1] = f"from edgekit import (\n{names})"
    return "\n".join(
        [
            f'"""Made by `edgekit types` from {source}; make it anew instead of changing it."""',
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


def _fields(configs: list[Config], *, strict: bool) -> Iterator[tuple[str, str]]:
    """Each name in env with its type, bindings first."""
    from edgekit.kinds import named

    bindings: dict[str, str] = {}
    for config in configs:
        for kind, name in named(config):
            bindings.setdefault(name, _CLASSES[kind])
    yield from bindings.items()
    secrets = {
        name for config in configs for name in (*config.required_secrets, *config.secret_names())
    }
    values: dict[str, list[Any]] = {}
    for config in configs:
        for name, value in config.vars.items():
            values.setdefault(name, []).append(value)
    for name, each in values.items():
        if name not in bindings and name not in secrets:
            yield name, _type(each, strict=strict)
    for name in sorted(secrets - bindings.keys()):
        yield name, "str"


def _type(values: list[Any], *, strict: bool) -> str:
    kinds = [type(value) for value in values]
    if strict and all(kind in (str, int) for kind in kinds):
        literals = dict.fromkeys(_literal(value) for value in values)
        return f"Literal[{', '.join(literals)}]"
    shown = dict.fromkeys(_JSON.get(kind, "Any") for kind in kinds)
    if "Any" in shown:
        return "Any"
    if "float" in shown:
        shown.pop("int", None)
    return " | ".join(shown)


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
