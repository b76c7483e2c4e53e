"""`edgekit check`: what of a program breaks on real Workers, and, with `--here`, what of a Workers project
breaks here.

Exit codes: 0 where there is no error, 1 where there is one (with --strict, or a warning), 2 where it could
not be checked.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgekit.errors import ConfigError

if TYPE_CHECKING:
    from edgekit.compat.check.checker import Check
    from edgekit.compat.check.findings import Finding


@click.command()
@click.argument("target", required=False)
@click.option("--here", is_flag=True, help="What of a Workers project edgekit lacks.")
@click.option("--strict", is_flag=True, help="Exit code 1 for warnings too.")
@click.option("--notes", is_flag=True, help="Show notes too, and those about packages' functions.")
@click.option("--ignore", multiple=True, metavar="RULE", help="Leave out a rule; several times.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "github"]),
    default="text",
    show_default=True,
    help="github: annotations of a workflow run.",
)
@click.option("--explain", metavar="RULE", help="Say what a rule is about, and check nothing.")
@click.option("-e", "--env", metavar="NAME", help="The environment of the wrangler file.")
@click.option("-c", "--config", metavar="FILE", help="The wrangler file.")
def check(
    target: str | None,
    here: bool,
    strict: bool,
    notes: bool,
    ignore: tuple[str, ...],
    form: str,
    explain: str | None,
    env: str | None,
    config: str | None,
) -> None:
    """Report what of TARGET will not work on Cloudflare Workers. Nothing of it is run.

    TARGET is what `edgekit dev` takes (the current folder), or the name of an installed package. A line
    with the comment `# edgekit: ignore[P011]` is left out.
    """
    from edgekit.compat.check.checker import locate, run
    from edgekit.compat.check.findings import unknown_ignores
    from edgekit.compat.check.rules import RULES
    from edgekit.compat.modulegraph import no_collection

    rules = [name.upper() for text in ignore for name in text.replace(",", " ").split()]
    for name in [*rules, *([explain.upper()] if explain else [])]:
        if name not in RULES:
            raise click.UsageError(f"there is no rule {name}; they are {', '.join(RULES)}")
    if explain:
        rule = RULES[explain.upper()]
        click.echo(f"{rule.id} {rule.title} ({rule.severity})\n\n{rule.reason}\n{rule.remedy}")
        return
    started = time.perf_counter()
    try:
        place = locate(target, Path(config).absolute() if config else None, env)
        with no_collection():
            result = run(place, other_way=here, notes=notes)
            # The process is about to end: nothing of this has to be looked through for garbage, which
            # would take a third of the time.
            gc.freeze()
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    found = result.findings.reported(rules)
    for file, line, name in unknown_ignores(source.file for source in result.own):
        click.echo(f"{_shown(file)}:{line}: the comment ignores {name}, which is no rule", err=True)
    seconds = time.perf_counter() - started
    if form == "json":
        click.echo(json.dumps(_document(result, found), indent=2))
    elif form == "github":
        for each in found:
            click.echo(_annotation(each))
    else:
        for each in found:
            if notes or each.severity != "note":
                click.echo(_text(each))
        click.echo(_summary(result, found, seconds, notes=notes))
    counted = _counts(found)
    if counted["error"] or (strict and counted["warning"]):
        raise click.exceptions.Exit(1)


_COLOURS = {"error": "red", "warning": "yellow", "note": "cyan"}


def _text(finding: Finding) -> str:
    where = f"{_shown(finding.file)}:{finding.line}" if finding.line else _shown(finding.file)
    lines = [
        f"{click.style(where, bold=True)}: "
        f"{click.style(f'{finding.severity} {finding.rule}', fg=_COLOURS[finding.severity])}: "
        f"{finding.what}",
        f"    {finding.about.reason}",
        f"    Instead: {finding.advice}",
    ]
    if finding.chain:
        way = [f"{_short(file)}:{line}" for file, line in finding.chain]
        if len(way) > 5:
            way[3:-1] = ["..."]
        lines.append(f"    It is reached from {', '.join(way)}")
    return "\n".join(lines) + "\n"


def _summary(result: Check, found: list[Finding], seconds: float, *, notes: bool) -> str:
    counted = _counts(found)
    text = ", ".join(_number(counted[kind], kind) for kind in ("error", "warning", "note"))
    if counted["note"] and not notes:
        text += " (--notes shows them)"
    read = f"read {_number(len(result.own), 'file')} of the program"
    if result.packages:
        read += f" and {len(result.packages)} of packages"
    size = f"; {result.compressed / 1024:.0f} KiB compressed" if result.compressed else ""
    return f"{text}; {read} in {seconds:.1f} s{size}; Python {result.python} on Workers"


def _document(result: Check, found: list[Finding]) -> dict[str, Any]:
    return {
        "python": result.python,
        "findings": [
            {
                "rule": each.rule,
                "title": each.about.title,
                "severity": each.severity,
                "file": _shown(each.file),
                "line": each.line,
                "end_line": each.end,
                "column": each.column,
                "package": each.package or None,
                "message": each.what,
                "reason": each.about.reason,
                "remedy": each.advice,
                "reached_from": [{"file": _shown(file), "line": line} for file, line in each.chain],
            }
            for each in found
        ],
        "counts": _counts(found),
        "files": len(result.own),
        "package_files": len(result.packages),
        "compressed": result.compressed or None,
    }


def _annotation(finding: Finding) -> str:
    """A workflow command of GitHub's, at a line of the program: annotations elsewhere are not shown."""
    kind = "notice" if finding.severity == "note" else finding.severity
    file, line, end, text = finding.file, finding.line, finding.end, finding.what
    if finding.package and finding.chain:
        text = f"{text} (in {finding.package}, {finding.file.name}:{finding.line})"
        file, line = finding.chain[0]
        end = line
    properties = [f"file={_property(_shown(file))}"]
    if line:
        properties += [f"line={line}", f"endLine={end}"]
    if finding.column and not finding.package:
        properties.append(f"col={finding.column}")
    properties.append(f"title={_property(f'{finding.rule} {finding.about.title}')}")
    message = f"{text}: {finding.about.reason} Instead: {finding.advice}"
    return f"::{kind} {','.join(properties)}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _counts(found: list[Finding]) -> dict[str, int]:
    kinds = ("error", "warning", "note")
    return {kind: sum(each.severity == kind for each in found) for kind in kinds}


def _number(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _short(file: Path) -> str:
    """A package's file from the package on."""
    for folder in sys.path:
        if folder and file.is_relative_to(folder) and not file.is_relative_to(Path.cwd()):
            return str(file.relative_to(folder))
    return _shown(file)


def _shown(file: Path) -> str:
    from edgekit.cli.faults import shown

    return shown(file)
