"""SendEmail: outgoing email. Spec: Cloudflare Email Routing and Email Service, the Workers API.

It makes and checks a message; who carries it to its recipients (an SMTP server; in development a
folder of .eml files) is an argument. Rules and texts are those of the platform's simulator, codes
those of its documentation. What differs: cc and bcc are held to the allowed addresses too.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple, TypeAlias

from edgekit.bindings.chunks import collected
from edgekit.bindings.email_mime import address, addresses, build, message_id, parse
from edgekit.errors import EmailError
from edgekit.web.spelling import Plain, Spelled, snake
from edgekit.web.streams import ReadableStream

MAX_SIZE = 25 * 1024 * 1024  # bytes of a message

Raw: TypeAlias = str | bytes | ReadableStream | AsyncIterable[bytes] | Iterable[bytes]


class Mail(NamedTuple):
    """A message on its way: who sends it to whom (bcc included), and its bytes."""

    sender: str
    recipients: Sequence[str]
    raw: bytes


# Carries a message on; raises EmailError when it cannot.
Post = Callable[[Mail], Awaitable[None]]


class EmailMessage(Spelled):
    """A finished message: `EmailMessage("from@example.com", "to@example.com", raw)`.

    `raw` is a message of RFC 5322 as text, bytes or a stream, with From and Message-ID among its
    headers. Addresses are the envelope's.
    """

    __slots__ = ("from_", "raw", "to")

    def __init__(self, from_: str, to: str, raw: Raw) -> None:
        self.from_ = from_
        self.to = to
        self.raw = raw


# On Workers it is `from`, which Python's grammar reserves: `getattr(message, "from")`.
setattr(EmailMessage, "from", property(lambda self: self.from_))


class EmailSendResult(Plain):
    """What sending answers: the Message-ID."""

    __slots__ = ()
    messageId: str


class SendEmail(Spelled):
    """`await env.EMAIL.send(message)`.

    A refused call raises EmailError with the platform's text, and `code` where the platform has one,
    such as "E_RECIPIENT_NOT_ALLOWED" or "E_DELIVERY_FAILED".
    """

    __slots__ = ("_post", "_recipients", "_senders")

    binding_kind: ClassVar[str] = "send_email"

    def __init__(
        self,
        post: Post,
        *,
        destination_address: str | None = None,
        allowed_destination_addresses: Sequence[str] | None = None,
        allowed_sender_addresses: Sequence[str] | None = None,
    ) -> None:
        self._post = post
        self._senders = allowed_sender_addresses
        self._recipients = allowed_destination_addresses
        if destination_address is not None:
            self._recipients = [destination_address]

    async def send(
        self, message: EmailMessage | Mapping[str, Any] | None = None, /, **fields: Any
    ) -> EmailSendResult:
        """Send an EmailMessage, or one that is made of fields, as a dict or as keywords.

        `from_` ("from" in a dict), `to`, `subject`, `text`, `html`, `cc`, `bcc`, `reply_to`,
        `headers`, `attachments`. An address is "ada@example.com", "Ada <ada@example.com>" or
        {"email": ..., "name": ...}; to, cc and bcc may be lists, of 50 together. An attachment is
        {"filename", "type", "content": bytes, or text in base64, "disposition": "attachment" or
        "inline", "contentId"}; there are up to 32. A message has at most 25 MiB.
        """
        if isinstance(message, EmailMessage):
            return await self._send_raw(message)
        if message is not None and not isinstance(message, Mapping):
            raise EmailError(
                f"an email is an EmailMessage or a dict of fields, not {type(message).__name__}",
                code="E_VALIDATION_ERROR",
            )
        given = fields_of({**(message or {}), **fields})
        sender = address(given["from"]) if given.get("from") else ""
        to = addresses(given.get("to"))
        copies = addresses(given.get("cc")) + addresses(given.get("bcc"))
        if sender:
            self._check(sender, [*to, *copies])
        id = message_id(sender)
        raw = build(given, id=id)
        await self._deliver(Mail(sender, [*to, *copies], raw))
        return EmailSendResult(messageId=id)

    async def _send_raw(self, message: EmailMessage) -> EmailSendResult:
        to = addresses(message.to)
        self._check(message.from_, to)
        raw = await read(message.raw)
        parsed = parse(raw)
        check_message(parsed.message_id, parsed.sender, message.from_, parsed.headers)
        await self._deliver(Mail(message.from_, to, raw))
        return EmailSendResult(messageId=message_id(message.from_))

    def _check(self, sender: str, recipients: Sequence[str]) -> None:
        if self._senders is not None and sender not in self._senders:
            raise EmailError(f"email from {sender} not allowed", code="E_SENDER_NOT_VERIFIED")
        for recipient in recipients:
            if self._recipients is not None and recipient not in self._recipients:
                raise EmailError(
                    f"email to {recipient} not allowed", code="E_RECIPIENT_NOT_ALLOWED"
                )

    async def _deliver(self, mail: Mail) -> None:
        if len(mail.raw) > MAX_SIZE:
            raise too_large(len(mail.raw))
        await self._post(mail)


def fields_of(given: Mapping[str, Any]) -> dict[str, Any]:
    """A builder's fields in one spelling: `replyTo` and `reply_to`, `from` and `from_`."""
    return {snake(name).rstrip("_"): value for name, value in given.items()}


def check_message(
    message_id: str | None, sender: str | None, envelope: str, headers: Mapping[str, str]
) -> None:
    """What a message must have before it is sent or replied with."""
    if not message_id:
        raise EmailError("invalid message-id")
    if sender != envelope:
        raise EmailError("From: header does not match mail from")
    if "received" in headers:
        raise EmailError("invalid headers set")


async def read(raw: Raw) -> bytes:
    """All of a message; EmailError when it is larger than one may be."""
    if isinstance(raw, str):
        raw = raw.encode()
    if isinstance(raw, bytes | bytearray | memoryview):
        return bytes(raw)
    stream = raw if isinstance(raw, ReadableStream) else ReadableStream(raw)
    return b"".join(await collected(stream, MAX_SIZE, too_large))


def too_large(size: int) -> EmailError:
    """The error for a message of `size` bytes."""
    return EmailError(
        f"email too large: {size} bytes, at most {MAX_SIZE}", code="E_CONTENT_TOO_LARGE"
    )
