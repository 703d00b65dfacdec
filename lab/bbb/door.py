"""BigBlueButton's API from outside: a node, or a balancer before it, by its public name."""

import hashlib
import http.client
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode, urljoin, urlsplit
from xml.etree import ElementTree as ET

SECONDS = 15.0
REDIRECTIONS = 5


class NoAnswer(Exception):
    """Nobody answered, or the answer is not what the API says."""


class Refused(Exception):
    """The API said FAILED. key: its messageKey."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(f"{key}: {message}")
        self.key = key


@dataclass(frozen=True)
class Answer:
    """url: where the answer came from in the end, which a balancer's `join` changes."""

    url: str
    root: ET.Element

    def text(self, path: str) -> str:
        """Raises NoAnswer."""
        found = self.root.findtext(path)
        if found is None:
            raise NoAnswer(f"{self.url}: no {path} in the answer")
        return found


@dataclass(frozen=True)
class Door:
    """url: with the path, such as https://meet1.lab.test/bigbluebutton/api
    addresses: where these names are; the system's resolver knows the others
    authority: the certificate that signs the names' certificates; None for the system's
    """

    url: str
    secret: str = field(repr=False)
    addresses: Mapping[str, str] = field(default_factory=dict)
    authority: Path | None = None

    def signed(self, call: str, parameters: Mapping[str, str]) -> str:
        query = urlencode(parameters)
        checksum = hashlib.sha256(f"{call}{query}{self.secret}".encode()).hexdigest()
        return f"{self.url}/{call}?{query}{'&' if query else ''}checksum={checksum}"

    def call(self, call: str, **parameters: str) -> Answer:
        """Raises Refused, NoAnswer."""
        url = self.signed(call, parameters)
        for _ in range(REDIRECTIONS):
            with self.get(url) as response:
                if response.status in (301, 302, 303, 307):
                    url = urljoin(url, response.getheader("Location", ""))
                    continue
                return _answer(url, response)
        raise NoAnswer(f"{call}: more than {REDIRECTIONS} redirections")

    def get(self, url: str, seconds: float = SECONDS) -> http.client.HTTPResponse:
        """The beginning of an answer, with this many seconds for each wait. Raises NoAnswer."""
        target = urlsplit(url)
        try:
            connection = self._connection(url, seconds)
            path = f"{target.path}?{target.query}" if target.query else target.path
            connection.request("GET", path, headers={"Connection": "close"})
            return connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise NoAnswer(f"{target.hostname}: {error or type(error).__name__}") from error

    def address(self, url: str) -> str:
        """Where the host of this URL is."""
        name = urlsplit(url).hostname or ""
        return self.addresses.get(name, name)

    def _connection(self, url: str, seconds: float) -> http.client.HTTPConnection:
        """Connected to the address that is known for the name. Raises OSError."""
        target = urlsplit(url)
        name = target.hostname or ""
        port = target.port or (443 if target.scheme == "https" else 80)
        plain = socket.create_connection((self.address(url), port), seconds)
        connection = http.client.HTTPConnection(name, target.port, timeout=seconds)
        connection.sock = plain
        if target.scheme == "https":
            context = ssl.create_default_context(cafile=self.authority)
            connection.sock = context.wrap_socket(plain, server_hostname=name)
        return connection


def _answer(url: str, response: http.client.HTTPResponse) -> Answer:
    try:
        text = response.read()
        root = ET.fromstring(text)
    except (OSError, http.client.HTTPException, ET.ParseError) as error:
        raise NoAnswer(f"status {response.status} and no XML: {error}") from error
    answer = Answer(url, root)
    if answer.text("returncode") != "SUCCESS":
        raise Refused(answer.text("messageKey"), answer.text("message"))
    return answer
