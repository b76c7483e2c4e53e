"""`edgekit queues`, on a store of its own and beside a server that consumes from it."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edgekit.bindings.queues import Queue
from edgekit.cli.main import main
from edgekit.config import load
from edgekit.engines.open import open_store

from .running import Command

CONFIG = """{
    "name": "shop",
    "queues": {
        "producers": [{"binding": "JOBS", "queue": "jobs"}],
        "consumers": [{"queue": "jobs", "max_batch_timeout": 0, "dead_letter_queue": "dead"}]
    }
}"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def queues(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["queues", *arguments], input=stdin)


def done(*arguments: str, stdin: str | None = None) -> str:
    result = queues(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = queues(*arguments)
    assert result.exit_code != 0, result.output
    assert not result.stdout
    return result.stderr


def info(name: str) -> Any:
    return json.loads(done("info", name, "--json"))


def send(name: str, *bodies: Any) -> None:
    async def run() -> None:
        store = open_store(load().store, durable=False)
        for body in bodies:
            await Queue(store.queues(), name).send(body, content_type="text")
        await store.close()

    asyncio.run(run())


def test_a_queue_is_created_changed_and_deleted() -> None:
    assert '"consumers": [{"queue": "my-jobs"}]' in done(
        "create", "my-jobs", "--delivery-delay-secs", "5"
    )
    assert "already" in refused("create", "my-jobs")
    assert "63 characters" in refused("create", "x" * 64)
    assert "60<=x<=1209600" in refused("create", "q", "--message-retention-period-secs", "59")
    assert "say what to change" in refused("update", "my-jobs")
    done("update", "my-jobs", "--message-retention-period-secs", "60")
    shown = info("my-jobs")
    assert (shown["delivery_delay"], shown["message_retention_period"]) == (5, 60)
    assert "Nothing was deleted" in done("delete", "my-jobs", stdin="n\n")
    assert "Deleted queue 'my-jobs'" in done("delete", "my-jobs", "-y")
    assert "there is no queue 'my-jobs'; there: none" in refused("info", "my-jobs")


def test_list_shows_the_queues_of_the_store_and_of_the_configuration(folder: Path) -> None:
    (folder / "wrangler.jsonc").write_text(CONFIG)
    send("other", "abc", "d")
    first, second = json.loads(done("list", "--json"))
    assert first == {
        "queue_name": "jobs",
        "created_on": None,
        "backlog": {"messages": 0, "bytes": 0, "oldest": None},
        "delivery_paused": False,
        "delivery_delay": 0,
        "message_retention_period": 345_600,
        "producers": ["JOBS"],
        "consumers": ["shop"],
    }
    assert second["queue_name"] == "other"
    assert (second["backlog"]["messages"], second["backlog"]["bytes"]) == (2, 4)
    done("pause-delivery", "other")
    lines = done("list").splitlines()
    assert lines[0].split() == [
        *("name", "messages", "bytes", "oldest", "delivery", "producers", "consumers"),
    ]
    assert lines[2].split() == ["jobs", "0", "0", "1", "1"]
    assert lines[3].split()[:3] == ["other", "2", "4"]
    assert lines[3].split()[-3:] == ["paused", "0", "0"]


def test_info_says_all_of_a_queue(folder: Path) -> None:
    (folder / "wrangler.jsonc").write_text(CONFIG)
    assert "Created On: with its first message" in done("info", "jobs")
    send("jobs", "abc")
    text = done("info", "jobs")
    for line in (
        "Queue Name: jobs",
        "Messages: 1 (3 bytes)",
        "Delivery: active",
        "Message Retention: 345600 s",
        "Producers: JOBS",
        "Consumers: shop",
    ):
        assert line in text
    assert "Consumers: none in the configuration" in done("info", "dead")


def test_purge_removes_all_messages() -> None:
    send("jobs", *"abc")
    assert "Remove all 3 messages" in done("purge", "jobs", stdin="n\n")
    assert info("jobs")["backlog"]["messages"] == 3
    assert "3 messages removed" in done("purge", "jobs", "--force")
    assert info("jobs")["backlog"]["messages"] == 0


@pytest.mark.parametrize(
    "command", ["info", "purge", "delete", "pause-delivery", "resume-delivery"]
)
def test_a_queue_that_is_not_there_is_an_error(command: str) -> None:
    send("jobs", "a")
    assert "there is no queue 'jbos'; there: jobs" in refused(command, "jbos")
    assert [each["queue_name"] for each in json.loads(done("list", "--json"))] == ["jobs"]


APP = """
from edgekit import App, Env, MessageBatch, Queue

class AppEnv(Env):
    JOBS: Queue

app = App(AppEnv)

@app.queue("jobs")
async def jobs(batch: MessageBatch) -> None:
    for message in batch.messages:
        print("got", message.body, flush=True)
"""


def test_a_running_server_takes_messages_pauses_and_resumes(folder: Path) -> None:
    (folder / "wrangler.jsonc").write_text(CONFIG)
    (folder / "main.py").write_text(APP)
    with Command(folder, "serve", "main:app", "--port", "0") as server:
        server.until(r"http://\S+")
        send("jobs", "one")
        server.until("got one")
        done("pause-delivery", "jobs")
        send("jobs", "two")
        assert info("jobs")["backlog"]["messages"] == 1
        done("purge", "jobs", "-y")
        send("jobs", "three")
        done("resume-delivery", "jobs")
        server.until("got three")
    assert "got two" not in server.output
