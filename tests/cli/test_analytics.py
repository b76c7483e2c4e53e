from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from edgekit import host
from edgekit.bindings.analytics import AnalyticsEngineDataset
from edgekit.cli.main import main
from edgekit.engines.open import open_store


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def analytics(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["analytics", *arguments])


def done(*arguments: str) -> str:
    result = analytics(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str) -> str:
    result = analytics(*arguments)
    assert result.exit_code != 0, result.output
    assert not result.stdout
    return result.stderr


def write(folder: Path, *points: dict[str, object], where: str = ".edgekit/state") -> None:
    async def run() -> None:
        store = open_store(f"sqlite:{folder / where}", durable=True)
        dataset = AnalyticsEngineDataset(store.analytics(), "weather")
        for point in points:
            dataset.write_data_point(point)
        await store.close()

    asyncio.run(run())


def test_rows_stand_under_their_columns(folder: Path):
    write(
        folder,
        {"blobs": ["Wien"], "doubles": [25]},
        {"blobs": ["Graz\n\x1b[31m"], "doubles": [-3.25]},
        {"doubles": [float("nan")]},
    )
    sql = (
        "SELECT blob1 AS city, double1 AS degrees, count() AS n FROM weather GROUP BY 1 ORDER BY 1"
    )
    assert done(sql).splitlines() == [
        "city            degrees  n",
        "--------------  -------  -",
        "                         1",
        r"Graz\n\x1b[31m    -3.25  1",
        "Wien                 25  1",
    ]


def test_rows_as_json(folder: Path):
    write(folder, {"blobs": ["ü"], "doubles": [1.5]})
    text = done(
        "SELECT blob1, double1 FROM weather WHERE timestamp > NOW() - INTERVAL '1' HOUR", "--json"
    )
    assert json.loads(text) == [{"blob1": "ü", "double1": 1.5}]
    assert "ü" in text
    assert json.loads(done("SELECT 1 AS x WHERE 0", "--json")) == []


def test_time_is_that_of_the_point(folder: Path):
    write(folder, {})
    (row,) = json.loads(done("SELECT toUnixTimestamp(timestamp) AS at FROM weather", "--json"))
    assert abs(row["at"] - host.now()) < 60


def test_datasets_are_listed(folder: Path):
    assert done("SHOW TABLES") == "dataset\n-------\n"
    write(folder, {})
    assert done("show tables") == "dataset\n-------\nweather\n"


def test_more_rows_than_asked_for_are_told(folder: Path):
    write(folder, {}, {}, {})
    result = analytics("SELECT 1 AS x FROM weather", "--limit", "2")
    assert result.stdout == "x\n-\n1\n1\n"
    assert "There are more than 2 rows" in result.stderr


def test_store_is_the_configuration_s(folder: Path):
    (folder / "app").mkdir()
    (folder / "app" / "wrangler.jsonc").write_text("{}")
    write(folder, {}, where="app/.edgekit/state")
    assert "weather" in done("SHOW TABLES", "-c", "app/wrangler.jsonc")
    assert "weather" in done("SHOW TABLES", "--persist-to", "app/.edgekit/state", "--local")
    assert "weather" not in done("SHOW TABLES")


@pytest.mark.parametrize(
    ("sql", "text"),
    [
        ("DELETE FROM points", "only SELECT and SHOW TABLES"),
        ("SELECT * FROM wether", "there is no dataset 'wether'; there are: none yet"),
        ("SELEC 1", "syntax error"),
    ],
)
def test_wrong_query_is_one_line(sql: str, text: str):
    message = refused(sql)
    assert text in message
    assert message.count("\n") == 1


def test_nothing_is_remote_and_nothing_in_memory(monkeypatch: pytest.MonkeyPatch):
    assert "wrangler reaches those of the platform" in refused("SHOW TABLES", "--remote")
    monkeypatch.setenv("EDGEKIT_STORE", "memory:")
    assert "out of reach" in refused("SHOW TABLES")


def test_no_statement_prints_nothing():
    assert done("") == ""
