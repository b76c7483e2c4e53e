"""The development endpoint that gives an email to the handler, see dev_endpoints.py.

A module of its own: few Workers take email, and what reads it takes a tenth of the start.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from edgekit import host
from edgekit.bindings.email import EmailMessage, EmailSendResult
from edgekit.bindings.email_incoming import ForwardableEmailMessage
from edgekit.errors import EmailError
from edgekit.runtime.mail import post_of
from edgekit.web.headers import Headers
from edgekit.web.request import Request
from edgekit.web.response import Response

_MAX_EMAIL = 25 * 1024 * 1024  # bytes
_NO_EMAIL = (
    "Invalid email. Your request must include URL parameters specifying the `from` and `to` addresses,"
    " as well as an email in the body"
)


async def handle_email(
    request: Request, outcome_of: Callable[[Any], Awaitable[str]], smtp: str | None
) -> Response:
    """400 for what is no email, and for one that is rejected; 500 where the handler fails.

    `outcome_of` gives a message to the handler: "ok", or what became of it.
    """
    query = request.query
    sender, to = query.get("from"), query.get("to")
    raw = await request.bytes()
    if not (raw and sender and to):
        return Response(_NO_EMAIL, status=400)
    if len(raw) > _MAX_EMAIL:
        return Response("Email message size is bigger than the limit of 25MiB.", status=400)
    try:
        message = _Recorded(sender, to, raw, post_of(smtp))
    except (ValueError, EmailError) as error:
        return Response(f"Email could not be parsed: {error}", status=400)
    outcome = await outcome_of(message)
    status = 200 if outcome == "ok" else 500
    reason = message.outcome.reject_reason
    if query.get("format") == "json":
        rejected = {} if reason is None else {"rejectReason": reason}
        told = {"outcome": outcome, **rejected, **message.record}
        return Response.json(told, status=status)
    if outcome != "ok":
        return Response(outcome, status=status)
    if reason is not None:
        text = f"Worker rejected email with the following reason: {reason}"
        return Response(text, status=400)
    return Response("Worker successfully processed email")


class _Recorded(ForwardableEmailMessage):
    """An email that writes down what is done with it, as `format=json` tells it."""

    __slots__ = ("record",)

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.record: dict[str, list[dict[str, Any]]] = {"forwards": [], "replies": [], "events": []}

    def set_reject(self, reason: str) -> None:
        super().set_reject(reason)
        self._event("reject")

    async def forward(
        self, rcpt_to: str, headers: Mapping[str, str] | None = None
    ) -> EmailSendResult:
        result = await super().forward(rcpt_to, headers)
        [recipient] = self.outcome.forwards[-1].recipients
        added = [list(pair) for pair in Headers(headers).items()]
        self._event("forward", result)
        self.record["forwards"].append({"recipient": recipient, "headers": added, **result})
        return result

    async def reply(
        self, message: EmailMessage | Mapping[str, Any] | None = None, /, **fields: Any
    ) -> EmailSendResult:
        result = await super().reply(message, **fields)
        mail = self.outcome.replies[-1]
        self._event("reply", result)
        text = mail.raw.decode("utf-8", "replace")
        self.record["replies"].append({**result, "sender": mail.sender, "raw": text})
        return result

    def _event(self, kind: str, result: Mapping[str, Any] | None = None) -> None:
        moment = datetime.fromtimestamp(host.now(), UTC).isoformat(timespec="milliseconds")
        timestamp = moment.replace("+00:00", "Z")
        self.record["events"].append({"type": kind, "timestamp": timestamp, **(result or {})})
