"""The page that shows an error while developing."""

from __future__ import annotations

from typing import Any

import pytest

from edgekit.asgi import AsgiRequest
from edgekit.context import ExecutionContext
from edgekit.runtime.pages import traceback_page

from .wire import scope_of


def raised(error: Exception) -> Exception:
    try:
        raise error
    except Exception as caught:
        return caught


async def page(
    error: Exception, target: str = "/", accept: str | None = "text/html"
) -> tuple[Any, str]:
    async def receive() -> Any:
        raise AssertionError

    headers = [("accept", accept)] if accept is not None else []
    response = traceback_page(
        AsgiRequest(scope_of(target, headers=headers), receive), ExecutionContext(), error
    )
    assert response.status == 500
    return response, await response.text()


async def test_browsers_get_html_with_the_source() -> None:
    response, text = await page(raised(KeyError("what")))
    assert response.headers["content-type"].startswith("text/html")
    assert "KeyError" in text
    assert "raise error" in text
    assert "test_pages.py" in text


@pytest.mark.parametrize("accept", [None, "*/*", "application/json"])
async def test_everybody_else_gets_the_plain_traceback(accept: str | None) -> None:
    response, text = await page(raised(KeyError("<what>")), accept=accept)
    assert response.headers["content-type"].startswith("text/plain")
    assert "KeyError: '<what>'" in text
    assert "Traceback" in text


@pytest.mark.parametrize("target", ["/<script>", "/%3Cscript%3E"])
async def test_nothing_of_the_visitor_s_becomes_html(target: str) -> None:
    _, text = await page(raised(ValueError("<script>alert(1)</script>")), target)
    assert "<script" not in text


async def test_an_error_without_traceback_or_source() -> None:
    _, text = await page(ValueError("bare"))
    assert "bare" in text
    namespace: dict[str, Any] = {}
    exec(compile("def f():\n    raise ValueError('made')", "<made>", "exec"), namespace)
    try:
        namespace["f"]()
    except ValueError as error:
        _, text = await page(error)
    assert "&lt;made&gt;" in text


async def test_a_group_and_a_cause_are_told() -> None:
    error = raised(KeyError("second"))
    error.__cause__ = ZeroDivisionError("first")
    assert "first" in (await page(error, accept=None))[1]
    group = raised(ExceptionGroup("several", [ValueError("one"), ValueError("two")]))
    assert "two" in (await page(group, accept=None))[1]
