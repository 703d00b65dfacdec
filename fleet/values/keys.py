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
# The beginnings of the options of authorized_keys and known_hosts: sshd(8).
OPTION = re.compile(
    "@|no-|agent-|port-|pty|restrict|user-rc|verify-|x11-|cert-authority"
    "|(?:command|environment|expiry-time|from|permit[a-z]+|principals|tunnel)=",
    re.IGNORECASE,
)
_CONVERT = "put the line here that ssh-keygen -i{} -f FILE prints of it"
# By a mark in the text: the form, and what to do. ssh-keygen(1)
OTHER_FORMS = {
    "BEGIN SSH2 PUBLIC KEY": (
        "RFC 4716",
        f"{_CONVERT.format('')}, or what stands in the box of PuTTYgen",
    ),
    "BEGIN RSA PUBLIC KEY": ("PEM", _CONVERT.format(" -m PEM")),
    "BEGIN PUBLIC KEY": ("PKCS8", _CONVERT.format(" -m PKCS8")),
    "BEGIN PGP PUBLIC KEY": ("PGP", f"SSH has keys of its own: {REMEDY}"),
}


# No message shows what it refuses as a key: that may be a private one, or a part of one.
def _ssh_key(value: str) -> str:
    """The key as "kind base64", or "kind base64 comment"; raises Invalid."""
    for mark, (form, remedy) in OTHER_FORMS.items():
        if mark in value:
            raise Invalid(f"this is a public key in the form of {form}", remedy)
    if len(value.splitlines()) > 1:
        # A second line would be a second key.
        remedy = f"{REMEDY}; a second key is an entry of its own"
        raise Invalid("this is not one line", remedy)
    words = value.split()
    kind, blob, *comment = words + [""] * (2 - len(words))
    if kind not in KINDS:
        if any(f"{known} " in value for known in KINDS):
            if OPTION.match(value):
                message = "an option stands before the key"
                raise Invalid(message, "take it out; only_from and expires are fields of their own")
            # Such as the host's name in known_hosts.
            raise Invalid("something stands before the key", f"take it out, and {REMEDY}")
        named = shown(kind) if re.fullmatch(r"(?:(?:ssh|sk|ecdsa)-[a-z0-9@.-]*)?", kind) else "this"
        raise Invalid(f"{named} is not a kind of key", f"{REMEDY}, of {' or '.join(KINDS)}")
    try:
        # This comes first: cryptography ignores characters that are not base64, and sshd does not.
        base64.b64decode(blob, validate=True)
        key = load_ssh_public_key(f"{kind} {blob}".encode())
    except (ValueError, UnsupportedAlgorithm):
        raise Invalid(f"this is not a whole {kind} key", REMEDY) from None
    if isinstance(key, RSAPublicKey) and key.key_size < SMALLEST_RSA:
        message = f"an RSA key of {key.key_size} bits is too weak"
        raise Invalid(message, "make a new one: ssh-keygen -t ed25519")
    line = " ".join([kind, blob, *comment])
    if not line.isprintable():
        message = "the comment behind the key has a character that cannot be printed"
        raise Invalid(message, "write another comment, or none")
    return line


def _wireguard_key(value: str) -> str:
    try:
        raw = base64.b64decode(value, validate=True)
    except ValueError:
        raw = b""
    remedy = "put the output of `wg pubkey` here, 44 characters and nothing else"
    # Encoded again: base64 can write the last of 32 bytes in several ways, and wg(8) takes one.
    if len(raw) != 32 or base64.b64encode(raw).decode() != value:
        raise Invalid("this is not a WireGuard public key", remedy)
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
