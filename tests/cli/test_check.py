"""`edgekit check`: its formats and exit codes."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgekit.cli.main import main
from tests.compat.check.checking import write

EXAMPLES = sorted(Path(__file__).parents[2].joinpath("examples").glob("*/main.py"))


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("EDGEKIT_CONFIG", raising=False)
    write(
        tmp_path,
        main="""
            import os, time
            from edgekit import Request, worker

            @worker
            async def fetch(request: Request) -> str:
                time.sleep(1)
                os.fork()
                return f"{os.getpid()}"
        """,
    )
    return tmp_path


def check(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["check", *arguments])


def test_text_says_where_why_and_what_to_do_instead() -> None:
    result = check()
    assert result.exit_code == 1
    assert result.stdout.startswith(
        "main.py:7: error P004: os.fork()\n"
        "    Workers have one process: this is an OSError.\n"
        "    Instead: Send the work to a queue, or to another Worker by a service binding.\n\n"
        "main.py:6: warning P011: time.sleep()\n"
    )
    assert "1 error, 1 warning, 1 note (--notes shows them); read 1 file" in result.stdout
    assert "KiB compressed; Python 3.13 on Workers" in result.stdout
    assert "P028" not in result.stdout
    assert "note P028: os.getpid()" in check("--notes").stdout


def test_json_has_all_that_text_has() -> None:
    document = json.loads(check("--format", "json").stdout)
    assert document["counts"] == {"error": 1, "warning": 1, "note": 1}
    assert document["python"] == "3.13"
    assert document["compressed"] > 1000
    first = document["findings"][0]
    assert first["rule"] == "P004"
    assert (first["file"], first["line"], first["column"]) == ("main.py", 7, 5)
    assert first["reached_from"] == []


def test_github_annotates_the_programs_lines(folder: Path) -> None:
    write(
        folder,
        python_modules__noisy="import uuid\nID = uuid.uuid4()\n",
        main="import os\nimport noisy\nfrom edgekit import App\napp = App()\nX = os.getpid()\n",
    )
    lines = check("--format", "github").stdout.splitlines()
    assert lines[0].startswith(
        "::error file=main.py,line=2,endLine=2,title=P008 randomness at import::uuid.uuid4() at import"
    )
    assert "(in noisy, noisy.py:2)" in lines[0]
    assert lines[1].startswith("::notice file=main.py,line=5,endLine=5,col=5,title=P028")


def test_the_way_to_a_packages_line_is_told(folder: Path) -> None:
    names = "abcdefg"
    files = {f"python_modules__{a}": f"import {b}\n" for a, b in pairwise(names)}
    write(folder, main="import a\n", python_modules__g="import uuid\nID = uuid.uuid4()\n", **files)
    text = check().stdout
    assert "python_modules/g.py:2: error P008: uuid.uuid4() at import" in text
    assert "Instead: Import g in the function that needs it, or do without." in text
    way = (
        "main.py:1",
        "python_modules/a.py:1",
        "python_modules/b.py:1",
        "...",
        "python_modules/f.py:1",
    )
    assert f"It is reached from {', '.join(way)}\n" in text


def test_exit_codes_tell_errors_warnings_and_usage(folder: Path) -> None:
    assert check("--ignore", "P004").exit_code == 0
    assert check("--ignore", "p004", "--strict").exit_code == 1
    assert check("--ignore", "P004,P011", "--strict").exit_code == 0
    assert check("--ignore", "P999").exit_code == 2
    assert check("nothing_there").exit_code == 2
    assert check("missing.py").exit_code == 2
    (folder / "wrangler.toml").write_text("name = [")
    result = check()
    assert result.exit_code == 2
    assert "wrangler.toml" in result.stderr


def test_an_environment_has_its_own_date(folder: Path) -> None:
    (folder / "wrangler.toml").write_text(
        'main = "main.py"\ncompatibility_date = "2026-01-01"\n'
        '[env.old]\ncompatibility_date = "2024-03-29"\n'
    )
    assert "P026" not in check().stdout
    assert "wrangler.toml:2: warning P026" in check("-e", "old").stdout
    assert check("-e", "nowhere").exit_code == 2
    assert "P026" in check("-c", "wrangler.toml", "-e", "old").stdout


def test_targets_are_those_of_dev(folder: Path) -> None:
    for target in (".", "main.py", "main.py:fetch", "main:fetch", "main"):
        assert check(target).exit_code == 1, target
    write(folder, src__entry="import time\ntime.sleep(1)\n")
    (folder / "wrangler.toml").write_text('main = "src/entry.py"\n')
    assert "src/entry.py:2: warning P011" in check(".").stdout
    (folder / "wrangler.toml").write_text('main = "src/none.py"\n')
    assert check(".").exit_code == 2
    (folder / "wrangler.toml").write_text('[assets]\ndirectory = "public"\n')
    (folder / "main.py").unlink()
    assert check(".").exit_code == 0


def test_an_installed_package_can_be_checked() -> None:
    result = check("h11")
    assert result.exit_code == 0
    assert "read 11 files" in result.stdout
    assert check("h11.nothing").exit_code == 2
    assert check("idna.core").exit_code == 0


def test_a_rule_can_be_explained() -> None:
    result = check("--explain", "p011")
    assert result.stdout.startswith("P011 blocking waits (warning)\n")
    assert check("--explain", "P999").exit_code == 2


def test_a_comment_that_names_no_rule_is_told(folder: Path) -> None:
    write(folder, main="from edgekit import App\napp = App()  # edgekit: ignore[P0111]\n")
    result = check()
    assert result.exit_code == 0
    assert "main.py:2: the comment ignores P0111, which is no rule" in result.stderr


def test_what_cannot_be_built_is_an_error(folder: Path) -> None:
    write(folder, main="x = 1\n")
    assert "error P032" in check().stdout


def test_a_bundle_above_the_plans_limit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from edgekit.compat.check import project

    write(folder, main="from edgekit import App\napp = App()\n")
    monkeypatch.setattr(project, "FREE", 1000)
    assert "main.py: warning P027" in check().stdout
    monkeypatch.setattr(project, "PAID", 2000)
    result = check()
    assert result.exit_code == 1
    assert "above the 10 MiB of the paid plan: edgekit" in result.stdout


def test_the_other_way_reports_what_edgekit_lacks(folder: Path) -> None:
    (folder / "wrangler.toml").write_text('main = "main.py"\n[browser]\nbinding = "B"\n')
    result = check("--here")
    assert result.exit_code == 1
    assert "wrangler.toml:2: error H001: browser (Browser Rendering)" in result.stdout


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.parent.name)
def test_examples_run_on_workers(example: Path) -> None:
    result = check(str(example))
    if example.parent.name == "in_front":  # it shows what stands in front of an ASGI app
        assert "P031" in result.stdout
    else:
        assert result.exit_code == 0, result.stdout
        assert "0 errors, 0 warnings" in result.stdout
