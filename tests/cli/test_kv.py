from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgekit import host
from edgekit.bindings.kv import KVNamespace
from edgekit.cli.main import main
from edgekit.config import load
from edgekit.engines.open import open_store
from edgekit.runtime.env import kv_space


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def kv(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["kv", *arguments], input=stdin)


def done(*arguments: str, stdin: str | bytes | None = None) -> str:
    result = kv(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = kv(*arguments)
    assert result.exit_code != 0, result.output
    assert not result.stdout
    return result.stderr


def configure(folder: Path, text: str) -> None:
    (folder / "wrangler.jsonc").write_text(text)


def test_put_get_list_delete_one_key():
    done("key", "put", "--binding", "B", "a/ü", "välue", "--metadata", '{"x": 1}')
    assert done("key", "get", "--binding", "B", "a/ü") == "välue"
    assert done("key", "get", "--binding", "B", "a/ü", "--text") == "välue\n"
    assert json.loads(done("key", "list", "--binding", "B")) == [
        {"name": "a/ü", "metadata": {"x": 1}}
    ]
    done("key", "delete", "--binding", "B", "a/ü")
    assert json.loads(done("key", "list", "--binding", "B")) == []


def test_value_comes_from_a_file_and_goes_out_byte_for_byte(folder: Path):
    value = bytes(range(256))
    (folder / "value").write_bytes(value)
    done("key", "put", "--binding", "B", "k", "--path", "value")
    assert kv("key", "get", "--binding", "B", "k").stdout_bytes == value
    done("key", "put", "--binding", "B", "k", "--path", "-", stdin=b"\xff\n")
    assert kv("key", "get", "--binding", "B", "k").stdout_bytes == b"\xff\n"


def test_missing_key_is_an_error_and_no_value():
    assert "Value not found" in refused("key", "get", "--binding", "B", "nothing")


def test_list_goes_through_all_pages_of_a_prefix():
    items = [{"key": f"p{i:04}", "value": ""} for i in range(1001)] + [{"key": "q", "value": ""}]
    done("bulk", "put", "--binding", "B", "-", stdin=json.dumps(items))
    keys = json.loads(done("key", "list", "--binding", "B", "--prefix", "p"))
    assert [key["name"] for key in keys] == [item["key"] for item in items[:-1]]


def test_expiration_is_kept():
    expiration = int(host.now()) + 1000
    done("key", "put", "--binding", "B", "at", "v", "--expiration", str(expiration))
    done("key", "put", "--binding", "B", "in", "v", "--ttl", "1000")
    at, after = json.loads(done("key", "list", "--binding", "B"))
    assert at["expiration"] == expiration
    assert after["expiration"] >= expiration
    assert "Expiration TTL must be at least 60" in refused(
        "key", "put", "--binding", "B", "k", "v", "--ttl", "59"
    )


async def test_commands_and_server_mean_the_same_store(folder: Path):
    configure(folder, '{"kv_namespaces": [{"binding": "B", "id": "abc"}, {"binding": "NO_ID"}]}')
    store = open_store(load().store, durable=False)
    try:
        for namespace_id in ("abc", "NO_ID"):
            await KVNamespace(store.records, kv_space(namespace_id)).put("k", namespace_id)
    finally:
        await store.close()
    for option, value in (("--binding", "B"), ("--namespace-id", "abc")):
        assert await asyncio.to_thread(done, "key", "get", option, value, "k") == "abc"
    assert await asyncio.to_thread(done, "key", "get", "--binding", "NO_ID", "k") == "NO_ID"


def test_binding_must_be_in_the_file_if_there_is_one(folder: Path):
    configure(folder, '{"kv_namespaces": [{"binding": "B"}]}')
    assert "has no binding 'C'; there: B" in refused("key", "list", "--binding", "C")


def test_preview_is_the_preview_id(folder: Path):
    configure(folder, '{"kv_namespaces": [{"binding": "B", "id": "i", "preview_id": "p"}]}')
    done("key", "put", "--binding", "B", "--preview", "k", "preview")
    assert done("key", "get", "--namespace-id", "p", "k") == "preview"
    assert "Value not found" in refused("key", "get", "--binding", "B", "k")
    done("key", "put", "--preview", "false", "--binding", "B", "k", "own")
    assert done("key", "get", "--binding", "B", "k", "--preview=false") == "own"
    for preview in (["--preview", "true"], ["--preview=true"], ["--preview"]):
        assert done("key", "get", "--binding", "B", *preview, "k") == "preview"
    configure(folder, '{"kv_namespaces": [{"binding": "B", "id": "i"}]}')
    assert "no preview_id" in refused("key", "get", "--binding", "B", "--preview", "k")


def test_config_env_and_persist_to_choose_namespace_and_store(folder: Path):
    (folder / "sub").mkdir()
    configure(
        folder / "sub",
        '{"kv_namespaces": [{"binding": "B", "id": "top"}],'
        ' "env": {"e": {"kv_namespaces": [{"binding": "B", "id": "inner"}]}}}',
    )
    options = ("--persist-to", "state", "-c", "sub/wrangler.jsonc")
    done("key", "put", "--binding", "B", "k", "v", *options, "-e", "e")
    assert done("key", "get", "--namespace-id", "inner", "k", "--persist-to", "state") == "v"
    assert "Value not found" in refused("key", "get", "--binding", "B", "k", *options)
    assert "no such file" in refused("key", "list", "--binding", "B", "-c", "nothing.toml")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["key", "list"], "either --binding or --namespace-id"),
        (["key", "list", "--binding", "B", "--namespace-id", "n"], "either --binding or"),
        (["key", "list", "--binding", "B", "--remote"], "namespaces are local"),
        (["key", "put", "--binding", "B", "k"], "either VALUE or --path"),
        (["key", "put", "--binding", "B", "k", "v", "--metadata", "{"], "not JSON"),
        (["key", "put", "--binding", "B", "", "v"], "Key name cannot be empty."),
        (["bulk", "get", "--binding", "B", "nothing.json"], "nothing.json"),
    ],
)
def test_wrong_use_is_refused_with_the_reason(arguments: list[str], message: str):
    assert message in refused(*arguments)


def test_store_in_memory_is_out_of_reach(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    assert "out of reach" in refused("key", "list", "--binding", "B")


def test_bulk_put_get_delete(folder: Path):
    items = [
        {"key": "a", "value": "1", "metadata": {"n": 1}, "expiration_ttl": 600},
        {"key": "b", "value": "/w==", "base64": True},
        {"key": "c", "value": "/w\n", "base64": True},
    ]
    (folder / "in.json").write_text(json.dumps(items))
    done("bulk", "put", "--binding", "B", "in.json")
    assert kv("key", "get", "--binding", "B", "b").stdout_bytes == b"\xff"
    assert kv("key", "get", "--binding", "B", "c").stdout_bytes == b"\xff"
    listed = done("key", "list", "--binding", "B")
    assert json.loads(listed)[0]["metadata"] == {"n": 1}

    found = json.loads(done("bulk", "get", "--binding", "B", "-", stdin='["a", {"name": "d"}]'))
    assert found == {"a": {"value": "1"}, "d": {"value": None}}

    (folder / "keys.json").write_text(listed)
    answer = done("bulk", "delete", "--binding", "B", "keys.json", stdin="n\n")
    assert "Delete the 3 keys in keys.json from the namespace B?" in answer
    assert done("key", "list", "--binding", "B") == listed
    done("bulk", "delete", "--binding", "B", "keys.json", "--force")
    assert json.loads(done("key", "list", "--binding", "B")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "not JSON"),
        ("{}", "not a JSON array"),
        ('[{"key": "k"}]', "item 0: expected an object with key and value"),
        ('[{"key": "k", "value": "v"}, {"key": "k", "value": 1}]', "item 1: expected"),
        ('[{"key": "k", "value": "v", "ttl": 60}]', "item 0: unknown: ttl"),
        ('[{"key": "k", "value": "v", "expiration": "x"}]', "expiration is not a number"),
        ('[{"key": "k", "value": "?", "base64": true}]', "not base64"),
    ],
)
def test_bulk_file_that_is_not_right_writes_nothing(folder: Path, content: str, message: str):
    (folder / "in.json").write_text(content)
    assert message in refused("bulk", "put", "--binding", "B", "in.json")
    assert json.loads(done("key", "list", "--binding", "B")) == []


def test_bulk_put_names_the_item_that_the_namespace_refuses(folder: Path):
    items = [{"key": "a", "value": "1"}, {"key": "b", "value": "2", "expiration_ttl": 1}]
    (folder / "in.json").write_text(json.dumps(items))
    assert "in.json: item 1: KV PUT failed" in refused("bulk", "put", "--binding", "B", "in.json")


def test_bulk_delete_from_standard_input_needs_force():
    done("key", "put", "--binding", "B", "a", "1")
    result = kv("bulk", "delete", "--binding", "B", "-", stdin='["a"]')
    assert result.exit_code == 2
    assert "add --force" in result.stderr
    done("bulk", "delete", "--binding", "B", "-", "--force", stdin='["a"]')
    assert json.loads(done("key", "list", "--binding", "B")) == []
