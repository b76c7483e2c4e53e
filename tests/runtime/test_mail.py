"""Outgoing email against a server of our own: a few lines of SMTP over asyncio."""

from __future__ import annotations

import asyncio
import base64
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgekit.bindings.email import Mail
from edgekit.errors import ConfigError, EmailError
from edgekit.runtime import mail as module
from edgekit.runtime.mail import post_of

MAIL = Mail("a@x.com", ["b@y.com", "c@y.com"], b"Subject: s\r\n\r\nfirst\n.dot\rlast")


class Server:
    """Says yes, but to what `answers` has an answer for; remembers what it was told."""

    def __init__(self, answers: dict[str, str] | None = None) -> None:
        self.answers = answers or {}
        self.said: list[str] = []
        self.data = b""
        self.port = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        async def answer(text: str) -> None:
            writer.write(text.encode() + b"\r\n")
            await writer.drain()

        await answer("220 hello")
        while line := (await reader.readline()).decode().strip():
            self.said.append(line)
            verb = line.partition(" ")[0].upper()
            given = self.answers.get(line.upper()) or self.answers.get(verb)
            if given == "gone":
                break
            if given is not None:
                await answer(given)
            elif verb == "AUTH":
                await answer("235 welcome")
            elif verb == "DATA":
                await answer("354 go on")
                self.data = await reader.readuntil(b"\r\n.\r\n")
                await answer("250 taken")
            elif verb == "QUIT":
                await answer("221 bye")
                break
            else:
                await answer("250 ok")
        writer.close()


@asynccontextmanager
async def serving(server: Server) -> AsyncIterator[Server]:
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    server.port = listening.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listening.close()
        await listening.wait_closed()


async def refused(url: str) -> str:
    with pytest.raises(EmailError) as caught:
        await post_of(url)(MAIL)
    assert caught.value.code == "E_DELIVERY_FAILED"
    return str(caught.value)


async def test_server_gets_envelope_and_message(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with serving(Server()) as server:
        await post_of(f"smtp://127.0.0.1:{server.port}")(MAIL)
    assert [line.upper() for line in server.said[1:4]] == [
        "MAIL FROM:<A@X.COM>",
        "RCPT TO:<B@Y.COM>",
        "RCPT TO:<C@Y.COM>",
    ]
    assert server.data == b"Subject: s\r\n\r\nfirst\r\n..dot\r\nlast\r\n.\r\n"
    assert f"email from a@x.com to b@y.com, c@y.com by 127.0.0.1:{server.port}" in caplog.text


async def test_password_is_given_to_this_machine_without_encryption() -> None:
    async with serving(Server({"EHLO": "250-hello\r\n250 AUTH PLAIN"})) as server:
        await post_of(f"smtp://us%40er:pass@127.0.0.1:{server.port}")(MAIL)
    given = next(line for line in server.said if line.startswith("AUTH PLAIN")).split()[2]
    assert base64.b64decode(given) == b"\0us@er\0pass"


async def test_password_is_never_sent_unencrypted_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "_is_here", lambda name: False)
    async with serving(Server()) as server:
        text = await refused(f"smtp://user:secret@127.0.0.1:{server.port}")
    assert "offers no STARTTLS" in text
    assert "secret" not in text
    assert not any("AUTH" in line for line in server.said)


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.0.0.1", False),
        ("x.com", False),
    ],
)
def test_this_machine(name: str, here: bool) -> None:
    assert module._is_here(name) is here


async def test_starttls_that_is_offered_must_work() -> None:
    answers = {"EHLO": "250-hello\r\n250 STARTTLS", "STARTTLS": "454 not now"}
    async with serving(Server(answers)) as server:
        text = await refused(f"smtp://127.0.0.1:{server.port}")
    assert "454 not now" in text
    assert not any(line.startswith("MAIL") for line in server.said)


@pytest.mark.parametrize(
    ("answers", "text"),
    [
        ({"MAIL": "550 who are you"}, "550 who are you"),
        ({"RCPT": "550 nobody"}, "b@y.com: 550 nobody; c@y.com: 550 nobody"),
        ({"RCPT TO:<C@Y.COM>": "550 nobody"}, "c@y.com: 550 nobody"),
        ({"DATA": "554 no room"}, "554 no room"),
        ({"EHLO": "gone"}, "closed"),
    ],
)
async def test_what_the_server_says_is_the_error(answers: dict[str, str], text: str) -> None:
    async with serving(Server(answers)) as server:
        message = await refused(f"smtp://127.0.0.1:{server.port}")
    assert message.startswith(f"127.0.0.1:{server.port}: ")
    assert text in message


async def test_server_that_is_not_there() -> None:
    async with serving(Server()) as server:
        pass
    assert "refused" in await refused(f"smtp://127.0.0.1:{server.port}")
    assert f"127.0.0.1:{server.port}" in await refused(f"smtps://127.0.0.1:{server.port}")


async def test_smtps_speaks_tls_at_once() -> None:
    async with serving(Server()) as server:
        await refused(f"smtps://127.0.0.1:{server.port}")
    assert not any(line.startswith(("EHLO", "MAIL")) for line in server.said)


async def test_addresses_beyond_ascii_need_a_server_that_takes_them() -> None:
    async with serving(Server()) as server:
        with pytest.raises(EmailError, match="SMTPUTF8"):
            await post_of(f"smtp://127.0.0.1:{server.port}")(Mail("ä@x.com", ["b@y.com"], b""))


@pytest.mark.parametrize(
    ("url", "port"),
    [("smtp://h", 25), ("smtp://u:p@h", 587), ("smtps://u:p@h", 465), ("smtp://h:2525", 2525)],
)
def test_port_depends_on_the_kind_of_server(url: str, port: int) -> None:
    post = post_of(url)
    assert isinstance(post, module._Server)
    assert post._port == port


@pytest.mark.parametrize(
    "url", ["", "smtp:", "smtp://", "smtp://h:x", "http://user:secret@h", "file:"]
)
def test_url_that_means_nothing_is_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigError, match="EDGEKIT_SMTP must be") as caught:
        post_of(url)
    assert "secret" not in str(caught.value)


async def test_without_a_url_every_email_is_refused_with_what_to_do() -> None:
    with pytest.raises(EmailError, match="set EDGEKIT_SMTP=smtp://") as caught:
        await post_of(None)(MAIL)
    assert caught.value.code == "E_SENDER_DOMAIN_NOT_AVAILABLE"


async def test_folder_gets_a_file_for_each_mail(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    folder = tmp_path / "state" / "email"
    post = post_of(f"file:{folder}")
    await post(MAIL)
    await post(MAIL)
    files = sorted(folder.iterdir())
    assert len(files) == 2
    assert all(file.suffix == ".eml" for file in files)
    assert files[0].read_bytes() == (
        b"X-Mail-From: a@x.com\r\nX-Rcpt-To: b@y.com, c@y.com\r\n" + MAIL.raw
    )
    assert f"email from a@x.com to b@y.com, c@y.com: {folder}" in caplog.text
    assert os.stat(files[0]).st_mode & 0o077 == 0


async def test_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "email").write_text("a file")
    text = await refused(f"file:{tmp_path}/email")
    assert text.startswith(f"the email could not be kept in {tmp_path}/email: ")
