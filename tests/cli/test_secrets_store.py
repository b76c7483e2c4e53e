"""`edgekit secrets-store secret`: secrets that several Workers may bind, in the server's store."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edgekit.app import App
from edgekit.cli import secrets_store as module
from edgekit.cli.main import main
from edgekit.runtime.isolate import Isolate

FILE = {
    "name": "w",
    "secrets_store_secrets": [{"binding": "KEY", "store_id": "s1", "secret_name": "api"}],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrangler.json").write_text(json.dumps(FILE))
    return tmp_path


class Terminal:
    def isatty(self) -> bool:
        return True


def secret(*arguments: str, stdin: str = "value") -> Result:
    return CliRunner().invoke(main, ["secrets-store", "secret", *arguments], input=stdin)


def done(*arguments: str, stdin: str = "value") -> str:
    result = secret(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str, stdin: str = "value") -> str:
    result = secret(*arguments, stdin=stdin)
    assert result.exit_code != 0, result.output
    return result.stderr


def create(name: str, value: str = "value") -> str:
    output = done("create", "s1", "--name", name, "--scopes", "workers, other", stdin=value)
    return output.strip().removeprefix("Created secret! (ID: ").removesuffix(")")


async def bound() -> str:
    isolate = Isolate(App())
    await isolate.start()
    try:
        env: Any = isolate.env
        return str(await env.KEY.get())
    finally:
        await isolate.stop()


def test_a_worker_reads_what_was_created_and_updated(folder: Path) -> None:
    made = create("api", "hunter2\n")
    assert asyncio.run(bound()) == "hunter2"
    done("update", "s1", "--secret-id", made, "--comment", "new", stdin="hunter3")
    assert asyncio.run(bound()) == "hunter3"
    state = folder / ".edgekit" / "state"
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert stat.S_IMODE((state / "records.sqlite3").stat().st_mode) == 0o600


def test_list_and_get_show_all_but_the_value() -> None:
    made = create("api", "hunter2")
    done("update", "s1", "--secret-id", "api", "--scopes", "workers", "--comment", "why")
    (listed,) = json.loads(done("list", "s1", "--json"))
    assert (listed["name"], listed["id"], listed["scopes"]) == ("api", made, ["workers"])
    assert listed["comment"] == "why"
    line = done("list", "s1")
    assert line == done("get", "s1", "--secret-id", made)
    assert line.split("\t")[:3] == ["api", made, "workers"]
    assert "hunter2" not in line + json.dumps(listed)
    assert "List request returned no secrets." in refused("list", "other")


def test_an_update_without_a_value_keeps_it() -> None:
    create("api", "hunter2")
    done("update", "s1", "--secret-id", "api", "--comment", "new", stdin="")
    assert asyncio.run(bound()) == "hunter2"
    (listed,) = json.loads(done("list", "s1", "--json"))
    assert (listed["comment"], listed["scopes"]) == ("new", ["workers", "other"])
    assert "give a new value, --scopes or --comment" in refused(
        "update", "s1", "--secret-id", "api", stdin="\n"
    )


@pytest.mark.parametrize(("yes", "value"), [(True, "typed"), (False, "hunter2")])
def test_at_a_terminal_an_update_asks_for_the_value(
    monkeypatch: pytest.MonkeyPatch, yes: bool, value: str
) -> None:
    create("api", "hunter2")
    monkeypatch.setattr(module.sys, "stdin", Terminal())
    monkeypatch.setattr("click.confirm", lambda question: yes)
    monkeypatch.setattr("click.prompt", lambda *args, **kwargs: "typed")
    run = module.update.callback
    assert run is not None
    run("s1", False, None, None, None, secret_id="api", scopes="workers", comment=None)
    assert asyncio.run(bound()) == value


def test_a_duplicate_has_the_value_and_its_own_name() -> None:
    create("first", "hunter2")
    arguments = ("--name", "api", "--scopes", "workers", "--comment", "why")
    output = done("duplicate", "s1", "--secret-id", "first", *arguments)
    assert asyncio.run(bound()) == "hunter2"
    listed = {each["name"]: each for each in json.loads(done("list", "s1", "--json"))}
    assert output == f"Duplicated secret! (ID: {listed['api']['id']})\n"
    assert listed["api"]["id"] != listed["first"]["id"]
    assert (listed["api"]["comment"], listed["api"]["scopes"]) == ("why", ["workers"])
    assert "there is a secret 'api' already" in refused(
        "duplicate", "s1", "--secret-id", "first", *arguments
    )
    assert "there is no secret 'none'" in refused(
        "duplicate", "s1", "--secret-id", "none", "--name", "b", "--scopes", "workers"
    )


def test_delete_takes_an_id_or_a_name() -> None:
    first, second = create("a"), create("b")
    assert done("delete", "s1", "--secret-id", first) == f"Deleted secret! (ID: {first})\n"
    assert done("delete", "s1", "--secret-id", "b") == f"Deleted secret! (ID: {second})\n"
    assert "there is no secret 'a' in this store" in refused("delete", "s1", "--secret-id", "a")


def test_there_may_be_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgekit.cli.secrets_store._PAGE", 2)
    for name in "abcd":
        create(name)
    assert [each["name"] for each in json.loads(done("list", "s1", "--json"))] == list("abcd")


def test_what_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    create("a")
    arguments = ("create", "s1", "--name", "a", "--scopes", "workers")
    assert "there is a secret 'a' already; `update` it" in refused(*arguments)
    assert "No such option '--value'" in refused(*arguments, "--value", "x").replace(":", "")
    assert "edgekit's stores are local" in refused("list", "s1", "--remote")
    longest = "x" * 65_536
    done("create", "s1", "--name", "b-_1", "--scopes", "workers", stdin=longest)
    assert "the value has 65537 bytes" in refused(
        "create", "s1", "--name", "c", "--scopes", "workers", stdin=longest + "x"
    )
    for name in ("", "a b", "a.b", "é", "a\n"):
        assert "letters, digits, _ and - only" in refused(
            "create", "s1", "--name", name, "--scopes", "workers"
        )
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    assert "out of reach" in refused("list", "s1")
