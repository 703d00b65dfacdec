"""Messages to people, by mail and by Matrix."""

import hashlib
import json
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from http.client import HTTPException
from urllib.parse import quote
from urllib.request import ProxyHandler, Request, build_opener

SECONDS = 20.0
# From here on a mail server speaks TLS from the first byte: RFC 8314.
SUBMISSIONS = 465

# A server that is away, refuses, says what is no answer, or what it cannot be told.
UNSENT = (OSError, ValueError, smtplib.SMTPException, HTTPException)


class NotSent(Exception):
    """Why a message did not get out, without an address or a secret."""


@dataclass(frozen=True)
class Mail:
    """A mail server, and who reads.

    user: who logs in, by the password; "" for nobody
    tls: whether nothing goes out in clear
    to: the addresses of all who read
    """

    host: str
    port: int
    sender: str
    user: str
    password: str
    tls: bool
    to: Sequence[str]

    def send(self, subject: str, text: str) -> int:
        """The number of those whose mail the server refuses; the others have it.

        Raises NotSent if nobody has it.
        """
        message = EmailMessage()
        message["Subject"], message["From"] = " ".join(subject.split()), self.sender
        message["To"] = ", ".join(self.to)
        message["Date"], message["Message-ID"] = formatdate(), make_msgid(domain="coop-infra")
        message.set_content(text)
        with self._server() as server:
            return len(server.send_message(message))

    def check(self) -> None:
        """Log in and name each recipient, and send nothing. Raises NotSent if one is refused."""
        with self._server() as server:
            server.ehlo_or_helo_if_needed()
            server.mail(self.sender)
            refused = [code for it in self.to if (code := server.rcpt(it)[0]) not in (250, 251)]
            server.rset()
        if refused:
            raise NotSent(f"the mail server refuses {len(refused)} of {len(self.to)} recipients")

    @contextmanager
    def _server(self) -> Iterator[smtplib.SMTP]:
        """A server that lets this one in. Whatever goes wrong meanwhile is raised as NotSent."""
        try:
            server = self._reached()
            try:
                self._enter(server)
                yield server
            finally:
                # What it answers to a QUIT says nothing about the mail that it has taken.
                with suppress(OSError, smtplib.SMTPException):
                    server.quit()
                server.close()
        except UNSENT as error:
            raise NotSent(_said(error)) from None

    def _reached(self) -> smtplib.SMTP:
        if self.port == SUBMISSIONS:
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=SECONDS, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=SECONDS)

    def _enter(self, server: smtplib.SMTP) -> None:
        if self.tls and self.port != SUBMISSIONS:
            server.starttls(context=ssl.create_default_context())
        if self.user:
            server.login(self.user, self.password)


@dataclass(frozen=True)
class Matrix:
    """A room of Matrix: https://spec.matrix.org/v1.11/client-server-api/

    homeserver: its URL; room: such as !abc:example.org; token: of the account that writes
    """

    homeserver: str
    room: str
    token: str

    def send(self, text: str, key: str) -> None:
        """key: a message that is sent twice under one key comes once. Raises NotSent."""
        transaction = hashlib.sha256(key.encode()).hexdigest()[:32]
        path = f"rooms/{quote(self.room, safe='')}/send/m.room.message/{transaction}"
        request = Request(
            f"{self.homeserver}/_matrix/client/v3/{path}",
            method="PUT",
            data=json.dumps({"msgtype": "m.text", "body": text}).encode(),
            headers={"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        try:
            # A proxy of the environment would be told the token.
            with build_opener(ProxyHandler({})).open(request, timeout=SECONDS) as answer:
                json.loads(answer.read(1 << 20))
        except UNSENT as error:
            raise NotSent(_said(error)) from None


def _said(error: Exception) -> str:
    """What went wrong. A mail server's own words may name an address, and are left out."""
    if isinstance(error, smtplib.SMTPResponseException):
        return f"the mail server answers {error.smtp_code}"
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return "the mail server refuses all recipients"
    # Its text may show a part of what could not be encoded, such as a password.
    if isinstance(error, UnicodeError):
        return "the password or an address has a character that the server cannot take"
    return f"{type(error).__name__}: {error}"
