"""A web socket in a real browser: its own handshake, frames, masks and closing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.serving import served

pytestmark = pytest.mark.browser


async def test_browser_and_handler_talk_over_a_web_socket_until_either_closes(tab: Any) -> None:
    with served("main:app", Path(__file__).parent) as place:
        await tab.visit(f"http://{place}/")
        said = await tab.evaluate("outcome")
    assert said.splitlines() == [
        "open: talk",
        "text: true",
        "empty: true",
        "binary: 256 true",
        "large: true",
        "closed here: 4000 seen enough true",
        "the server saw: 4000 seen enough",
        "closed there: 4001 as you wish true",
        "refused: close 1006",
    ]
