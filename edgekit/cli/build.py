"""`edgekit build` and `edgekit deploy`: a program as a folder for Cloudflare, and what uploads it.

What goes into the folder, and why, is `compat/bundle.py`. Uploading is the business of the user's own
wrangler, or of pywrangler where packages with machine code are needed: edgekit knows no account.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.cli import options

if TYPE_CHECKING:
    from edgekit.cli.target import Target
    from edgekit.compat.bundle import Bundle

_USUAL = "build"


def _arguments(command: Any) -> Any:
    for option in (
        click.option(
            "--include",
            metavar="PATTERN",
            multiple=True,
            help="Files below the program's folder that no import names, such as 'templates/**/*'.",
        ),
        click.option(
            "--out",
            metavar="DIR",
            help="The folder to write (build, beside the program or its wrangler file).",
        ),
        click.option("-c", "--config", metavar="FILE", help="The wrangler file."),
        click.argument("target", required=False),
    ):
        command = option(command)
    return command


@click.command()
@_arguments
def build(
    target: str | None, config: str | None, out: str | None, include: tuple[str, ...]
) -> None:
    """Write TARGET as a folder that wrangler deploys to Cloudflare.

    TARGET is what `edgekit dev` takes: a folder, a file, `file:app` or `module:app`.
    """
    folder, made = _build(target, config, out, include)
    click.echo(f"\nWritten to {folder}. Deploy it with `edgekit deploy`, or there with:")
    click.echo(f"  {'pywrangler' if made.dependencies else 'npx wrangler'} deploy")


@click.command(context_settings={"ignore_unknown_options": True})
@_arguments
@click.option("--dry-run", is_flag=True, help="Let wrangler check the folder, and upload nothing.")
@click.option("-e", "--env", metavar="NAME", help="The environment of the wrangler file.")
@click.argument("wrangler_options", nargs=-1, type=click.UNPROCESSED)
def deploy(
    target: str | None,
    config: str | None,
    out: str | None,
    include: tuple[str, ...],
    env: str | None,
    dry_run: bool,
    wrangler_options: tuple[str, ...],
) -> None:
    """Build TARGET, and let wrangler or pywrangler deploy the folder.

    What follows `--` is given to it as it is.
    """
    folder, made = _build(target, config, out, include)
    command = [*_deployer(folder, made), "deploy"]
    command += ["--dry-run"] * dry_run + (["--env", env] if env else []) + list(wrangler_options)
    click.echo(f"\n$ cd {folder} && {' '.join(command)}", err=True)
    sys.exit(subprocess.run(command, cwd=folder, check=False).returncode)  # noqa: S603


def _build(
    text: str | None, config: str | None, out: str | None, include: Sequence[str]
) -> tuple[Path, Bundle]:
    from edgekit.cli.target import resolve
    from edgekit.compat.bundle import FREE, PAID, bundle

    environ = dict(os.environ)
    options.apply(os.environ, config, None, None)
    try:
        target = resolve(text)
    finally:
        os.environ.clear()
        os.environ.update(environ)
    if target.module is None:
        raise click.ClickException(
            "there are only static assets here; wrangler deploys them as they are"
        )
    file = target.file or _file_of(target)
    given = target.config if target.config.is_file() else None
    folder = Path(os.path.abspath(out or (given or file).parent / _USUAL))
    made = bundle(
        file,
        target.attribute,
        given,
        out=folder,
        include=include,
        kinds=partial(_declared, target),
    )
    made.write(folder)
    _report(made, FREE, PAID)
    return folder, made


def _file_of(target: Target) -> Path:
    """The file of a target that is a module's name."""
    assert target.module is not None
    place = target.folder.joinpath(*target.module.split("."))
    for file in (place.with_name(f"{place.name}.py"), place / "__init__.py"):
        if file.is_file() and "." not in target.module:
            return file
    raise click.ClickException(
        f"{target.module}: name the file instead; on Workers its folder is the root of imports"
    )


def _declared(target: Target) -> dict[str, Any]:
    """What a wrangler file would say of the bindings that the program's Env classes declare."""
    from edgekit.cli.target import load
    from edgekit.compat.bundle import entries_for
    from edgekit.env import declarations
    from edgekit.worker import Worker

    app = load(target)
    if not isinstance(app, Worker):
        raise click.ClickException(f"{target.module}: this is no Worker but another ASGI app")
    found = [declared for cls in app.env_classes() for declared in declarations(cls)]
    bindings = {declared.name: declared.kind for declared in found if declared.kind}
    return entries_for(bindings, app.event_names("scheduled"), app.event_names("queue"))


def _report(made: Bundle, free: int, paid: int) -> None:
    sizes = made.sizes()
    width = max(len(size.name) for size in sizes)
    click.echo(f"{'':{width}}  files      KiB  compressed")
    for size in sizes:
        numbers = f"{size.files:5} {size.bytes / 1024:8.1f} {size.compressed / 1024:11.1f}"
        click.echo(f"{size.name:{width}}  {numbers}")
    total = sizes[-1].compressed
    for name, limit in (("Free", free), ("Paid", paid)):
        word = f"{total / limit:.1%} of" if total <= limit else "MORE THAN"
        click.echo(f"{word} what a Worker may have on the {name} plan ({limit >> 20} MiB)")
    for dependency in made.dependencies:
        click.echo(f"{dependency}: has machine code, so pywrangler installs the platform's build")
    for note in made.notes:
        click.echo(note)


def _deployer(folder: Path, made: Bundle) -> list[str]:
    """The user's own tool; where there is none, what to install."""
    if made.dependencies:
        if tool := shutil.which("pywrangler"):
            return [tool]
        raise click.ClickException(
            f"{', '.join(made.dependencies)} must be installed for the platform, which pywrangler does,"
            " and there is no pywrangler on PATH. Install it: `uv tool install workers-py` (it needs uv"
            f" and Node), then run this again, or `pywrangler deploy` in {folder}"
        )
    for place in (folder, *folder.parents):
        tool = shutil.which("wrangler", path=str(place / "node_modules" / ".bin"))
        if tool:
            return [tool]
    if tool := shutil.which("wrangler") or shutil.which("pywrangler"):
        return [tool]
    node = "" if shutil.which("node") else ", and Node, which it needs, is not there either"
    raise click.ClickException(
        f"there is no wrangler in node_modules or on PATH{node}. Install it: `npm install wrangler`,"
        f" then run this again, or `npx wrangler deploy` in {folder}"
    )
