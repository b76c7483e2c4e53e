"""A real browser: Debian's Chromium, without a screen, driven by the DevTools protocol.

Where it is missing these tests are skipped, with the reason; with "chromium" in EDGEKIT_REQUIRE that
is a failure.
"""

from __future__ import annotations

import asyncio
import os
import re
import shutil
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import pytest

FLAGS = [
    "--headless",
    "--no-sandbox",  # it does not run as root otherwise
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",  # containers have little of that
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-port=0",
]


class Tab:
    """One tab of the browser."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = count(1)
        self._session: str | None = None

    async def visit(self, url: str) -> None:
        """Load a page; returns when it is loaded."""
        made = await self._call("Target.createTarget", url="about:blank")
        attached = await self._call(
            "Target.attachToTarget", targetId=made["targetId"], flatten=True
        )
        self._session = attached["sessionId"]
        await self._call("Page.enable")
        await self._call("Page.navigate", url=url)
        while (await self._socket.receive_json()).get("method") != "Page.loadEventFired":
            pass

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression, awaited where it is a promise."""
        answer = await self._call(
            "Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True
        )
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"])
        return answer["result"].get("value")

    async def _call(self, method: str, **params: Any) -> Any:
        call = {"id": next(self._ids), "method": method, "params": params}
        if self._session is not None:
            call["sessionId"] = self._session
        await self._socket.send_json(call)
        while (answer := await self._socket.receive_json()).get("id") != call["id"]:
            pass  # an event
        assert "error" not in answer, answer
        return answer["result"]


@pytest.fixture
async def tab(tmp_path: Path) -> AsyncIterator[Tab]:
    """A tab in a new browser with an empty profile."""
    program = shutil.which("chromium")
    if program is None:
        if "chromium" in os.environ.get("EDGEKIT_REQUIRE", "").split(","):
            pytest.fail("a browser is required: chromium is not installed", pytrace=False)
        pytest.skip("no browser: chromium is not installed")
    process = await asyncio.create_subprocess_exec(
        program,
        *FLAGS,
        f"--user-data-dir={tmp_path / 'profile'}",
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    log = b""
    try:
        # It says so when it is ready, among whatever it complains of.
        while not (place := re.search(rb"DevTools listening on (ws://\S+)", log)):
            line = await process.stderr.readline()
            assert line, f"chromium ended: {log.decode(errors='replace')}"
            log += line
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(place[1].decode(), max_msg_size=0) as socket,
        ):
            yield Tab(socket)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.communicate()
