from __future__ import annotations

import logging
from typing import Any

import pytest

from edgekit.bindings.email import EmailMessage, Mail
from edgekit.bindings.email_incoming import ForwardableEmailMessage
from edgekit.errors import EmailError, WebTypeError

pytestmark = pytest.mark.usefixtures("clock")


class Box(list[Mail]):
    async def __call__(self, mail: Mail) -> None:
        self.append(mail)


@pytest.fixture
def box() -> Box:
    return Box()


def raw(body: str = "Hello", **headers: str | None) -> bytes:
    given = {"From": "Ada <ada@x.com>", "To": "me@y.com", "Message-ID": "<1@x.com>", **headers}
    lines = [f"{name.replace('_', '-')}: {value}\r\n" for name, value in given.items() if value]
    return ("".join(lines) + "\r\n" + body).encode()


def incoming(box: Box, **headers: str | None) -> ForwardableEmailMessage:
    return ForwardableEmailMessage("ada@x.com", "me@y.com", raw(**headers), box)


def answer(**headers: str | None) -> EmailMessage:
    given = {"From": "me@y.com", "To": "ada@x.com", "Message-ID": "<2@y.com>"}
    return EmailMessage(
        "me@y.com", "ada@x.com", raw(**{**given, "In_Reply_To": "<1@x.com>", **headers})
    )


async def refused(message: ForwardableEmailMessage, *args: Any, **fields: Any) -> str:
    with pytest.raises(EmailError) as caught:
        await message.reply(*args, **fields)
    return str(caught.value)


async def test_message_shows_its_envelope_headers_and_bytes(box: Box) -> None:
    message = incoming(box, Subject="Grüße\r\n aus Wien", X_Two="a", Bad_Name_="x")
    assert (message.from_, getattr(message, "from"), message.to) == (
        "ada@x.com",
        "ada@x.com",
        "me@y.com",
    )
    assert message.headers["Subject"].encode("latin-1").decode() == "Grüße aus Wien"
    assert message.headers.get("x-two") == "a"
    assert (
        message.raw_size
        == message.rawSize
        == len(raw(Subject="Grüße\r\n aus Wien", X_Two="a", Bad_Name_="x"))
    )  # type: ignore[attr-defined]
    assert len(await message.raw.read_all()) == message.raw_size
    assert message.can_be_forwarded
    with pytest.raises(WebTypeError):
        message.headers["x-three"] = "b"


@pytest.mark.parametrize("data", [b"", b"\0\xff", b"From: ada@x.com\r\n\r\nHello"])
def test_message_without_id_is_refused(box: Box, data: bytes) -> None:
    with pytest.raises(EmailError, match="invalid or no message id provided"):
        ForwardableEmailMessage("ada@x.com", "me@y.com", data, box)


def test_reason_to_reject_is_kept_for_whoever_answers(box: Box) -> None:
    message = incoming(box)
    assert message.outcome.reject_reason is None
    message.setReject("spam")  # type: ignore[attr-defined]
    assert message.outcome.reject_reason == "spam"


async def test_forwarding_adds_headers_and_keeps_the_rest(box: Box) -> None:
    message = incoming(box)
    result = await message.forward("you@z.com", {"X-Why": "because"})
    assert result.messageId.endswith("@y.com>")
    await message.forward("She <she@z.com>")
    assert (
        box
        == message.outcome.forwards
        == [
            Mail("ada@x.com", ["you@z.com"], b"x-why: because\r\n" + raw()),
            Mail("ada@x.com", ["she@z.com"], raw()),
        ]
    )


async def test_only_x_headers_can_be_added(box: Box) -> None:
    with pytest.raises(EmailError, match="begins with X-"):
        await incoming(box).forward("you@z.com", {"Bcc": "z@z.com"})
    with pytest.raises(WebTypeError):
        await incoming(box).forward("you@z.com", {"X-A": "a\r\nBcc: z@z.com"})
    assert not box


async def test_reply_gets_references_where_it_has_none(box: Box) -> None:
    message = incoming(box)
    result = await message.reply(answer())
    assert result.messageId.endswith("@y.com>")
    reply = await _bytes(answer())
    assert box == [Mail("me@y.com", ["ada@x.com"], b"References: <1@x.com>\r\n" + reply)]
    assert message.outcome.replies == box


async def _bytes(message: EmailMessage) -> bytes:
    assert isinstance(message.raw, bytes)
    return message.raw


async def test_reply_in_a_thread(box: Box) -> None:
    thread = {"In_Reply_To": "<0@y.com>", "References": "<0@y.com>"}
    await incoming(box, **thread).reply(answer())
    assert box[0].raw.startswith(b"References: <1@x.com> <0@y.com>\r\n")
    whole = answer(References="<0@y.com> <1@x.com>")
    await incoming(box, **thread).reply(whole)
    assert box[1].raw == whole.raw


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({"From": "q@y.com"}, "From: header does not match mail from"),
        ({"Message-ID": None}, "invalid message-id"),
        ({"Received": "x"}, "invalid headers set"),
        ({"In_Reply_To": None}, "no In-Reply-To header found in reply message"),
        ({"In_Reply_To": "<9@x.com>"}, "In-Reply-To does not match original Message-ID"),
        ({"References": "<9@x.com>"}, "provided References header is invalid"),
    ],
)
async def test_reply_that_breaks_a_rule_is_refused(box: Box, headers: Any, text: str) -> None:
    assert await refused(incoming(box), answer(**headers)) == text
    assert not box


@pytest.mark.parametrize(
    "headers",
    [
        {"Auto_Submitted": "auto-replied"},
        {"X_Auto_Response_Suppress": "All"},
        {"In_Reply_To": "<0@y.com>"},
        {"References": "<0@y.com>"},
        {"In_Reply_To": "<0@y.com>", "References": " ".join(["<0@y.com>"] * 100)},
    ],
)
async def test_email_that_cannot_be_replied_to(
    box: Box, headers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    assert await refused(incoming(box, **headers), answer()) == "Original email is not replyable"
    assert ("more than 100 entries" in caplog.text) == (len(headers.get("References", "")) > 900)


@pytest.mark.parametrize(
    "headers", [{"Auto_Submitted": "No"}, {"X_Auto_Response_Suppress": "none"}]
)
async def test_headers_that_say_nothing(box: Box, headers: Any) -> None:
    await incoming(box, **headers).reply(answer())
    assert len(box) == 1


async def test_one_replies_once(box: Box) -> None:
    message = incoming(box)
    await message.reply(answer())
    assert await refused(message, answer()) == "Original email is not replyable"


async def test_reply_from_fields_goes_to_the_sender_in_the_thread(box: Box) -> None:
    await incoming(box, Subject="Hello").reply(text="Thanks", headers={"X-Tag": "1"})
    (mail,) = box
    assert (mail.sender, mail.recipients) == ("me@y.com", ["ada@x.com"])
    for line in (
        b"Subject: Re: Hello\r\n",
        b"In-Reply-To: <1@x.com>\r\n",
        b"References: <1@x.com>\r\n",
        b"X-Tag: 1\r\n",
    ):
        assert line in mail.raw
    await incoming(box).reply({"from": "Me <me@y.com>", "subject": "No", "html": "<b>"})
    assert b"From: Me <me@y.com>\r\n" in box[1].raw


async def test_reply_that_cannot_be_carried_does_not_count(
    caplog: pytest.LogCaptureFixture,
) -> None:
    fails = True

    async def post(mail: Mail) -> None:
        if fails:
            raise EmailError("no", code="E_DELIVERY_FAILED")

    message = ForwardableEmailMessage("ada@x.com", "me@y.com", raw(), post)
    assert await refused(message, answer()) == "no"
    fails = False
    await message.reply(answer())
    assert len(message.outcome.replies) == 1
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]
