"""Who carries outgoing email: an SMTP server, or, in development, a folder of .eml files.

`EDGEKIT_SMTP` says which. `smtp://user:password@host:587` encrypts by STARTTLS where the server offers
it, and never sends a password unencrypted, but to this machine; `smtps://host` encrypts from the first
byte; `file:PATH` is a folder. Over the standard library's smtplib, in threads: a message takes the
server a hundred times as long as the hop, and so nothing need be installed. No retries: a Worker that
must be sure puts its mail into a queue.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import os
import re
import smtplib
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import unquote, urlsplit

from edgekit import host
from edgekit.bindings.email import Mail, Post
from edgekit.errors import ConfigError, EmailError

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 30.0  # of each step of a conversation with a server
_AT_ONCE = 4  # conversations

_NOT_SET = (
    "no way for email to leave: set EDGEKIT_SMTP=smtp://user:password@host:587 (or smtps://, or"
    " file:PATH for a folder of .eml files); in development it is a folder of the store"
)
_LINE_END = re.compile(rb"\r\n|\r|\n")


def post_of(url: str | None) -> Post:
    """What carries mail for a value of EDGEKIT_SMTP. ConfigError, which shows no password, for a wrong one."""
    if url is None:
        return _refuse
    scheme, _, rest = url.partition(":")
    if scheme == "file" and rest:
        return _Folder(Path(rest))
    if scheme in ("smtp", "smtps"):
        try:
            parts = urlsplit(url)
            port = parts.port or (465 if scheme == "smtps" else 587 if parts.username else 25)
        except ValueError:
            parts = urlsplit("")
        if parts.hostname:
            user, password = unquote(parts.username or ""), unquote(parts.password or "")
            return _Server(parts.hostname, port, user, password, encrypted=scheme == "smtps")
    raise ConfigError(
        "EDGEKIT_SMTP must be smtp://user:password@host:port, smtps://user:password@host:port or"
        " file:PATH"
    )


async def _refuse(mail: Mail) -> None:
    raise EmailError(_NOT_SET, code="E_SENDER_DOMAIN_NOT_AVAILABLE")


class _Folder:
    """Each mail is a file, whose first lines are the envelope; the log says where it is."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def __call__(self, mail: Mail) -> None:
        try:
            file = await asyncio.to_thread(self._keep, mail)
        except OSError as error:
            raise EmailError(
                f"the email could not be kept in {self._folder}: {error.strerror}",
                code="E_DELIVERY_FAILED",
            ) from error
        logger.info("email from %s to %s: %s", mail.sender, ", ".join(mail.recipients), file)

    def _keep(self, mail: Mail) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        moment = time.strftime("%Y%m%d-%H%M%S", time.gmtime(host.now()))
        file = self._folder / f"{moment}-{host.random_bytes(4).hex()}.eml"
        envelope = f"X-Mail-From: {mail.sender}\r\nX-Rcpt-To: {', '.join(mail.recipients)}\r\n"
        part = file.with_suffix(".part")
        with open(part, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as out:
            out.write(envelope.encode("utf-8", "replace") + mail.raw)
        part.rename(file)  # so that who looks for *.eml finds whole ones
        return file


class _Server:
    """An SMTP server, with a conversation for each mail."""

    def __init__(self, name: str, port: int, user: str, password: str, *, encrypted: bool) -> None:
        self._name = name
        self._port = port
        self._user = user
        self._password = password
        self._encrypted = encrypted
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="edgekit-smtp")

    async def __call__(self, mail: Mail) -> None:
        where = f"{self._name}:{self._port}"
        try:
            await asyncio.get_running_loop().run_in_executor(self._threads, self._send, mail)
        except smtplib.SMTPRecipientsRefused as error:
            refused = "; ".join(f"{to}: {_reason(*why)}" for to, why in error.recipients.items())
            raise EmailError(f"{where}: {refused}", code="E_DELIVERY_FAILED") from None
        except smtplib.SMTPResponseException as error:
            reason = _reason(error.smtp_code, error.smtp_error)
            raise EmailError(f"{where}: {reason}", code="E_DELIVERY_FAILED") from None
        except (smtplib.SMTPException, OSError) as error:
            raise EmailError(f"{where}: {error}", code="E_DELIVERY_FAILED") from error
        logger.info("email from %s to %s by %s", mail.sender, ", ".join(mail.recipients), where)

    def _send(self, mail: Mail) -> None:
        context = ssl.create_default_context()
        server: smtplib.SMTP
        if self._encrypted:
            server = smtplib.SMTP_SSL(
                self._name, self._port, timeout=TIMEOUT_SECONDS, context=context
            )
        else:
            server = smtplib.SMTP(self._name, self._port, timeout=TIMEOUT_SECONDS)
        with server:
            server.ehlo_or_helo_if_needed()
            if not self._encrypted:
                if server.has_extn("starttls"):
                    server.starttls(context=context)
                    server.ehlo()
                elif self._user and not _is_here(self._name):
                    raise smtplib.SMTPNotSupportedError(
                        "the server offers no STARTTLS, and a password is not sent unencrypted"
                    )
            if self._user:
                server.login(self._user, self._password)
            texts = "".join((mail.sender, *mail.recipients))
            options = [] if texts.isascii() else ["SMTPUTF8"]
            # Lines end with CRLF there, whoever made the message.
            raw = _LINE_END.sub(b"\r\n", mail.raw)
            refused = server.sendmail(mail.sender, list(mail.recipients), raw, options)
            if refused:  # some, not all: those are told, the others have it
                raise smtplib.SMTPRecipientsRefused(refused)


def _is_here(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _reason(code: int, text: bytes | str) -> str:
    return f"{code} {text.decode('utf-8', 'replace') if isinstance(text, bytes) else text}"
