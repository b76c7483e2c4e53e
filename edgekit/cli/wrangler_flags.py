"""The options of wrangler's and pywrangler's commands that edgekit lacks: ignored, or refused, by name.

Ignored is what changes no answer: how JavaScript is bundled, what is shown while it runs. What would
change answers is refused, with what to do instead. An option that neither knows is click's to refuse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import click

_BUNDLER = "it is for bundling JavaScript"
_VIEW = "it is about what wrangler shows"
_FILE = "say it in the wrangler file"

# Name -> why, and whether a value follows it.
_IGNORED: dict[str, tuple[str, bool]] = {
    **dict.fromkeys(
        (
            "--bundle",
            "--find-additional-modules",
            "--minify",
            "--no-bundle",
            "--no-processing",
            "--node-compat",
            "--preserve-file-names",
        ),
        (_BUNDLER, False),
    ),
    **dict.fromkeys(
        ("--define", "--alias", "--jsx-factory", "--jsx-fragment", "--tsconfig", "--rules"),
        (_BUNDLER, True),
    ),
    **dict.fromkeys(
        ("--show-interactive-dev-session", "--no-show-interactive-dev-session", "--types"),
        (_VIEW, False),
    ),
    "--log-level": (_VIEW, True),
    "--name": ("the name is the wrangler file's", True),
    "--latest": ("there is one platform here", False),
    "--legacy-env": ("environments are chosen by -e", False),
    "--live-reload": ("pages are not reloaded; the Worker is", False),
    "--inspect": ("use a Python debugger", False),
    "--inspector-port": ("use a Python debugger", True),
    "--inspector-ip": ("use a Python debugger", True),
}
_REFUSED: dict[str, str] = {
    **dict.fromkeys(("--remote", "-r"), "edgekit's bindings are local"),
    **dict.fromkeys(
        ("--compatibility-date", "--compatibility-flag", "--compatibility-flags", "--assets"),
        _FILE,
    ),
    "--site": "Workers Sites are older than assets, which are here",
    "--env-file": "edgekit reads .dev.vars, or .env, beside the wrangler file",
    "--local-protocol": "`edgekit serve --ssl-certfile` speaks https",
    "--https-key-path": "`edgekit serve --ssl-keyfile` speaks https",
    "--https-cert-path": "`edgekit serve --ssl-certfile` speaks https",
    **dict.fromkeys(
        ("--host", "--local-upstream", "--upstream-protocol"),
        "a request's URL is that which the client asked for",
    ),
    **dict.fromkeys(("--route", "--routes"), "every path of this address is the Worker's"),
    "--tunnel": "there is no tunnel here",
    "--cwd": "change to the folder first, or name it as the TARGET",
}
_INIT: dict[str, tuple[str, bool]] = {
    **dict.fromkeys(("--lang", "--template", "--type", "--category"), ("there is one kind", True)),
    **dict.fromkeys(("-y", "--yes", "--no-deploy", "--deploy"), ("nothing is asked", False)),
    **dict.fromkeys(("--git", "--no-git", "--ts", "--no-ts"), ("it writes files only", False)),
}


class _Command(click.Command):
    ignored: ClassVar[dict[str, tuple[str, bool]]] = {}
    refused: ClassVar[dict[str, str]] = {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(self._known(args)))

    def _known(self, args: list[str]) -> Iterator[str]:
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                yield arg
                yield from rest
                return
            name, equals, _ = arg.partition("=")
            if name in self.refused:
                raise click.UsageError(f"{name}: unsupported: {self.refused[name]}")
            why, value = self.ignored.get(name, ("", False))
            if name.startswith(("--experimental-", "--x-")):
                why = "it is an experiment of wrangler's"
            if not why:
                yield arg
                continue
            if value and not equals:
                next(rest, None)
            click.echo(f"{name}: ignored: {why}", err=True)


class Dev(_Command):
    """`dev`, with the flags of `wrangler dev`."""

    ignored = _IGNORED
    refused = _REFUSED


class Init(_Command):
    """`init`, with the flags that pywrangler's hands to create-cloudflare."""

    ignored = _INIT


class Sync(_Command):
    """`sync`, with the flags of pywrangler's."""

    ignored: ClassVar = {"--force": ("what is missing is looked for each time", False)}
    refused: ClassVar = {"--upgrade": "pip install --upgrade PACKAGE does that"}
