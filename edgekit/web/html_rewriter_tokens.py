"""HTML as tokens with their source, while it arrives.

The tokenizer is turbohtml's. It is made for those who want the document's content, so what they can
do without is put back here: the source of each token to the last character (it normalises newlines
and drops `</>`), the beginning of a text whose end has not arrived, CDATA, SVG's <title> and the
like (`Context` knows), and what is left when a document ends within a tag.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

from edgekit.errors import UnsupportedError, WebTypeError
from edgekit.web.html_rewriter_context import HTML, TEXT_ELEMENTS, Context

if TYPE_CHECKING:
    from turbohtml import Token as _Token
    from turbohtml import Tokenizer

TEXT, START, END, COMMENT, DOCTYPE = range(5)  # as turbohtml numbers them
_REFERENCE = 5
RAW = 6  # what no handler ever sees

MEMORY_LIMIT = 3 * 2**20  # characters of one tag or comment; the platform's, which counts more
_SLICE = (
    2**14
)  # characters given to the tokenizer at a time; it gets the rest again when started anew
_HELD = 2**16  # characters of a text that the tokenizer may hold before it is started anew

_MARKUP = re.compile(r"<(?=[a-zA-Z/!?]|\Z)")
_CDATA = "<![CDATA["
_AFTER_NAME = ("", " ", "\t", "\n", "\r", "\f", "/", ">")
_ATTRIBUTE = re.compile(
    r"""[ \t\n\r\f/]*(?P<name>[^ \t\n\r\f/>][^ \t\n\r\f/>=]*)"""
    r"""(?:[ \t\n\r\f]*=[ \t\n\r\f]*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^ \t\n\r\f>"'][^ \t\n\r\f>]*))?)?"""
)
_NAME = re.compile(r"</?([^ \t\n\r\f/>]*)")


class Token(NamedTuple):
    """`name` is that of a tag; `namespace` that of an element, `details` those of a doctype."""

    kind: int
    source: str
    name: str = ""
    self_closing: bool = False
    namespace: str = HTML
    details: tuple[str | None, str | None, str | None] | None = None


class Attribute(NamedTuple):
    """`source` is what stands in the tag; `value` is it without quotes, references as they are."""

    name: str
    value: str
    source: str


def attributes(source: str) -> list[Attribute]:
    """All attributes of a tag, also those whose name another one has had before."""
    name = _NAME.match(source)
    at = name.end() if name else 0
    found = []
    end = len(source) - 1
    while (match := _ATTRIBUTE.match(source, at, end)) is not None:
        value = match["double"]
        if value is None:
            value = match["single"] if match["single"] is not None else match["bare"] or ""
        found.append(
            Attribute(lower(match["name"]), value, source[match.start("name") : match.end()])
        )
        at = match.end()
    return found


def tag_name(source: str) -> str:
    """The name in a tag, in the case it is written in."""
    found = _NAME.match(source)
    return found[1] if found else ""


def lower(text: str) -> str:
    """ASCII only, as in all of HTML."""
    return text.lower() if text.isascii() else re.sub("[A-Z]+", lambda m: m[0].lower(), text)


class Tokens:
    """Text in, tokens out: `feed` for each piece, `close` at the end.

    Text comes in several pieces, as it arrives; their borders mean nothing.
    """

    def __init__(self) -> None:
        self._context = Context()
        self._raw = ""  # what has arrived, from the first character that is not told yet
        self._returns = False  # whether there is a carriage return in it
        self._at = 0  # up to where tokens have been told
        self._text = 0  # where text begins that is not told yet: `_at`, or before it
        self._owed = (
            0  # characters of text that are told already and that the tokenizer still holds
        )
        self._element = ""  # the text element that this is in
        self._in_cdata = False
        self._anew = False  # whether the tokenizer is to forget its state
        self._tokenizer = _tokenizer()

    def feed(self, text: str) -> Iterator[Token]:
        """The tokens that are whole, and text as far as it has arrived."""
        for at in range(0, len(text), _SLICE):
            yield from self._feed(text[at : at + _SLICE])

    def close(self) -> Iterator[Token]:
        """What is left at the end of the document."""
        if not self._in_cdata:
            yield from self._tokens(self._tokenizer.close())
            yield from self._told()
        left = self._raw[self._at :]
        if left.startswith("<?"):
            yield Token(COMMENT, left)
        elif left:
            yield Token(TEXT if self._in_cdata else RAW, left)

    def _feed(self, given: str) -> Iterator[Token]:
        self._raw = self._raw[self._at :] + given
        self._returns = "\r" in self._raw
        self._at = self._text = 0
        while True:
            if not self._in_cdata:
                yield from self._tokens(self._tokenizer.feed(given))
            if self._in_cdata:
                yield from self._cdata()
                if self._in_cdata:
                    return
            if not self._anew:
                break
            given = self._start_anew()
        yield from self._begun()
        if len(self._raw) - self._at > MEMORY_LIMIT:
            raise WebTypeError("Parser error: The memory limit has been exceeded.")

    def _tokens(self, found: Iterator[_Token]) -> Iterator[Token]:
        """Until the end, or until the tokenizer is to start anew."""
        for token in found:
            kind = int(token.type)
            source = token.source
            if source is None or kind == _REFERENCE:
                yield from self._more_text(source or token.data or "")
                continue
            yield from self._told()
            yield from self._empty_end_tags()
            raw = self._take(source)
            if kind == START:
                yield self._start(token, raw)
            elif kind == END:
                name = token.tag or ""
                if self._element:
                    self._element = ""
                self._context.end(name)
                yield Token(END, raw, name)
            elif kind == DOCTYPE:
                details = (token.name or None, token.public_id, token.system_id)
                yield Token(DOCTYPE, raw, details=details)
            elif raw.startswith(_CDATA) and self._context.namespace is not HTML:
                self._at = self._text = self._at - len(raw) + len(_CDATA)
                self._in_cdata = self._anew = True
                yield Token(RAW, _CDATA)
            else:
                yield Token(COMMENT, raw)
            if self._anew:
                return

    def _start(self, token: _Token, raw: str) -> Token:
        name = token.tag or ""
        context = self._context
        foreign = context.namespace is not HTML
        context.start(name, lambda wanted: _value(raw, wanted), token.self_closing)
        if name in TEXT_ELEMENTS:
            if foreign:
                self._anew = True  # here it may have markup in it; the tokenizer takes it for text
            else:
                self._element = name
        return Token(START, raw, name, token.self_closing, context.namespace)

    def _more_text(self, data: str) -> Iterator[Token]:
        """Text as the tokenizer has it: newlines are normalised, and each `</>` is left out."""
        if self._owed:
            data, self._owed = data[self._owed :], max(0, self._owed - len(data))
        while data and not self._element:
            empty = self._raw.find("</>", self._at, self._end_of(data) + 2)
            if empty < 0:
                break
            begun = self._raw[self._at : empty]
            data = data[len(begun) - begun.count("\r\n") :]
            self._at = empty
            yield from self._told()
            yield from self._empty_end_tags()
        if data:
            self._at = self._end_of(data)

    def _told(self) -> Iterator[Token]:
        """The text up to here."""
        if self._text < self._at:
            yield Token(TEXT, self._raw[self._text : self._at])
            self._text = self._at

    def _empty_end_tags(self) -> Iterator[Token]:
        while self._raw.startswith("</>", self._at):
            self._at += 3
            self._text = self._at
            yield Token(RAW, "</>")

    def _take(self, normalised: str) -> str:
        start = self._at
        self._at = self._text = self._end_of(normalised)
        return self._raw[start : self._at]

    def _end_of(self, normalised: str) -> int:
        """Where in the source what the tokenizer shows like this ends: "\r\n" is one character there."""
        end = self._at + len(normalised)
        if self._returns:
            pairs = -1
            while (found := self._raw.count("\r\n", self._at, end)) != pairs:
                pairs = found
                end = self._at + len(normalised) + pairs
            if normalised.endswith("\n") and self._raw[end - 1] == "\r":
                end += self._raw.startswith("\n", end)
        return end

    def _begun(self) -> Iterator[Token]:
        """The text that has begun. The tokenizer keeps it until it has ended."""
        while True:
            cut = self._cut()
            if cut == len(self._raw) and self._raw.endswith("\r"):
                cut -= 1  # to be counted with the "\n" that may follow
            if cut > self._at:
                text = self._raw[self._at : cut]
                self._owed += len(text) - text.count("\r\n")
                self._at = cut
            yield from self._told()
            if self._element or not self._raw.startswith("</>", self._at):
                break
            yield from self._empty_end_tags()
        if self._owed > _HELD and self._element != "script":
            for _ in self._tokenizer.feed(self._start_anew()):
                raise AssertionError("a token that was not there before")

    def _cut(self) -> int:
        """Up to where what has arrived is certain to be text."""
        if not self._element:
            markup = _MARKUP.search(self._raw, self._at)
            return len(self._raw) if markup is None else markup.start()
        if self._element != "plaintext":
            end_tag = f"</{self._element}"
            at = self._at
            while (at := self._raw.find("<", at)) >= 0:
                after = at + len(end_tag)
                if end_tag.startswith(lower(self._raw[at:after])) and (
                    self._raw[after : after + 1] in _AFTER_NAME
                ):
                    return at
                at += 1
        return len(self._raw)

    def _start_anew(self) -> str:
        """Let the tokenizer forget all but the text element that this is in; what it is to get next."""
        self._anew = False
        self._owed = 0
        self._tokenizer = _tokenizer()
        if self._element:
            for _ in self._tokenizer.feed(f"<{self._element}>"):
                pass
        return self._raw[self._at :]

    def _cdata(self) -> Iterator[Token]:
        end = self._raw.find("]]>", self._at)
        self._in_cdata = end < 0
        # At the end of what has arrived, up to two brackets may belong to what ends it.
        self._at = (
            end if end >= 0 else max(self._at, len(self._raw.rstrip("]")), len(self._raw) - 2)
        )
        yield from self._told()
        if end >= 0:
            self._at = self._text = end + 3
            yield Token(RAW, "]]>")


def _value(source: str, name: str) -> str | None:
    return next((each.value for each in attributes(source) if each.name == name), None)


def _tokenizer() -> Tokenizer:
    try:
        from turbohtml import Tokenizer
    except ImportError:
        raise UnsupportedError(
            "HTMLRewriter needs a package more: pip install 'edgekit-asgi[html]'"
        ) from None
    return Tokenizer(resolve_references=False, capture_source=True, capture_attributes=False)
