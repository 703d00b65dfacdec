"""Public keys of apt repositories, as the files that apt's signed-by names: RFC 9580.

apt believes every key in such a file. So the file has to hold one key and nothing else, and that
key's fingerprint has to be the one that the data pins.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterator

from fleet.reading.problems import Invalid

# One block in ASCII armour, with its headers, and nothing before or after it. RFC 9580, 6.2.
_ARMOUR = re.compile(
    r"\s*-----BEGIN PGP PUBLIC KEY BLOCK-----\r?\n(?:[A-Za-z]+: [^\n]*\n)*\s*\n"
    r"([A-Za-z0-9+/=\s]+?)(?:\n=[A-Za-z0-9+/]{4})?\s*-----END PGP PUBLIC KEY BLOCK-----\s*"
)
PRIMARY_KEY = 6
# What belongs to the one key: signatures, trust, names, subkeys, and pictures. RFC 9580, 5.
_PARTS_OF_A_KEY = {2, 12, 13, 14, 17}


def fingerprint(text: str) -> str:
    """The fingerprint of the one key in the text, in hex and capitals.

    Raises Invalid for a text that is anything else than one public key of version 4 in armour.
    """
    remedy = "fetch the repository's key anew, and look who has changed this file"
    found = _ARMOUR.fullmatch(text)
    if not found:
        raise Invalid("is not one public key in ASCII armour", remedy)
    try:
        packets = list(_packets(base64.b64decode("".join(found[1].split()), validate=True)))
    except (binascii.Error, IndexError, ValueError):
        raise Invalid("holds no packets of OpenPGP", remedy) from None
    primary = [body for tag, body in packets if tag == PRIMARY_KEY]
    others = {tag for tag, _ in packets} - _PARTS_OF_A_KEY - {PRIMARY_KEY}
    if len(primary) != 1 or packets[0][0] != PRIMARY_KEY or others:
        raise Invalid("holds something else than one public key", remedy)
    (body,) = primary
    if body[:1] != b"\x04":
        raise Invalid("has a key that is not of version 4", remedy)
    # RFC 9580, 5.5.4.2.
    return hashlib.sha1(b"\x99" + len(body).to_bytes(2, "big") + body).hexdigest().upper()


def _packets(data: bytes) -> Iterator[tuple[int, bytes]]:
    """The tag and the body of each packet. Raises ValueError or IndexError for what is none."""
    at = 0
    while at < len(data):
        head = data[at]
        if not head & 0x80:
            raise ValueError("no packet begins here")
        if head & 0x40:
            tag, at, length = head & 0x3F, *_new_length(data, at + 1)
        else:
            tag, octets = (head >> 2) & 0x0F, (1, 2, 4)[head & 0x03]
            length = int.from_bytes(data[at + 1 : at + 1 + octets], "big")
            at += 1 + octets
        if at + length > len(data):
            raise ValueError("the packet is cut short")
        yield tag, data[at : at + length]
        at += length


def _new_length(data: bytes, at: int) -> tuple[int, int]:
    """Where the body begins, and its length. RFC 9580, 4.2.1. No key has a partial length."""
    first = data[at]
    if first < 192:
        return at + 1, first
    if first < 224:
        return at + 2, ((first - 192) << 8) + data[at + 1] + 192
    if first == 255:
        return at + 5, int.from_bytes(data[at + 1 : at + 5], "big")
    raise ValueError("a part of a packet")
