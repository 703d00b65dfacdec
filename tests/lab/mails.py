"""The mail server of the lab, at the address of its gateway: it keeps what comes."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes, policy

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from lab.hosts import GATEWAY

PORT = 2525
HYPHA, MEET = "ops_hypha_1@lab.test", "ops_meet_1@lab.test"


@dataclass(frozen=True)
class Mail:
    to: frozenset[str]
    subject: str
    text: str


class Mails:
    """A mail server that keeps what comes. refused: the addresses that it does not know"""

    def __init__(self) -> None:
        self.all: list[Mail] = []
        self.refused: set[str] = set()

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 known"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        found = message_from_bytes(envelope.content, policy=policy.default)
        body = found.get_body()
        assert body is not None
        to = frozenset(map(str, envelope.rcpt_tos))
        self.all.append(Mail(to, str(found["subject"]), body.get_content().replace("\r\n", "\n")))
        return "250 kept"

    def to(self, address: str) -> set[str]:
        """The subjects of the mails to this address."""
        return {it.subject for it in self.all if address in it.to}


@contextmanager
def mail_server() -> Iterator[Mails]:
    kept = Mails()
    server = Controller(kept, hostname=GATEWAY, port=PORT)
    server.start()
    yield kept
    server.stop()


def told_to_both(mails: Mails, subject: str) -> bool:
    return subject in mails.to(HYPHA) and subject in mails.to(MEET)
