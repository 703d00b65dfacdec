"""A public key is accepted only if it is one whole key, strong enough, and nothing else."""

import base64
import struct
import subprocess
from pathlib import Path

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
        (f"{BLOB[:40]}\n{BLOB[40:]}", "not one line"),
        (f"{ED25519} x\x1b[2J", "the comment behind the key"),
        (f"{ED25519} x\u202ey", "the comment behind the key"),
        (f"---- BEGIN SSH2 PUBLIC KEY ----\n{BLOB}\n---- END SSH2 PUBLIC KEY ----", "RFC 4716"),
        (f"-----BEGIN PUBLIC KEY-----\n{BLOB}\n-----END PUBLIC KEY-----", "PKCS8"),
        (f"-----BEGIN PGP PUBLIC KEY BLOCK-----\n{BLOB}", "PGP"),
        ("-----BEGIN OPENSSH PRIVATE KEY----- b3Bl", "a private key"),
        (f'command="sh" {ED25519}', "an option stands before the key"),
        (f"no-pty,no-X11-forwarding {ED25519}", "an option stands before the key"),
        (f"@cert-authority {ED25519}", "an option stands before the key"),
        (f'from="192.0.2.0/24",restrict {ED25519}', "an option stands before the key"),
        (f"server.example.org,192.0.2.1 {ED25519}", "something stands before the key"),
        (f"|1|c2FsdA==|aGFzaA== {ED25519}", "something stands before the key"),
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


@pytest.mark.parametrize("around", ["{}\n", "{}\r\n", "\ufeff{}", "\t{} "])
def test_what_is_around_a_key_is_none_of_it(around: str) -> None:
    assert SSH.validate_python(around.format(f"{ED25519} laptop")) == f"{ED25519} laptop"
    key = wireguard_key()
    assert WIREGUARD.validate_python(around.format(key)) == key


def test_a_comment_is_in_any_language() -> None:
    """It goes into a file of UTF-8, of which sshd and ssh-keygen pass on the bytes."""
    assert comment(SSH.validate_python(f"{ED25519}\tBüro-Notebook 東京")) == "Büro-Notebook 東京"


@pytest.mark.parametrize(
    ("form", "words"), [("RFC 4716", "-i -f"), ("PEM", "-i -m PEM -f"), ("PKCS8", "-i -m PKCS8 -f")]
)
def test_the_remedy_for_another_form_is_the_command_that_reads_it(
    tmp_path: Path, form: str, words: str
) -> None:
    kind = {"RFC 4716": "RFC4716"}.get(form, form)
    (tmp_path / "key.pub").write_text(f"{public(rsa.generate_private_key(65537, 3072))}\n")
    write = ["ssh-keygen", "-e", "-m", kind, "-f", str(tmp_path / "key.pub")]
    text = subprocess.run(write, capture_output=True, text=True, check=True).stdout
    error = refusal(SSH, text)
    assert form in error.message and f"ssh-keygen {words} FILE" in error.remedy
    (tmp_path / "other").write_text(text)
    read = ["ssh-keygen", *words.split(), str(tmp_path / "other")]
    SSH.validate_python(subprocess.run(read, capture_output=True, text=True, check=True).stdout)


def test_what_is_refused_is_not_shown() -> None:
    """It may be a private key, or a part of one."""
    text = "q83vEjRWeJCrze8SNFZ4kKvN7xI0VniQq83vEjRWeJA="
    for adapter, value in (
        (SSH, text[:20]),
        (SSH, f"ssh-ed25519 {text}"),
        (SSH, f"{text[:16]}\n{text[16:]}"),
        (WIREGUARD, text[:20]),
        (WIREGUARD, f"{text} {text}"),
    ):
        error = refusal(adapter, value)
        assert text[:16] not in error.message + error.remedy


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
        (f"PublicKey = {'B' * 42}E=", "not a WireGuard public key"),
        (BLOB, "not a WireGuard public key"),
    ],
)
def test_what_is_no_wireguard_key_is_refused(value: str, says: str) -> None:
    assert says in refusal(WIREGUARD, value).message
