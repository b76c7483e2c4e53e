from __future__ import annotations

import math
from collections.abc import AsyncIterator
from typing import Any

import pytest

from edgekit.bindings.analytics import AnalyticsEngineDataset
from edgekit.engines.sqlite_analytics import MIGRATIONS, SQLiteAnalytics
from edgekit.engines.sqlite_memory import SQLiteMemory
from edgekit.errors import AnalyticsTypeError
from edgekit.testing.clock import ManualClock


@pytest.fixture
async def engine() -> AsyncIterator[SQLiteAnalytics]:
    engine = SQLiteAnalytics(SQLiteMemory(MIGRATIONS))
    yield engine
    await engine.close()


@pytest.fixture
def points(engine: SQLiteAnalytics, clock: ManualClock) -> AnalyticsEngineDataset:
    return AnalyticsEngineDataset(engine, "weather")


async def written(engine: SQLiteAnalytics, columns: str = "*") -> list[tuple[Any, ...]]:
    sql = f"SELECT {columns} FROM weather"
    return (await engine.query(sql, now=0, rows=1000, seconds=9)).rows


def refused(points: AnalyticsEngineDataset, *args: Any, **fields: Any) -> str:
    with pytest.raises(AnalyticsTypeError) as caught:
        points.write_data_point(*args, **fields)
    assert isinstance(caught.value, TypeError)
    return str(caught.value)


async def test_point_is_written_with_its_time_and_nothing_is_returned(
    points: AnalyticsEngineDataset, engine: SQLiteAnalytics
) -> None:
    written_ = points.write_data_point(blobs=["Seattle"], doubles=[25, 0.5], indexes=["a3cd45"])
    assert written_ is None  # type: ignore[func-returns-value]
    columns = (
        "dataset, timestamp, _sample_interval, index1, blob1, blob2, double1, double2, double3"
    )
    assert await written(engine, columns) == [
        ("weather", "2027-01-15 08:00:00", 1, "a3cd45", "Seattle", "", 25.0, 0.5, 0.0)
    ]


async def test_all_spellings_write_the_same(
    points: AnalyticsEngineDataset, engine: SQLiteAnalytics
) -> None:
    event = {"blobs": ("x",), "doubles": (1,), "indexes": ("k",), "other": 5}
    points.write_data_point(event)
    points.writeDataPoint(event)  # type: ignore[attr-defined]
    points.write_data_point(blobs=["x"], doubles=[1], indexes=["k"])
    assert set(await written(engine, "index1, blob1, double1")) == {("k", "x", 1.0)}
    assert len(await written(engine)) == 3


@pytest.mark.parametrize("event", [None, {}, [1], ()])
async def test_point_may_be_empty(
    points: AnalyticsEngineDataset, engine: SQLiteAnalytics, event: Any
) -> None:
    points.write_data_point(event)
    assert await written(engine, "index1, blob1, double1") == [("", "", 0.0)]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (5, "5"),
        (True, "true"),
        (1.5, "1.5"),
        ({}, "[object Object]"),
        (b"a\xff", "a\ufffd"),
        (bytearray(b"ab"), "ab"),
        ("\ud800", "\ufffd\ufffd\ufffd"),
    ],
)
async def test_blobs_and_indexes_are_texts(
    points: AnalyticsEngineDataset, engine: SQLiteAnalytics, value: Any, text: str
) -> None:
    points.write_data_point(blobs=[value, "next"], indexes=[value])
    assert await written(engine, "blob1, blob2, index1") == [(text, "next", text)]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (None, 0.0),
        (True, 1.0),
        ("5", 5.0),
        (" ", 0.0),
        ("x", None),
        ({}, None),
        (math.nan, None),
        (math.inf, math.inf),
        (10**400, math.inf),
        (-(10**400), -math.inf),
    ],
)
async def test_doubles_are_numbers_as_in_javascript(
    points: AnalyticsEngineDataset, engine: SQLiteAnalytics, value: Any, number: Any
) -> None:
    points.write_data_point(doubles=[value])
    assert await written(engine, "double1") == [(number,)]


async def test_limits_are_the_platform_s(
    points: AnalyticsEngineDataset, engine: SQLiteAnalytics
) -> None:
    points.write_data_point(blobs=["é" * 8192, *[""] * 19], doubles=[1] * 20, indexes=["é" * 48])
    assert len(await written(engine)) == 1


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"indexes": ["a", "b"]}, "Maximum of 1 indexes supported."),
        ({"indexes": ["é" * 48 + "x"]}, "Size of indexes[0] exceeds 96 bytes)."),
        ({"blobs": [""] * 21}, "Maximum of 20 blobs supported."),
        ({"blobs": ["é" * 8192, "x"]}, "Cumulative size of blobs exceeds 16384 bytes)."),
        ({"doubles": [1] * 21}, "Maximum of 20 doubles supported."),
        ({"doubles": [1] * 21, "blobs": [""] * 21}, "Maximum of 20 blobs supported."),
    ],
)
async def test_more_than_the_limits_is_refused(
    points: AnalyticsEngineDataset, engine: SQLiteAnalytics, fields: Any, text: str
) -> None:
    assert refused(points, **fields) == f"writeDataPoint(): {text}"
    assert await engine.datasets() == []


@pytest.mark.parametrize("event", [5, "abc", b"abc", True])
async def test_what_is_no_object_is_refused(points: AnalyticsEngineDataset, event: Any) -> None:
    assert refused(points, event) == (
        "Failed to execute 'writeDataPoint' on 'AnalyticsEngine': parameter 1 is not of type"
        " 'AnalyticsEngineEvent'."
    )


@pytest.mark.parametrize("field", ["blobs", "doubles", "indexes"])
@pytest.mark.parametrize("value", [None, "abc", 5, {}, {"a"}])
async def test_what_is_no_array_is_refused(
    points: AnalyticsEngineDataset, field: str, value: Any
) -> None:
    assert refused(points, {field: value}) == (
        f"Incorrect type for the '{field}' field on 'AnalyticsEngineEvent': the provided value is"
        " not of type 'Array'."
    )
