"""UPDATE and DELETE with ORDER BY and LIMIT: the platform's SQLite has them, apsw's is built without.

SQLite makes a subquery of them, and so does this, in the text: `DELETE FROM t WHERE a LIMIT 1` becomes
`DELETE FROM t WHERE _rowid_ IN (SELECT _rowid_ FROM t WHERE a LIMIT 1)`. Where they begin is where
SQLite's parser has found an error. It knows no table: those without rowids have none of this, nor has
UPDATE ... FROM.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from edgekit.engines.sql import SqlError

_TOKEN = re.compile(
    r"--[^\n]*|/\*.*?(?:\*/|\Z)|'[^']*'|\"[^\"]*\"|`[^`]*`|\[[^\]]*\]|[()]|(?P<word>[:@$?#]?\w+)",
    re.DOTALL,
)
_TAIL = re.compile(r"(?:order|limit)\b", re.IGNORECASE).match
_OR = re.compile(r"\s*or\s+\w+", re.IGNORECASE)
_VERBS = ("delete", "update")


class Limited(NamedTuple):
    """The text to run instead; `extra` bytes were put into it at byte `at`."""

    sql: str
    at: int
    extra: int


def limited(sql: str, offset: int | None) -> Limited | None:
    """A statement in which SQLite has found an error at byte `offset`, in a form that it understands;
    None for one that is something else. Raises SqlError for ORDER BY without LIMIT.
    """
    encoded = sql.encode()
    head, tail = encoded[:offset].decode(), encoded[offset:].decode().removesuffix(";")
    if offset is None or _TAIL(tail) is None:
        return None
    words = _words(head)
    verb = next((word for word in words if word[0] in _VERBS), None)
    last = [word for word, _, _ in _words(tail)]
    if verb is None or words[0][0] not in ("explain", "with", *_VERBS) or not last:
        return None
    after = {word: (start, end) for word, start, end in reversed(words) if start > verb[1]}
    end = after.get("returning", (len(head), 0))[0]
    where = after.get("where", (end, 0))[0]
    if verb[0] == "delete" and "from" in after:
        target = head[after["from"][1] : where]
    elif "set" in after and "from" not in after:
        target = _OR.sub("", head[verb[2] : after["set"][0]], count=1)
    else:
        return None
    returning = head[end:]
    if "?" in returning and "?" in tail:  # they would change places
        return None
    if "limit" not in last:
        raise SqlError(f"ORDER BY without LIMIT on {verb[0].upper()}", code="SQLITE_ERROR")
    inside = f" WHERE _rowid_ IN (SELECT _rowid_ FROM {target} "  # noqa: S608 - it is all the client's
    text = f"{head[:where]}{inside}{head[where:end]}{tail}\n) {returning}"
    return Limited(text, len(head[:where].encode()), len(inside.encode()))


def _words(text: str) -> list[tuple[str, int, int]]:
    """The words outside of parentheses, with their places; none where a parenthesis has no other."""
    words = []
    depth = 0
    for token in _TOKEN.finditer(text):
        if token[0] == "(":
            depth += 1
        elif token[0] == ")":
            depth -= 1
        elif token["word"] and not depth:
            words.append((token[0].lower(), token.start(), token.end()))
        if depth < 0:
            break
    return [] if depth else words
