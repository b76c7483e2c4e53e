"""Crons under the command: fired by hand in development, and refused at the start where they are wrong."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from tests.cli.running import Command, edgekit_once, get

MAIN = """
from edgekit import App

app = App()


@app.scheduled("0 3 * * 1")
async def weekly(controller, env):
    print("weekly, due at", controller.scheduled_time)


@app.scheduled("0 4 * * *")
async def daily(controller, env):
    raise RuntimeError("no data")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "main.py").write_text(MAIN)
    crons = '"triggers": {"crons": ["0 3 * * 1", "0 4 * * *"]}'
    (tmp_path / "wrangler.jsonc").write_text(f'{{"name": "w", "main": "main.py", {crons}}}')
    return tmp_path


def test_dev_fires_a_cron_by_hand(project: Path) -> None:
    with Command(project, "dev", "--port", "0", "--test-scheduled") as dev:
        port = dev.port()
        path = "/cdn-cgi/handler/scheduled?cron="
        assert get(port, f"{path}0+3+*+*+1&time=12000") == (200, "ok")
        dev.until(r"^weekly, due at 12000$")
        assert get(port, f"{path}0+4+*+*+*&format=json") == (
            500,
            '{"outcome":"exception","noRetry":false}',
        )
        dev.until(r"^\[wrangler:error\] the scheduled event failed: no data$")
        dev.until(r"^RuntimeError: no data$")
        assert get(port, f"{path}0+3+*+*+1", Host="evil.example")[0] == 403
        assert dev.end(signal.SIGINT) == 0


def test_serve_has_no_such_path(project: Path) -> None:
    with Command(project, "serve", "--port", "0") as serve:
        assert get(serve.port(), "/cdn-cgi/handler/scheduled")[0] == 404


def test_serve_does_not_start_with_a_cron_that_is_none(project: Path) -> None:
    file = project / "wrangler.jsonc"
    file.write_text(file.read_text().replace("0 4 * * *", "0 4 * * 0"))
    done = edgekit_once(project, "serve", "--port", "0")
    assert done.returncode != 0
    assert (
        "triggers.crons has no '0 4 * * *', which a scheduled handler is declared for"
        in done.stderr
    )
    assert (
        "triggers.crons[1]: the cron '0 4 * * 0', day of the week: expected 1 to 7, or SUN to SAT, at"
        " character 9, '0'" in done.stderr
    )
    assert "Traceback" not in done.stderr
