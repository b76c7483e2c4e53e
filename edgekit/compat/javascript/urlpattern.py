"""URLPattern: does a URL look like this, and what stands in its places? WHATWG URL Pattern.

Patterns have `:name`, `*`, `(regular expressions)`, `{groups}` and the modifiers `?`, `*`, `+`. A
component that is not given matches anything.
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from edgekit.compat.javascript.convert import native
from edgekit.compat.javascript.errors import TypeError_
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import Array, Object, null
from edgekit.web.body import encode_text
from edgekit.web.url import URL

PARTS = (
    "protocol",
    "username",
    "password",
    "hostname",
    "port",
    "pathname",
    "search",
    "hash",
)
_TOKEN = re.compile(r":([^\W\d][\w$]*|\$[\w$]*)|([*+?{}(])|\\(.)|(.)", re.DOTALL)
_PLACE = re.compile(r".*:[^\W\d][\w$]*", re.DOTALL).fullmatch
_VISIBLE = bytes(range(0x21, 0x7F)).decode()
_IN_PATH = _VISIBLE.translate({ord(character): None for character in '"#<>?`{}'})
_IN_QUERY = _VISIBLE.translate({ord(character): None for character in "\"#<>'"})
_PORTS = {"http": "80", "ws": "80", "https": "443", "wss": "443", "ftp": "21"}


def _canonical(part: str, text: str) -> str:
    """Text of a pattern as it stands in a URL's part."""
    if part == "hostname":
        if text.isascii():
            return text.lower()
        host = URL.parse(f"http://{text}")
        return text if host is None else host.hostname
    safe = {"pathname": _IN_PATH, "search": _IN_QUERY, "hash": _IN_QUERY}.get(part)
    return text.lower() if part == "protocol" else quote(encode_text(text), safe) if safe else text


class _Compiled:
    """One component's pattern: a regular expression, and the names of its groups."""

    def __init__(self, part: str, text: str, ignore_case: bool) -> None:
        self.text = text
        self.names: list[str] = []
        self._part = part
        self._separator = {"pathname": "/", "hostname": "."}.get(part, "")
        self._prefix = "/" if part == "pathname" else ""
        self._unnamed = 0
        self._at = 0
        source = self._sequence(False)
        try:
            self.match = re.compile(source, re.IGNORECASE if ignore_case else 0).fullmatch
        except re.error as error:
            raise TypeError_(f"Invalid pattern {text!r}: {error}") from None

    def _sequence(self, nested: bool) -> str:
        out: list[str] = []
        segment = f"[^{re.escape(self._separator)}]+?" if self._separator else ".+?"
        while self._at < len(self.text):
            found = _TOKEN.match(self.text, self._at)
            assert found is not None
            name, sign, escaped, plain = found.groups()
            self._at = found.end()
            if name is not None:
                inner = self._regexp() if self.text[self._at : self._at + 1] == "(" else segment
                self._place(out, name, inner)
            elif sign == "*":
                self._place(out, self._number(), ".*")
            elif sign == "(":
                self._at -= 1
                self._place(out, self._number(), self._regexp())
            elif sign == "{":
                inner = self._sequence(True)
                out.append(f"(?:{inner}){self._modifier()}")
            elif sign == "}":
                if not nested:
                    raise TypeError_(f"Invalid pattern {self.text!r}: unmatched }}")
                return "".join(out)
            elif sign is not None:
                raise TypeError_(f"Invalid pattern {self.text!r}: nothing before {sign}")
            else:
                # Text in a row: a letter of another alphabet makes a host's name of another form.
                run = escaped or plain
                while (more := _TOKEN.match(self.text, self._at)) and (more[3] or more[4]):
                    if self._prefix in (run[-1], more[3] or more[4]):
                        break  # the slash before a place is apart
                    run += more[3] or more[4]
                    self._at = more.end()
                out.append(re.escape(_canonical(self._part, run)))
        if nested:
            raise TypeError_(f"Invalid pattern {self.text!r}: unmatched {{")
        return "".join(out)

    def _number(self) -> str:
        self._unnamed += 1
        return str(self._unnamed - 1)

    def _regexp(self) -> str:
        depth, start = 0, self._at
        while self._at < len(self.text):
            character = self.text[self._at]
            self._at += 2 if character == "\\" else 1
            depth += {"(": 1, ")": -1}.get(character, 0)
            if depth == 0:
                inner = self.text[start + 1 : self._at - 1]
                if re.search(r"(?<!\\)\((?!\?:)", inner):
                    raise TypeError_(f"Invalid pattern {self.text!r}: groups inside a group")
                return inner
        raise TypeError_(f"Invalid pattern {self.text!r}: unmatched (")

    def _modifier(self) -> str:
        sign = self.text[self._at : self._at + 1]
        if sign and sign in "?*+":
            self._at += 1
            return sign
        return ""

    def _place(self, out: list[str], name: str, inner: str) -> None:
        if name in self.names:
            raise TypeError_(f"Invalid pattern {self.text!r}: the name {name!r} is there twice")
        self.names.append(name)
        modifier = self._modifier()
        prefix = ""
        if modifier and self._prefix and out and out[-1] == re.escape(self._prefix):
            prefix = out.pop()  # the slash before a place comes and goes with it
        if modifier in ("*", "+"):
            again = f"(?:{prefix}(?:{inner}))*" if prefix else f"(?:{inner})*"
            group = f"{prefix}((?:{inner}){again})"
            out.append(f"(?:{group})?" if modifier == "*" else group)
        elif prefix or modifier:
            out.append(f"(?:{prefix}({inner})){modifier}")
        else:
            out.append(f"({inner})")


class URLPattern(JsProxy):
    """`URLPattern.new(pattern or an object of components, base)`: `test(url)`, `exec(url)`."""

    def __init__(self, pattern: Any = None, base: Any = None, options: Any = None) -> None:
        if base is not None and not isinstance(native(base), str):
            base, options = None, base
        ignore_case = bool((native(options) or {}).get("ignoreCase"))
        given = native(pattern) or {}
        if isinstance(given, str):
            given = _split(given, None if base is None else str(native(base)))
        elif (own := given.get("baseURL")) is not None:
            given = _relative(given, URL(own))
        self._parts: dict[str, _Compiled] = {}
        self.hasRegExpGroups = False
        for name in PARTS:
            text = given.get(name)
            text = "*" if text is None else str(text)
            if name == "protocol":
                text = text.removesuffix(":")
            elif name in ("search", "hash"):
                text = text.removeprefix("?" if name == "search" else "#")
            elif name == "port" and text and text == _PORTS.get(str(given.get("protocol", ""))):
                text = ""  # a URL does not have its scheme's own
            compiled = _Compiled(name, text, ignore_case)
            self._parts[name] = compiled
            self.hasRegExpGroups |= "(" in text
            setattr(self, name, text)

    def test(self, input: Any = None, base: Any = None) -> bool:
        """Whether the URL, or the object of components, matches."""
        return self._match(input, base) is not None

    def exec(self, input: Any = None, base: Any = None) -> Any:
        """What matched, by component: `{input, groups}`; null where it does not match."""
        found = self._match(input, base)
        if found is None:
            return null()
        made: dict[str, Any] = {"inputs": Array.over([input] if base is None else [input, base])}
        for name, (text, match) in found.items():
            groups = dict(zip(self._parts[name].names, match.groups(), strict=True))
            made[name] = Object.over({"input": text, "groups": Object.over(groups)})
        return Object.over(made)

    def _match(self, input: Any, base: Any) -> dict[str, Any] | None:
        opened = native(input)
        if isinstance(opened, dict):
            if (own := opened.get("baseURL")) is not None:
                if (parsed := URL.parse(str(own))) is None:
                    return None
                opened = _relative(opened, parsed)
            values = {name: str(opened.get(name, "")) for name in PARTS}
        else:
            url = URL.parse(str(opened), None if base is None else str(native(base)))
            if url is None:
                return None
            values = {name: str(getattr(url, name)) for name in PARTS}
        values["protocol"] = values["protocol"].removesuffix(":")
        values["search"] = values["search"].removeprefix("?")
        values["hash"] = values["hash"].removeprefix("#")
        found: dict[str, Any] = {}
        for name, compiled in self._parts.items():
            match = compiled.match(values[name])
            if match is None:
                return None
            found[name] = (values[name], match)
        return found


def _relative(given: dict[str, Any], base: URL) -> dict[str, Any]:
    """Components that are not given, up to the first that is, are the base's."""
    made = dict(given)
    for name in PARTS:
        if name in given:
            break
        if name not in ("username", "password"):
            made[name] = getattr(base, name)
    path = str(given.get("pathname", "/"))
    if not path.startswith(("/", "{/", "*", "(")):
        made["pathname"] = base.pathname.rpartition("/")[0] + "/" + path
    return made


def _split(text: str, base: str | None) -> dict[str, Any]:
    """The components of a pattern that is written as a URL."""
    made: dict[str, Any] = {}
    rest = text
    scheme = re.match(r"([A-Za-z*{(][^/]*?)://", text)
    if scheme is not None:
        made["protocol"] = scheme[1]
        rest = text[scheme.end() :]
        end = _first_of(rest, "/?#")
        authority, rest = rest[:end], rest[end:]
        user, at, authority = authority.rpartition("@")
        if at:
            made["username"], _, made["password"] = user.partition(":")
        host_, _, port = (
            authority.rpartition(":")
            if re.search(r":(\d*|\*)$", authority)
            else (authority, "", "")
        )
        made["hostname"], made["port"] = host_, port
    elif base is not None:
        parsed = URL(base)
        made |= {"protocol": parsed.protocol, "hostname": parsed.hostname, "port": parsed.port}
        if not text.startswith("/"):
            rest = parsed.pathname.rpartition("/")[0] + "/" + text
    else:
        raise TypeError_(f"Invalid pattern {text!r}: a relative one needs a base URL")
    end = _first_of(rest, "?#")
    made["pathname"] = rest[:end] or "*"
    rest = rest[end:].removeprefix("\\")
    if rest.startswith("?"):
        end = _first_of(rest, "#")
        made["search"], rest = rest[1:end], rest[end:]
    if rest.startswith("#"):
        made["hash"] = rest[1:]
    return made


def _first_of(text: str, characters: str) -> int:
    """Where the first of these stands outside of groups; the end where there is none."""
    depth = 0
    for i, character in enumerate(text):
        if text.startswith("\\?", i) and depth == 0 and "?" in characters:
            return i
        depth += {"{": 1, "(": 1, "}": -1, ")": -1}.get(character, 0)
        if depth == 0 and character in characters:
            if character == "?" and i and (text[i - 1] in ")}*" or _PLACE(text[:i])):
                continue  # a modifier
            return i
    return len(text)
