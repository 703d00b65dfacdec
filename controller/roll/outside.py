"""What a person's browser finds at a node's public side."""

import http.client
import socket
import ssl
from xml.etree import ElementTree

PORT = 443
SECONDS = 10
MOST = 64 * 1024
CREATE = "/bigbluebutton/api/create"
CLOSED = "maintenance"
"""The message key of the gate's answer."""


def why_shut(address: str, hostname: str) -> str:
    """Why a `create` does not reach the API at this address; "" if it does.

    The call has no signature, so the API refuses it, and says so in its own words. Nothing secret
    is sent, so the certificate may be anyone's here: the node compares that one itself.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        with (
            socket.create_connection((address, PORT), SECONDS) as bare,
            context.wrap_socket(bare, server_hostname=hostname) as secure,
        ):
            connection = http.client.HTTPConnection(hostname)
            connection.sock = secure
            connection.request("GET", CREATE, headers={"Connection": "close"})
            body = connection.getresponse().read(MOST)
    except (OSError, http.client.HTTPException) as error:
        return f"{hostname} at {address} does not answer ({str(error) or type(error).__name__})"
    key = message_key(body)
    if key == CLOSED:
        return f"{hostname} at {address} still refuses meetings: its gate is closed"
    return "" if key else f"{hostname} at {address} answers, and not as BigBlueButton"


def message_key(body: bytes) -> str:
    """The message key of BigBlueButton's answer; "" if the answer is anything else."""
    # An entity could stand for gigabytes. Expat makes none without a document type.
    if b"<!DOCTYPE" in body:
        return ""
    try:
        found = ElementTree.fromstring(body)
    except ElementTree.ParseError:
        return ""
    return (found.findtext("messageKey") or "") if found.tag == "response" else ""
