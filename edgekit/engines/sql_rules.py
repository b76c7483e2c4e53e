"""What a client's SQL may do: one SQLite database, locked down as the platform locks down its own.

Limits, an authorizer with lists of functions, PRAGMAs and modules, reserved names. The rules are those
of workerd's SQLite (util/sqlite), found out by asking the real platform: `tests/bridge/test_d1.py` asks
again. SQLite here is newer than there: what it knows more is answered as an older one would.
"""

from __future__ import annotations

from typing import Final

import apsw

MAX_LENGTH = 2_200_000  # bytes of a text, a blob, a row
MAX_SQL = 100_000  # bytes of UTF-8 of a query
MAX_PARAMETERS = 100
MAX_SIZE = 10 * 1024**3  # bytes of a database

_LIMITS = {
    apsw.SQLITE_LIMIT_LENGTH: MAX_LENGTH,
    apsw.SQLITE_LIMIT_SQL_LENGTH: MAX_SQL,
    apsw.SQLITE_LIMIT_COLUMN: 100,
    apsw.SQLITE_LIMIT_EXPR_DEPTH: 100,
    apsw.SQLITE_LIMIT_COMPOUND_SELECT: 5,
    apsw.SQLITE_LIMIT_VDBE_OP: 25_000,
    apsw.SQLITE_LIMIT_FUNCTION_ARG: 127,
    apsw.SQLITE_LIMIT_ATTACHED: 0,
    apsw.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 50,
    apsw.SQLITE_LIMIT_VARIABLE_NUMBER: MAX_PARAMETERS,
    apsw.SQLITE_LIMIT_TRIGGER_DEPTH: 10,
    apsw.SQLITE_LIMIT_WORKER_THREADS: 0,
}

_RESERVED = "_cf_"
_MODULES = ("fts5", "fts5vocab")
_TABLE_FUNCTIONS = ("json_each", "json_tree")

_FUNCTIONS = frozenset(
    """
    abs changes char coalesce concat concat_ws format glob hex ifnull iif instr last_insert_rowid
    length like likelihood likely load_extension lower ltrim max min nullif octet_length printf
    quote random randomblob replace round rtrim sign substr substring total_changes trim typeof
    unhex unicode unlikely upper zeroblob date time datetime julianday unixepoch strftime
    timediff current_date current_time current_timestamp avg count group_concat string_agg sum
    total row_number rank dense_rank percent_rank cume_dist ntile lag lead first_value last_value
    nth_value acos acosh asin asinh atan atan2 atanh ceil cos cosh degrees exp floor ln log log2
    mod pi pow radians sin sinh sqrt tan tanh trunc json json_array json_array_length
    json_extract json_insert json_object json_patch json_remove json_replace json_set json_type
    json_valid json_quote json_group_array json_group_object jsonb jsonb_array jsonb_extract
    jsonb_insert jsonb_object jsonb_patch jsonb_remove jsonb_replace jsonb_set jsonb_group_array
    jsonb_group_object -> ->> match highlight bm25 snippet sqlite_rename_column
    sqlite_rename_table sqlite_rename_test sqlite_rename_quotefix sqlite_drop_column
    """.split()  # noqa: SIM905
)
# What the platform's SQLite has and does not let be called; what is in neither list it does not have.
_FORBIDDEN_FUNCTIONS = frozenset(
    """
    sqlite_compileoption_get sqlite_compileoption_used sqlite_source_id sqlite_version sqlite_log
    ceiling log10 power json_error_position json_pretty subtype fts5 fts5_source_id fts5_locale
    fts5_get_locale affinity implies_nonnull_row expr_compare expr_implies_expr
    """.split()  # noqa: SIM905
)
# What SQLite calls when ALTER TABLE adds or drops a constraint, which it could not there.
_CONSTRAINTS = ("sqlite_fail", "sqlite_drop_constraint", "sqlite_add_constraint")

_SETTINGS = frozenset(  # PRAGMAs that may be read, and set to a boolean, or what begins like one
    [
        "case_sensitive_like",
        "defer_foreign_keys",
        "foreign_keys",
        "ignore_check_constraints",
        "legacy_alter_table",
        "recursive_triggers",
        "reverse_unordered_selects",
    ]
)
_ABOUT_TABLES = frozenset(  # PRAGMAs whose argument is the name of a table or index
    ["foreign_key_list", "index_info", "index_list", "index_xinfo", "table_info", "table_xinfo"]
)
_BOOLEANS = ("true", "false", "yes", "no", "on", "off", "1", "0")

# What a PRAGMA has set lasts until the end of the transaction, as other queries share the connection.
# Those about foreign keys end by themselves, or do nothing within a transaction.
RESETS: Final = tuple(
    f"PRAGMA {name} = 0" for name in sorted(_SETTINGS) if not name.endswith("foreign_keys")
)

_TRANSACTION = (
    "To execute a transaction, please use the state.storage.transaction() or"
    " state.storage.transactionSync() APIs instead of the SQL BEGIN TRANSACTION or SAVEPOINT"
    " statements. The JavaScript API is safer because it will automatically roll back on exceptions,"
    " and because it interacts correctly with Durable Objects' automatic atomic write coalescing."
)


class Rules:
    """The rules of one connection. They hold from the start, but for what is run while `trusted`.

    `refusal` is what to say in place of SQLite's own text, when the last statement was refused for
    something of which SQLite does not know: (text, whether it is an error of SQLite's).
    """

    __slots__ = ("refusal", "trusted")

    def __init__(self, con: apsw.Connection) -> None:
        self.trusted = True
        self.refusal: tuple[str, bool] | None = None
        con.drop_modules([*_MODULES, *_TABLE_FUNCTIONS])
        con.config(apsw.SQLITE_DBCONFIG_DEFENSIVE, 1)
        con.config(apsw.SQLITE_DBCONFIG_DQS_DML, 1)
        con.config(apsw.SQLITE_DBCONFIG_DQS_DDL, 1)
        con.config(apsw.SQLITE_DBCONFIG_ENABLE_FKEY, 1)
        if hasattr(apsw, "SQLITE_DBCONFIG_FP_DIGITS"):  # since 3.53 it writes 17 digits of a number
            con.config(apsw.SQLITE_DBCONFIG_FP_DIGITS, 15)
        con.pragma("recursive_triggers", 0)
        con.pragma("max_page_count", MAX_SIZE // con.pragma("page_size"))
        for limit, value in _LIMITS.items():
            con.limit(limit, value)
        con.authorizer = self._authorize

    def _authorize(
        self,
        action: int,
        one: str | None,
        two: str | None,
        database: str | None,
        trigger: str | None,
    ) -> int:
        if self.trusted or self._allowed(action, one or "", two, database):
            return apsw.SQLITE_OK
        return apsw.SQLITE_DENY

    def _allowed(self, action: int, one: str, two: str | None, database: str | None) -> bool:
        match action:
            case apsw.SQLITE_SELECT | apsw.SQLITE_RECURSIVE:
                return True
            case apsw.SQLITE_READ | apsw.SQLITE_UPDATE:
                if one.lower() == "carray":  # a table function that cannot be dropped
                    self.refusal = (f"no such table: {one}", True)
                    return False
                return database in (None, "main", "temp") and not _reserved(one)
            case apsw.SQLITE_FUNCTION:
                return self._may_call(two or "")
            case apsw.SQLITE_TRANSACTION | apsw.SQLITE_SAVEPOINT:
                self.refusal = (_TRANSACTION, False)
                return False
            case apsw.SQLITE_ALTER_TABLE:  # its database comes first; last, it may be a column
                return one == "main" and not _reserved(two or "")
        if database not in (None, "main"):
            return False
        match action:
            case apsw.SQLITE_PRAGMA:
                return _pragma_allowed(one, two)
            case apsw.SQLITE_CREATE_VTABLE | apsw.SQLITE_DROP_VTABLE:
                return (two or "").lower() in _MODULES and not _reserved(one)
            case (
                apsw.SQLITE_CREATE_INDEX
                | apsw.SQLITE_DROP_INDEX
                | apsw.SQLITE_CREATE_TRIGGER
                | apsw.SQLITE_DROP_TRIGGER
            ):
                return not (_reserved(one) or _reserved(two or ""))
            case (
                apsw.SQLITE_CREATE_TABLE
                | apsw.SQLITE_DROP_TABLE
                | apsw.SQLITE_CREATE_VIEW
                | apsw.SQLITE_DROP_VIEW
                | apsw.SQLITE_INSERT
                | apsw.SQLITE_DELETE
                | apsw.SQLITE_ANALYZE
                | apsw.SQLITE_REINDEX
            ):
                return not _reserved(one)
        return False  # ATTACH, DETACH, everything temporary, and what later versions bring

    def _may_call(self, name: str) -> bool:
        name = name.lower()
        if name in _FUNCTIONS:
            return True
        if name.startswith(_CONSTRAINTS):
            self.refusal = ('near "constraint": syntax error', True)
        elif name not in _FORBIDDEN_FUNCTIONS:
            self.refusal = (f"no such function: {name}", True)
        return False


def _pragma_allowed(name: str, argument: str | None) -> bool:
    if name in _SETTINGS:
        return argument is None or _unquoted(argument).lower().startswith(_BOOLEANS)
    if name in _ABOUT_TABLES:
        return argument is not None and not _reserved(argument)
    if name in ("foreign_key_check", "quick_check"):
        return argument is None or not _reserved(argument)
    if name == "optimize":
        return argument is None or argument.lstrip("-+")[:1].isdecimal()
    return name == "table_list" or (name == "data_version" and argument is None)


def _unquoted(text: str) -> str:
    quoted = len(text) >= 2 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _reserved(name: str) -> bool:
    return name[:4].lower() == _RESERVED
