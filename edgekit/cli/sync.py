"""`edgekit sync`: install what a Workers project says that it needs, as `pywrangler sync` does.

pywrangler fills a folder that is sent along to the platform; here the packages are those of the
environment that edgekit runs in.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
from importlib.util import find_spec
from pathlib import Path

import click

from edgekit.cli.wrangler_flags import Sync
from edgekit.errors import ConfigError


@click.command(cls=Sync)
@click.argument("folder", metavar="[DIR]", default=".", type=click.Path(file_okay=False))
@click.option("--dry-run", is_flag=True, help="Say what is missing, and install nothing.")
@click.option(
    "--allow-build/--no-allow-build", default=True, help="Take packages that must be built."
)
def sync(folder: str, dry_run: bool, allow_build: bool) -> None:
    """Install the dependencies of DIR's pyproject.toml that are missing here.

    DIR is the project's folder; default: the current one.
    """
    from edgekit.compat.project import missing_dependencies

    file = Path(folder) / "pyproject.toml"
    wanted = _dependencies(file)
    missing = list(missing_dependencies(wanted, []))
    if not missing:
        click.echo(f"All that {file} lists is installed.")
        return
    if dry_run:
        click.echo("\n".join(missing))
        raise SystemExit(1)
    options = [] if allow_build else ["--only-binary", ":all:"]
    command = [*_installer(), *options, *missing]
    done = subprocess.run(command, check=False)  # noqa: S603 - what the project's own file lists
    if done.returncode:
        raise click.ClickException(f"not installed: {', '.join(missing)}; what pip said is above")
    click.echo(f"Installed {', '.join(missing)}.")


def _dependencies(file: Path) -> list[str]:
    try:
        project = tomllib.loads(file.read_text("utf-8")).get("project") or {}
    except FileNotFoundError:
        raise ConfigError(f"{file}: there is no such file, which would list dependencies") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{file}: cannot be read: {error}") from error
    return [str(each) for each in project.get("dependencies") or ()]


def _installer() -> list[str]:
    if find_spec("pip") is not None:
        return [sys.executable, "-m", "pip", "install"]
    if uv := shutil.which("uv"):
        return [uv, "pip", "install", "--python", sys.executable]
    raise click.ClickException("neither pip nor uv is here, which could install packages")
