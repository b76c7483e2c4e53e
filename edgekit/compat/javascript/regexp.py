"""RegExp, by Python's `re`: a pattern is rewritten to where the two languages mean the same. Spec: ECMAScript."""

from __future__ import annotations

import re
from typing import Any

from edgekit.compat.javascript.errors import SyntaxError_
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import Array, Iterated, Object, null, string

_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE}
_SPACE = r"\s\ufeff"
_WORD = "a-zA-Z0-9_"
_EDGE = f"(?:(?<![{_WORD}])(?=[{_WORD}])|(?<=[{_WORD}])(?![{_WORD}]))"
_INSIDE = {"d": "0-9", "w": _WORD, "s": _SPACE, "b": r"\b", "-": r"\-", "S": r"\S"}
_INSIDE |= {"D": "\\x00-/:-\U0010ffff", "W": r"\x00-/:-@\[-\^`{-" + "\U0010ffff"}
_OUTSIDE = {
    "d": "[0-9]",
    "D": "[^0-9]",
    "w": f"[{_WORD}]",
    "W": f"[^{_WORD}]",
    "s": f"[{_SPACE}]",
    "S": f"[^{_SPACE}]",
    "b": _EDGE,
    "B": f"(?!{_EDGE})",
}
_ITEM = re.compile(
    r"\\(?:u\{(?P<point>[0-9a-fA-F]+)\}|u(?P<code>[0-9a-fA-F]{4})|x(?P<byte>[0-9a-fA-F]{2})"
    r"|c(?P<control>[A-Za-z])|k<(?P<back>[\w$]+)>|(?P<class>[pP])\{(?P<property>[\w=]*)\}|(?P<escaped>.))"
    r"|\(\?<(?P<name>[A-Za-z_$][\w$]*)>|(?P<plain>.)",
    re.DOTALL,
)


def _translated(source: str, flags: str) -> str:
    """The pattern in Python's words."""
    out: list[str] = []
    inside = False
    place = 0
    while place < len(source):
        if not inside and source.startswith(("[^]", "[]"), place):
            anything = source[place + 1] == "^"  # of these two, Python would look for the end
            out.append(r"[\s\S]" if anything else "(?!)")
            place += 3 if anything else 2
            continue
        found = _ITEM.match(source, place)
        if found is None:
            raise re.error("\\ at end of pattern")
        place = found.end()
        plain = found["plain"]
        if plain is None:
            out.append(_escape(found, inside))
        elif inside:
            inside = plain != "]"
            out.append("\\[" if plain == "[" else f"\\{plain}" if plain in "&|~" else plain)
        else:
            inside = plain == "["
            out.append(_plain(plain, flags))
    return "".join(out)


def _plain(character: str, flags: str) -> str:
    if character == "." and "s" not in flags:
        return r"[^\n\r\u2028\u2029]"
    if character == ".":
        return r"[\s\S]"
    if character == "$":
        return r"(?=[\n\r\u2028\u2029]|\Z)" if "m" in flags else r"\Z"
    return character


def _escape(found: re.Match[str], inside: bool) -> str:
    code = found["point"] or found["code"] or found["byte"]
    if code is not None:
        return re.escape(chr(int(code, 16)))
    if found["control"] is not None:
        return re.escape(chr(ord(found["control"]) % 32))
    if found["name"] is not None:
        return f"(?P<{found['name'].replace('$', '_')}>"
    if found["back"] is not None:
        return f"(?P={found['back'].replace('$', '_')})"
    if found["property"] is not None:
        return _category(found["class"] == "P", found["property"], inside)
    letter = found["escaped"]
    if inside:
        return _INSIDE.get(letter) or _literal(letter)
    return _OUTSIDE.get(letter) or _literal(letter)


def _literal(letter: str) -> str:
    if letter == "0":
        return r"\x00"
    if letter.isdigit() or letter in "nrtfv":
        return f"\\{letter}"
    return re.escape(letter)  # \/ and others that mean themselves


_LETTERS = {"L": r"[^\W\d_]", "Letter": r"[^\W\d_]", "N": r"\d", "Nd": r"\d"}


def _category(negated: bool, name: str, inside: bool) -> str:
    """The two categories of Unicode that `re` can say, outside of a class."""
    found = _LETTERS.get(name.removeprefix("General_Category="))
    if found is None or inside:
        raise re.error(f"\\p{{{name}}} is not supported")
    return f"(?!{found})[\\s\\S]" if negated else found


class RegExp(JsProxy):
    """A regular expression, as in JavaScript but for categories of Unicode other than letters and digits."""

    source: str
    flags: str
    _given: str

    def __init__(self, source: Any = None, flags: Any = None) -> None:
        if isinstance(source, RegExp):
            flags = source.flags if flags is None else flags
            source = source._given
        self._given = "" if source is None else string(source)
        self.source = _shown(self._given)
        wanted = "" if flags is None else string(flags)
        self.flags = "".join(sorted(wanted))
        self.lastIndex = 0
        if set(wanted) - set("dgimsuvy") or len(set(wanted)) != len(wanted):
            raise SyntaxError_(f"Invalid flags supplied to RegExp constructor '{wanted}'")
        mode = re.NOFLAG
        for flag, value in _FLAGS.items():
            mode |= value if flag in self.flags else re.NOFLAG
        try:
            self._pattern = re.compile(_translated(self._given, self.flags), mode)
        except (re.error, OverflowError) as error:
            raise SyntaxError_(
                f"Invalid regular expression: /{self.source}/{self.flags}: {error}"
            ) from None

    global_ = property(lambda self: "g" in self.flags)
    ignoreCase = property(lambda self: "i" in self.flags)
    multiline = property(lambda self: "m" in self.flags)
    dotAll = property(lambda self: "s" in self.flags)
    sticky = property(lambda self: "y" in self.flags)
    unicode = property(lambda self: "u" in self.flags)

    def exec(self, text: Any) -> Any:
        """The first match: an array of it and its groups, with `index`, `input`, `groups`; or null."""
        text = string(text)
        goes_on = "g" in self.flags or "y" in self.flags
        start = self.lastIndex if goes_on else 0
        find = self._pattern.match if "y" in self.flags else self._pattern.search
        found = find(text, start) if start <= len(text) else None
        if goes_on:
            self.lastIndex = found.end() if found else 0
        return _Match(found) if found else null()

    def test(self, text: Any) -> bool:
        return bool(self.exec(text))

    def toString(self) -> str:
        return f"/{self.source}/{self.flags}"

    def matchAll(self, text: str) -> Iterated:
        return Iterated(map(_Match, self._pattern.finditer(text)))


def _shown(source: str) -> str:
    """The pattern as it could stand between slashes."""
    if not source:
        return "(?:)"
    text = re.sub(r"\\.|\[(?:\\.|[^\]\\])*\]?|/", lambda m: r"\/" if m[0] == "/" else m[0], source)
    return text.replace("\n", r"\n")


class _Match(Array):
    _js_name = "Array"

    def __init__(self, found: re.Match[str]) -> None:
        self._list = [found.group(), *found.groups()]
        self.input = found.string
        self.groups = Object.over(dict(found.groupdict())) if found.groupdict() else None
        # Not an array's own `index` method, which Python's name is; the place of the match.
        self.index = found.start()  # type: ignore[assignment,method-assign]
