"""D1, as every place must answer."""

from __future__ import annotations

from typing import Any

from edgekit import BindingError


async def fresh(env: Any, name: str, columns: str) -> None:
    await env.DB.exec(f"DROP TABLE IF EXISTS {name}")
    await env.DB.exec(f"CREATE TABLE {name} ({columns})")


async def test_rows_are_objects_and_values_keep_their_types(env: Any) -> None:
    await fresh(env, "kinds", "i INTEGER, f REAL, t TEXT, b BLOB, n")
    insert = env.DB.prepare("INSERT INTO kinds VALUES (?, ?, ?, ?, ?)")
    await insert.bind(2**40, 1.5, "é", b"\x00\xff", None).run()
    await insert.bind(True, -0.25, "", b"", 3).run()
    rows = (await env.DB.prepare("SELECT * FROM kinds").all()).results
    assert rows[0] == {"i": 2**40, "f": 1.5, "t": "é", "b": [0, 255], "n": None}
    assert rows[1] == {"i": 1, "f": -0.25, "t": "", "b": [], "n": 3}
    assert rows[0].t == "é"


async def test_first_and_raw_and_meta(env: Any) -> None:
    await fresh(env, "people", "id INTEGER PRIMARY KEY, name TEXT")
    done = await env.DB.prepare("INSERT INTO people (name) VALUES (?)").bind("ada").run()
    assert done.success
    assert (done.meta.changes, done.meta.last_row_id, done.meta.changed_db) == (1, 1, True)
    everything = env.DB.prepare("SELECT * FROM people")
    assert await everything.first() == {"id": 1, "name": "ada"}
    assert await everything.first("name") == "ada"
    assert await env.DB.prepare("SELECT * FROM people WHERE id = 7").first() is None
    assert await everything.raw() == [[1, "ada"]]
    assert await everything.raw(column_names=True) == [["id", "name"], [1, "ada"]]
    assert await everything.raw({"columnNames": True}) == [["id", "name"], [1, "ada"]]


async def test_a_batch_is_one_transaction(env: Any) -> None:
    await fresh(env, "pairs", "k TEXT PRIMARY KEY")
    insert = env.DB.prepare("INSERT INTO pairs VALUES (?)")
    results = await env.DB.batch([insert.bind("a"), insert.bind("b")])
    assert [result.meta.changes for result in results] == [1, 1]
    try:
        await env.DB.batch([insert.bind("c"), insert.bind("a")])
    except BindingError as error:
        assert "UNIQUE constraint failed: pairs.k" in str(error)
    else:
        raise AssertionError("a key was put twice")
    assert await env.DB.prepare("SELECT count(*) AS n FROM pairs").first("n") == 2


async def test_exec_counts_its_lines(env: Any) -> None:
    await env.DB.exec("DROP TABLE IF EXISTS lines")
    done = await env.DB.exec("CREATE TABLE lines (a)\nINSERT INTO lines VALUES (1)")
    assert done["count"] == 2


async def test_refusals_have_the_platforms_texts(env: Any) -> None:
    for sql, text in (
        ("SELEC 1", "syntax error"),
        ("SELECT * FROM no_such_table", "no such table: no_such_table"),
        ("BEGIN TRANSACTION", "D1_ERROR"),
        ("PRAGMA journal_mode", "not authorized"),
    ):
        try:
            await env.DB.prepare(sql).all()
        except BindingError as error:
            assert text in str(error), (sql, str(error))
        else:
            raise AssertionError(f"{sql} was accepted")


async def test_many_rows_arrive(env: Any) -> None:
    await fresh(env, "numbers", "n INTEGER")
    insert = env.DB.prepare("INSERT INTO numbers VALUES (?)")
    await env.DB.batch([insert.bind(n) for n in range(100)])
    rows = (await env.DB.prepare("SELECT n FROM numbers ORDER BY n").all()).results
    assert [row.n for row in rows] == list(range(100))
