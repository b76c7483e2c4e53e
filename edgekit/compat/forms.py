"""Blob, File and FormData of `workers`: edgekit's own, with the SDK's names and arguments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any

from edgekit.compat.convert import Buffer, Constructor, Stream, adopt_stream, from_user, view
from edgekit.web.blob import Blob as WebBlob
from edgekit.web.blob import File as WebFile
from edgekit.web.formdata import FormData as WebFormData


class BlobEnding(StrEnum):
    """What becomes of the line ends of a Blob's text."""

    TRANSPARENT = "transparent"
    NATIVE = "native"


class Blob(WebBlob):
    """Bytes with a media type: `Blob(parts, content_type)`; a single part needs no list."""

    __slots__ = ()
    constructor = Constructor("Blob")

    def __init__(
        self, blob_parts: Any = (), content_type: str | None = None, endings: Any = None, **js: Any
    ) -> None:
        super().__init__(
            _parts(blob_parts), content_type or js.get("type") or "", str(endings or "transparent")
        )

    @property
    def content_type(self) -> str:
        """The media type."""
        return self._type

    @property
    def js_object(self) -> Any:
        """The same, as code of JavaScript's has it."""
        return view(self)

    async def array_buffer(self) -> Buffer:
        """All of it."""
        return Buffer(self._read())

    def stream(self) -> Stream:
        """A stream of it."""
        return adopt_stream(super().stream())

    def slice(
        self, start: int | None = None, end: int | None = None, content_type: str | None = None
    ) -> Blob:
        """The bytes from `start` up to `end`; nothing is copied."""
        return adopt(super().slice(start or 0, end, content_type or ""))  # type: ignore[no-any-return]


class File(Blob, WebFile):
    """A Blob with a name and a time."""

    __slots__ = ()
    constructor = Constructor("File")

    def __init__(
        self,
        blob_parts: Any = (),
        filename: str = "",
        content_type: str | None = None,
        endings: Any = None,
        last_modified: int | None = None,
        **js: Any,
    ) -> None:
        if isinstance(blob_parts, WebFile):
            filename = filename or blob_parts.name
            last_modified = last_modified or blob_parts.last_modified
        WebFile.__init__(
            self,
            _parts(blob_parts),
            filename,
            content_type or js.get("type") or "",
            last_modified or js.get("lastModified"),
            str(endings or "transparent"),
        )


class FormData(WebFormData):
    """The pairs of a form, of a dict or another form; None for a name that is not there."""

    __slots__ = ()
    constructor = Constructor("FormData")

    def __init__(self, form_data: Any = None) -> None:
        if hasattr(type(form_data), "_to_edgekit"):
            form_data = from_user(form_data)
        if not (form_data is None or isinstance(form_data, Mapping | Iterable)):
            raise TypeError("Expected form_data to be a dict or an instance of FormData")
        super().__init__(form_data)

    def __getitem__(self, name: str) -> Any:
        return self.get(name)

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, list):
            raise TypeError("Expected single item in arguments to FormData.__setitem__")
        self.set(name, value)

    def set(self, name: str, value: Any, filename: str | None = None) -> None:
        """Put it in the place of all values of that name."""
        super().set(name, _given(value), filename)
        self._pairs = [(each, adopt(held)) for each, held in self._pairs]

    def append(self, name: str, value: Any, filename: str | None = None) -> None:
        """Add a pair at the end."""
        super().append(name, _given(value), filename)
        name, value = self._pairs[-1]
        self._pairs[-1] = name, adopt(value)

    def get_all(self, name: str) -> list[Any]:
        """Every value of that name."""
        return super().get_all(name)

    @property
    def js_object(self) -> Any:
        """The same, as code of JavaScript's has it."""
        return view(self)


def adopt(value: Any) -> Any:
    """A Blob, File or form as one of these; anything else as it is."""
    kind = value.__class__
    if kind is WebBlob or kind is WebFile:
        blob = Blob.__new__(Blob) if kind is WebBlob else File.__new__(File)
        blob._fill(value._slices, value._type)
        if isinstance(blob, File):
            blob.name, blob.last_modified = value.name, value.last_modified
        return blob
    if kind is WebFormData:
        form = FormData.__new__(FormData)
        form._pairs = [(name, adopt(item)) for name, item in value._pairs]
        return form
    return value


def _given(value: Any) -> Any:
    """A value of a form, which may be a Blob of JavaScript's."""
    return from_user(value) if hasattr(type(value), "_to_edgekit") else value


def _parts(parts: Any) -> Any:
    if hasattr(type(parts), "_to_edgekit"):
        parts = from_user(parts)
    if isinstance(parts, list | tuple):
        return [_parts(part) for part in parts]
    return parts
