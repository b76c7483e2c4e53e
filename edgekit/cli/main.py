"""The `edgekit` command: the group, and what every command does with an error.

The modules of the commands import click and nothing heavy; what a command needs it imports when it
runs, so that `edgekit --help` answers at once.
"""

from __future__ import annotations

from typing import Any

import click

from edgekit.cli.analytics import analytics
from edgekit.cli.build import build, deploy
from edgekit.cli.check import check
from edgekit.cli.d1 import d1
from edgekit.cli.dev import dev
from edgekit.cli.import_state import import_state
from edgekit.cli.init import init
from edgekit.cli.kv import kv
from edgekit.cli.queues import queues
from edgekit.cli.r2 import r2
from edgekit.cli.secret import secret
from edgekit.cli.secrets_store import secrets_store
from edgekit.cli.serve import serve
from edgekit.cli.sync import sync
from edgekit.cli.types import types
from edgekit.cli.vectorize import vectorize
from edgekit.errors import EdgekitError


class _Group(click.Group):
    """Errors that edgekit raises on purpose become one message and exit code 1."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except EdgekitError as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="edgekit-asgi", prog_name="edgekit")
def main() -> None:
    """Workers-style fetch handlers, with their bindings, on any ASGI server."""


for command in (
    init,
    sync,
    dev,
    serve,
    check,
    build,
    deploy,
    kv,
    r2,
    d1,
    queues,
    analytics,
    vectorize,
    secret,
    secrets_store,
    types,
    import_state,
):
    main.add_command(command)
