from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edgekit.cli.main import main


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def vectorize(*arguments: str, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["vectorize", *arguments], input=stdin)


def done(*arguments: str, stdin: str | None = None) -> str:
    result = vectorize(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def as_json(*arguments: str) -> Any:
    return json.loads(done(*arguments))


def refused(*arguments: str) -> str:
    result = vectorize(*arguments)
    assert result.exit_code != 0, result.output
    return result.stderr


@pytest.fixture
def docs() -> None:
    done("create", "docs", "--dimensions", "2", "--metric", "cosine", "--description", "texts")
    done("create-metadata-index", "docs", "--property-name", "kind", "--type", "string")
    lines = [
        {"id": "a", "values": [1, 0], "metadata": {"kind": "x"}},
        {"id": "b", "values": [0, 1], "namespace": "n"},
    ]
    done("insert", "docs", "--file", "-", stdin="\n\n".join(map(json.dumps, lines)))


def test_index_is_made_listed_and_removed():
    text = done("create", "my-docs", "--dimensions", "3", "--metric", "euclidean")
    assert '"vectorize": [{"binding": "MY_DOCS", "index_name": "my-docs"}]' in text
    made = as_json("create", "two", "--preset", "@cf/baai/bge-base-en-v1.5", "--json")
    assert made["config"] == {"dimensions": 768, "metric": "cosine"}
    assert [index["name"] for index in as_json("list", "--json")] == ["my-docs", "two"]
    assert done("list").splitlines()[2].split()[:3] == ["my-docs", "3", "euclidean"]
    assert as_json("get", "two", "--json") == made
    assert "768" in done("get", "two")
    assert "Deleted the index 'two'" in done("delete", "two", "--force")
    assert "Nothing was deleted" in done("delete", "my-docs", stdin="n\n")
    assert "Deleted" in done("delete", "my-docs", stdin="y\n")
    assert as_json("list", "--json") == []


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["x"], "--dimensions and --metric, or --preset"),
        (["x", "--dimensions", "2"], "--dimensions and --metric, or --preset"),
        (["x", "--dimensions", "1537", "--metric", "cosine"], "1<=x<=1536"),
        (["x", "--dimensions", "2", "--metric", "l2"], "not one of 'cosine'"),
        (["x", "--dimensions", "2", "--preset", "@cf/baai/bge-base-en-v1.5"], "either --preset"),
        (["x" * 65, "--dimensions", "2", "--metric", "cosine"], "1 to 64 bytes"),
    ],
)
def test_index_that_cannot_be_is_refused(arguments: list[str], text: str):
    assert text in refused("create", *arguments)


@pytest.mark.usefixtures("docs")
def test_index_is_made_once():
    assert "already" in refused("create", "docs", "--dimensions", "2", "--metric", "cosine")


@pytest.mark.usefixtures("docs")
def test_vectors_are_found():
    near = as_json("query", "docs", "--vector", "[1, 0.1]", "--return-metadata", "all")
    assert [match["id"] for match in near["matches"]] == ["a", "b"]
    assert near["matches"][0]["metadata"] == {"kind": "x"}
    by_id = as_json("query", "docs", "--vector-id", "b", "--top-k", "1", "--return-values")
    assert [match["values"] for match in by_id["matches"]] == [[0, 1]]
    filtered = as_json("query", "docs", "--vector", "1 0", "--filter", '{"kind": {"$ne": "x"}}')
    assert [match["id"] for match in filtered["matches"]] == ["b"]
    assert as_json("query", "docs", "--vector", "1,0", "--namespace", "n")["count"] == 1


@pytest.mark.usefixtures("docs")
@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], "either --vector or --vector-id"),
        (["--vector", "1 0", "--vector-id", "a"], "either --vector or --vector-id"),
        (["--vector", "1 x"], "could not convert string to float: 'x'"),
        (["--vector", "1"], "expected 2 dimensions, and got 1 dimensions"),
        (["--vector", "1 0", "--filter", "{"], "--filter is not JSON"),
        (["--vector", "1 0", "--top-k", "101"], "max top K is 100"),
    ],
)
def test_query_that_means_nothing_is_refused(arguments: list[str], text: str):
    assert text in refused("query", "docs", *arguments)


@pytest.mark.usefixtures("docs")
def test_vectors_are_listed_read_replaced_and_removed(folder: Path):
    (folder / "more.ndjson").write_text('{"id": "a", "values": [5, 5]}\n')
    assert "Wrote 1 vectors" in done("insert", "docs", "--file", "more.ndjson")
    assert as_json("get-vectors", "docs", "--ids", "a")[0]["values"] == [1, 0]
    done("upsert", "docs", "--file", "more.ndjson")
    both = as_json("get-vectors", "docs", "--ids", "a", "--ids", "b")
    assert [vector["values"] for vector in both] == [[5, 5], [0, 1]]
    first = as_json("list-vectors", "docs", "--count", "1", "--json")
    assert first == {
        "count": 1,
        "totalCount": 2,
        "isTruncated": True,
        "nextCursor": "a",
        "vectors": [{"id": "a"}],
    }
    result = vectorize("list-vectors", "docs", "--count", "1")
    assert result.stdout == "id\n--\na\n"
    assert "--cursor a" in result.stderr
    assert done("list-vectors", "docs", "--cursor", "a") == "id\n--\nb\n"
    done("delete-vectors", "docs", "--ids", "a")
    assert as_json("info", "docs", "--json")["vectorCount"] == 1
    assert "vectorCount" in done("info", "docs")


@pytest.mark.usefixtures("docs")
def test_large_file_goes_in_in_batches():
    lines = (json.dumps({"id": str(n), "values": [1, n]}) for n in range(2500))
    assert "Wrote 2500 vectors" in done("upsert", "docs", "--file", "-", stdin="\n".join(lines))
    assert as_json("info", "docs", "--json")["vectorCount"] == 2502


@pytest.mark.usefixtures("docs")
def test_file_that_is_not_json_is_told_with_its_line(folder: Path):
    (folder / "bad").write_text('{"id": "z", "values": [1, 1]}\n{\n')
    assert "bad, line 2: not JSON" in refused("insert", "docs", "--file", "bad")


@pytest.mark.usefixtures("docs")
def test_metadata_indexes():
    assert "already" in refused(
        "create-metadata-index", "docs", "--propertyName", "kind", "--type", "number"
    )
    assert as_json("list-metadata-index", "docs", "--json") == [
        {"propertyName": "kind", "indexType": "String"}
    ]
    assert done("list-metadata-index", "docs").splitlines()[2].split() == ["kind", "string"]
    for number in range(9):
        done("create-metadata-index", "docs", "--property-name", f"p{number}", "--type", "number")
    full = refused("create-metadata-index", "docs", "--property-name", "p9", "--type", "number")
    assert "at most 10 metadata indexes" in full
    done("delete-metadata-index", "docs", "--property-name", "kind")
    gone = refused("delete-metadata-index", "docs", "--property-name", "kind")
    assert "there is no metadata index on 'kind'" in gone


@pytest.mark.usefixtures("docs")
@pytest.mark.parametrize(
    "arguments",
    [
        ["get", "nope"],
        ["delete", "nope"],
        ["list-vectors", "nope"],
        ["list-metadata-index", "nope"],
        ["create-metadata-index", "nope", "--property-name", "p", "--type", "string"],
        ["delete-metadata-index", "nope", "--property-name", "p"],
    ],
)
def test_index_that_is_not_there_is_told_with_those_there_are(arguments: list[str]):
    assert refused(*arguments) == "Error: there is no index 'nope'; there are: docs\n"


def test_info_and_query_of_no_index_say_how_to_make_one():
    assert "edgekit vectorize create nope" in refused("info", "nope")
    assert "there are: none" in refused("get", "nope")
