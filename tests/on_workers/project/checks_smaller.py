"""The smaller bindings, as every place must answer."""

from __future__ import annotations

from typing import Any


async def test_a_rate_is_limited_by_key(env: Any) -> None:
    answers = [(await env.LIMITER.limit(key="one")).success for _ in range(3)]
    # The window may end in between, which begins the count anew.
    assert answers in ([True, True, False], [True, True, True])
    assert (await env.LIMITER.limit({"key": "another"}))["success"] is True


async def test_wrong_options_of_a_limit_are_refused(env: Any) -> None:
    from edgekit import BindingError

    for given in ({"kee": "one"}, {"key": "one", "period": 11}):
        try:
            await env.LIMITER.limit(given)
        except BindingError:
            continue
        raise AssertionError(f"{given} was taken")


async def test_points_are_written(env: Any) -> None:
    assert env.POINTS.write_data_point(blobs=["a"], doubles=[1.5], indexes=["i"]) is None
    assert env.POINTS.writeDataPoint({"blobs": ["a"], "doubles": [1]}) is None


async def test_a_database_elsewhere_has_its_address(env: Any) -> None:
    assert env.SQL.user == "user"
    assert env.SQL.password == "secret"
    assert env.SQL.database == "data"
    assert env.SQL.connection_string.startswith("postgres")
    assert env.SQL.connectionString == env.SQL.connection_string


async def test_the_version_has_an_id(env: Any) -> None:
    assert isinstance(env.VERSION.id, str)
    assert isinstance(env.VERSION.tag, str)
    assert env.VERSION["timestamp"]
