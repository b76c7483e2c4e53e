"""Email on the real platform and here: which messages and replies are refused, and with which text.

Not compared: Message-IDs, which are random, and what becomes of a message that is sent.
"""

from __future__ import annotations

import base64
import http.client
import json
import subprocess
import urllib.parse
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgekit.bindings.email import EmailMessage, Mail, SendEmail
from edgekit.bindings.email_incoming import ForwardableEmailMessage
from edgekit.errors import EmailError
from tests.bridge.bridge import HERE
from tests.bridge.comparing import random_calls
from tests.bridge.conftest import npm_folder

pytestmark = pytest.mark.bridge

CALLS = 20


class Platform:
    """The real one."""

    def __init__(self) -> None:
        command = ["node", str(HERE / "email.mjs"), str(npm_folder())]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True)
        assert self._process.stdout is not None
        self._address = urllib.parse.urlsplit(self._process.stdout.readline().strip()).netloc

    def _ask(self, path: str, body: bytes) -> bytes:
        connection = http.client.HTTPConnection(self._address)
        connection.request("POST", path, body)
        answer = connection.getresponse().read()
        connection.close()
        return answer

    def send(self, calls: list[tuple[str, Any]]) -> list[str | None]:
        body = {"calls": [{"binding": name, "message": message} for name, message in calls]}
        answers = json.loads(self._ask("/", json.dumps(body).encode()))
        return [answer and answer["message"] for answer in answers]

    def reply(self, raw: bytes, reply: dict[str, str]) -> str | None:
        header = b"X-Reply: " + base64.b64encode(json.dumps(reply).encode()) + b"\r\n"
        answer = self._ask("/cdn-cgi/handler/email?from=ada%40x.com&to=me%40y.com", header + raw)
        assert answer == b"Worker successfully processed email", answer
        found = json.loads(self._ask("/replied", b""))
        return str(found["message"]) if found else None

    def close(self) -> None:
        self._process.communicate()


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    platform = Platform()
    yield platform
    platform.close()


async def _nowhere(mail: Mail) -> None:
    pass


HERE_ = {
    "ANY": SendEmail(_nowhere),
    "SOME": SendEmail(
        _nowhere,
        allowed_destination_addresses=["b@y.com", "c@y.com"],
        allowed_sender_addresses=["a@x.com"],
    ),
    "ONE": SendEmail(_nowhere, destination_address="b@y.com"),
}


async def send(calls: list[tuple[str, Any]]) -> list[str | None]:
    """The texts of the same calls here."""
    found: list[str | None] = []
    for name, message in calls:
        built = EmailMessage(*message) if isinstance(message, list) else message
        try:
            await HERE_[name].send(built)
            found.append(None)
        except EmailError as error:
            found.append(str(error))
    return found


def raw(headers: dict[str, str | None]) -> str:
    lines = [f"{name}: {value}\r\n" for name, value in headers.items() if value is not None]
    return "".join(lines) + "\r\nHello\r\n"


addresses = st.sampled_from(["a@x.com", "b@y.com", "c@y.com", "z@y.com", "B@y.com"])
named = st.builds(
    lambda name, plain: f"{name} <{plain}>", st.sampled_from(["Ada", '"L, A"', "é"]), addresses
)
senders = addresses | named
ids = st.sampled_from(["<1@x.com>", "<2@x.com>", "bare@x.com"])
bindings = st.sampled_from(sorted(HERE_))

messages = st.tuples(
    bindings,
    st.builds(
        lambda from_, to, headers: [from_, to, raw(headers)],
        addresses,
        addresses | st.lists(addresses, min_size=1, max_size=3),
        st.fixed_dictionaries(
            {"From": senders, "Message-ID": st.none() | ids},
            optional={
                "To": senders,
                "Subject": st.sampled_from(["Hi", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "a\r\n b"]),
                "Received": st.just("from x by y"),
                "Bcc": addresses,
            },
        ),
    ),
)
builders = st.tuples(
    bindings,
    st.fixed_dictionaries(
        {
            "from": senders | st.builds(lambda a: {"email": a, "name": "N"}, addresses),
            "to": senders | st.lists(senders, min_size=1, max_size=3),
            "subject": st.sampled_from(["Hi", "Grüße"]),
        },
        optional={"text": st.just("Hello"), "html": st.just("<b>"), "replyTo": addresses},
    ),
)


@random_calls(CALLS)
@given(calls=st.lists(messages | builders, min_size=CALLS, max_size=CALLS))
async def test_the_same_emails_are_refused_with_the_same_texts(
    platform: Platform, calls: list[tuple[str, Any]]
) -> None:
    assert await send(calls) == platform.send(calls)


@pytest.mark.parametrize(
    ("message", "real", "here"),
    [
        # There JavaScript's own error, of what was not thought of; here the field, or the rule.
        (
            ["a@x.com", "b@y.com", raw({"To": "b@y.com", "Message-ID": "<1@x.com>"})],
            "Cannot read properties of undefined (reading 'address')",
            "From: header does not match mail from",
        ),
        (
            ["a@x.com", "b@y.com", ""],
            "could not parse email: Cannot read properties of undefined (reading 'value')",
            "invalid message-id",
        ),
        (
            {"to": "b@y.com", "subject": "s"},
            "Cannot read properties of undefined (reading 'email')",
            "required field is missing: from",
        ),
        # In production these are errors, which the simulator does not look for.
        (
            {"from": "a@x.com", "to": "b@y.com"},
            None,
            "required field is missing: subject",
        ),
        (
            {"from": "nobody", "to": "b@y.com", "subject": "s"},
            None,
            "invalid email address: 'nobody': expected local@domain",
        ),
        # Who may be written to may not be got round by a copy.
        (
            {"from": "a@x.com", "to": "b@y.com", "cc": "z@y.com", "subject": "s"},
            None,
            "email to z@y.com not allowed",
        ),
    ],
)
async def test_known_differences_still_differ(
    platform: Platform, message: Any, real: str | None, here: str
) -> None:
    name = "SOME" if isinstance(message, dict) and "cc" in message else "ANY"
    assert platform.send([(name, message)]) == [real]
    assert await send([(name, message)]) == [here]


@pytest.mark.parametrize("thread", [{}, {"In-Reply-To": "<0@y.com>", "References": "<0@y.com>"}])
@pytest.mark.parametrize(
    ("incoming", "changes"),
    [
        ({}, {}),
        ({}, {"From": "q@y.com"}),
        ({}, {"Message-ID": None}),
        ({}, {"Received": "x"}),
        ({}, {"In-Reply-To": None}),
        ({}, {"In-Reply-To": "<9@x.com>"}),
        ({}, {"References": "<9@x.com>"}),
        ({}, {"References": "<1@x.com>"}),
        ({}, {"References": "<0@y.com> <1@x.com>"}),
        ({}, {"From": "q@y.com", "Message-ID": None, "Received": "x"}),
        ({"Auto-Submitted": "auto-replied"}, {}),
        ({"Auto-Submitted": "No"}, {}),
        ({"X-Auto-Response-Suppress": "All"}, {}),
        ({"X-Auto-Response-Suppress": "none"}, {}),
        ({"In-Reply-To": "<0@y.com>", "References": None}, {}),
        ({"References": "<0@y.com>", "In-Reply-To": None}, {}),
        ({"In-Reply-To": "<0@y.com>", "References": " ".join(["<0@y.com>"] * 99)}, {}),
        ({"In-Reply-To": "<0@y.com>", "References": " ".join(["<0@y.com>"] * 100)}, {}),
    ],
)
async def test_the_same_replies_are_refused_with_the_same_texts(
    platform: Platform, thread: dict[str, Any], incoming: dict[str, Any], changes: dict[str, Any]
) -> None:
    standard = {"From": "Ada <ada@x.com>", "To": "me@y.com", "Message-ID": "<1@x.com>"}
    original = raw({**standard, **thread, **incoming}).encode()
    answer = {"From": "me@y.com", "To": "ada@x.com", "Message-ID": "<2@y.com>"}
    text = raw({**answer, "In-Reply-To": "<1@x.com>", **changes})
    message = ForwardableEmailMessage("ada@x.com", "me@y.com", original, _nowhere)
    found: str | None = None
    try:
        await message.reply(EmailMessage("me@y.com", "ada@x.com", text))
    except EmailError as error:
        found = str(error)
    real = platform.reply(original, {"from": "me@y.com", "to": "ada@x.com", "raw": text})
    assert found == real
