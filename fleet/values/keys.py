"""Public keys of SSH and of WireGuard, in the form in which people send them."""

import base64
import hashlib
import re
from typing import Annotated

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from pydantic import AfterValidator

from fleet.reading.problems import Invalid, shown
from fleet.values.fields import Text

SMALLEST_RSA = 3072  # NIST SP 800-57 part 1, table 2: 2048 bits end in 2030
KINDS = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)
REMEDY = "put the one line of a file such as ~/.ssh/id_ed25519.pub here"


def _ssh_key(value: str) -> str:
    """The key as "kind base64", or "kind base64 comment"; raises Invalid."""
    if not value.isascii() or not value.isprintable():
        # A second line would be a second key.
        raise Invalid("this is not one line of plain characters", REMEDY)
    if "PRIVATE KEY" in value:
        # The message does not show the key. The person has to do both parts of the remedy.
        raise Invalid("this is a private key", "put the .pub file here, and make a new key")
    kind, _, rest = value.strip().partition(" ")
    if kind not in KINDS:
        if any(f"{known} " in value for known in KINDS):
            message = "an option stands before the key"
            raise Invalid(message, "take it out; only_from and expires are fields of their own")
        raise Invalid(f"{shown(kind)} is not a kind of key", f"use one of {', '.join(KINDS)}")
    blob, _, comment = rest.strip().partition(" ")
    try:
        # This comes first: cryptography ignores characters that are not base64, and sshd does not.
        base64.b64decode(blob, validate=True)
        key = load_ssh_public_key(f"{kind} {blob}".encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(f"{shown(value)} is not a whole {kind} key", REMEDY) from None
    if isinstance(key, RSAPublicKey) and key.key_size < SMALLEST_RSA:
        message = f"an RSA key of {key.key_size} bits is too weak"
        raise Invalid(message, "make a new one: ssh-keygen -t ed25519")
    return f"{kind} {blob} {comment.strip()}".rstrip()


def _wireguard_key(value: str) -> str:
    try:
        raw = base64.b64decode(value, validate=True)
    except ValueError:
        raw = b""
    remedy = "put the output of `wg pubkey` here"
    # Encoded again: base64 can write the last of 32 bytes in several ways, and wg(8) takes one.
    if len(raw) != 32 or base64.b64encode(raw).decode() != value:
        raise Invalid(f"{shown(value)} is not a WireGuard public key", remedy)
    if not any(raw):
        raise Invalid("this key is all zeros, which wg(8) takes for none", remedy)
    return value


SshKey = Annotated[Text, AfterValidator(_ssh_key)]
WireGuardKey = Annotated[Text, AfterValidator(_wireguard_key)]


def without_comment(key: str) -> str:
    """The key without its comment. Two keys that differ only in their comments are the same key."""
    return " ".join(key.split(" ")[:2])


def fingerprint(key: str) -> str:
    """The fingerprint of an SSH key, as `ssh-keygen -l` and sshd's log show it."""
    digest = hashlib.sha256(base64.b64decode(key.split(" ")[1])).digest()
    return f"SHA256:{base64.b64encode(digest).decode().rstrip('=')}"


def comment(key: str) -> str:
    """The comment by which the person calls the key; "" if there is none."""
    return re.sub(r"^\S+ \S+ ?", "", key)
