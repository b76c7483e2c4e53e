"""D1 on real Workers; see edgekit.bindings.d1, whose docstrings are the contract."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import js
from pyodide.ffi import JsException as _JsException

from edgekit.bindings.results import D1ExecResult, D1Meta, D1Result
from edgekit.errors import D1Error, D1TypeError
from edgekit.on_workers.calls import Errors
from edgekit.on_workers.convert import call, from_js
from edgekit.web.spelling import Spelled, options

_ERRORS = Errors(D1Error, TypeError=D1TypeError)


def _result(found: Any) -> D1Result:
    plain = from_js(found)
    return D1Result({**plain, "meta": D1Meta(plain["meta"])})


class D1PreparedStatement(Spelled):
    """See edgekit.bindings.d1.D1PreparedStatement."""

    def __init__(self, statement: Any) -> None:
        self._js = statement

    def bind(self, *values: Any) -> D1PreparedStatement:
        try:
            return D1PreparedStatement(call(self._js, "bind", *values))
        except _JsException as failed:
            raise _ERRORS.made(failed) from failed

    async def run(self) -> D1Result:
        return _result(await _ERRORS.of(self._js.run()))

    async def all(self) -> D1Result:
        return _result(await _ERRORS.of(self._js.all()))

    async def first(self, column: str | None = None) -> Any:
        promise = self._js.first() if column is None else self._js.first(column)
        return from_js(await _ERRORS.of(promise))

    @options
    async def raw(self, *, column_names: bool = False) -> list[list[Any]]:
        rows = from_js(await _ERRORS.of(self._js.raw(columnNames=bool(column_names))))
        return list(rows)


class _Session(Spelled):
    _js: Any

    def prepare(self, query: str) -> D1PreparedStatement:
        return D1PreparedStatement(self._js.prepare(query))

    async def batch(self, statements: Sequence[D1PreparedStatement]) -> list[D1Result]:
        array = js.Array.of(*(statement._js for statement in statements))
        return [_result(each) for each in await _ERRORS.of(self._js.batch(array))]


class D1DatabaseSession(_Session):
    """See edgekit.bindings.d1.D1DatabaseSession."""

    def __init__(self, session: Any) -> None:
        self._js = session

    def get_bookmark(self) -> str | None:
        bookmark: str | None = from_js(self._js.getBookmark())
        return bookmark


class D1Database(_Session):
    """See edgekit.bindings.d1.D1Database."""

    binding_kind = "d1_databases"

    def __init__(self, database: Any) -> None:
        self._js = database

    async def exec(self, query: str) -> D1ExecResult:
        return D1ExecResult(from_js(await _ERRORS.of(self._js.exec(query))))

    def with_session(self, constraint_or_bookmark: str | None = None) -> D1DatabaseSession:
        asked = () if constraint_or_bookmark is None else (constraint_or_bookmark,)
        return D1DatabaseSession(self._js.withSession(*asked))

    async def dump(self) -> bytes:
        found: bytes = from_js(await _ERRORS.of(self._js.dump()))
        return found
