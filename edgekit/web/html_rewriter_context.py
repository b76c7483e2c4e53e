"""What the start and end tags of a document say about how its text is to be read.

Not a tree: only what a stream can know of it. Tags of SVG and MathML mean other things than those of
HTML, and some places go back to HTML. HTML Standard, "The rules for parsing tokens in foreign
content", as the platform follows it: by the tags alone. Where that could take text for markup, or
markup for text, it refuses to go on (`WebTypeError`), because whoever filters pages must not be
deceived.
"""

from __future__ import annotations

from collections.abc import Callable

from edgekit.errors import WebTypeError

HTML = "http://www.w3.org/1999/xhtml"
SVG = "http://www.w3.org/2000/svg"
MATHML = "http://www.w3.org/1998/Math/MathML"


def words(text: str) -> frozenset[str]:
    """Names, as they stand between spaces."""
    return frozenset(text.split())


# What is text up to its end tag, whatever it looks like; `plaintext` has no end.
TEXT_ELEMENTS = words("textarea title plaintext script style iframe xmp noembed noframes noscript")
VOID = words(
    "area base basefont bgsound br col embed hr img input keygen link meta param source track wbr"
)
_LEAVE_FOREIGN = words(
    "b big blockquote body br center code dd div dl dt em embed h1 h2 h3 h4 h5 h6 head hr i img li"
    " listing menu meta nobr ol p pre ruby s small span strong strike sub sup table tt u ul"
    " var"
)
_HTML_INSIDE = {
    SVG: frozenset({"desc", "title", "foreignobject"}),
    MATHML: frozenset({"mi", "mo", "mn", "ms", "mtext"}),
}

Attribute = Callable[[str], str | None]


class Context:
    """Where in a document one is. `namespace` is that of an element that begins here."""

    def __init__(self) -> None:
        self.namespace = HTML
        self._namespaces = [HTML]
        self._select = 0  # 1 within a <select>, and one more for each <template> in it
        self._frameset = False

    def start(self, name: str, attribute: Attribute, self_closing: bool) -> None:
        """A start tag; `attribute` gives the values of its attributes."""
        self._guard(name)
        if name == "svg":
            self._enter(SVG)
        elif name == "math":
            self._enter(MATHML)
        elif self.namespace is not HTML:
            self._start_in_foreign(name, attribute, self_closing)

    def end(self, name: str) -> None:
        """An end tag."""
        if name == "select" and self._select == 1:
            self._select = 0
        elif name == "template" and self._select > 1:
            self._select -= 1
        if len(self._namespaces) == 1:
            return
        if self.namespace is HTML:
            outer = self._namespaces[-2]
            if name in _HTML_INSIDE.get(outer, ()) or (
                outer is MATHML and name == "annotation-xml"
            ):
                self._leave()
        elif name in ("p", "br", "svg" if self.namespace is SVG else "math"):
            self._leave()

    def _start_in_foreign(self, name: str, attribute: Attribute, self_closing: bool) -> None:
        if name in _LEAVE_FOREIGN:
            self._leave()
        elif name == "font":
            if any(attribute(each) is not None for each in ("color", "size", "face")):
                self._leave()
        elif not self_closing and (
            name in _HTML_INSIDE[self.namespace]
            or (
                name == "annotation-xml"
                and self.namespace is MATHML
                and (attribute("encoding") or "").lower() in ("text/html", "application/xhtml+xml")
            )
        ):
            self._enter(HTML)

    def _enter(self, namespace: str) -> None:
        self._namespaces.append(namespace)
        self.namespace = namespace

    def _leave(self) -> None:
        self._namespaces.pop()
        self.namespace = self._namespaces[-1]

    def _guard(self, name: str) -> None:
        """Within <select>, and after <frameset>, a browser may ignore the tags of text elements."""
        if self._frameset:
            if name != "noframes":
                _refuse_text(name)
        elif self._select > 1:
            if name == "template":
                self._select += 1
            else:
                _refuse_text(name)
        elif self._select:
            if name in ("select", "textarea", "input", "keygen"):
                self._select = 0
            elif name == "template":
                self._select = 2
            elif name != "script":
                _refuse_text(name)
        elif name == "select":
            self._select = 1
        elif name == "frameset":
            self._frameset = True


def _refuse_text(name: str) -> None:
    if name in TEXT_ELEMENTS:
        raise WebTypeError(
            f"Parser error: The parser has encountered a text content tag (`<{name}>`) in the context"
            " where it is ambiguous whether this tag should be ignored or not. And, thus, is is"
            " unclear is consequent content should be parsed as raw text or HTML markup.\n\nThis"
            " error occurs due to the limited capabilities of the streaming parsing. However, almost"
            " all of the cases of this error are caused by a non-conforming markup (e.g. a `<script>`"
            " element in `<select>` element)."
        )
