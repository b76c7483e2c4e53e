"""ArrayBuffer, the typed arrays and DataView: views of real memory, which they share. Spec: ECMAScript.

The memory is a bytearray, and a view a memoryview of it, so `to_memoryview()` and `array.buffer` copy
nothing. What Pyodide adds: `to_bytes`, `to_py`, `to_string`, `assign`, `assign_to`.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Iterator
from typing import IO, Any

from edgekit.compat.javascript import late
from edgekit.compat.javascript.errors import RangeError, TypeError_
from edgekit.compat.javascript.proxy import JsNull, JsProxy
from edgekit.compat.javascript.sequences import Sequence
from edgekit.compat.javascript.values import Array, moved, number, string


class JsBuffer(JsProxy):
    """What all of them have: bytes."""

    __slots__ = ()

    def _view(self) -> memoryview:
        """The bytes themselves, writable."""
        raise NotImplementedError

    @property
    def byteLength(self) -> int:
        return self._view().nbytes

    def to_bytes(self) -> bytes:
        """A copy of the bytes."""
        return self._view().tobytes()

    def to_memoryview(self) -> memoryview:
        """A copy as a memoryview, with the array's own type of items."""
        return memoryview(bytearray(self._view()))

    def to_py(self, *, depth: int = -1, default_converter: Any = None) -> Any:
        return self.to_memoryview()

    def to_string(self, encoding: str | None = None) -> str:
        """The bytes as text, UTF-8 unless said otherwise."""
        return self.to_bytes().decode(encoding or "utf-8")

    def assign(self, source: Any) -> None:
        """Copy bytes of the same number into it."""
        data = bytes_of(source)
        if len(data) != self.byteLength:
            raise ValueError(
                f"cannot assign {len(data)} bytes to a buffer of {self.byteLength} bytes"
            )
        self._view()[:] = data

    def assign_to(self, target: Any) -> None:
        """Copy its bytes into a buffer of Python's of the same size."""
        memoryview(target).cast("B")[:] = self._view()

    def to_file(self, file: IO[bytes]) -> None:
        """Write its bytes to an open file."""
        file.write(self.to_bytes())

    write_file = to_file

    def from_file(self, file: IO[bytes]) -> None:
        """Fill it with bytes of an open file."""
        data = file.read(self.byteLength)
        self._view()[: len(data)] = data

    def _into_file(self, file: IO[bytes]) -> None:
        self.to_file(file)

    def _to_edgekit(self) -> bytes:
        return self.to_bytes()

    def _as_body(self) -> tuple[bytes, str]:
        return self.to_bytes(), ""


class ArrayBuffer(JsBuffer):
    """Bytes: `ArrayBuffer.new(length)`. They are read and written by a view of them."""

    __slots__ = ("_memory",)

    def __init__(self, length: Any = 0, options: Any = None) -> None:
        self._memory = bytearray(_length(length, "Array buffer allocation failed"))

    @classmethod
    def over(cls, data: bytes | bytearray) -> ArrayBuffer:
        """The buffer of these bytes; a bytearray is not copied."""
        self = cls.__new__(cls)
        self._memory = data if isinstance(data, bytearray) else bytearray(data)
        return self

    @staticmethod
    def isView(value: Any) -> bool:
        return isinstance(value, TypedArray | DataView)

    def _view(self) -> memoryview:
        return memoryview(self._memory)

    def slice(self, start: int = 0, end: int | None = None) -> ArrayBuffer:
        """A copy of the bytes from `start` up to `end`."""
        return ArrayBuffer.over(self._memory[start:end])


class TypedArray(Sequence, JsBuffer):
    """An array of numbers of one type, over an ArrayBuffer.

    Made of a length, an iterable of numbers, bytes, or `(buffer, byte_offset, length)`.
    """

    __slots__ = ("_data", "buffer", "byteOffset")
    _format: Any = "B"  # of `memoryview.cast`
    BYTES_PER_ELEMENT = 1
    buffer: ArrayBuffer
    byteOffset: int
    _data: memoryview

    def __init__(self, source: Any = 0, offset: int = 0, length: int | None = None) -> None:
        if isinstance(source, ArrayBuffer):
            self._over(source, offset, length)
            return
        if source is None or isinstance(source, int | float | str | JsNull):
            count = (
                0 if source is None else _length(source, f"Invalid typed array length: {source}")
            )
            self._over(ArrayBuffer(count * self.BYTES_PER_ELEMENT), 0, None)
            return
        if isinstance(source, bytes | bytearray | memoryview) and self._format == "B":
            self._over(ArrayBuffer.over(bytes(source)), 0, None)
            return
        items = list(Array.from_(source))
        self._over(ArrayBuffer(len(items) * self.BYTES_PER_ELEMENT), 0, None)
        for i, item in enumerate(items):
            self._data[i] = self._fit(item)

    def _over(self, buffer: ArrayBuffer, offset: int, length: int | None) -> None:
        size = self.BYTES_PER_ELEMENT
        name = self.constructor.name  # type: ignore[attr-defined]
        total = len(buffer._memory)
        if offset % size:
            raise RangeError(f"start offset of {name} should be a multiple of {size}")
        if offset > total:
            raise RangeError(f"Start offset {offset} is outside the bounds of the buffer")
        if length is None:
            if (total - offset) % size:
                raise RangeError(f"byte length of {name} should be a multiple of {size}")
            end = total
        else:
            end = offset + length * size
            if length < 0 or end > total:
                raise RangeError(f"Invalid typed array length: {length}")
        self.buffer = buffer
        self.byteOffset = offset
        self._data = memoryview(buffer._memory)[offset:end].cast(self._format)

    def _fit(self, value: Any) -> Any:
        """A number as the array keeps it: cut to its bits."""
        value = _number(value)
        if isinstance(value, float) and not math.isfinite(value):
            value = 0
        bits = 8 * self.BYTES_PER_ELEMENT
        whole = int(value) & ((1 << bits) - 1)
        if self._format.islower() and whole >> (bits - 1):
            whole -= 1 << bits
        return whole

    def _view(self) -> memoryview:
        return self._data.cast("B") if self._format != "B" else self._data

    def to_memoryview(self) -> memoryview:
        return memoryview(bytearray(self._view())).cast(self._format)

    @property
    def length(self) -> int:
        return len(self._data)

    @classmethod
    def of(cls, *items: Any) -> Any:
        return cls(list(items))

    @classmethod
    def from_(cls, items: Any, function: Any = None) -> Any:
        found = list(items)
        return cls([function(x, i) for i, x in enumerate(found)] if function else found)

    def __len__(self) -> int:
        return len(self._data)

    def __iter__(self) -> Iterator[Any]:
        return map(self._out, self._data)

    def __contains__(self, item: Any) -> bool:
        return item in self._data.tolist()

    def __getitem__(self, index: Any) -> Any:
        if isinstance(index, slice):
            raise NotImplementedError("Slice subscripting isn't implemented for typed arrays")
        try:
            return self._out(self._data[index])
        except IndexError:
            raise IndexError(index) from None

    def __setitem__(self, index: Any, value: Any) -> None:
        if isinstance(index, slice):
            raise NotImplementedError("Slice assignment isn't implemented for typed arrays")
        self._data[index] = self._fit(value)

    def __bytes__(self) -> bytes:
        # Pyodide's have none, yet `bytes(array)` works there: it goes by the items.
        return self.to_bytes() if self.BYTES_PER_ELEMENT == 1 else bytes(iter(self))

    def _out(self, value: Any) -> Any:
        return value

    def set(self, source: Any, offset: int = 0) -> None:
        """Copy the numbers of another array into this one, from `offset` on."""
        items = [self._fit(item) for item in source]
        if offset < 0 or offset + len(items) > len(self._data):
            raise RangeError("offset is out of bounds")
        for i, item in enumerate(items):
            self._data[offset + i] = item

    def subarray(self, start: int = 0, end: int | None = None) -> Any:
        """A view of a part of the same memory."""
        start, end, _ = slice(start, end).indices(len(self._data))
        offset = self.byteOffset + start * self.BYTES_PER_ELEMENT
        return type(self)(self.buffer, offset, max(end - start, 0))

    def slice(self, start: int = 0, end: int | None = None) -> Any:
        """A copy of a part."""
        size = self.BYTES_PER_ELEMENT
        start, end, _ = slice(start, end).indices(len(self._data))
        return type(self)(ArrayBuffer.over(self._view()[start * size : end * size].tobytes()))

    def fill(self, value: Any, start: int = 0, end: int | None = None) -> Any:
        fitting = self._fit(value)
        for i in range(*slice(start, end).indices(len(self._data))):
            self._data[i] = fitting
        return self

    def map(self, function: Any) -> Any:
        return type(self)([function(item, i, self) for i, item in enumerate(self)])

    def filter(self, function: Any) -> Any:
        return type(self)([x for i, x in enumerate(self) if function(x, i, self)])

    def reverse(self) -> None:
        """Turn it round in place, as Python's sequences do."""
        self.set(list(self)[::-1])

    def sort(self, compare: Any = None) -> Any:
        ordered = Array.over(list(self)).sort(compare) if compare else sorted(self)
        self.set(ordered)
        return self

    def toSorted(self, compare: Any = None) -> Any:
        return self.slice().sort(compare)

    def toReversed(self) -> Any:
        return type(self)(list(self)[::-1])

    def with_(self, index: int, value: Any) -> Any:
        """A copy with another item there; a RangeError where there is none."""
        return type(self)(Array.over(list(self)).with_(index, value))

    def copyWithin(self, target: int, start: int = 0, end: int | None = None) -> Any:
        """Copy a part over another, in place."""
        self.set(moved(list(self), target, start, end))
        return self

    def index(self, item: Any, *span: int) -> int:
        return self._data.tolist().index(item, *span)

    def count(self, item: Any) -> int:
        return self._data.tolist().count(item)


class _Floats(TypedArray):
    __slots__ = ()

    def _fit(self, value: Any) -> float:
        return float(_number(value))

    def _out(self, value: float) -> Any:
        return number(value)


class _BigInts(TypedArray):
    __slots__ = ()

    def _fit(self, value: Any) -> int:
        if isinstance(value, float):
            raise TypeError_(f"Cannot convert {string(value)} to a BigInt")
        return int(super()._fit(value))


class Int8Array(TypedArray):
    _format = "b"


class Uint8Array(TypedArray):
    pass


class Uint8ClampedArray(TypedArray):
    def _fit(self, value: Any) -> int:
        value = float(_number(value))
        return 0 if value != value else round(min(max(value, 0.0), 255.0))


class Int16Array(TypedArray):
    _format = "h"
    BYTES_PER_ELEMENT = 2


class Uint16Array(TypedArray):
    _format = "H"
    BYTES_PER_ELEMENT = 2


class Int32Array(TypedArray):
    _format = "i"
    BYTES_PER_ELEMENT = 4


class Uint32Array(TypedArray):
    _format = "I"
    BYTES_PER_ELEMENT = 4


class Float32Array(_Floats):
    _format = "f"
    BYTES_PER_ELEMENT = 4


class Float64Array(_Floats):
    _format = "d"
    BYTES_PER_ELEMENT = 8


class BigInt64Array(_BigInts):
    _format = "q"
    BYTES_PER_ELEMENT = 8


class BigUint64Array(_BigInts):
    _format = "Q"
    BYTES_PER_ELEMENT = 8


KINDS: tuple[type[TypedArray], ...] = (
    Int8Array,
    Uint8Array,
    Uint8ClampedArray,
    Int16Array,
    Uint16Array,
    Int32Array,
    Uint32Array,
    Float32Array,
    Float64Array,
    BigInt64Array,
    BigUint64Array,
)
_BY_FORMAT = {kind._format: kind for kind in KINDS if kind is not Uint8ClampedArray}
_BY_FORMAT |= {"c": Uint8Array, "?": Uint8Array, "l": BigInt64Array, "L": BigUint64Array}


def typed_array(data: Any) -> TypedArray:
    """What `to_js` makes of a buffer of Python's: a copy, of the type of its items."""
    view = memoryview(data)
    kind = _BY_FORMAT.get(view.format.lstrip("@=<"), Uint8Array)
    if view.itemsize != kind.BYTES_PER_ELEMENT:
        kind = Uint8Array
    return kind(ArrayBuffer.over(view.tobytes()))


class DataView(JsBuffer):
    """Numbers of any type at any place of an ArrayBuffer: `getUint16(0, True)` is little-endian."""

    __slots__ = ("_data", "buffer", "byteOffset")

    def __init__(self, buffer: Any, offset: int = 0, length: int | None = None) -> None:
        if not isinstance(buffer, ArrayBuffer):
            raise TypeError_("First argument to DataView constructor must be an ArrayBuffer")
        total = len(buffer._memory)
        end = total if length is None else offset + length
        if offset > total or end > total:
            raise RangeError(f"Start offset {offset} is outside the bounds of the buffer")
        self.buffer = buffer
        self.byteOffset = offset
        self._data = memoryview(buffer._memory)[offset:end]

    def _view(self) -> memoryview:
        return self._data


def _accessors() -> Iterator[tuple[str, Callable[..., Any]]]:
    for kind in KINDS:
        if kind is Uint8ClampedArray:
            continue
        name = kind.name.removesuffix("Array")
        big, little = struct.Struct(f">{kind._format}"), struct.Struct(f"<{kind._format}")

        def get(
            self: DataView, at: int, is_little: Any = False, big: Any = big, little: Any = little
        ) -> Any:
            if at < 0 or at + big.size > len(self._data):
                raise RangeError("Offset is outside the bounds of the DataView")
            return number((little if is_little else big).unpack_from(self._data, at)[0])

        def put(
            self: DataView,
            at: int,
            value: Any,
            is_little: Any = False,
            big: Any = big,
            little: Any = little,
            fitter: Any = kind,
        ) -> None:
            if at < 0 or at + big.size > len(self._data):
                raise RangeError("Offset is outside the bounds of the DataView")
            fitting = fitter([value])._data[0]
            (little if is_little else big).pack_into(self._data, at, fitting)

        yield f"get{name}", get
        yield f"set{name}", put


for _name, _function in _accessors():
    setattr(DataView, _name, _function)


def _number(value: Any) -> int | float:
    known = isinstance(value, int | float)
    return value if known else late.text.to_number(value)  # type: ignore[no-any-return]


def _length(value: Any, message: str) -> int:
    count = _number(value)
    if count < 0 or count > 2**33:
        raise RangeError(message)
    return int(count) if count == count else 0


def bytes_of(value: Any) -> bytes:
    """The bytes of a buffer of either side; a TypeError for anything else."""
    if isinstance(value, JsBuffer):
        return value.to_bytes()
    try:
        return memoryview(value).tobytes()
    except TypeError:
        raise TypeError_("parameter 1 is not of type 'ArrayBuffer' or 'ArrayBufferView'.") from None
