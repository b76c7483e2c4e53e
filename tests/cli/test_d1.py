from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from edgekit.bindings.d1 import D1Database
from edgekit.cli.main import main
from edgekit.config import load
from edgekit.engines.open import open_store

CONFIG = """{"d1_databases": [
    {"binding": "DB", "database_name": "todo", "database_id": "id-1"},
    {"binding": "OTHER", "database_name": "other", "migrations_table": "done", "migrations_dir": "sql"}
]}"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "wrangler.jsonc").write_text(CONFIG)
    return tmp_path


def d1(*arguments: str, stdin: str | bytes | None = None) -> Result:
    return CliRunner().invoke(main, ["d1", *arguments], input=stdin)


def done(*arguments: str, stdin: str | bytes | None = None) -> str:
    result = d1(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(*arguments: str, stdin: bytes | None = None) -> str:
    result = d1(*arguments, stdin=stdin)
    assert result.exit_code != 0, result.output
    return result.stderr


def rows(sql: str, name: str = "todo") -> Any:
    return json.loads(done("execute", name, "--command", sql))[-1]["results"]


def migration(folder: Path, name: str, sql: str, directory: str = "migrations") -> None:
    path = folder / directory / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(sql)


def on_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Say that somebody can answer; CliRunner's standard input never is a terminal."""
    monkeypatch.setattr("edgekit.cli.d1_migrations.answerable", lambda: True)


def test_execute_runs_statements_and_prints_json():
    output = done(
        *("execute", "DB", "--local", "--command"),
        "CREATE TABLE t (a, b); INSERT INTO t VALUES (1, x'00ff'), ('é', NULL); SELECT * FROM t;",
    )
    results = json.loads(output)
    assert [each["success"] for each in results] == [True] * 3
    assert results[2]["results"] == [{"a": 1, "b": [0, 255]}, {"a": "é", "b": None}]
    assert results[2]["meta"]["duration"] >= 0
    assert d1("execute", "id-1", "--command", "SELECT 1").stderr == (
        "1 command executed successfully.\n"
    )


def test_execute_shows_a_table_to_people(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("edgekit.cli.d1.looked_at", lambda: True)
    output = done("execute", "todo", "--command", "CREATE TABLE t (a); SELECT 1 AS n, x'01' AS b")
    assert output == "n  b\n-  ---\n1  [1]\n\n"


def test_execute_is_one_transaction():
    error = refused("execute", "todo", "--command", "CREATE TABLE t (a); SELEC 1")
    assert error == 'Error: near "SELEC": syntax error at offset 0: SQLITE_ERROR\n'
    result = d1("execute", "todo", "--json", "--command", "SELECT * FROM t")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"error": {"text": "no such table: t: SQLITE_ERROR"}}


def test_execute_takes_what_sqlite_dumps(folder: Path):
    dump = (
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE t (a);\n"
        "CREATE TRIGGER r AFTER INSERT ON t BEGIN SELECT 1; SELECT 2; END;\n"
        "INSERT INTO t VALUES('a;b\nc');\n-- the end\nCOMMIT;\n"
    )
    (folder / "dump.sql").write_text("\ufeff" + dump, encoding="utf-8")
    assert len(json.loads(done("execute", "todo", "-y", "--file", "dump.sql"))) == 4
    assert rows("SELECT * FROM t") == [{"a": "a;b\nc"}]
    done("execute", "todo", "--file", "-", stdin="INSERT INTO t VALUES (5)")
    assert rows("SELECT count(*) AS n FROM t") == [{"n": 2}]


def test_statements_have_no_transaction_of_their_own(folder: Path):
    done("execute", "todo", "--command", "BEGIN TRANSACTION; CREATE TABLE t (a); COMMIT;")
    migration(folder, "1.sql", "BEGIN TRANSACTION;\nINSERT INTO t VALUES ('COMMIT;');\ncommit;\n")
    done("migrations", "apply", "todo")
    assert rows("SELECT * FROM t") == [{"a": "COMMIT;"}]


def test_execute_refuses_what_is_no_sql(folder: Path):
    sqlite3.connect("x.db").execute("CREATE TABLE t (a)").connection.close()
    assert "sqlite3 x.db .dump" in refused("execute", "todo", "--file", "x.db")
    assert "not UTF-8" in refused("execute", "todo", "--file", "-", stdin=b"SELECT '\xff'")
    told = json.loads(d1("execute", "todo", "--json", "--file", "x.db").stdout)
    assert "sqlite3 x.db .dump" in told["error"]["text"]
    assert "either --command or --file" in refused("execute", "todo")
    assert "--remote" in refused("execute", "todo", "--remote", "--command", "SELECT 1")
    assert "No SQL statements detected." in refused("execute", "todo", "--command", "-- nothing")


def test_unknown_database_is_named_with_those_there_are():
    error = refused("execute", "nope", "--command", "SELECT 1")
    assert "Couldn't find a D1 DB with the name or binding 'nope'" in error
    assert error.endswith("there: todo, other\n")


def test_without_a_configuration_any_name_is_a_database(folder: Path):
    (folder / "wrangler.jsonc").unlink()
    done("execute", "mine", "--command", "CREATE TABLE t (a)")
    assert rows("SELECT count(*) AS n FROM t", "mine") == [{"n": 0}]


def test_server_and_command_share_the_database(folder: Path):
    async def serve() -> None:
        store = open_store(load().store, durable=True)
        db = D1Database(store.sql().open("id-1"))
        await db.exec("CREATE TABLE t (a)")
        await asyncio.to_thread(done, "execute", "todo", "--command", "INSERT INTO t VALUES (7)")
        assert await db.prepare("SELECT a FROM t").first("a") == 7
        migration(folder, "0001_a.sql", "ALTER TABLE t ADD COLUMN b DEFAULT 8")
        await asyncio.to_thread(done, "migrations", "apply", "todo")
        assert await db.prepare("SELECT * FROM t").first() == {"a": 7, "b": 8}
        await store.close()

    asyncio.run(serve())


def test_migrations_are_created_with_the_next_number(folder: Path):
    assert "0001_first_one.sql" in done("migrations", "create", "todo", "first one")
    migration(folder, "0041_x.sql", "")
    migration(folder, "notes.sql", "")
    done("migrations", "create", "todo", "next")
    text = (folder / "migrations" / "0042_next.sql").read_text()
    assert text.startswith("-- Migration number: 0042 \t 20")
    done("migrations", "create", "other", "x")
    assert (folder / "sql" / "0001_x.sql").exists()
    assert "file's name" in refused("migrations", "create", "todo", "a/b")
    assert "File name too long" in refused("migrations", "create", "todo", "x" * 300)


def test_folder_of_migrations_is_made_when_allowed(folder: Path, monkeypatch: pytest.MonkeyPatch):
    on_terminal(monkeypatch)
    done("migrations", "create", "todo", "x", stdin="n\n")
    assert not (folder / "migrations").exists()
    done("migrations", "create", "todo", "x", stdin="y\n")
    assert (folder / "migrations" / "0001_x.sql").exists()


def test_migrations_are_applied_in_order_and_once(folder: Path):
    migration(folder, "0002_rows.sql", "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);")
    migration(folder, "0001_table.sql", "-- Migration number: 0001\nCREATE TABLE t (a);\n")
    migration(folder, "10_last.sql", "DELETE FROM t WHERE a = 1")
    migration(folder, "readme.txt", "no SQL")
    listed = done("migrations", "list", "todo").split()
    assert listed[-3:] == ["0001_table.sql", "0002_rows.sql", "10_last.sql"]
    output = done("migrations", "apply", "todo")
    assert output.count("applied") == 1 + 3
    assert rows("SELECT a FROM t") == [{"a": 2}]
    assert done("migrations", "apply", "todo") == "No migrations to apply!\n"
    assert done("migrations", "list", "todo") == "No migrations to apply!\n"
    applied = rows("SELECT id, name, applied_at > '2020' AS at FROM d1_migrations")
    assert applied[2] == {"id": 3, "name": "10_last.sql", "at": 1}


def test_migration_that_fails_leaves_no_trace_and_stops(folder: Path):
    migration(folder, "0001_a.sql", "CREATE TABLE t (a)")
    migration(folder, "0002_b.sql", "INSERT INTO t VALUES (1); INSERT INTO nope VALUES (1)")
    migration(folder, "0003_c.sql", "DROP TABLE t")
    result = d1("migrations", "apply", "todo")
    assert result.exit_code == 1
    assert (
        "Migration 0002_b.sql failed with the following errors:\nno such table: nope"
        in result.stderr
    )
    status = [line.split() for line in result.stdout.splitlines()[-3:]]
    assert status == [
        ["0001_a.sql", "applied"],
        ["0002_b.sql", "failed"],
        ["0003_c.sql", "waiting"],
    ]
    assert rows("SELECT * FROM t") == []
    assert rows("SELECT name FROM d1_migrations") == [{"name": "0001_a.sql"}]
    migration(folder, "0002_b.sql", "INSERT INTO t VALUES (1)")
    done("migrations", "apply", "todo")
    assert rows("SELECT count(*) AS n FROM d1_migrations") == [{"n": 3}]


def test_apply_asks_where_somebody_can_answer(folder: Path, monkeypatch: pytest.MonkeyPatch):
    migration(folder, "0001_a.sql", "CREATE TABLE t (a)")
    on_terminal(monkeypatch)
    assert "About to apply 1 migration(s)" in done("migrations", "apply", "todo", stdin="n\n")
    assert rows("SELECT name FROM d1_migrations") == []
    assert "About" not in done("migrations", "apply", "todo", "--yes")
    assert rows("SELECT name FROM d1_migrations") == [{"name": "0001_a.sql"}]


def test_migrations_have_their_own_folder_table_and_pattern(folder: Path):
    migration(folder, "0001_a.sql", "CREATE TABLE t (a)", "sql")
    done("migrations", "apply", "other")
    assert rows("SELECT name FROM done", "other") == [{"name": "0001_a.sql"}]
    assert "No migrations present at" in refused("migrations", "list", "todo")

    config = json.loads(CONFIG)
    config["d1_databases"][0]["migrations_pattern"] = "migrations/*/migration.sql"
    (folder / "wrangler.jsonc").write_text(json.dumps(config))
    migration(folder, "0002_b/migration.sql", "INSERT INTO t VALUES (1)")
    migration(folder, "0001_a/migration.sql", "CREATE TABLE t (a)")
    done("migrations", "apply", "todo")
    names = [row["name"] for row in rows("SELECT name FROM d1_migrations ORDER BY id")]
    assert names == ["0001_a/migration.sql", "0002_b/migration.sql"]


def with_pattern(folder: Path, pattern: str, directory: str = "migrations") -> None:
    config = json.loads(CONFIG)
    config["d1_databases"][0] |= {"migrations_pattern": pattern, "migrations_dir": directory}
    (folder / "wrangler.jsonc").write_text(json.dumps(config))


def listed() -> list[str]:
    output = done("migrations", "list", "todo")
    return [] if output == "No migrations to apply!\n" else output.split()[6:]


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("migrations/*.sql", ["1_a.sql", "9_b.sql", "10_c.sql", "init.sql", "seed.sql"]),
        ("migrations/1**.sql", ["1_a.sql", "10_c.sql"]),
        ("./migrations/*.up.sql", []),
        ("migrations//sub/*.sql", ["sub/0001_x.sql"]),
        ("migrations/.old/*.sql", [".old/0.sql"]),
        (
            "migrations/**/*.sql",
            [
                *("1_a.sql", "2_d/9_a.sql", "2_d/10_b.sql", "9_b.sql", "10_c.sql"),
                *("init.sql", "seed.sql", "sub/0001_x.sql"),
            ],
        ),
    ],
)
def test_order_and_pattern_of_migrations(folder: Path, pattern: str, names: list[str]):
    for name in ("seed", "10_c", "init", "9_b", "1_a", ".hidden", ".old/0", "sub/0001_x"):
        migration(folder, f"{name}.sql", "")
    for name in ("2_d/10_b", "2_d/9_a"):
        migration(folder, f"{name}.sql", "")
    (folder / "migrations" / "5_folder.sql").mkdir()
    (folder / "migrations" / "README.md").touch()
    with_pattern(folder, pattern)
    assert listed() == names


def test_pattern_decides_what_the_next_number_is(folder: Path):
    for name in ("0099_stale", "0001_a/migration", "0002_b/77"):
        migration(folder, f"{name}.sql", "")
    with_pattern(folder, "migrations/*/migration.sql")
    assert "0002_x.sql" in done("migrations", "create", "todo", "x")
    with_pattern(folder, "migrations/*/*.sql")
    assert "0003_y.sql" in done("migrations", "create", "todo", "y")


@pytest.mark.parametrize(
    ("directory", "pattern", "right"),
    [
        ("migrations", "schema/*.sql", "migrations/*.sql"),
        ("migrations", "*.sql", "migrations/*.sql"),
        ("migrations", "**/*.sql", "migrations/*.sql"),
        ("migrations", "migrationsfoo/*.sql", "migrations/*.sql"),
        ("migrations", "/abs/migrations/*.sql", "migrations/*.sql"),
        ("./db/migrations/", "db/x/*.sql", "db/migrations/*.sql"),
        ("/abs/migrations", "migrations/*.sql", "/abs/migrations/*.sql"),
        (".", "/abs/*.sql", "*.sql"),
        (".", "../*.sql", "*.sql"),
    ],
)
def test_pattern_must_be_within_the_folder(folder: Path, directory: str, pattern: str, right: str):
    with_pattern(folder, pattern, directory)
    error = refused("migrations", "create", "todo", "x")
    assert f"{pattern!r} must be within migrations_dir, as {right!r} is" in error


def test_folder_may_be_the_projects_own_or_absolute(folder: Path):
    migration(folder, "1_a.sql", "", "db")
    with_pattern(folder, f"{folder}/db/*.sql", f"{folder}/db")
    assert listed() == ["1_a.sql"]
    with_pattern(folder, "db/*.sql", ".")
    assert listed() == ["db/1_a.sql"]


def test_files_of_drizzle_are_pointed_out(folder: Path):
    migration(folder, "0001_a/migration.sql", "")
    result = d1("migrations", "list", "todo")
    assert result.stdout == "No migrations to apply!\n"
    assert "migrations/*/migration.sql" in result.stderr
    migration(folder, "0001_a.sql", "")
    assert "drizzle" not in d1("migrations", "list", "todo").stderr


def test_migration_that_is_not_utf8_is_a_clear_error(folder: Path):
    migration(folder, "0001_a.sql", "")
    (folder / "migrations" / "0001_a.sql").write_bytes(b"\xff\xfe")
    assert "0001_a.sql failed" in refused("migrations", "apply", "todo")


VALUES: list[Any] = [
    *(
        None,
        1,
        -(2**63),
        2**63 - 1,
        1.5,
        1e300,
        float("inf"),
        float("-inf"),
        "",
        "it's",
        "a\nb",
        "a\r\nb",
    ),
    *("\\n\n", "\\nn\n\\n", "\\r\r\\rr", "a\0b", "é𝄞", b"", b"\0\xff", "replace('x')"),
]


def test_export_is_the_same_database_again(folder: Path):
    async def fill() -> None:
        store = open_store(load().store, durable=True)
        db = D1Database(store.sql().open("id-1"))
        await db.exec(
            'CREATE TABLE p (id INTEGER PRIMARY KEY AUTOINCREMENT, "odd ""name" , g AS (id + 1))\n'
            'CREATE TABLE "c ""d" (p REFERENCES p, PRIMARY KEY (p)) WITHOUT ROWID\n'
            "CREATE INDEX i ON p (g)\nCREATE VIEW v AS SELECT * FROM p\nANALYZE\n"
            "CREATE TRIGGER r AFTER DELETE ON p BEGIN SELECT 1; END"
        )
        await db.exec('INSERT INTO p (id) VALUES (1), (2)\nINSERT INTO "c ""d" VALUES (2)')
        await store.close()

    asyncio.run(fill())
    path = next((folder / ".edgekit" / "state" / "d1").glob("id-1.sqlite3"))
    con = sqlite3.connect(path)
    con.executemany('INSERT INTO p ("odd ""name") VALUES (?)', [(value,) for value in VALUES])
    con.commit()

    done("export", "todo", "--output", "out.sql")
    text = (folder / "out.sql").read_text()
    assert text.startswith("PRAGMA defer_foreign_keys=TRUE;\nCREATE TABLE p (")
    assert "DELETE FROM sqlite_sequence;" in text
    assert not (folder / "out.sql.part").exists()
    done("execute", "other", "--file", "out.sql")

    def everything(name: str) -> list[Any]:
        there = sqlite3.connect(folder / ".edgekit" / "state" / "d1" / f"{name}.sqlite3")
        tables = [
            there.execute(sql).fetchall()
            for sql in ("SELECT * FROM p", 'SELECT * FROM "c ""d"', "SELECT * FROM sqlite_sequence")
        ]
        names = there.execute("SELECT type, name FROM sqlite_schema ORDER BY 1, 2").fetchall()
        there.close()
        return [*tables, names]

    con.close()
    assert everything("other") == everything("id-1")
    copy = sqlite3.connect(":memory:")
    copy.executescript(text)  # any SQLite can read it
    copy.close()


def test_export_of_a_part(folder: Path):
    rows(
        "CREATE TABLE t (a); CREATE TABLE u (b); INSERT INTO t VALUES (1); CREATE INDEX i ON t (a); SELECT 1"
    )
    first = "PRAGMA defer_foreign_keys=TRUE;\n"
    insert = 'INSERT INTO "t" ("a") VALUES(1);\n'
    schema = "CREATE TABLE t (a);\n"
    index = "CREATE INDEX i ON t (a);\n"
    export = ("export", "todo", "--output", "-", "--table", "t")
    assert done(*export) == first + schema + insert + index
    assert done(*export, "--no-schema") == first + insert
    assert done(*export, "--no-data") == first + schema + index
    assert done(*export, "-y") == done(*export, "--skip-confirmation") == done(*export)
    assert "no-schema and --no-data" in refused(*export, "--no-data", "--no-schema")
    assert "there is no table nope" in refused(*export, "--table", "nope")


def test_export_refuses_what_it_cannot_write(folder: Path):
    rows("CREATE VIRTUAL TABLE f USING fts5(a); CREATE TABLE t (a); SELECT 1")
    assert "Virtual Tables" in refused("export", "todo", "--output", "out.sql")
    assert not list(folder.glob("out.sql*"))
    done("export", "todo", "--output", "out.sql", "--table", "t")
    assert "file path" in refused("export", "todo", "--output", str(folder))
    assert "No such file" in refused("export", "todo", "--output", "no/such/out.sql")
    rows("INSERT INTO t VALUES (printf('%.*c', 110000, 'x')); SELECT 1")
    warning = d1("export", "todo", "--output", "out.sql", "--table", "t").stderr
    assert "1 statements are longer than the 100 KB that D1 takes." in warning


def test_list_and_info():
    assert json.loads(done("list", "--json")) == [
        {"name": "todo", "binding": "DB", "uuid": "id-1"},
        {"name": "other", "binding": "OTHER", "uuid": "other"},
    ]
    assert done("list").splitlines()[2].split() == ["todo", "DB", "id-1"]
    rows("CREATE TABLE t (id INTEGER PRIMARY KEY AUTOINCREMENT); SELECT 1")
    info = json.loads(done("info", "todo", "--json"))
    assert info == {"uuid": "id-1", "name": "todo", "num_tables": 1, "file_size": info["file_size"]}
    assert info["file_size"] > 0
    assert "num_tables" in done("info", "todo")
