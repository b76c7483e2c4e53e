"""`edgekit init`: a new project that works, with a test that passes."""

from __future__ import annotations

import re
from pathlib import Path

import click

from edgekit.cli.wrangler_flags import Init


@click.command(cls=Init)
@click.argument("folder", metavar="[DIR]", default=".")
def init(folder: str) -> None:
    """Write a new project into DIR; default: the current folder."""
    from edgekit.cli.templates import project

    root = Path(folder)
    files = project(_name(root.resolve().name))
    present = [name for name in files if (root / name).exists()]
    if present:
        raise click.ClickException(
            f"{folder}: there already: {', '.join(present)}. Nothing was written."
        )
    try:
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    click.echo(f"Wrote {', '.join(files)}.\n")
    click.echo("Next:")
    if root.resolve() != Path.cwd():
        click.echo(f"  cd {folder}")
    click.echo("  edgekit dev            # http://localhost:8787, reloads when you save")
    click.echo("  python -m pytest       # pip install pytest")


def _name(folder: str) -> str:
    """A Worker's name: up to 63 small letters, digits and dashes."""
    name = re.sub(r"[^a-z0-9]+", "-", folder.lower())[:63].strip("-")
    return name or "worker"
