"""Projects without a program: a folder whose wrangler file has assets and no main."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from edgekit.cli.target import load, resolve
from edgekit.errors import ConfigError
from edgekit.runtime.assets_front import AssetsOnly
from tests.cli.running import Command, edgekit_once, get


@pytest.fixture
def site(tmp_path: Path) -> Path:
    (tmp_path / "public").mkdir()
    (tmp_path / "public/index.html").write_text("home")
    (tmp_path / "wrangler.jsonc").write_text('{"assets": {"directory": "public"}}')
    return tmp_path


def test_assets_without_a_program_are_a_target(site: Path) -> None:
    target = resolve(str(site))
    assert (target.module, target.file, target.config) == (None, None, site / "wrangler.jsonc")
    assert isinstance(load(target), AssetsOnly)


def test_a_program_comes_before_assets_alone(site: Path) -> None:
    (site / "main.py").write_text("")
    assert resolve(str(site)).module == "main"


def test_an_app_that_is_named_must_be_there(site: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no main\.py here"):
        resolve(f"{site}:app")


def test_dev_serves_a_folder_and_sees_its_changes(site: Path) -> None:
    with Command(site, "dev", "--port", "0") as dev:
        port = dev.port()
        assert get(port, "/") == (200, "home")
        (site / "public/new.txt").write_text("new")
        assert get(port, "/new.txt") == (200, "new")
        assert get(port, "/none") == (404, "")
        assert dev.end(signal.SIGINT) == 0


def test_no_path_leads_out_of_the_folder(site: Path) -> None:
    (site / "secret.txt").write_text("secret")
    (site / "public/link.txt").symlink_to(site / "secret.txt")
    with Command(site, "serve", "--port", "0") as serve:
        port = serve.port()
        for path in (
            *("/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/..%5csecret.txt"),
            *("/..\\secret.txt", "//secret.txt", "/./../secret.txt", "/%2e%2e%2fsecret.txt"),
            *(
                "/link.txt",
                "/secret.txt%00",
                "/%00",
                "/public/../../secret.txt",
                f"/{site}/secret.txt",
            ),
            *("/%c0%ae%c0%ae/secret.txt", "/%252e%252e/secret.txt", "/..;/secret.txt"),
        ):
            assert get(port, path) == (404, ""), path
        assert serve.end(signal.SIGTERM) == 0


def test_serve_serves_a_folder_in_several_processes(site: Path) -> None:
    with Command(site, "serve", "--port", "0", "--workers", "2") as serve:
        assert get(serve.port(), "/") == (200, "home")
        assert serve.end(signal.SIGTERM) == 0


def test_what_cannot_be_served_is_told(site: Path) -> None:
    (site / "public/index.html").unlink()
    (site / "public").rmdir()
    done = edgekit_once(site, "serve", "--port", "0")
    assert done.returncode == 1
    assert 'The directory specified by the "assets.directory" field' in done.stdout + done.stderr
