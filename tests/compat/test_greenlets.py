"""run_sync, and what it does to the tasks around it."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Iterator
from typing import Any

import pytest

from edgekit.compat import greenlets
from edgekit.compat.greenlets import call, can_run_sync, drive, run_sync
from edgekit.errors import ConfigError

variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="unset")


@pytest.fixture(autouse=True)
def _enabled() -> Iterator[None]:
    before = greenlets.enabled
    greenlets.enable()
    yield
    greenlets.enabled = before


async def later(value: Any) -> Any:
    await asyncio.sleep(0)
    return value


def waits(value: Any) -> Any:
    return run_sync(later(value))


async def test_sync_code_waits_and_others_go_on():
    arrived = asyncio.Event()

    async def first() -> str:
        run_sync(arrived.wait())
        return "first"

    async def second() -> str:
        arrived.set()
        return waits("second")

    assert await asyncio.gather(drive(first()), drive(second())) == ["first", "second"]


async def test_errors_come_out_where_they_were_waited_for():
    async def fails() -> None:
        await asyncio.sleep(0)
        raise ValueError("no")

    async def main() -> str:
        try:
            run_sync(fails())
        except ValueError as error:
            return str(error)
        return ""

    assert await drive(main()) == "no"
    with pytest.raises(ValueError, match="no"):
        await drive(fails())


async def test_awaiting_goes_on_as_ever():
    async def main() -> list[Any]:
        return [await later(1), waits(2), await asyncio.gather(later(3), later(4))]

    assert await drive(main()) == [1, 2, [3, 4]]


async def test_tasks_that_it_starts_can_wait_too():
    async def child(n: int) -> int:
        return waits(n) * 10

    async def main() -> list[int]:
        return list(await asyncio.gather(*(child(n) for n in range(20))))

    assert await drive(main()) == [n * 10 for n in range(20)]


async def test_cancellation_arrives_in_sync_code():
    began, seen = asyncio.Event(), []

    async def main() -> None:
        began.set()
        try:
            run_sync(asyncio.Event().wait())
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    task = asyncio.create_task(drive(main()))
    await began.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen == ["cancelled"]


async def test_context_variables_are_the_tasks_own():
    async def main() -> tuple[str, str]:
        variable.set("inner")
        await asyncio.sleep(0)
        run_sync(later(None))
        return variable.get(), waits(variable.get())

    variable.set("outer")
    assert await asyncio.create_task(drive(main())) == ("inner", "inner")
    assert variable.get() == "outer"


async def test_the_current_task_stays_the_same():
    async def main() -> bool:
        before = asyncio.current_task()
        waits(1)
        return asyncio.current_task() is before

    assert await drive(main())


async def test_nested():
    def inner() -> int:
        return waits(3)

    async def main() -> int:
        return run_sync(drive(_async(inner)))

    async def _async(function: Any) -> Any:
        return function()

    assert await drive(main()) == 3


async def test_a_sync_function_can_be_called():
    assert await call(waits, 5) == 5


async def test_outside_of_a_handler_it_says_so():
    assert not can_run_sync()
    with pytest.raises(RuntimeError, match="Cannot stack switch"):
        run_sync(later(1))
    with pytest.raises(RuntimeError, match="Cannot stack switch"):
        run_sync(asyncio.Event().wait())


async def test_from_a_thread_of_a_loop():
    loop = asyncio.get_running_loop()

    def work() -> Any:
        greenlets.loop_of_thread.set(loop)
        assert can_run_sync()
        return waits("thread")

    assert await asyncio.to_thread(work) == "thread"


async def test_another_task_factory_is_kept():
    loop, made = asyncio.get_running_loop(), []

    def factory(loop: Any, coroutine: Any, **options: Any) -> Any:
        made.append(coroutine)
        return asyncio.Task(coroutine, loop=loop, **options)

    loop.set_task_factory(factory)

    async def main() -> Any:
        return await asyncio.create_task(later(waits(1)))

    assert await asyncio.create_task(drive(main())) == 1
    assert len(made) >= 2


async def test_a_hundred_at_a_time():
    async def one(n: int) -> int:
        return sum(waits(k) for k in range(n % 5)) + n

    results = await asyncio.gather(*(drive(one(n)) for n in range(100)))
    assert results == [sum(range(n % 5)) + n for n in range(100)]


def test_without_greenlet_the_extra_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(greenlets, "enabled", False)
    monkeypatch.setitem(__import__("sys").modules, "greenlet", None)
    with pytest.raises(ConfigError, match=r"edgekit-asgi\[workers\]"):
        greenlets.enable()
