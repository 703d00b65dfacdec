#!/usr/bin/env python3
"""Makes the lab's people. They stay with the lab, because each has private keys.

people.py STATE OPERATOR_PUBLIC_KEY

STATE/people.yml is the file of people; STATE/people/NAME/ has id_ed25519 and wireguard.key. A
person who is there already keeps their keys.
"""

import base64
import sys
from pathlib import Path
from typing import Any

import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

# Vagrant and the tests log in as this person, by the key that is in the box.
OPERATOR = "vagrant"
PEOPLE: dict[str, dict[str, Any]] = {
    "ops-hypha-1": {"coop": "hypha", "access": {"all": "admin"}, "number": 11},
    "ops-meet-1": {"coop": "meet-coop", "access": {"all": "admin"}, "number": 12},
    "web-hypha-1": {"coop": "hypha", "access": {"vision": "login"}, "number": 21},
}


def main(state: Path, operator_key: Path) -> None:
    records: dict[str, Any] = {
        OPERATOR: {
            "coop": "lab",
            "access": {"all": "admin"},
            "ssh_keys": [{"key": operator_key.read_text().strip()}],
        }
    }
    for name, person in PEOPLE.items():
        records[name] = _record(state / "people" / name, **person)
    file = state / "people.yml"
    new = file.with_suffix(".new")
    new.write_text(yaml.safe_dump({"people": records}, sort_keys=False))
    new.rename(file)


def _record(directory: Path, coop: str, access: dict[str, str], number: int) -> dict[str, Any]:
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {
        "coop": coop,
        "access": access,
        "ssh_keys": [{"key": _ssh_key(directory / "id_ed25519")}],
        "vpn": {
            "public_key": _wireguard_key(directory / "wireguard.key"),
            "addresses": [f"10.66.1.{number}", f"fd66:0:0:1::{number}"],
        },
    }


def _ssh_key(file: Path) -> str:
    """The public half of the SSH key in the file. Makes the key if there is none."""
    if not file.exists():
        key = Ed25519PrivateKey.generate()
        _keep(file, key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()))
    public = load_ssh_private_key(file.read_bytes(), None).public_key()
    return public.public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _wireguard_key(file: Path) -> str:
    """The public half of the WireGuard key in the file. Makes the key if there is none."""
    if not file.exists():
        made = X25519PrivateKey.generate()
        raw = made.private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
        _keep(file, base64.b64encode(raw) + b"\n")
    key = X25519PrivateKey.from_private_bytes(base64.b64decode(file.read_bytes()))
    return base64.b64encode(key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)).decode()


def _keep(file: Path, content: bytes) -> None:
    new = file.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_bytes(content)
    new.rename(file)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
