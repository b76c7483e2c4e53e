"""The README's promises: its program runs, its tests pass, its commands print what stands there."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from edgekit import App
from edgekit.testing import TestClient
from tests.bridge import table

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str) -> list[str]:
    return [block[2] for block in BLOCK.finditer(README) if block[1] == language]


def program(name: str = "main.py") -> str:
    """The Python blocks of one file, each line where it stands in the README, so that errors name its number.

    A block belongs to the file that its first line names in a comment, or else to main.py.
    """
    lines = [""] * README.count("\n")
    for block in BLOCK.finditer(README):
        named = re.match(r"# (\w+\.py)\n", block[2])
        if block[1] == "python" and (named[1] if named else "main.py") == name:
            first = README.count("\n", 0, block.start(2))
            for number, line in enumerate(block[2].splitlines(), first):
                lines[number] = line
    return "\n".join(lines) + "\n"


def commands() -> list[tuple[str, str]]:
    """Each command of the console blocks, and what it is said to print."""
    found = []
    for block in blocks("console"):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, output = part.partition("\n")
            found.append((command, output))
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a reader has made: main.py and wrangler.jsonc."""
    folder = tmp_path_factory.mktemp("tour")
    (folder / "main.py").write_text(program())
    [configuration] = blocks("jsonc")
    (folder / "wrangler.jsonc").write_text(configuration)
    return folder


@pytest.fixture
def main(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.delitem(sys.modules, "main", raising=False)  # another program's, of an earlier test
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setenv("EDGEKIT_CONFIG", str(folder))
    yield import_module("main")
    del sys.modules["main"]


@pytest.mark.parametrize("name", re.findall(r"^async def (test_\w+)", program(), re.MULTILINE))
async def test_tour_passes_its_own_tests(main: ModuleType, name: str) -> None:
    await getattr(main, name)()


@pytest.mark.parametrize(
    "name", re.findall(r"^async def (test_\w+)", program("back.py"), re.MULTILINE)
)
async def test_back_end_passes_its_own_tests(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    (tmp_path / "back.py").write_text(program("back.py"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "back", ModuleType("back"))  # taken away again afterwards
    del sys.modules["back"]
    await getattr(import_module("back"), name)()


async def test_single_function_of_the_tour_is_a_whole_worker(main: ModuleType) -> None:
    async with TestClient(main.fetch) as client:
        assert await (await client.get("/x")).text() == "You asked for /x\n"


async def test_front_of_the_tour_redirects_and_passes_on(main: ModuleType) -> None:
    served = App()
    served.mount("/", main.site)
    async with TestClient(served) as client:
        moved = await client.get("/home")
        assert (moved.status, moved.headers["location"]) == (301, "/page")
        page = await client.get("/page")
        assert await page.text() == "Still here, below \n"
        assert page.headers["cache-control"] == "max-age=60"


def test_commands_of_the_tour_print_what_stands_there(folder: Path) -> None:
    curl = shutil.which("curl")
    if curl is None:
        if "curl" in os.environ.get("EDGEKIT_REQUIRE", "").split(","):
            pytest.fail("curl is required")
        pytest.skip("curl is not installed")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    said = commands()
    first = shlex.split(said[0][0], comments=True)
    assert first[:2] == ["edgekit", "dev"]
    edgekit = [sys.executable, "-m", "edgekit.cli"]
    server = subprocess.Popen(
        [*edgekit, *first[1:], "--ip", "127.0.0.1", "--port", str(port)],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert server.stdout is not None
    try:
        log = []
        for line in server.stdout:
            log.append(line)
            if "Ready on" in line:
                break
        else:
            pytest.fail("".join(log))
        checked = 0
        for command, output in said[1:]:
            name, *arguments = shlex.split(command, comments=True)
            if name == "curl":
                run = [curl, *(a.replace("localhost:8787", f"127.0.0.1:{port}") for a in arguments)]
            elif name == "edgekit" and arguments[0] != "serve":
                run = [*edgekit, *arguments]
            else:
                continue
            done = subprocess.run(run, cwd=folder, capture_output=True, text=True, check=False)
            assert (done.stdout.strip(), done.stderr) == (output.strip(), ""), command
            checked += 1
        assert checked >= 3
    finally:
        server.terminate()
        server.communicate()


def test_two_commands_are_all_that_a_newcomer_needs() -> None:
    start, tests = (block.strip() for block in blocks("sh"))
    for command in (start, tests):
        assert command.startswith("python3 -m venv .venv && .venv/bin/pip install")
        assert "\n" not in command
    assert start.endswith(".venv/bin/edgekit dev examples/guestbook")
    assert tests.endswith(".venv/bin/pytest")


def test_readme_warns_of_the_other_project_of_that_name() -> None:
    assert "`edgekit` on PyPI\nis another project" in README
    for block in BLOCK.finditer(README):
        assert not re.search(r"pip install (-\w+ )*edgekit\b(?!-asgi)", block[2])


@pytest.mark.parametrize(
    "file",
    [file.relative_to(ROOT) for file in [*ROOT.glob("*.md"), *ROOT.glob("examples/**/*.md")]],
    ids=str,
)
def test_links_within_the_repository_lead_somewhere(file: Path) -> None:
    text = (ROOT / file).read_text()
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in link:
            assert ((ROOT / file).parent / link).exists(), link
    headings = {
        re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-")
        for h in re.findall(r"^#+ (.*)", text, re.M)
    }
    for anchor in re.findall(r"\]\(#([^)]+)\)", text):
        assert anchor in headings, anchor


def test_the_table_of_differences_is_what_the_tests_allow() -> None:
    assert table.shown() == table.table()
