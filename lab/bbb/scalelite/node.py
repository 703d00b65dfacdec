"""Stands for how Scalelite asks a BBB server: app/controllers/concerns/api_helper.rb."""

import hashlib
from collections.abc import Mapping
from urllib.error import URLError
from urllib.parse import urlencode
from urllib.request import urlopen
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from lab.bbb.scalelite.records import Server


class NodeError(Exception):
    """The server answered FAILED, or nothing that Scalelite understands (then key is "")."""

    def __init__(self, key: str, message: str) -> None:
        super().__init__(message)
        self.key, self.message = key, message


def signed(server: Server, action: str, parameters: Mapping[str, str]) -> str:
    """The URL of a call. SHA256 is the default of LOADBALANCER_CHECKSUM_ALGORITHM."""
    query = urlencode(parameters)
    checksum = hashlib.sha256(f"{action}{query}{server.secret}".encode()).hexdigest()
    return f"{server.url.rstrip('/')}/{action}?{urlencode({**parameters, 'checksum': checksum})}"


def ask(server: Server, action: str, parameters: Mapping[str, str], timeout: float) -> Element:
    """The element `response` of an answer with SUCCESS. Raises NodeError."""
    try:
        with urlopen(signed(server, action, parameters), timeout=timeout) as answer:
            root = ElementTree.fromstring(answer.read())
    except (URLError, OSError, ElementTree.ParseError) as error:
        raise NodeError("", f"{type(error).__name__}") from None
    if root.findtext("returncode") != "SUCCESS":
        raise NodeError(root.findtext("messageKey") or "", root.findtext("message") or "")
    return root
