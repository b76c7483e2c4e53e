"""An element as the handlers of HTMLRewriter are given it. Cloudflare Workers, HTMLRewriter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, Self

from edgekit.errors import WebTypeError
from edgekit.web.html_rewriter_context import HTML
from edgekit.web.html_rewriter_tokens import Attribute, Token, attributes, lower, tag_name
from edgekit.web.html_rewriter_units import (
    Changes,
    EndTag,
    Part,
    Unit,
    as_string,
    content_part,
    shown,
)
from edgekit.web.spelling import options

_FORBIDDEN_IN_TAG_NAME = re.compile(r"[ \n\r\t\f/>]")
_FORBIDDEN_IN_ATTRIBUTE_NAME = re.compile(r"[ \n\r\t\f/>=]")


class Subject:
    """A start tag as selectors see it."""

    __slots__ = ("_attributes", "in_html", "index", "index_of_type", "name", "source")

    def __init__(self, token: Token, index: int, index_of_type: int) -> None:
        self.name = token.name
        self.source = token.source
        self.in_html = token.namespace is HTML
        self.index = index
        self.index_of_type = index_of_type
        self._attributes: list[Attribute] | None = None

    @property
    def attributes(self) -> list[Attribute]:
        if self._attributes is None:
            self._attributes = attributes(self.source)
        return self._attributes

    def get_attribute(self, name: str) -> str | None:
        for each in self.attributes:
            if each.name == name:
                return each.value
        return None


class Element(Unit):
    """An element: its start tag, what is in it, and its end tag.

    `with_content` tells whether there is more of it than the start tag; the methods for what is in it
    do nothing otherwise.
    """

    __slots__ = (
        "_attributes",
        "_filled",
        "_name",
        "_source",
        "_token",
        "end_changes",
        "end_handler",
        "end_name",
        "inner_removed",
        "start_changes",
        "with_content",
    )

    def __init__(self, token: Token, subject: Subject, with_content: bool, removed: bool) -> None:
        super().__init__()
        self._token = token
        self._name = token.name
        self._attributes = subject.attributes
        self._source: str | None = token.source
        self.with_content = with_content
        self.start_changes = Changes()
        self.start_changes.removed = removed
        self.end_changes: Changes | None = None
        self.end_name: str | None = None
        self.end_handler: Callable[[EndTag], Any] | None = None
        self.inner_removed = False
        self._filled = False  # whether something was put into it

    @property
    def tag_name(self) -> str:
        """The element's name, in lower case; it can be set, which changes both tags.

        WebTypeError for what cannot be a name.
        """
        self._check()
        return lower(shown(self._name))

    @tag_name.setter
    def tag_name(self, name: str) -> None:
        self._check()
        name = as_string(name)
        if not name:
            raise WebTypeError("Parser error: Tag name can't be empty.")
        if not (name[0].isascii() and name[0].isalpha()):
            raise WebTypeError(
                "Parser error: The first character of the tag name should be an ASCII alphabetical"
                " character."
            )
        _refuse(_FORBIDDEN_IN_TAG_NAME, name, "tag")
        self._name = name
        self._source = None
        if self.with_content:
            self.end_name = name

    @property
    def namespace_uri(self) -> str:
        """Which of HTML, SVG and MathML it is of."""
        self._check()
        return self._token.namespace

    namespaceURI = namespace_uri  # the platform's spelling of it

    @property
    def attributes(self) -> Iterator[tuple[str, str]]:
        """All attributes, as (name, value)."""
        self._check()
        return iter([(shown(each.name), shown(each.value)) for each in self._attributes])

    @property
    def removed(self) -> bool:
        """Whether it, or an element around it, has been removed or replaced."""
        self._check()
        return self.start_changes.removed

    def get_attribute(self, name: str) -> str | None:
        """The value of an attribute, references as in the source; None when it is not there."""
        self._check()
        name = lower(as_string(name))
        for each in self._attributes:
            if each.name == name:
                return shown(each.value)
        return None

    def has_attribute(self, name: str) -> bool:
        """Whether the attribute is there."""
        return self.get_attribute(name) is not None

    def set_attribute(self, name: str, value: str) -> Self:
        """Change an attribute, or add it. WebTypeError for what cannot be a name."""
        self._check()
        name, value = lower(as_string(name)), as_string(value)
        if not name:
            raise WebTypeError("Parser error: Attribute name can't be empty.")
        _refuse(_FORBIDDEN_IN_ATTRIBUTE_NAME, name, "attribute")
        found = list(self._attributes)
        at = next((at for at, each in enumerate(found) if each.name == name), len(found))
        written = found[at].source[: len(name)] if at < len(found) else name
        quoted = value.replace('"', "&quot;")
        found[at : at + 1] = [Attribute(name, value, f'{written}="{quoted}"')]
        self._attributes = found
        self._source = None
        return self

    def remove_attribute(self, name: str) -> Self:
        """Take an attribute away, if it is there."""
        self._check()
        name = lower(as_string(name))
        for at, each in enumerate(self._attributes):
            if each.name == name:
                self._attributes = self._attributes[:at] + self._attributes[at + 1 :]
                self._source = None
                break
        return self

    @options
    def before(self, content: Any, *, html: bool = False) -> Self:
        """Insert before the element, after what has been inserted there."""
        self._check()
        self.start_changes.before.append(content_part(content, html))
        return self

    @options
    def after(self, content: Any, *, html: bool = False) -> Self:
        """Insert right behind the element."""
        self._check()
        changes = self._end() if self.with_content else self.start_changes
        changes.after.insert(0, content_part(content, html))
        return self

    @options
    def prepend(self, content: Any, *, html: bool = False) -> Self:
        """Insert as the first thing in it."""
        self._check()
        if self.with_content:
            self._filled = True
            self.start_changes.after.insert(0, content_part(content, html))
        return self

    @options
    def append(self, content: Any, *, html: bool = False) -> Self:
        """Insert as the last thing in it."""
        self._check()
        if self.with_content:
            self._filled = True
            self._end().before.append(content_part(content, html))
        return self

    @options
    def replace(self, content: Any, *, html: bool = False) -> Self:
        """Put `content` in the place of the element and all in it; the last call counts."""
        self._check()
        self.start_changes.replacement = [content_part(content, html)]
        return self.remove()

    @options
    def set_inner_content(self, content: Any, *, html: bool = False) -> Self:
        """Put `content` in the place of all that is in it."""
        self._check()
        if self.with_content:
            self._remove_inner()
            self._filled = True
            self.start_changes.after.insert(0, content_part(content, html))
        return self

    def remove(self) -> Self:
        """Leave out the element with all that is in it."""
        self._check()
        self.start_changes.removed = True
        if self.with_content:
            self._remove_inner()
            self._end().removed = True
        return self

    def remove_and_keep_content(self) -> Self:
        """Leave out its tags."""
        self._check()
        self.start_changes.removed = True
        if self.with_content:
            self._end().removed = True
        return self

    def on_end_tag(self, handler: Callable[[EndTag], Any]) -> None:
        """Call `handler` (sync or async) with the end tag; the last call counts.

        Where the end tag is missing, that is the one that ends the element, if any. WebTypeError for
        an element that has none.
        """
        self._check()
        if not self.with_content:
            raise WebTypeError("Parser error: No end tag.")
        self.end_handler = handler

    def parts(self) -> Iterator[Part]:
        return self.start_changes.around(self._source if self._source is not None else self._tag())

    def _tag(self) -> str:
        name = tag_name(self._token.source) if self._name is self._token.name else self._name
        words = [name, *(each.source for each in self._attributes)]
        if not self._token.self_closing or self._filled:
            return f"<{' '.join(words)}>"
        return f"<{' '.join(words)}{' />' if len(words) > 1 else '/>'}"

    def _end(self) -> Changes:
        if self.end_changes is None:
            self.end_changes = Changes()
        return self.end_changes

    def _remove_inner(self) -> None:
        self.inner_removed = True
        self.start_changes.after.clear()
        self._end().before.clear()


def _refuse(forbidden: re.Pattern[str], name: str, what: str) -> None:
    if found := forbidden.search(name):
        raise WebTypeError(f"Parser error: `{found[0]}` character is forbidden in the {what} name")
