from __future__ import annotations

import base64
import email
import re
from email import policy
from email.message import EmailMessage as Mime
from typing import Any

import pytest

from edgekit.bindings.email import MAX_SIZE, EmailMessage, Mail, SendEmail
from edgekit.errors import EmailError
from edgekit.testing.clock import ManualClock
from edgekit.web.streams import ReadableStream

pytestmark = pytest.mark.usefixtures("clock")

ID = re.compile(r"<[A-Za-z0-9]{36}@x\.com>").fullmatch


class Box(list[Mail]):
    """Where mail goes."""

    async def __call__(self, mail: Mail) -> None:
        self.append(mail)


@pytest.fixture
def box() -> Box:
    return Box()


@pytest.fixture
def sender(box: Box) -> SendEmail:
    return SendEmail(box)


def raw(body: str = "Hello", **headers: str | None) -> str:
    given = {
        "From": "a@x.com",
        "To": "b@y.com",
        "Message-ID": "<1@x.com>",
        "Subject": "s",
        **headers,
    }
    lines = [f"{name}: {value}\r\n" for name, value in given.items() if value is not None]
    return "".join(lines) + "\r\n" + body


async def refused(sender: SendEmail, *args: Any, **fields: Any) -> tuple[Any, str]:
    with pytest.raises(EmailError) as caught:
        await sender.send(*args, **fields)
    return caught.value.code, str(caught.value)


def parsed(mail: Mail) -> Mime:
    message = email.message_from_bytes(mail.raw, policy=policy.default)
    assert isinstance(message, Mime)
    return message


FIELDS = {"from": "a@x.com", "to": "b@y.com", "subject": "Hi", "text": "Hello"}


# Finished messages


@pytest.mark.parametrize(
    "given",
    [
        raw(),
        raw().encode(),
        bytearray(raw().encode()),
        ReadableStream([raw().encode()[:9], raw().encode()[9:]]),
        iter([raw().encode()]),
    ],
)
async def test_finished_message_is_sent_as_it_is(sender: SendEmail, box: Box, given: Any) -> None:
    result = await sender.send(EmailMessage("a@x.com", "b@y.com", given))
    assert box == [Mail("a@x.com", ["b@y.com"], raw().encode())]
    assert ID(result.messageId)


async def test_message_has_its_parts_under_both_names() -> None:
    message = EmailMessage("a@x.com", "b@y.com", "raw")
    assert (message.from_, getattr(message, "from"), message.to, message.raw) == (
        "a@x.com",
        "a@x.com",
        "b@y.com",
        "raw",
    )


async def test_from_header_may_have_a_name_and_to_may_be_several(
    sender: SendEmail, box: Box
) -> None:
    text = raw(From="Ada <a@x.com>")
    await sender.send(EmailMessage("a@x.com", ["b@y.com", "C <c@y.com>"], text))  # type: ignore[arg-type]
    assert box[0].recipients == ["b@y.com", "c@y.com"]


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"Message-ID": None}, "invalid message-id"),
        ({"From": "c@x.com"}, "From: header does not match mail from"),
        ({"From": "A@x.com"}, "From: header does not match mail from"),
        ({"From": None}, "From: header does not match mail from"),
        ({"Received": "by x"}, "invalid headers set"),
        ({"Message-ID": None, "From": "c@x.com"}, "invalid message-id"),
    ],
)
async def test_message_that_breaks_a_rule_is_refused(
    sender: SendEmail, box: Box, headers: Any, text: str
) -> None:
    assert await refused(sender, EmailMessage("a@x.com", "b@y.com", raw(**headers))) == (None, text)
    assert not box


@pytest.mark.parametrize("given", ["", b"\xff\xfe\0", "no headers at all", ":\n\nx"])
async def test_what_is_no_message_is_refused(sender: SendEmail, given: Any) -> None:
    message = EmailMessage("a@x.com", "b@y.com", given)
    assert await refused(sender, message) == (None, "invalid message-id")


# Who may send to whom


async def test_addresses_must_be_allowed(box: Box) -> None:
    sender = SendEmail(
        box, allowed_destination_addresses=["b@y.com"], allowed_sender_addresses=["a@x.com"]
    )
    to, from_ = "E_RECIPIENT_NOT_ALLOWED", "E_SENDER_NOT_VERIFIED"
    message = EmailMessage("a@x.com", "z@y.com", "")
    assert await refused(sender, message) == (to, "email to z@y.com not allowed")
    message = EmailMessage("q@x.com", "z@y.com", "")
    assert await refused(sender, message) == (from_, "email from q@x.com not allowed")
    many = {**FIELDS, "to": ["b@y.com", "Zoe <z@y.com>"]}
    assert await refused(sender, many) == (to, "email to z@y.com not allowed")
    named = {**FIELDS, "from": {"email": "q@x.com", "name": "Q"}}
    assert await refused(sender, named) == (from_, "email from q@x.com not allowed")
    for field in ("cc", "bcc"):
        assert (await refused(sender, {**FIELDS, field: "z@y.com"}))[0] == to
    assert not box
    await sender.send(FIELDS)
    await sender.send(EmailMessage("a@x.com", "b@y.com", raw()))
    assert len(box) == 2


async def test_one_destination_is_the_only_one(box: Box) -> None:
    sender = SendEmail(box, destination_address="b@y.com")
    await sender.send(FIELDS)
    text = "email to c@y.com not allowed"
    assert (await refused(sender, {**FIELDS, "to": ["b@y.com", "c@y.com"]}))[1] == text


# Messages from fields


async def test_fields_become_a_message(sender: SendEmail, box: Box) -> None:
    result = await sender.send(
        from_="Ada Lovelace <a@x.com>",
        to=["b@y.com", {"email": "c@y.com", "name": "Çe"}],
        cc="d@y.com",
        bcc=["e@y.com"],
        reply_to={"email": "r@x.com"},
        subject="Größe",
        text="Schön",
        headers={"X-Tag": "1", "List-Id": "<l.x.com>"},
    )
    (mail,) = box
    assert mail.sender == "a@x.com"
    assert mail.recipients == ["b@y.com", "c@y.com", "d@y.com", "e@y.com"]
    message = parsed(mail)
    assert message["from"] == "Ada Lovelace <a@x.com>"
    assert message["to"] == "b@y.com, Çe <c@y.com>"
    assert (message["cc"], message["reply-to"]) == ("d@y.com", "r@x.com")
    assert message["subject"] == "Größe"
    assert message["bcc"] is None
    assert b"e@y.com" not in mail.raw
    assert (message["x-tag"], message["list-id"]) == ("1", "<l.x.com>")
    assert message["date"] == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert message["message-id"] == result.messageId
    assert ID(result.messageId)
    assert message.get_content() == "Schön\r\n"
    assert mail.raw.count(b"\n") == mail.raw.count(b"\r\n")


async def test_text_and_html_are_alternatives(sender: SendEmail, box: Box) -> None:
    await sender.send({**FIELDS, "html": "<b>Hello</b>"})
    message = parsed(box[0])
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert html is not None
    assert (plain.get_content(), html.get_content()) == ("Hello\r\n", "<b>Hello</b>\r\n")


@pytest.mark.parametrize(("fields", "type"), [({"html": "<b>"}, "text/html"), ({}, "text/plain")])
async def test_message_without_text(
    sender: SendEmail, box: Box, fields: dict[str, str], type: str
) -> None:
    await sender.send({**FIELDS, "text": None, **fields})
    assert parsed(box[0]).get_content_type() == type


@pytest.mark.parametrize("text", ["Hello", None])
async def test_attachments_are_bytes_or_base64(
    sender: SendEmail, box: Box, text: str | None
) -> None:
    image = bytes(range(256))
    await sender.send(
        {
            **FIELDS,
            "text": text,
            "html": '<img src="cid:logo">',
            "attachments": [
                {"filename": "ü.pdf", "type": "application/pdf", "content": image},
                {
                    "filename": "logo.png",
                    "type": "image/png; x=y",
                    "content": base64.encodebytes(image).decode(),  # in lines, as in a message
                    "disposition": "inline",
                    "contentId": "logo",
                },
                {"filename": "x.txt", "content": b"plain", "type": "text/plain"},
                {"filename": "none", "content": memoryview(b"?")},
            ],
        }
    )
    parts = {part.get_filename(): part for part in parsed(box[0]).walk() if part.get_filename()}
    assert list(parts) == ["logo.png", "ü.pdf", "x.txt", "none"]
    logo = parts["logo.png"]
    assert (logo["content-id"], logo.get_content_disposition()) == ("<logo>", "inline")
    assert logo.get_content_type() == "image/png"
    assert logo.get_payload(decode=True) == parts["ü.pdf"].get_payload(decode=True) == image
    assert parts["none"].get_content_type() == "application/octet-stream"


async def test_inline_attachment_without_html_is_an_attachment(sender: SendEmail, box: Box) -> None:
    inline = {"filename": "a", "content": b"x", "disposition": "inline", "content_id": "a"}
    await sender.send({**FIELDS, "attachments": [inline]})
    assert [part.get_filename() for part in parsed(box[0]).walk()][-1] == "a"


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({"from": None}, "E_FIELD_MISSING", "from"),
        ({"to": []}, "E_FIELD_MISSING", "to"),
        ({"subject": ""}, "E_FIELD_MISSING", "subject"),
        ({"subject": "a\r\nBcc: z@z.com"}, "E_VALIDATION_ERROR", "invalid subject"),
        ({"from": "nobody"}, "E_VALIDATION_ERROR", "invalid email address: 'nobody'"),
        ({"to": "a b@y.com"}, "E_VALIDATION_ERROR", "invalid email address"),
        ({"to": "b@y.com\r\nBcc: z@z.com"}, "E_VALIDATION_ERROR", "invalid email address"),
        (
            {"bcc": "b@y.com\r\nRCPT TO:<z@z.com>\r\n"},
            "E_VALIDATION_ERROR",
            "invalid email address",
        ),
        ({"bcc": "<b@y.com\nDATA>"}, "E_VALIDATION_ERROR", "invalid email address"),
        ({"to": "<b@y.com"}, "E_VALIDATION_ERROR", "invalid email address"),
        ({"to": "bü@y.com"}, "E_VALIDATION_ERROR", "invalid email address"),
        ({"cc": "@y.com"}, "E_VALIDATION_ERROR", "invalid email address"),
        ({"to": [5]}, "E_VALIDATION_ERROR", "invalid email address: 5"),
        ({"to": {"name": "x"}}, "E_VALIDATION_ERROR", "invalid email address: None"),
        (
            {"to": {"email": "b@y.com", "name": "x\r\nBcc: z"}},
            "E_VALIDATION_ERROR",
            "invalid email address",
        ),
        ({"to": ["b@y.com"] * 50, "cc": "c@y.com"}, "E_TOO_MANY_RECIPIENTS", "51"),
        ({"attachments": [{"filename": "a", "content": b""}] * 33}, "E_TOO_MANY_ATTACHMENTS", "33"),
        ({"attachments": [{"content": b""}]}, "E_VALIDATION_ERROR", "must have a filename"),
        ({"attachments": ["x"]}, "E_VALIDATION_ERROR", "must have a filename"),
        ({"attachments": [{"filename": "a"}]}, "E_VALIDATION_ERROR", "content is NoneType"),
        ({"attachments": [{"filename": "a", "content": 5}]}, "E_VALIDATION_ERROR", "int"),
        ({"attachments": [{"filename": "a", "content": "?"}]}, "E_VALIDATION_ERROR", "base64"),
        (
            {"attachments": [{"filename": "a\r\nX: y", "content": b""}]},
            "E_VALIDATION_ERROR",
            "one line",
        ),
        (
            {"attachments": [{"filename": "a", "content": b"", "type": "png"}]},
            "E_VALIDATION_ERROR",
            "no MIME type",
        ),
        ({"headers": {"Bcc": "z@z.com"}}, "E_HEADER_USE_API_FIELD", "Bcc"),
        ({"headers": {"message-id": "<x>"}}, "E_HEADER_NOT_ALLOWED", "message-id"),
        ({"headers": {"X-A": "a\r\nBcc: z"}}, "E_HEADER_VALUE_INVALID", "X-A"),
        ({"headers": {"X-A": " "}}, "E_HEADER_VALUE_INVALID", "X-A"),
        ({"headers": {"X-A": "x" * 2049}}, "E_HEADER_VALUE_TOO_LONG", "X-A"),
        ({"headers": {"X A": "x"}}, "E_HEADER_NAME_INVALID", "X A"),
        ({"headers": {"X-" + "a" * 99: "x"}}, "E_HEADER_NAME_INVALID", "X-a"),
        ({"headers": {f"A{n}": "x" for n in range(21)}}, "E_HEADERS_TOO_MANY", "21"),
        ({"headers": {f"X-{n}": "x" * 2000 for n in range(9)}}, "E_HEADERS_TOO_LARGE", "18"),
    ],
)
async def test_fields_that_cannot_be_a_message_are_refused(
    sender: SendEmail, box: Box, fields: Any, code: str, text: str
) -> None:
    found, message = await refused(sender, {**FIELDS, **fields})
    assert found == code
    assert text in message
    assert not box


@pytest.mark.parametrize("message", ["text", 5, [FIELDS]])
async def test_what_is_no_email_is_refused(sender: SendEmail, message: Any) -> None:
    code, text = await refused(sender, message)
    assert code == "E_VALIDATION_ERROR"
    assert "an email is an EmailMessage or a dict of fields" in text


async def test_email_is_at_most_25_mib(sender: SendEmail, box: Box) -> None:
    large = EmailMessage("a@x.com", "b@y.com", raw("x" * MAX_SIZE))
    assert (await refused(sender, large))[0] == "E_CONTENT_TOO_LARGE"
    endless = EmailMessage(
        "a@x.com", "b@y.com", ReadableStream(iter([raw().encode(), *[b"x" * MAX_SIZE] * 9]))
    )
    assert (await refused(sender, endless))[0] == "E_CONTENT_TOO_LARGE"
    file = {"filename": "f", "content": b"x" * (MAX_SIZE * 3 // 4)}  # base64 makes it larger
    assert (await refused(sender, {**FIELDS, "attachments": [file]}))[0] == "E_CONTENT_TOO_LARGE"
    assert not box


async def test_what_carries_it_may_refuse(clock: ManualClock) -> None:
    async def post(mail: Mail) -> None:
        raise EmailError("no", code="E_DELIVERY_FAILED")

    assert await refused(SendEmail(post), FIELDS) == ("E_DELIVERY_FAILED", "no")
