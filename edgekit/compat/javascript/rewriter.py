"""`js.HTMLRewriter`, and what its handlers are given. The rules are `edgekit/web/html_rewriter.py`'s."""

from __future__ import annotations

from typing import Any

from edgekit.compat.javascript.convert import iterated, native, view
from edgekit.compat.javascript.errors import rethrow
from edgekit.compat.javascript.proxy import JsProxy
from edgekit.compat.javascript.values import null, string
from edgekit.compat.javascript.views import View
from edgekit.web import html_rewriter, html_rewriter_element, html_rewriter_units


def _handlers(given: Any, kinds: tuple[str, ...]) -> dict[str, Any]:
    """The functions of an object of handlers, JavaScript's, a dict, or one of Python's."""
    found: dict[str, Any] = {}
    for kind in kinds:
        own = given.get(kind) if isinstance(given, dict) else getattr(given, kind, None)
        if callable(own):
            found[kind] = _seeing(own)
    return found


def _seeing(function: Any) -> Any:
    return lambda unit: function(view(unit))


class HTMLRewriter(JsProxy):
    """`HTMLRewriter.new().on(selector, handlers).transform(response)`."""

    def __init__(self) -> None:
        self._it = html_rewriter.HTMLRewriter()

    def on(self, selector: Any, handlers: Any = None, **functions: Any) -> HTMLRewriter:
        """Handlers for the elements that a selector matches: `element`, `comments`, `text`."""
        kinds = ("element", "comments", "text")
        found = _handlers(handlers, kinds) | _handlers(functions, kinds)
        try:
            self._it.on(string(selector), found)
        except Exception as error:
            rethrow(error)
        return self

    def onDocument(self, handlers: Any = None, **functions: Any) -> HTMLRewriter:
        """Handlers for the whole document: `doctype`, `comments`, `text`, `end`."""
        kinds = ("doctype", "comments", "text", "end")
        self._it.on_document(_handlers(handlers, kinds) | _handlers(functions, kinds))
        return self

    def transform(self, response: Any) -> Any:
        """The response, whose body goes through the handlers as it is read."""
        try:
            return view(self._it.transform(native(response)))
        except Exception as error:
            rethrow(error)


class _Unit(View):
    """What handlers are given: methods that insert take `{"html": True}`, and give the unit itself."""

    __slots__ = ()

    def _insert(self, method: str, content: Any, options: Any, kwargs: dict[str, Any]) -> Any:
        chosen = native(options) if options is not None else {}
        html = kwargs.get("html", chosen.get("html") if isinstance(chosen, dict) else False)
        opened = native(content)
        if isinstance(opened, int | float) or opened is None:
            opened = string(content)
        try:
            getattr(self._it, method)(opened, html=bool(html))
        except Exception as error:
            rethrow(error)
        return self

    def before(self, content: Any, options: Any = None, **kwargs: Any) -> Any:
        return self._insert("before", content, options, kwargs)

    def after(self, content: Any, options: Any = None, **kwargs: Any) -> Any:
        return self._insert("after", content, options, kwargs)

    def replace(self, content: Any, options: Any = None, **kwargs: Any) -> Any:
        return self._insert("replace", content, options, kwargs)

    def remove(self) -> Any:
        self._it.remove()
        return self


class Element(_Unit, of=html_rewriter_element.Element, reads="removed"):
    """An element, at its start tag."""

    __slots__ = ()

    @property
    def tagName(self) -> str:
        return str(self._it.tag_name)

    @tagName.setter
    def tagName(self, name: Any) -> None:
        try:
            self._it.tag_name = string(name)
        except Exception as error:
            rethrow(error)

    @property
    def namespaceURI(self) -> str:
        return str(self._it.namespace_uri)

    @property
    def attributes(self) -> Any:
        """Pairs of name and value."""
        return iterated(self._it.attributes)

    def getAttribute(self, name: Any) -> Any:
        found = self._it.get_attribute(string(name))
        return null() if found is None else found

    def hasAttribute(self, name: Any) -> bool:
        return bool(self._it.has_attribute(string(name)))

    def setAttribute(self, name: Any, value: Any) -> Any:
        try:
            self._it.set_attribute(string(name), string(value))
        except Exception as error:
            rethrow(error)
        return self

    def removeAttribute(self, name: Any) -> Any:
        self._it.remove_attribute(string(name))
        return self

    def prepend(self, content: Any, options: Any = None, **kwargs: Any) -> Any:
        return self._insert("prepend", content, options, kwargs)

    def append(self, content: Any, options: Any = None, **kwargs: Any) -> Any:
        return self._insert("append", content, options, kwargs)

    def setInnerContent(self, content: Any, options: Any = None, **kwargs: Any) -> Any:
        return self._insert("set_inner_content", content, options, kwargs)

    def removeAndKeepContent(self) -> Any:
        self._it.remove_and_keep_content()
        return self

    def onEndTag(self, handler: Any) -> None:
        self._it.on_end_tag(_seeing(handler))


class EndTag(_Unit, of=html_rewriter_units.EndTag):
    """The end tag of an element."""

    __slots__ = ()
    # In the class itself, as `constructor.name` is another thing.
    name = property(
        lambda self: self._it.name, lambda self, name: setattr(self._it, "name", string(name))
    )


class Text(_Unit, of=html_rewriter_units.Text, reads="text lastInTextNode removed"):
    """A piece of a text."""

    __slots__ = ()


class Comment(_Unit, of=html_rewriter_units.Comment, reads="removed", writes="text"):
    """A comment."""

    __slots__ = ()


class Doctype(
    View, of=html_rewriter_units.Doctype, reads="publicId systemId", nullable="publicId systemId"
):
    """The document's type."""

    __slots__ = ()
    name = property(lambda self: null() if self._it.name is None else self._it.name)


class DocumentEnd(_Unit, of=html_rewriter_units.DocumentEnd):
    """The end of the document."""

    __slots__ = ()

    def append(self, content: Any, options: Any = None, **kwargs: Any) -> Any:
        return self._insert("append", content, options, kwargs)
