"""The CSS selectors of HTMLRewriter: those that an element and its ancestors decide.

Type, `*`, `#id`, `.class`, attributes, `:first-child`, `:nth-child()`, `:first-of-type`,
`:nth-of-type()`, `:not()`, descendants, `>` and lists. Selectors Level 4, as the platform reads it:
in `:not()` every simple selector counts by itself, so that `:not(.a.b)` is `:not(.a):not(.b)`, and a
`:not()` within one is not looked at. What would need to know what follows (`+`, `~`, `:last-child`,
`:has()`, ...) is refused with the platform's text.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NoReturn, Protocol

from edgekit.errors import WebTypeError
from edgekit.web.html_rewriter_context import words


class Subject(Protocol):
    """An element, as far as a selector looks at it. `index` and `index_of_type` count from 1."""

    name: str
    in_html: bool
    index: int
    index_of_type: int

    def get_attribute(self, name: str) -> str | None: ...


Test = Callable[[Subject], bool]


@dataclass(slots=True, eq=False)
class Step:
    """One compound selector, and what is looked for below an element that matches it.

    Without a `next` the selector matches as a whole: `rule` is what it was given for.
    """

    name: str | None
    tests: list[Test]
    rule: int = 0
    next: Step | None = None
    child: bool = False  # whether `next` must be a child, not any descendant

    def matches(self, subject: Subject) -> bool:
        return (self.name is None or self.name == subject.name) and all(
            test(subject) for test in self.tests
        )


@dataclass(slots=True)
class Selectors:
    """All selectors of a rewriter: the steps that any element may take, by its name."""

    first: list[Step] = field(default_factory=list)
    counts: bool = False  # whether any of them asks for positions
    _named: dict[str, list[Step]] = field(default_factory=dict)

    def add(self, selector: str, rule: int) -> None:
        """WebTypeError for a selector that is none, or that a stream cannot decide."""
        parser = _Parser(selector)
        for step in parser.parse():
            self.first.append(step)
            last: Step | None = step
            while last is not None:
                last.rule = rule
                last = last.next
        self.counts |= parser.counts
        self._named.clear()

    def named(self, name: str) -> list[Step]:
        """The first steps that an element of this name may take."""
        steps = self._named.get(name)
        if steps is None:
            steps = [step for step in self.first if step.name is None or step.name == name]
            if len(self._named) < 1000:  # names come from the document
                self._named[name] = steps
        return steps


_SPACE = re.compile(r"[ \t\n\r\f]*")
_COMMENTS = re.compile(r"(?:/\*.*?(?:\*/|\Z))*", re.DOTALL)
_ESCAPE = r"\\(?:[0-9a-fA-F]{1,6}[ \t\n\r\f]?|[^\n\r\f0-9a-fA-F])"
_IDENT = re.compile(
    rf"(?:--|-?(?:[A-Za-z_]|[^\0-\x7f]|{_ESCAPE}))(?:[\w-]|[^\0-\x7f]|{_ESCAPE})*", re.ASCII
)
_NUMBER = re.compile(r"[+-]?[0-9]*\.?[0-9]")
_STRING = re.compile(r"""(["'])((?:(?!\1)[^\\\n]|\\.)*)(?:\1|\Z)""", re.DOTALL)
_NTH = re.compile(
    r"[ \t\n\r\f]*(?:(odd|even)|([+-]?[0-9]*)n(?:[ \t\n\r\f]*([+-])[ \t\n\r\f]*([0-9]+))?|([+-]?[0-9]+))"
    r"[ \t\n\r\f]*",
    re.IGNORECASE,
)
_OPERATORS = re.compile(r"[~|^$*]?=")
_WHITESPACE = re.compile(r"[ \t\n\r\f]+")

# Whose values HTML compares without case, in its own elements. Selectors in HTML, "case-insensitive".
_CASELESS = words(
    "accept accept-charset align alink axis bgcolor charset checked clear codetype color compact"
    " declare defer dir direction disabled enctype face frame hreflang http-equiv lang language link"
    " media method multiple nohref noresize noshade nowrap readonly rel rev rules scope scrolling"
    " selected shape target text type valign valuetype vlink"
)


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.counts = False
        self.negations = 0  # the `:not()`s around

    def parse(self) -> list[Step]:
        steps = self._list()
        if self.at < len(self.text):
            _refuse("Unexpected token in selector.")
        return steps

    def _list(self) -> list[Step]:
        found = [self._complex()]
        while self._skip(","):
            found.append(self._complex())
        return found

    def _complex(self) -> Step:
        self._space()
        first = step = self._compound() or _refuse("The selector is empty.")
        while True:
            spaced = self._space()
            combinator = self._peek()
            if combinator in ("+", "~"):
                _refuse(f"Unsupported combinator `{combinator}` in selector.")
            if combinator == ">":
                self.at += 1
                self._space()
            elif not spaced or combinator in ("", ",", ")"):
                return first
            following = self._compound() or _refuse("Dangling combinator in selector.")
            step.next, step.child = following, combinator == ">"
            step = following

    def _compound(self) -> Step | None:
        start = self.at
        tests: list[Test] = []
        name = self._type(tests)
        while True:
            character = self._peek()
            if character == "#":
                identifier = _IDENT.match(self.text, self.at + 1)
                if identifier is None:
                    break
                self.at = identifier.end()
                tests.append(_attribute("id", "=", _unescape(identifier[0]), False))
            elif character == ".":
                if _NUMBER.match(self.text, self.at):
                    break
                self.at += 1
                if not self._peek():
                    _refuse("Unexpected end of selector.")
                word = self._identifier() or _refuse("Invalid or unescaped class name in selector.")
                tests.append(_attribute("class", "~=", word, False))
            elif character == "[":
                self.at += 1
                tests.append(self._attribute())
            elif character == ":":
                self.at += 1
                tests.append(self._pseudo())
            else:
                break
        return None if self.at == start else Step(name, tests)

    def _type(self, tests: list[Test]) -> str | None:
        """The name of the elements; None for any."""
        start = self.at
        if not self._skip("*"):
            word = self._identifier()
            if self._peek() == "(":
                self.at = start  # a function
                return None
        else:
            word = "*"
        if self._peek() == "|" and self.text[self.at + 1 : self.at + 2] != "=":
            if word not in ("*", None):
                _refuse("Selectors with explicit namespaces are not supported.")
            if word is None:
                tests.append(_never)  # no element of a document is in no namespace
            self.at += 1
            word = "*" if self._skip("*") else self._identifier()
            if word is None:
                _refuse("The selector is empty.")
        return None if word in ("*", None) else _lower(word)

    def _attribute(self) -> Test:
        self._space()
        if self._peek() in ("", "]"):
            _refuse("Unexpected end of selector.")
        self._skip("|")
        name = self._identifier()
        if name is None and not (self._skip("*") and self._peek() == "|"):
            _refuse("Missing attribute name in attribute selector.")
        if name is None or (
            self._peek() == "|" and self.text[self.at + 1 : self.at + 2] not in ("=", "")
        ):
            _refuse("Selectors with explicit namespaces are not supported.")
        self._space()
        operator = _OPERATORS.match(self.text, self.at)
        if operator is None:
            self._close("]", "Unexpected token in the attribute selector.")
            return lambda subject: subject.get_attribute(name) is not None
        if _lower(name) != name:
            # The platform does not lower the name's case, and then takes it for one of XML.
            _refuse("Selectors with explicit namespaces are not supported.")
        self.at = operator.end()
        self._space()
        if self._peek() in ("", "]"):
            _refuse("Unexpected end of selector.")
        quoted = _STRING.match(self.text, self.at)
        if quoted is not None:
            self.at = quoted.end()
            value = _unescape(quoted[2])
        else:
            value = self._identifier() or _refuse("Unexpected token in the attribute selector.")
        self._space()
        flag = _lower(self._identifier() or "")
        if flag not in ("", "i", "s"):
            _refuse("Unexpected token in selector.")
        self._close("]", "Unexpected token in selector.")
        caseless = None if flag == "" and name in _CASELESS else flag == "i"
        return _attribute(name, operator[0], value, caseless)

    def _pseudo(self) -> Test:
        if not self._peek() or self.text[self.at :] == ":":
            _refuse("Unexpected end of selector.")
        word = _lower(self._identifier() or "")
        function = self._skip("(")
        if word in ("first-child", "first-of-type") and not function:
            self.counts = True
            return _nth(word == "first-of-type", 0, 1)
        if word in ("nth-child", "nth-of-type") and function:
            self.counts = True
            found = _NTH.match(self.text, self.at)
            if found is None:
                self._space()
                _refuse(f"Unexpected {'token in' if self._peek() else 'end of'} selector.")
            self.at = found.end()
            self._close(")", "Unexpected token in selector.")
            return _nth(word == "nth-of-type", *_step_and_offset(found))
        if word == "not" and function:
            self._space()
            self.negations += 1
            tests = _simple(self._list())
            self.negations -= 1
            self._close(")", "Unexpected token in selector.")
            if self.negations:
                return _never
            return lambda subject: not any(test(subject) for test in tests)
        return _refuse("Unsupported pseudo-class or pseudo-element in selector.")

    def _peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def _skip(self, text: str) -> bool:
        found = self.text.startswith(text, self.at)
        if found:
            self.at += len(text)
        return found

    def _close(self, bracket: str, message: str) -> None:
        self._space()
        if self._peek() and not self._skip(bracket):  # at the end of the text all are closed
            _refuse(message)

    def _space(self) -> bool:
        start = self.at
        self._comments()
        space = 0
        while (found := _SPACE.match(self.text, self.at)) and found[0]:
            space += len(found[0])
            self.at = found.end()
            self._comments()
        return space > 0 and self.at > start

    def _comments(self) -> None:
        found = _COMMENTS.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _identifier(self) -> str | None:
        found = _IDENT.match(self.text, self.at)
        if found is None:
            return None
        self.at = found.end()
        return _unescape(found[0])


def _refuse(message: str) -> NoReturn:
    raise WebTypeError(f"Parser error: {message}")


def _never(subject: Subject) -> bool:
    return False


def _attribute(name: str, operator: str, wanted: str, caseless: bool | None) -> Test:
    """`caseless` None: without case in elements of HTML."""
    compare = _COMPARE[operator]
    lowered = _lower(wanted)

    def test(subject: Subject) -> bool:
        value = subject.get_attribute(name)
        if value is None:
            return False
        if caseless or (caseless is None and subject.in_html):
            return compare(_lower(value), lowered)
        return compare(value, wanted)

    return test


_COMPARE: dict[str, Callable[[str, str], bool]] = {
    "=": lambda value, wanted: value == wanted,
    "~=": lambda value, wanted: wanted in _WHITESPACE.split(value) if wanted else False,
    "|=": lambda value, wanted: value == wanted or value.startswith(wanted + "-"),
    "^=": lambda value, wanted: value.startswith(wanted),
    "$=": lambda value, wanted: value.endswith(wanted),
    "*=": lambda value, wanted: wanted in value,
}


def _nth(of_type: bool, step: int, offset: int) -> Test:
    def test(subject: Subject) -> bool:
        beyond = (subject.index_of_type if of_type else subject.index) - offset
        return beyond == 0 if step == 0 else beyond % step == 0 and beyond // step >= 0

    return test


def _step_and_offset(found: re.Match[str]) -> tuple[int, int]:
    word, step, sign, offset, alone = found.groups()
    if word is not None:
        return 2, int(word.lower() == "odd")
    if alone is not None:
        return 0, int(alone)
    return int(step + "1" if step in ("", "+", "-") else step), int((sign or "") + (offset or "0"))


def _simple(steps: list[Step]) -> list[Test]:
    """Every simple selector of these, each by itself."""
    tests: list[Test] = []
    for first in steps:
        step: Step | None = first
        while step is not None:
            if step.name is not None:
                tests.append(_named(step.name))
            elif not step.tests:
                tests.append(lambda subject: True)
            tests += step.tests
            step = step.next
    return tests


def _named(name: str) -> Test:
    return lambda subject: subject.name == name


def _lower(text: str) -> str:
    """ASCII only, as in all of HTML."""
    return text.lower() if text.isascii() else re.sub("[A-Z]+", lambda m: m[0].lower(), text)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\(?:([0-9a-fA-F]{1,6})[ \t\n\r\f]?|(.))", _character, text, flags=re.DOTALL)


def _character(found: re.Match[str]) -> str:
    if found[2] is not None:
        return "" if found[2] == "\n" else found[2]
    code = int(found[1], 16)
    return chr(code) if 0 < code <= 0x10FFFF and not 0xD800 <= code <= 0xDFFF else "\ufffd"
