"""Email as bytes: a message from its parts, and the parts of one that rules ask about. RFC 5322, MIME.

Over the standard library's `email`, which is loaded when it is needed: it brings `random`, and real
Workers allow no randomness at import. It sends nothing and knows no binding.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from edgekit import host
from edgekit.bindings.webidl import from_base64
from edgekit.errors import EmailError
from edgekit.web.headers import Headers, RawHeaders

if TYPE_CHECKING:
    from email.headerregistry import Address
    from email.message import EmailMessage as Mime

MAX_RECIPIENTS = 50  # of to, cc and bcc together
MAX_ATTACHMENTS = 32
MAX_HEADERS = 20  # custom ones whose name does not begin with X-
MAX_HEADER_NAME = 100  # bytes
MAX_HEADER_VALUE = 2048  # bytes
MAX_HEADERS_SIZE = 16 * 1024  # bytes of all custom ones

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_CONTROL = re.compile(r"[\0-\x1f\x7f]").search
_IN_BRACKETS = re.compile(r"<([^>]+)>$").search
_TYPE = re.compile(r"([\w.+-]+)/([\w.+-]+)\s*(?:;|$)").match
_HEADER_NAME = re.compile(r"[!-9;-~]+").fullmatch
_FOLD = re.compile(r"\r?\n[ \t]*")
_FIELDS = frozenset(["from", "to", "cc", "bcc", "subject", "reply-to", "sender"])
_PLATFORM = frozenset(
    """
    arc-authentication-results arc-message-signature arc-seal authentication-results
    content-disposition content-transfer-encoding content-type date dkim-signature message-id
    mime-version received received-spf return-path
    """.split()  # noqa: SIM905
)


class Parsed(NamedTuple):
    """What rules ask of a message. Addresses and ids as they stand there; None for what is missing."""

    headers: Headers
    sender: str | None
    recipients: list[str]
    message_id: str | None
    in_reply_to: str | None
    references: str | None


def message_id(sender: str) -> str:
    """A new Message-ID in the domain of an address, in angle brackets."""
    name = "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in host.random_bytes(36))
    return f"<{name}@{sender.rpartition('@')[2] or 'localhost'}>"


def address(given: Any) -> str:
    """The address alone, of "Ada <ada@example.com>", of a plain one, or of {"email": ..., "name": ...}."""
    if isinstance(given, Mapping):
        given = given.get("email")
    if not isinstance(given, str) or not given.strip():
        raise EmailError(f"invalid email address: {given!r:.100}", code="E_VALIDATION_ERROR")
    text = given.strip()
    if _CONTROL(text):  # it goes into the envelope, where a line more would be a command
        raise EmailError(f"invalid email address: {text!r:.100}", code="E_VALIDATION_ERROR")
    found = _IN_BRACKETS(text)
    return (found[1] if found else text).strip()


def addresses(given: Any) -> list[str]:
    """The addresses alone of one or several recipients, or of none."""
    return [address(one) for one in _listed(given)]


def parse(raw: bytes) -> Parsed:
    """The headers of a message; ValueError for what cannot be one."""
    from email import policy
    from email.parser import BytesHeaderParser

    # Not the policy that understands headers: it raises for some that others accept.
    parsed = BytesHeaderParser(policy=policy.compat32).parsebytes(raw)
    pairs: RawHeaders = []
    for name, value in parsed.raw_items():
        text = _FOLD.sub(" ", str(value)).strip().encode("utf-8", "surrogateescape")
        if _HEADER_NAME(name) and not set(text) & {0, 10, 13}:
            pairs.append((name.lower().encode(), text))
    headers = Headers.from_raw(pairs, immutable=True)
    senders = _addresses_in(headers, "from")
    return Parsed(
        headers,
        senders[0] if senders else None,
        _addresses_in(headers, "to"),
        headers.get("message-id"),
        headers.get("in-reply-to"),
        headers.get("references"),
    )


def build(fields: Mapping[str, Any], *, id: str) -> bytes:
    """A message from the fields of a builder; see SendEmail.send. EmailError for what it cannot have."""
    for name in ("from", "to", "subject"):
        if not fields.get(name):
            raise EmailError(f"required field is missing: {name}", code="E_FIELD_MISSING")
    count = sum(len(_listed(fields.get(name))) for name in ("to", "cc", "bcc"))
    if count > MAX_RECIPIENTS:
        raise EmailError(
            f"too many recipients: {count}, at most {MAX_RECIPIENTS}", code="E_TOO_MANY_RECIPIENTS"
        )
    attachments = list(fields.get("attachments") or ())
    if len(attachments) > MAX_ATTACHMENTS:
        raise EmailError(
            f"too many attachments: {len(attachments)}, at most {MAX_ATTACHMENTS}",
            code="E_TOO_MANY_ATTACHMENTS",
        )
    from email import policy
    from email.message import EmailMessage
    from email.utils import format_datetime

    mime = EmailMessage(policy.SMTP)
    for name, key in (("From", "from"), ("To", "to"), ("Cc", "cc"), ("Reply-To", "reply_to")):
        if given := _listed(fields.get(key)):
            mime[name] = [_address(one) for one in given]
    try:
        mime["Subject"] = str(fields["subject"])
    except ValueError as error:
        raise EmailError(f"invalid subject: {error}", code="E_VALIDATION_ERROR") from None
    mime["Date"] = format_datetime(datetime.fromtimestamp(host.now(), UTC))
    mime["Message-ID"] = id
    _add_headers(mime, fields.get("headers") or {})
    text, html = fields.get("text"), fields.get("html")
    if text is not None or html is None:
        mime.set_content("" if text is None else str(text))
    if html is not None:
        add = mime.set_content if text is None else mime.add_alternative
        add(str(html), subtype="html")
    page: Mime | None = None if html is None else mime
    if html is not None and text is not None:
        page = mime.get_payload(1)  # type: ignore[assignment]
    parts = [_part(attachment) for attachment in attachments]
    # What belongs to the page goes into it before anything is put beside it.
    for content, kind, filename, cid in parts:
        if cid and page is not None:
            page.add_related(
                content, *kind, filename=filename, cid=f"<{cid}>", disposition="inline"
            )
    for content, kind, filename, cid in parts:
        if not cid or page is None:
            mime.add_attachment(content, *kind, filename=filename)
    return mime.as_bytes()


def _listed(given: Any) -> list[Any]:
    if given is None or given == "":
        return []
    return list(given) if isinstance(given, list | tuple) else [given]


def _address(given: Any) -> Address:
    from email.headerregistry import Address
    from email.utils import parseaddr

    name = ""
    if isinstance(given, Mapping):
        name = str(given.get("name") or "")
    elif isinstance(given, str):
        name = parseaddr(given)[0]
    plain = address(given)
    local, at, domain = plain.rpartition("@")
    try:
        if not (local and at and domain) or not plain.isascii() or re.search(r"\s", plain):
            raise ValueError("expected local@domain")
        return Address(display_name=name, addr_spec=plain)
    except (
        Exception
    ) as error:  # the parser's faults have no common class: IndexError, HeaderParseError
        raise EmailError(
            f"invalid email address: {plain!r:.100}: {error}", code="E_VALIDATION_ERROR"
        ) from None


def _add_headers(mime: Mime, headers: Mapping[str, Any]) -> None:
    size = own = 0
    for name, given in dict(headers).items():
        value, lower = str(given), str(name).lower()
        size += len(lower) + len(value.encode("utf-8", "replace"))
        own += not lower.startswith("x-")
        code = None
        if not _HEADER_NAME(str(name)) or len(lower) > MAX_HEADER_NAME:
            code = "E_HEADER_NAME_INVALID"
        elif lower in _FIELDS:
            code = "E_HEADER_USE_API_FIELD"
        elif lower in _PLATFORM:
            code = "E_HEADER_NOT_ALLOWED"
        elif not value.strip() or re.search(r"[\0\r\n]", value):
            code = "E_HEADER_VALUE_INVALID"
        elif len(value.encode("utf-8", "replace")) > MAX_HEADER_VALUE:
            code = "E_HEADER_VALUE_TOO_LONG"
        if code is not None:
            what = code.removeprefix("E_").replace("_", " ").lower()
            raise EmailError(f"{what}: {name!s:.100}", code=code)
        mime[name] = value
    if own > MAX_HEADERS:
        raise EmailError(
            f"too many headers: {own}, at most {MAX_HEADERS}", code="E_HEADERS_TOO_MANY"
        )
    if size > MAX_HEADERS_SIZE:
        raise EmailError(f"headers too large: {size} bytes", code="E_HEADERS_TOO_LARGE")


class _Part(NamedTuple):
    content: bytes
    kind: tuple[str, str]
    filename: str
    cid: str | None  # of one that stands in the page


def _part(attachment: Any) -> _Part:
    filename = attachment.get("filename") if isinstance(attachment, Mapping) else None
    if not isinstance(filename, str):
        raise EmailError("an attachment must have a filename", code="E_VALIDATION_ERROR")
    given = attachment.get("content")
    id = attachment.get("content_id") or attachment.get("contentId")
    type = _TYPE(str(attachment.get("type") or "application/octet-stream"))
    try:
        if type is None or type[1].lower() in ("message", "multipart"):
            raise ValueError("type is no MIME type of a file")
        if not isinstance(given, str | bytes | bytearray | memoryview):
            raise TypeError(f"content is {given.__class__.__name__}")
        content = from_base64(given) if isinstance(given, str) else bytes(given)
        if re.search(r"[\0\r\n]", f"{filename}{id}"):
            raise ValueError("a name must be one line")
    except (TypeError, ValueError) as error:
        raise EmailError(
            f"invalid attachment {filename!r:.100}: {error}; content is bytes, or base64 as text",
            code="E_VALIDATION_ERROR",
        ) from None
    inline = attachment.get("disposition") == "inline" and id
    return _Part(content, (type[1].lower(), type[2].lower()), filename, str(id) if inline else None)


def _addresses_in(headers: Headers, name: str) -> list[str]:
    values: Iterable[str] = headers.get_all(name)
    from email.utils import getaddresses

    return [address for _, address in getaddresses(list(values)) if address]
