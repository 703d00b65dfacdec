"""A public key is accepted only if it is one whole key, strong enough, and nothing else."""

import base64
import struct

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from pydantic import TypeAdapter, ValidationError

from fleet.reading.problems import Invalid
from fleet.values.keys import SshKey, WireGuardKey, comment, without_comment

SSH: TypeAdapter[str] = TypeAdapter(SshKey)
WIREGUARD: TypeAdapter[str] = TypeAdapter(WireGuardKey)
Private = ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


def public(key: Private) -> str:
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


ED25519 = public(ed25519.Ed25519PrivateKey.generate())
BLOB = ED25519.split()[1]
RAW = base64.b64decode(BLOB)


def string(content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + content


def line(kind: str, blob: bytes) -> str:
    return f"{kind} {base64.b64encode(blob).decode()}"


SECURITY_KEY = line(
    "sk-ssh-ed25519@openssh.com",
    string(b"sk-ssh-ed25519@openssh.com") + RAW[-36:] + string(b"ssh:"),
)


def refusal(adapter: TypeAdapter[str], value: str) -> Invalid:
    with pytest.raises(ValidationError) as caught:
        adapter.validate_python(value)
    error = caught.value.errors()[0]["ctx"]["error"]
    assert isinstance(error, Invalid)
    return error


@pytest.mark.parametrize(
    "key",
    [
        ED25519,
        SECURITY_KEY,
        public(ec.generate_private_key(ec.SECP256R1())),
        public(ec.generate_private_key(ec.SECP521R1())),
        public(rsa.generate_private_key(65537, 3072)),
    ],
    ids=lambda key: key.split()[0],
)
def test_a_strong_key_is_taken_with_its_comment(key: str) -> None:
    assert SSH.validate_python(key) == key
    taken = SSH.validate_python(f"  {key}   my laptop ")
    assert (without_comment(taken), comment(taken)) == (key, "my laptop")
    assert comment(key) == ""


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (f"{ED25519}\n{ED25519}", "not one line"),
        (f"{ED25519} x\r", "not one line"),
        (f"{ED25519} Zoë", "not one line"),
        ("-----BEGIN OPENSSH PRIVATE KEY----- b3Bl", "a private key"),
        (f'command="sh" {ED25519}', "an option stands before the key"),
        (f"no-pty,no-X11-forwarding {ED25519}", "an option stands before the key"),
        (f"@cert-authority {ED25519}", "an option stands before the key"),
        (BLOB, "not a kind of key"),
        ("", "'' is not a kind of key"),
        (f"ssh-dss {BLOB}", "'ssh-dss' is not a kind of key"),
        (f"ssh-ed25519-cert-v01@openssh.com {BLOB}", "not a kind of key"),
        ("ssh-ed25519", "not a whole ssh-ed25519 key"),
        (f"ssh-ed25519 {BLOB[:-4]}", "not a whole ssh-ed25519 key"),
        (f"ssh-ed25519 {BLOB[:40]} {BLOB[40:]}", "not a whole ssh-ed25519 key"),
        (f"ssh-ed25519 !{BLOB}", "not a whole ssh-ed25519 key"),
        (f"ssh-rsa {BLOB}", "not a whole ssh-rsa key"),
        (line("ssh-ed25519", RAW + b"more"), "not a whole ssh-ed25519 key"),
        (public(rsa.generate_private_key(65537, 2048)), "2048 bits is too weak"),
    ],
)
def test_anything_else_is_refused_with_a_remedy(value: str, says: str) -> None:
    error = refusal(SSH, value)
    assert says in error.message
    assert error.remedy


def test_a_private_key_is_not_shown() -> None:
    error = refusal(SSH, "-----BEGIN OPENSSH PRIVATE KEY----- b3BlbnNzaC1rZXk")
    assert "b3Bl" not in error.message + error.remedy


def wireguard_key() -> str:
    key = x25519.X25519PrivateKey.generate().public_key()
    return base64.b64encode(key.public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def test_a_wireguard_key_is_taken() -> None:
    key = wireguard_key()
    assert WIREGUARD.validate_python(key) == key


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("", "not a WireGuard public key"),
        ("A" * 44, "not a WireGuard public key"),
        (f"{'A' * 43}=", "all zeros"),
        (f"{'A' * 42}B=", "not a WireGuard public key"),  # two of its bits belong to no byte
        (f"{'B' * 42}E=\n", "not a WireGuard public key"),
        (BLOB, "not a WireGuard public key"),
    ],
)
def test_what_is_no_wireguard_key_is_refused(value: str, says: str) -> None:
    assert says in refusal(WIREGUARD, value).message
