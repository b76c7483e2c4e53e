"""ForwardableEmailMessage: an email that has come in, as an `email` handler gets it.

Spec: Cloudflare Email Routing, the Workers API. Whoever has the email makes the message, gives it to
the handler, and then looks at `outcome`. Rules of replies and their texts are those of the platform's
simulator, but for this: as in production, one can reply once.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from edgekit.bindings.email import (
    EmailMessage,
    EmailSendResult,
    Mail,
    Post,
    check_message,
    fields_of,
    read,
)
from edgekit.bindings.email_mime import address, build, message_id, parse
from edgekit.errors import EmailError
from edgekit.web.headers import Headers
from edgekit.web.spelling import Spelled
from edgekit.web.streams import ReadableStream

logger = logging.getLogger(__name__)

_MAX_REFERENCES = 100
_MANY_REFERENCES = (
    'The incoming email\'s "References" header has more than 100 entries. As such, your Worker cannot'
    " respond to this email."
)


@dataclass(slots=True)
class EmailOutcome:
    """What a handler has done with an email: a reason to reject it, mails forwarded, mails replied."""

    reject_reason: str | None = None
    forwards: list[Mail] = field(default_factory=list)
    replies: list[Mail] = field(default_factory=list)


class ForwardableEmailMessage(Spelled):
    """An incoming email. `from_` and `to` are the envelope's, `headers` those of the message, `raw` a
    stream of all its bytes, `raw_size` how many.

    Raises ValueError for bytes that are no message, EmailError for one without Message-ID.
    """

    __slots__ = ("_parsed", "_post", "_raw", "from_", "headers", "outcome", "raw", "raw_size", "to")

    can_be_forwarded = True

    def __init__(self, from_: str, to: str, raw: bytes, post: Post) -> None:
        self._parsed = parse(raw)
        if not self._parsed.message_id:
            raise EmailError("invalid or no message id provided")
        self.from_ = from_
        self.to = to
        self.headers: Headers = self._parsed.headers
        self.raw = ReadableStream([raw])
        self.raw_size = len(raw)
        self.outcome = EmailOutcome()
        self._raw = raw
        self._post = post

    def set_reject(self, reason: str) -> None:
        """Refuse the email: its sender is told `reason`."""
        self.outcome.reject_reason = str(reason)

    async def forward(
        self, rcpt_to: str, headers: Mapping[str, str] | None = None
    ) -> EmailSendResult:
        """Send the email on to another address, with more headers if need be (their names begin with X-)."""
        added = b""
        for name, value in Headers(headers).items():
            if not name.startswith("x-"):
                raise EmailError(f"only headers whose name begins with X- can be added, not {name}")
            added += f"{name}: {value}\r\n".encode("latin-1")
        mail = Mail(self.from_, [address(rcpt_to)], added + self._raw)
        await self._post(mail)
        self.outcome.forwards.append(mail)
        return EmailSendResult(messageId=message_id(self.to))

    async def reply(
        self, message: EmailMessage | Mapping[str, Any] | None = None, /, **fields: Any
    ) -> EmailSendResult:
        """Answer the sender, once: with an EmailMessage whose In-Reply-To is this message's id, or
        with fields as for `SendEmail.send`, of which `from`, `to` and `subject` have defaults.
        """
        self._check_replyable()
        if isinstance(message, EmailMessage):
            mail = await self._checked(message)
        else:
            mail = self._built(fields_of({**(message or {}), **fields}))
        await self._post(mail)
        self.outcome.replies.append(mail)
        return EmailSendResult(messageId=message_id(mail.sender))

    def _check_replyable(self) -> None:
        parsed = self._parsed
        references = (parsed.references or "").count("@")
        automatic = self.headers.get("auto-submitted", "no").lower() != "no"
        suppressed = self.headers.get("x-auto-response-suppress", "none").lower() != "none"
        if references >= _MAX_REFERENCES and parsed.in_reply_to is not None:
            logger.error(_MANY_REFERENCES)
        if (
            automatic
            or suppressed
            or (parsed.in_reply_to is None) != (parsed.references is None)
            or references >= _MAX_REFERENCES
            or self.outcome.replies
        ):
            raise EmailError("Original email is not replyable")

    async def _checked(self, message: EmailMessage) -> Mail:
        raw = await read(message.raw)
        parsed = parse(raw)
        if parsed.sender != message.from_:
            raise EmailError("From: header does not match mail from")
        check_message(parsed.message_id, parsed.sender, message.from_, parsed.headers)
        if parsed.in_reply_to is None:
            raise EmailError("no In-Reply-To header found in reply message")
        if parsed.in_reply_to != self._parsed.message_id:
            raise EmailError("In-Reply-To does not match original Message-ID")
        before = self._parsed.references or ""
        if parsed.references is None:
            raw = f"References: {self._references()}\r\n".encode() + raw
        elif self._parsed.message_id not in parsed.references or before not in parsed.references:
            raise EmailError("provided References header is invalid")
        return Mail(message.from_, [message.to], raw)

    def _built(self, fields: dict[str, Any]) -> Mail:
        subject = self.headers.get("subject", "")
        given = {"from": self.to, "to": self.from_, "subject": f"Re: {subject}", **fields}
        threading = {"In-Reply-To": self._parsed.message_id, "References": self._references()}
        given["headers"] = {**(given.get("headers") or {}), **threading}
        sender = address(given["from"])
        return Mail(sender, [address(given["to"])], build(given, id=message_id(sender)))

    def _references(self) -> str:
        return f"{self._parsed.message_id} {self._parsed.references or ''}".strip()


setattr(ForwardableEmailMessage, "from", property(lambda self: self.from_))
