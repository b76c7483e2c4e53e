"""What `wrangler dev` answers at /cdn-cgi, in development only."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from edgekit import host
from edgekit.app import App
from edgekit.bindings.scheduled import ScheduledController
from edgekit.env import Env
from edgekit.errors import HTTPError
from edgekit.testing import ManualClock, TestClient

MAIL = "From: a@x.z\r\nTo: b@x.z\r\nMessage-ID: <1@x.z>\r\nSubject: s\r\n\r\nbody\r\n"


class World:
    """An app with handlers for events; `seen` is what they were given."""

    def __init__(self) -> None:
        self.app = App()
        self.seen: list[Any] = []
        app = self.app

        @app.scheduled
        async def scheduled(controller: ScheduledController, env: Env, ctx: Any) -> str:
            self.seen.append((controller.cron, controller.scheduled_time))
            if controller.cron == "throw":
                raise RuntimeError("boom")
            if controller.cron == "wait":
                ctx.wait_until(self.later(fails=True))
            if controller.cron == "slow":
                ctx.wait_until(self.later(fails=False))
            if controller.cron.startswith("noretry"):
                controller.no_retry()
            if controller.cron == "noretry throw":
                raise RuntimeError("boom")
            return "a value that nobody looks at"

        @app.fallback
        async def other(request: Any) -> str:
            return f"the app: {request.path}"

    async def later(self, *, fails: bool) -> None:
        for _ in range(20):
            await asyncio.sleep(0)
        self.seen.append("later")
        if fails:
            raise RuntimeError("late")


@pytest.fixture
def development(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDGEKIT_MODE", "development")
    return tmp_path


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
async def client(development: Path, world: World) -> AsyncIterator[TestClient]:
    async with TestClient(world.app) as client:
        yield client


@pytest.mark.parametrize("path", ["handler", "local", "mf"])
async def test_scheduled_runs_the_handler_and_says_ok(
    client: TestClient, world: World, path: str
) -> None:
    response = await client.get(f"/cdn-cgi/{path}/scheduled?cron=*/5+*+*+*+*&time=1234567890123")
    assert (response.status, await response.text()) == (200, "ok")
    assert world.seen == [("*/5 * * * *", 1234567890123)]


async def test_without_a_cron_it_is_empty_and_without_a_time_it_is_now(
    client: TestClient, world: World
) -> None:
    await client.post("/cdn-cgi/handler/scheduled?time=")
    assert world.seen == [("", int(client.clock.now() * 1000))]


@pytest.mark.parametrize(
    ("query", "status", "outcome", "no_retry"),
    [
        ("cron=x", 200, "ok", False),
        ("cron=throw", 500, "exception", False),
        ("cron=wait", 500, "exception", False),
        ("cron=slow", 200, "ok", False),
        ("cron=noretry", 200, "ok", True),
        ("cron=noretry+throw", 500, "exception", True),
    ],
)
async def test_the_outcome_includes_what_wait_until_did(
    client: TestClient, world: World, query: str, status: int, outcome: str, no_retry: bool
) -> None:
    response = await client.get(f"/cdn-cgi/handler/scheduled?{query}&format=json")
    assert response.status == status
    assert await response.json() == {"outcome": outcome, "noRetry": no_retry}
    assert ("later" in world.seen) == (query in ("cron=wait", "cron=slow"))
    response = await client.get(f"/cdn-cgi/handler/scheduled?{query}")
    assert (response.status, await response.text()) == (status, outcome)
    assert (response.headers["content-type"]) == "text/plain;charset=UTF-8"


async def test_what_a_handler_raises_is_logged(
    client: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    await client.get("/cdn-cgi/handler/scheduled?cron=throw")
    [record] = caplog.records
    assert record.exc_info is not None
    assert str(record.exc_info[1]) == "boom"


async def test_without_a_handler_it_is_an_exception_and_the_log_says_why(
    development: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = App()

    @app.scheduled("0 0 * * *")
    async def nightly(controller: Any) -> None: ...

    async with TestClient(app) as client:
        response = await client.get("/cdn-cgi/handler/scheduled?cron=0+1+*+*+*")
        assert (response.status, await response.text()) == (500, "exception")
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert record.exc_info is None
    assert "no scheduled handler for '0 1 * * *'; there are some for '0 0 * * *'" in caplog.text


@pytest.mark.parametrize("time", ["abc", "-", "9" * 17, "8640000000000001"])
async def test_a_time_that_is_none_is_told(client: TestClient, world: World, time: str) -> None:
    response = await client.get(f"/cdn-cgi/handler/scheduled?time={time}")
    assert response.status == 500
    assert await response.text() == (
        "TypeError: The value cannot be converted because it is not a valid Date."
    )
    assert world.seen == []


async def test_a_time_is_read_as_javascript_reads_numbers(client: TestClient, world: World) -> None:
    await client.get("/cdn-cgi/handler/scheduled?time=%2012x&cron=a")
    await client.get("/cdn-cgi/handler/scheduled?time=-5&cron=b")
    assert world.seen == [("a", 12), ("b", -5)]


async def test_other_handlers_are_not_there(client: TestClient) -> None:
    response = await client.get("/cdn-cgi/handler/foo")
    assert response.status == 404
    assert await response.text() == (
        '"/cdn-cgi/handler/foo" is not a valid handler. Did you mean to use'
        ' "/cdn-cgi/handler/scheduled" or "/cdn-cgi/handler/email"?'
    )


async def test_the_path_of_test_scheduled(client: TestClient, world: World) -> None:
    response = await client.get("/__scheduled?cron=*+*+*+*+*")
    assert (response.status, await response.text()) == (200, "Ran scheduled event")
    assert world.seen[0][0] == "* * * * *"


async def test_all_other_paths_are_the_apps(client: TestClient) -> None:
    for path in ("/", "/cdn-cgi/trace", "/cdn-cgi/local/other", "/x/cdn-cgi/handler/scheduled"):
        assert await (await client.get(path)).text() == f"the app: {path}"


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "localhost:8787"}, 200),
        ({"host": "127.0.0.1"}, 200),
        ({"host": "[::1]:80", "origin": "http://localhost:3000"}, 200),
        ({"host": "evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"host": "a b"}, 403),
        ({"sec-fetch-site": "none"}, 200),
        ({"sec-fetch-site": "same-site"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),  # <img src="http://localhost:8787/cdn-cgi/...">
    ],
)
@pytest.mark.parametrize(
    "path",
    ["/cdn-cgi/handler/scheduled", "/cdn-cgi/local/email", "/__scheduled", "/cdn-cgi/other"],
)
async def test_another_page_may_not_use_them(
    client: TestClient, world: World, path: str, headers: dict[str, str], status: int
) -> None:
    response = await client.get(path, headers=headers)
    assert response.status == (400 if "email" in path and status == 200 else status)
    assert bool(world.seen) == (status == 200 and "scheduled" in path)


async def test_in_production_they_are_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, world: World
) -> None:
    monkeypatch.chdir(tmp_path)
    async with TestClient(world.app) as client:
        for path in ("/cdn-cgi/handler/scheduled", "/cdn-cgi/local/scheduled", "/__scheduled"):
            assert await (await client.get(path)).text() == f"the app: {path}"
    assert world.seen == []


# email


@pytest.fixture
def mailbox(world: World) -> World:
    @world.app.email
    async def email(message: Any, env: Env, ctx: Any) -> None:
        world.seen.append((message.from_, message.to, message.raw_size))
        name = message.to.partition("@")[0]
        if name == "reject":
            message.set_reject("no thanks")
        if name == "boom":
            raise RuntimeError("mail boom")
        if name == "forward":
            await message.forward("other@x.z", {"X-More": "1"})
        if name == "reply":
            await message.reply(text="Thank you")

    return world


async def send(client: TestClient, query: str, body: str = MAIL) -> tuple[int, str]:
    response = await client.post(f"/cdn-cgi/handler/email{query}", body=body)
    return response.status, await response.text()


async def test_email_gives_the_body_to_the_handler(mailbox: World, client: TestClient) -> None:
    said = await send(client, "?from=a@x.z&to=b@x.z")
    assert said == (200, "Worker successfully processed email")
    assert mailbox.seen == [("a@x.z", "b@x.z", len(MAIL))]
    response = await client.post("/cdn-cgi/local/email?from=a@x.z&to=b@x.z", body=MAIL)
    assert response.ok


async def test_an_email_that_is_rejected(mailbox: World, client: TestClient) -> None:
    assert await send(client, "?from=a@x.z&to=reject@x.z") == (
        400,
        "Worker rejected email with the following reason: no thanks",
    )
    status, text = await send(client, "?from=a@x.z&to=reject@x.z&format=json")
    assert status == 200
    assert json.loads(text) == {
        "outcome": "ok",
        "rejectReason": "no thanks",
        "forwards": [],
        "replies": [],
        "events": [{"type": "reject", "timestamp": "2027-01-15T08:00:00.000Z"}],
    }


async def test_an_email_whose_handler_fails(mailbox: World, client: TestClient) -> None:
    assert (await send(client, "?from=a@x.z&to=boom@x.z"))[0] == 500
    status, text = await send(client, "?from=a@x.z&to=boom@x.z&format=json")
    assert status == 500
    nothing = {"forwards": [], "replies": [], "events": []}
    assert json.loads(text) == {"outcome": "exception", **nothing}


async def test_what_is_forwarded_and_replied_is_told_and_leaves_as_email_does(
    mailbox: World, client: TestClient, development: Path
) -> None:
    _, text = await send(client, "?from=a@x.z&to=forward@x.z&format=json")
    told = json.loads(text)
    [forward], [event] = told["forwards"], told["events"]
    id = forward.pop("messageId")
    assert id
    assert forward == {"recipient": "other@x.z", "headers": [["x-more", "1"]]}
    assert event.pop("timestamp")
    assert event == {"type": "forward", "messageId": id}
    _, text = await send(client, "?from=a@x.z&to=reply@x.z&format=json")
    told = json.loads(text)
    [reply], [event] = told["replies"], told["events"]
    assert (event["type"], event["messageId"]) == ("reply", reply["messageId"])
    assert reply["sender"] == "reply@x.z"
    assert "Thank you" in reply["raw"]
    assert len(list((development / ".edgekit").rglob("*.eml"))) == 2


@pytest.mark.parametrize("query", ["", "?from=a@x.z", "?to=b@x.z", "?from=&to=b@x.z"])
async def test_email_needs_both_addresses(mailbox: World, client: TestClient, query: str) -> None:
    status, text = await send(client, query)
    assert status == 400
    assert text.startswith("Invalid email. Your request must include URL parameters")


async def test_email_needs_a_body_with_a_message_id(mailbox: World, client: TestClient) -> None:
    response = await client.get("/cdn-cgi/handler/email?from=a@x.z&to=b@x.z")
    assert response.status == 400
    assert await send(client, "?from=a@x.z&to=b@x.z", "nothing") == (
        400,
        "Email could not be parsed: invalid or no message id provided",
    )
    assert mailbox.seen == []


async def test_email_has_a_limit(
    mailbox: World, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgekit.runtime.dev_email._MAX_EMAIL", 100)
    status, text = await send(client, "?from=a@x.z&to=b@x.z", MAIL + "x" * 100)
    assert (status, text.startswith("Email message size is bigger than")) == (400, True)


def test_a_controller_says_what_it_is() -> None:
    with host.use_clock(ManualClock(now=1.5)):
        controller = ScheduledController("* * * * *")
    assert controller.scheduled_time == controller.scheduledTime == 1500  # type: ignore[attr-defined]
    assert isinstance(controller.scheduled_time, int)
    assert (controller.type, controller.cron) == ("scheduled", "* * * * *")
    assert controller.noRetry() is None  # type: ignore[attr-defined]
    assert repr(controller) == "ScheduledController(cron='* * * * *', scheduled_time=1500)"
    with pytest.raises(AttributeError):
        controller.cron = "other"  # type: ignore[misc]


async def test_http_errors_of_a_handler_are_exceptions(client: TestClient, world: World) -> None:
    world.app._by_name["scheduled"][None] = _teapot
    response = await client.get("/cdn-cgi/handler/scheduled")
    assert (response.status, await response.text()) == (500, "exception")


async def _teapot(*_: Any) -> None:
    raise HTTPError(418)
