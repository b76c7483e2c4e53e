"""R2's conditions and ranges: `only_if` and `range`, in all their forms. Spec: Workers R2.

Both may be the Headers of a request, read as HTTP has them (RFC 9110, 13 and 14), except for entity tags:
how malformed lists of those are read, and refused, is the platform's. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from edgekit.bindings.r2_options import fields_of, header_moment, moment, text_field
from edgekit.errors import R2Error, R2RangeError, R2TypeError
from edgekit.web.conditional import parse_range
from edgekit.web.headers import Headers

_BEGINS_TAG = re.compile(r'[ \t]*([,*"W])').match


class Tag(NamedTuple):
    """An entity tag of a condition; `value` None stands for any."""

    value: str | None
    weak: bool = False


class Condition(NamedTuple):
    """When a get or put is to be done. Moments are in milliseconds since 1970."""

    matches: Sequence[Tag] | None = None
    differs: Sequence[Tag] | None = None
    before: float | None = None
    after: float | None = None
    whole_seconds: bool = False

    def holds(self, etag: str | None, uploaded: int) -> bool:
        """Whether it holds for an object, or (without an etag) where there is none."""
        if etag is None:
            return self.matches is None and self.after is None
        unit = 1000 if self.whole_seconds else 1
        uploaded //= unit
        matches = self.matches is None or any(
            tag.value is None or (tag.value == etag and not tag.weak) for tag in self.matches
        )
        differs = self.differs is None or not any(
            tag.value is None or tag.value == etag for tag in self.differs
        )
        # As in HTTP, a date counts for nothing beside the tags of its kind.
        after = self.after is None or self.after // unit < uploaded or self.differs is not None
        before = self.before is None or uploaded < self.before // unit or self.matches is not None
        return matches and differs and after and before


class Range(NamedTuple):
    """Which bytes to get: as numbers, or as a Range header."""

    offset: float | None = None
    length: float | None = None
    suffix: float | None = None
    header: str | None = None

    def of(self, size: int) -> tuple[int, int] | None:
        """Offset and length within `size` bytes; None where there are no such bytes."""
        if self.header is not None:  # of which the platform takes a single range, or else nothing
            ranges = parse_range(self.header, size)
            if ranges is None or len(ranges) != 1:
                return 0, size
            return ranges[0][0], ranges[0][1] - ranges[0][0]
        if self.suffix is not None:
            length = int(min(self.suffix, size))
            return (size - length, length) if length else None
        if (self.offset or 0) >= size:
            return None
        offset = int(self.offset or 0)
        length = int(min(size if self.length is None else self.length, size - offset))
        return (offset, length) if length else None


def condition_fields(value: Any, options: str) -> Headers | Condition | None:
    """`only_if`, with its types checked: {etagMatches, etagDoesNotMatch, uploadedBefore,
    uploadedAfter, secondsGranularity}, or the Headers of a request. `condition` makes it one."""
    if value is None or isinstance(value, Headers):
        return value
    fields = fields_of(value, "onlyIf", options, "Conditional or Headers")
    matches, differs = (
        None if text is None else (Tag(text),)
        for text in (
            text_field(fields, name, "Conditional") for name in ("etagMatches", "etagDoesNotMatch")
        )
    )
    before, after = _uploaded(fields, "uploadedBefore"), _uploaded(fields, "uploadedAfter")
    return Condition(matches, differs, before, after, bool(fields.get("seconds_granularity")))


def _uploaded(fields: Mapping[str, Any], name: str) -> float | None:
    at = moment(fields, name, "Conditional")
    # Over there the number has no sign: what is before 1970 is no date that could be before or after
    # another, and the last millisecond of 1969 says that none is given.
    return at if at is None or at >= 0 else None if at == -1 else math.nan


def condition(fields: Headers | Condition | None) -> Condition | None:
    """What `condition_fields` has given, with its tags checked."""
    if isinstance(fields, Headers):
        return Condition(
            _header_tags(fields, "if-match"),
            _header_tags(fields, "if-none-match"),
            header_moment(fields, "if-unmodified-since"),
            header_moment(fields, "if-modified-since"),
            True,
        )
    if fields is None:
        return None
    return fields._replace(matches=_tags(fields.matches), differs=_tags(fields.differs))


def range_fields(value: Any) -> Headers | Mapping[str, Any] | None:
    """`range`, with its type checked: {offset, length}, {suffix} or the Headers of a request."""
    if value is None or isinstance(value, Headers):
        return value
    return fields_of(value, "range", "GetOptions", "Range or Headers")


def range_of(fields: Headers | Mapping[str, Any] | None) -> Range | None:
    """What `range_fields` has given, with its numbers checked."""
    if fields is None:
        return None
    if isinstance(fields, Headers):
        header = fields.get("range")
        return None if header is None else Range(header=header)
    offset, length, suffix = (
        None if fields.get(name) is None else _number(fields[name])
        for name in ("offset", "length", "suffix")
    )
    _check_number(offset, "range. Starting offset", "range. Starting offset")
    _check_number(length, "range. Length", "range. Length")
    if suffix is not None:
        if offset is not None:
            raise R2TypeError("Suffix is incompatible with offset.")
        if length is not None:
            raise R2TypeError("Suffix is incompatible with length.")
    _check_number(suffix, "suffix. Suffix", "range. Suffix")
    return Range(offset, length, suffix)


def _tags(tags: Sequence[Tag] | None) -> Sequence[Tag] | None:
    if tags is None:
        return None
    text = tags[0].value or ""
    if text.startswith('"') and text.endswith('"'):
        raise R2TypeError(f"Conditional ETag should not be wrapped in quotes ({text}).")
    return (Tag(None),) if text == "*" else tags


def _header_tags(headers: Headers, name: str) -> Sequence[Tag] | None:
    header = headers.get(name)
    if header is None:
        return None
    tags: list[Tag] = []
    at, separated = 0, True
    while (found := _BEGINS_TAG(header, at)) is not None:  # what else there is ends the list
        character, at = found[1], found.end()
        if character == ",":
            separated = True
            continue
        if not separated:
            what = {
                "*": "wildcard character '*' instead.",
                '"': "double quote character '\"' instead."
                " This would otherwise indicate the start of a new strong etag.",
                "W": "weak quotation character 'W' instead."
                " This would otherwise indicate the start of a new weak etag.",
            }[character]
            raise R2Error(f"Comma was expected to separate etags. Encountered a {what}")
        if character == "*":
            return (Tag(None),)
        weak = character == "W"
        if weak:
            if header[at : at + 2] != '/"':
                raise R2Error("Weak etags must start with W/ and their value must be quoted")
            at += 2
        end = header.find('"', at)
        if end < 0:
            raise R2Error("Unclosed double quote for Etag")
        tags.append(Tag(header[at:end], weak))
        at, separated = end + 1, False
    if not tags:
        raise R2Error(f"Invalid ETag in {name} header")
    return tags


def _number(value: Any) -> float:
    """JavaScript's Number(value)."""
    if isinstance(value, int | float):
        return value
    if not isinstance(value, str):
        return math.nan
    text = value.strip()
    try:
        return int(text, 16) if text[:2].lower() == "0x" else float(text or 0)
    except ValueError:
        return math.nan


def _check_number(number: float | None, what: str, whole: str) -> None:
    if number is None:
        return
    if math.isfinite(number) and number >= 0 and number != int(number):
        raise R2RangeError(
            f"Invalid {whole} ({_shown(number)}) must be an integer, not floating point."
        )
    if not number >= 0:
        raise R2RangeError(f"Invalid {what} ({_shown(number)}) must be greater than or equal to 0.")


def _shown(number: float) -> str:
    text = f"{float(number):.15g}"
    if number == number and float(text) != number:
        text = f"{float(number):.17g}"
    return text.replace("e+", "e")
