"""`edgekit secret`: into the file that counts, readable by its owner alone, never by an argument."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgekit.cli import dotenv
from edgekit.cli import secret as module
from edgekit.cli.main import main
from edgekit.config import load
from edgekit.errors import ConfigError


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrangler.jsonc").write_text('{"name": "w", "env": {"staging": {}}}')
    return tmp_path


def secret(*arguments: str, stdin: str | bytes = "") -> Result:
    return CliRunner().invoke(main, ["secret", *arguments], input=stdin)


def put(*arguments: str, value: str | bytes = "value") -> str:
    result = secret("put", *arguments, stdin=value)
    assert result.exit_code == 0, result.output
    return result.output


def refused(*arguments: str, stdin: str | bytes = "value") -> str:
    result = secret(*arguments, stdin=stdin)
    assert result.exit_code != 0, result.output
    return result.stderr


def test_put_list_delete(folder: Path) -> None:
    assert put("KEY", value="hunter2\n") == f"Wrote KEY to {folder / '.dev.vars'}.\n"
    file = folder / ".dev.vars"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load().variables() == {"KEY": "hunter2"}
    put("OTHER", value="x")
    listed = json.loads(secret("list").stdout)
    assert listed == [
        {"name": "KEY", "type": "secret_text"},
        {"name": "OTHER", "type": "secret_text"},
    ]
    assert secret("list", "--format", "pretty").stdout == "Secret Name: KEY\nSecret Name: OTHER\n"
    assert secret("delete", "KEY").exit_code == 0
    assert load().variables() == {"OTHER": "x"}
    assert refused("delete", "KEY").startswith("Error: there is no secret KEY")
    assert json.loads(secret("list").stdout) == listed[1:]


def test_values_are_never_shown() -> None:
    outputs = [put("KEY", value="hunter2"), secret("list").output, secret("delete", "KEY").output]
    assert "hunter2" not in "".join(outputs)


def test_the_value_is_no_argument() -> None:
    assert "unexpected extra argument" in refused("put", "KEY", "value")


def test_it_replaces_a_value_and_keeps_the_rest_of_the_file(folder: Path) -> None:
    file = folder / ".dev.vars"
    file.write_text("# mine\nA=1\nexport KEY='old'\n\nB = \"2\"  # two")
    put("KEY", value="new")
    assert file.read_text() == '# mine\nA=1\n\nB = "2"  # two\nKEY=new\n'
    assert load().variables() == {"A": "1", "B": "2", "KEY": "new"}


@pytest.mark.parametrize(
    ("files", "arguments", "written"),
    [
        ([], [], ".dev.vars"),
        ([], ["-e", "staging"], ".dev.vars.staging"),
        ([".dev.vars"], ["-e", "staging"], ".dev.vars"),
        ([".dev.vars", ".dev.vars.staging"], ["-e", "staging"], ".dev.vars.staging"),
        ([".env"], [], ".env.local"),
        ([".env", ".env.staging"], ["-e", "staging"], ".env.staging.local"),
    ],
)
def test_the_file_is_one_that_counts(
    folder: Path, files: list[str], arguments: list[str], written: str
) -> None:
    for name in files:
        (folder / name).write_text("OTHER=1\n")
    put("KEY", *arguments)
    assert "KEY=value" in (folder / written).read_text()
    env = arguments[1] if arguments else None
    assert load(env=env).variables()["KEY"] == "value"


def test_where_a_name_stands_already_it_is_changed_there(folder: Path) -> None:
    (folder / ".env").write_text("KEY=1\n")
    (folder / ".env.staging").write_text("KEY=2\n")
    put("KEY", "-e", "staging")
    assert (folder / ".env.staging").read_text() == "KEY=value\n"
    put("KEY")
    assert (folder / ".env").read_text() == "KEY=value\n"
    secret("delete", "KEY", "-e", "staging")
    assert load(env="staging").variables() == {}


VALUES = [
    *("a", "a b", "a'b", 'a"b', "a#b", "a #b", "$HOME", "${X}", "a\\nb", "a\\", "x\ny", "x\n\n y"),
    *("'", '"', "'\"", "\\'\"", "é", "{}", "=", " a", "`a`", "\\$x", "a\tb", "'a' \\ \"b\" # $c"),
    "-----BEGIN KEY-----\nabc+/=\n-----END KEY-----",
]


@pytest.mark.parametrize("name", [".dev.vars", ".env"])
@pytest.mark.parametrize("value", VALUES)
def test_every_value_is_read_as_it_was_written(folder: Path, name: str, value: str) -> None:
    (folder / name).write_text("A=1\n")
    dotenv.change(folder / name, "KEY", value)
    dotenv.change(folder / name, "B", "2")
    assert load().variables() == {"A": "1", "B": "2", "KEY": value}


@pytest.mark.parametrize("name", [".dev.vars", ".env"])
@settings(database=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(value=st.text(st.sampled_from("ab \n\r\t'\"`\\$#={}é\0"), min_size=1, max_size=8))
def test_any_value_is_read_as_it_was_written(folder: Path, name: str, value: str) -> None:
    (folder / name).unlink(missing_ok=True)
    dotenv.change(folder / name, "KEY", value)
    dotenv.change(folder / name, "B", "2")
    assert load().variables() == {"B": "2", "KEY": value}


def test_names_and_values_that_are_refused() -> None:
    assert "is not a name that a secrets file can have" in refused("put", "a-b")
    assert refused("put", "KEY", stdin=" \n").startswith("Error: the value is empty")
    assert "not UTF-8" in refused("put", "KEY", stdin=b"\xff")


def test_a_name_of_a_binding_is_refused(folder: Path) -> None:
    (folder / "wrangler.jsonc").write_text('{"kv_namespaces": [{"binding": "KV"}]}')
    assert "KV is already the name of one in kv_namespaces" in refused("put", "KV")


def test_the_name_of_the_worker_can_be_said() -> None:
    put("KEY", "--name", "w")
    assert "--name other" in refused("put", "KEY", "--name", "other")


def test_a_secret_that_is_not_required_is_told_to_be_unread(folder: Path) -> None:
    (folder / "wrangler.jsonc").write_text('{"secrets": {"required": ["A"]}}')
    assert "secrets.required" in put("KEY")
    assert "secrets.required" not in put("A")


def test_a_link_stays_one_and_a_pipe_is_left_alone(folder: Path) -> None:
    (folder / "vault").mkdir()
    (folder / ".dev.vars").symlink_to(folder / "vault" / "vars")
    (folder / "vault" / "vars").write_text("A=1\n")
    put("KEY")
    assert (folder / ".dev.vars").is_symlink()
    assert (folder / "vault" / "vars").read_text() == "A=1\nKEY=value\n"
    os.mkfifo(folder / "pipe")
    with pytest.raises(ConfigError, match="no ordinary file"):
        dotenv.change(folder / "pipe", "KEY", "x")


def test_files_that_cannot_be_read_or_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".dev.vars").write_bytes(b"A=\xff")
    with pytest.raises(ConfigError, match="not UTF-8 text"):
        dotenv.names(folder / ".dev.vars")
    with pytest.raises(ConfigError, match="Not a directory"):
        dotenv.names(folder / "wrangler.jsonc" / "x")
    (folder / ".dev.vars").write_text("A=1\n")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    assert "No space left on device" in refused("put", "KEY")
    assert sorted(file.name for file in folder.iterdir()) == [".dev.vars", "wrangler.jsonc"]
    assert (folder / ".dev.vars").read_text() == "A=1\n"


def bulk(text: str | bytes, *arguments: str) -> str:
    result = secret("bulk", *arguments, stdin=text)
    assert result.exit_code == 0, result.output
    return result.output


def test_many_at_once_from_json(folder: Path) -> None:
    put("OLD", value="hunter1")
    output = bulk('{"KEY": "hunter2", "NO_VALUE": "", "OLD": null, "NONE": null}')
    file = folder / ".dev.vars"
    assert output.splitlines() == [
        f"Wrote KEY to {file}.",
        f"Wrote NO_VALUE to {file}.",
        f"Deleted OLD from {file}.",
        "There is no secret NONE to delete.",
    ]
    assert load().variables() == {"KEY": "hunter2", "NO_VALUE": ""}


def test_many_at_once_from_a_file_of_lines(folder: Path) -> None:
    (folder / "given.env").write_text(
        "# mine\nexport KEY='a $b'\nLINES=\"c\nd\"\nEMPTY=\nKEY=last\n"
    )
    bulk("", "given.env", "-e", "staging")
    assert load(env="staging").variables() == {"KEY": "last", "LINES": "c\nd", "EMPTY": ""}
    assert load().variables() == {}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("", "there are no secrets"),
        ("# nothing", "there are no secrets"),
        ("{}", "there are no secrets"),
        ("[]", "no object of names and values"),
        ('{"KEY": "hunter2", ', "are not JSON: "),
        ("[" * 100_000, "are not JSON"),
        ("KEY=hunter2\nhunter2 hunter2\n", "line 2 is not KEY=VALUE"),
        ("KEY=hunter2\nOTHER\n", "line 2 is not KEY=VALUE"),
        ('{"KEY": "hunter2", "B": 2}', "the value of 'B' is no string"),
        ('{"KEY": "hunter2", "a-b": "hunter2"}', "'a-b' is not a name"),
        ('{"KEY": "hunter2", "KV": "hunter2"}', "already the name of one in kv_namespaces"),
        (b"KEY=\xff", "not UTF-8"),
    ],
)
def test_of_many_with_a_fault_none_is_written(folder: Path, given: str | bytes, error: str) -> None:
    (folder / "wrangler.jsonc").write_text('{"kv_namespaces": [{"binding": "KV"}]}')
    said = refused("bulk", stdin=given)
    assert error in said
    assert "hunter2" not in said
    assert not (folder / ".dev.vars").exists()


class Terminal:
    def isatty(self) -> bool:
        return True


def test_at_a_terminal_it_prompts_and_asks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    put("KEY")
    monkeypatch.setattr(module.sys, "stdin", Terminal())
    monkeypatch.setattr("click.prompt", lambda *args, **kwargs: "typed")
    assert module.value_from_user() == "typed"
    monkeypatch.setattr("click.confirm", lambda question: False)
    many = module.bulk.callback
    assert many is not None
    with pytest.raises(click.UsageError, match="name a file"):
        many(file=None, name=None, config=None, env=None)
    run = module.delete.callback
    assert run is not None
    run(key="KEY", force=False, name=None, config=None, env=None)
    assert capsys.readouterr().out == "Nothing was deleted.\n"
    run(key="KEY", force=True, name=None, config=None, env=None)
    assert load().variables() == {}
