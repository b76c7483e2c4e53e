"""HTMLRewriter: change HTML while it streams through. Cloudflare Workers, HTMLRewriter.

    rewriter = HTMLRewriter().on("a[href]", element=secure_links)
    return rewriter.transform(await fetch(request))

Handlers are called as the body is read, in the order in which they were given; what they return is
awaited if it is awaitable. What an unread body would have called is not called. Nothing waits in
memory but the open elements and a tag whose end has not come. It works on the tags as they stand: it
is no tree, and it ends no element that the document does not end.

Needs the extra `html`. On real Workers it is the platform's own: `edgekit.on_workers.html_rewriter`.
"""

from __future__ import annotations

import codecs
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from inspect import isawaitable
from typing import Any, Self

from edgekit.errors import WebTypeError
from edgekit.web.encodings import encoding_of
from edgekit.web.html_rewriter_context import HTML, VOID
from edgekit.web.html_rewriter_element import Element, Subject
from edgekit.web.html_rewriter_selectors import Selectors, Step
from edgekit.web.html_rewriter_tokens import COMMENT, DOCTYPE, END, START, TEXT, Token, Tokens
from edgekit.web.html_rewriter_units import (
    Changes,
    Comment,
    Doctype,
    DocumentEnd,
    EndTag,
    Inserted,
    Part,
    Text,
    escape,
)
from edgekit.web.response import Response
from edgekit.web.spelling import Spelled
from edgekit.web.streams import ReadableStream, aclose

MAX_OPEN = 20_000  # elements: the platform's memory for them is at an end before that

Handler = Callable[[Any], Awaitable[Any] | Any]


class HTMLRewriter(Spelled):
    """Handlers for parts of HTML documents; one rewriter may transform many."""

    def __init__(self) -> None:
        self._selectors = Selectors()
        self._rules: list[dict[str, Handler]] = []
        self._of_document: list[int] = []

    def on(
        self,
        selector: str,
        handlers: Any = None,
        *,
        element: Callable[[Element], Any] | None = None,
        comments: Callable[[Comment], Any] | None = None,
        text: Callable[[Text], Any] | None = None,
    ) -> Self:
        """Handlers for the elements that a CSS selector matches, and for comments and texts in them.

        `handlers` is an object with any of the methods `element`, `comments` and `text`, or a dict of
        functions; each may be sync or async. WebTypeError for a selector that Workers do not have.
        """
        found = _handlers(handlers, element=element, comments=comments, text=text)
        self._selectors.add(str(selector), len(self._rules))
        self._rules.append(found)
        return self

    def on_document(
        self,
        handlers: Any = None,
        *,
        doctype: Callable[[Doctype], Any] | None = None,
        comments: Callable[[Comment], Any] | None = None,
        text: Callable[[Text], Any] | None = None,
        end: Callable[[DocumentEnd], Any] | None = None,
    ) -> Self:
        """Handlers for the document's type, all comments, all texts, and the end of the document."""
        self._of_document.append(len(self._rules))
        self._rules.append(
            _handlers(handlers, doctype=doctype, comments=comments, text=text, end=end)
        )
        return self

    def transform(self, response: Response) -> Response:
        """A response like this one, whose body goes through the handlers as it is read.

        The body's coding is the `charset` of the content type, else UTF-8; WebTypeError for one that
        is unknown, or in which ASCII is not ASCII. What a handler raises is raised by reading.
        """
        if not isinstance(response, Response):
            raise WebTypeError(
                "Failed to execute 'transform' on 'HTMLRewriter': parameter 1 is not of type 'Response'."
            )
        if response.body is None:
            return response
        charset = _charset(response.headers.get("content-type") or "")
        body = response._take()
        stream = body if isinstance(body, ReadableStream) else ReadableStream((body or b"",))
        run = _Run(self._rules, self._of_document, self._selectors)
        rewritten = ReadableStream(_rewrite(stream, run, charset))
        return Response(rewritten, response)


def _handlers(given: Any, **functions: Any) -> dict[str, Handler]:
    """The handlers by kind, of an object or dict, or as they are."""
    found = {}
    for kind, function in functions.items():
        if function is None and given is not None:
            function = given.get(kind) if isinstance(given, Mapping) else getattr(given, kind, None)
        if function is not None:
            if not callable(function):
                raise WebTypeError(f"the handler {kind!r} is not a function")
            found[kind] = function
    return found


async def _rewrite(stream: ReadableStream, run: _Run, charset: str) -> AsyncIterator[bytes]:
    # Bytes that are not of the coding become lone surrogates, and are themselves again at the end.
    decoder = codecs.getincrementaldecoder(charset)("surrogateescape")
    tokens = Tokens()
    source = stream.__aiter__()
    try:
        async for chunk in source:
            async for data in _through(run, tokens.feed(decoder.decode(chunk)), charset):
                yield data
        async for data in _through(run, _rest(tokens, decoder), charset):
            yield data
        await run.end()
        async for data in _encoded(run.output, charset):
            yield data
    finally:
        await aclose(source)


def _rest(tokens: Tokens, decoder: codecs.IncrementalDecoder) -> Iterator[Token]:
    yield from tokens.feed(decoder.decode(b"", True))
    yield from tokens.close()


async def _through(run: _Run, tokens: Iterator[Token], charset: str) -> AsyncIterator[bytes]:
    """The tokens' handlers called, and what is then to be written."""
    for token in tokens:
        work = run.end_of_text(token)
        if work is not None:
            await _call(*work)
        work = run.take(token)
        if work is not None:
            await _call(*work)
            if run.streams:
                run.streams = False
                async for data in _encoded(run.output, charset):
                    yield data
                run.output.clear()
    if run.output:
        async for data in _encoded(run.output, charset):
            yield data
        run.output.clear()


async def _call(unit: Any, handlers: list[Handler], finish: Callable[[Any], None]) -> None:
    for handler in handlers:
        result = handler(unit)
        if isawaitable(result):
            await result
    unit.end_of_scope()
    finish(unit)


async def _encoded(parts: list[Part], charset: str) -> AsyncIterator[bytes]:
    texts: list[str] = []
    for part in parts:
        if isinstance(part, str):
            texts.append(part)
            continue
        if texts:
            yield _encode("".join(texts), charset)
            texts.clear()
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        async for chunk in part.stream:
            text = decoder.decode(chunk)
            yield _encode(text if part.html else escape(text), charset)
    if texts:
        yield _encode("".join(texts), charset)


def _encode(text: str, charset: str) -> bytes:
    try:
        return text.encode(charset, "surrogateescape")
    except UnicodeEncodeError:
        # What was inserted and is not in the coding, as references.
        return b"".join(_encode_character(each, charset) for each in text)


def _encode_character(character: str, charset: str) -> bytes:
    escaped = "\udc80" <= character <= "\udcff"
    return character.encode(charset, "surrogateescape" if escaped else "xmlcharrefreplace")


def _charset(content_type: str) -> str:
    """Python's name of the coding that a content type tells of."""
    label = "utf-8"
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset" and (value := value.strip().strip('"')):
            label = value
            break
    name, codec = encoding_of(label) or ("", "")
    if name.startswith(("utf-16", "iso-2022")):
        raise WebTypeError("Parser error: Expected ASCII-compatible encoding.")
    if not codec:
        raise WebTypeError("Parser error: Unknown character encoding has been provided.")
    return codec


Work = tuple[Any, list[Handler], Callable[[Any], None]]


class _Open:
    """An element that is open."""

    __slots__ = (
        "children",
        "count",
        "counts",
        "descendants",
        "end_changes",
        "end_handler",
        "end_name",
        "inner_removed",
        "name",
        "rules",
    )

    def __init__(self, name: str, children: list[Step], descendants: list[Step]) -> None:
        self.name = name
        self.children = children  # steps for its children
        self.descendants = descendants  # steps for all in it
        self.rules: list[int] = []  # those that match it
        self.count = 0  # of its children so far, and by their name
        self.counts: dict[str, int] = {}
        self.inner_removed = False
        self.end_changes: Changes | None = None
        self.end_name: str | None = None
        self.end_handler: Handler | None = None


class _Active:
    """Which rules' handlers of one kind are to be called here, in order."""

    def __init__(self, rules: list[dict[str, Handler]], kind: str, always: list[int]) -> None:
        # Those of the document come last, as on the platform.
        order = sorted(range(len(rules)), key=lambda at: at in always)
        self._by_rule = {at: rules[at][kind] for at in order if kind in rules[at]}
        self._counts = {at: int(at in always) for at in self._by_rule}
        self.handlers: list[Handler] = []
        self._refresh()

    def change(self, rules: list[int], by: int) -> None:
        changed = False
        for rule in rules:
            if rule in self._counts:
                self._counts[rule] += by
                changed = True
        if changed:
            self._refresh()

    def _refresh(self) -> None:
        self.handlers = [self._by_rule[rule] for rule, count in self._counts.items() if count]


class _Run:
    """One document on its way: tokens in, `output` out."""

    def __init__(
        self, rules: list[dict[str, Handler]], of_document: list[int], selectors: Selectors
    ) -> None:
        self._rules = list(rules)
        self._selectors = selectors
        self._doctypes = [rules[at]["doctype"] for at in of_document if "doctype" in rules[at]]
        # The last is called first, as on the platform.
        self._ends = [rules[at]["end"] for at in reversed(of_document) if "end" in rules[at]]
        self._texts = _Active(rules, "text", of_document)
        self._comments = _Active(rules, "comments", of_document)
        self._root = _Open("", [], [])
        self._open = [self._root]
        self._names: dict[str, int] = {}  # how many open elements have a name
        self._removing = 0  # open elements whose content is left out
        self._in_text = False
        self.output: list[Part] = []
        self.streams = False  # whether there is a stream in the output

    def take(self, token: Token) -> Work | None:
        """What handlers are to be called for a token; without any it is written as it is."""
        kind = token.kind
        if kind == START:
            return self._start(token)
        if kind == TEXT:
            if self._texts.handlers:
                self._in_text = True
                return Text(token.source, False), self._texts.handlers, self._finish
        elif kind == END:
            return self._end_tag(token)
        elif kind == COMMENT:
            if self._comments.handlers:
                return Comment(token.source), self._comments.handlers, self._finish
        elif kind == DOCTYPE and self._doctypes:
            source = token.source
            return Doctype(token), self._doctypes, lambda unit: self._write(source)
        self._write(token.source)
        return None

    def end_of_text(self, token: Token | None) -> Work | None:
        """The empty text at the end of each."""
        if not self._in_text or (token is not None and token.kind == TEXT):
            return None
        self._in_text = False
        return Text("", True), self._texts.handlers, self._finish

    async def end(self) -> None:
        work = self.end_of_text(None)
        if work is not None:
            await _call(*work)
        self._removing = 0
        for handler in self._ends:
            await _call(DocumentEnd(), [handler], self._finish)

    def _write(self, source: str) -> None:
        if not self._removing:
            self.output.append(source)

    def _finish(self, unit: Any) -> None:
        if not self._removing:
            for part in unit.parts():
                self.output.append(part)
                if isinstance(part, Inserted):
                    self.streams = True

    def _start(self, token: Token) -> Work | None:
        name = token.name
        parent = self._open[-1]
        subject = Subject(token, 0, 0)
        if self._selectors.counts:
            parent.count += 1
            parent.counts[name] = parent.counts.get(name, 0) + 1
            subject.index, subject.index_of_type = parent.count, parent.counts[name]
        matched: set[int] = set()
        children: list[Step] = []
        descendants: list[Step] = []
        for steps in (self._selectors.named(name), parent.children, parent.descendants):
            for step in steps:
                if step.matches(subject):
                    if step.next is None:
                        matched.add(step.rule)
                    elif step.child:
                        children.append(step.next)
                    else:
                        descendants.append(step.next)
        content = name not in VOID if token.namespace is HTML else not token.self_closing
        removed = self._removing > 0
        opened: _Open | None = None
        if content:
            # Steps that are there already are not taken twice.
            known = parent.descendants
            more = [step for step in descendants if step not in known]
            opened = _Open(name, children, known + more if more else known)
            self._push(opened)
        if not matched:
            self._write(token.source)
            return None
        rules = sorted(matched)
        if opened is not None:
            opened.rules = rules
            self._texts.change(rules, 1)
            self._comments.change(rules, 1)
        handlers = [self._rules[at]["element"] for at in rules if "element" in self._rules[at]]
        if not handlers:
            self._write(token.source)
            return None

        def finish(element: Element) -> None:
            self._finish(element)
            if opened is not None:
                opened.end_changes = element.end_changes
                opened.end_name = element.end_name
                opened.end_handler = element.end_handler
                opened.inner_removed = element.inner_removed
                self._removing += element.inner_removed

        return Element(token, subject, content, removed), handlers, finish

    def _push(self, opened: _Open) -> None:
        if len(self._open) > MAX_OPEN:
            raise WebTypeError("Parser error: The memory limit has been exceeded.")
        self._open.append(opened)
        self._names[opened.name] = self._names.get(opened.name, 0) + 1

    def _end_tag(self, token: Token) -> Work | None:
        if not self._names.get(token.name):
            self._write(token.source)
            return None
        handlers: list[Handler] = []
        while True:
            closed = self._open.pop()
            self._names[closed.name] -= 1
            if closed.rules:
                self._texts.change(closed.rules, -1)
                self._comments.change(closed.rules, -1)
            self._removing -= closed.inner_removed
            if closed.end_name is not None or closed.end_changes is not None:
                handlers.append(_end_of(closed))
            if closed.end_handler is not None:
                handlers.append(closed.end_handler)
            if closed.name == token.name:
                break
        if not handlers:
            self._write(token.source)
            return None
        return EndTag(token), handlers, self._finish


def _end_of(closed: _Open) -> Handler:
    """What was said of an element's end, at the tag that ends it: its own, or that of one around it."""

    def apply(tag: EndTag) -> None:
        if closed.end_name is not None:
            tag.rename(closed.end_name)
        if closed.end_changes is not None:
            tag.changes = closed.end_changes

    return apply
