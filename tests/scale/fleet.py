"""A generated fleet, in its own copy of the project."""

import base64
import compileall
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh
import yaml

from tests.project import copy_project

OPERATOR = "ops-1"
# The account by which the operator logs in on day zero.
PROVIDERS = "root"
INVENTORY = "inventories/scale.py"
_INVENTORY = """\
from controller.inventory import groups

globals().update(
    groups(
        "inventories/scale.yml",
        {"prod", "staging", "shared"},
        ssh_strict_host_key_checking="off",
        ssh_known_hosts_file="/dev/null",
    )
)
"""
_SERVERS = ("storage1", "offsite1", "vpn1")


@dataclass(frozen=True)
class Size:
    """How many client VMs and people a fleet has. Each fleet also has the hosts of _SERVERS."""

    clients: int
    people: int

    @property
    def hosts(self) -> list[str]:
        """The names of all hosts."""
        return [*_SERVERS, *(f"vm{number}" for number in range(1, self.clients + 1))]


def address(number: int) -> str:
    """The address on this machine at which a host answers SSH, by its number from 0 on."""
    return f"127.78.{number // 250}.{number % 250 + 1}"


def make_project(directory: Path) -> Path:
    """A copy of this project, uncommitted files included; `declare` then writes a fleet into it."""
    project = directory / "project"
    copy_project(project)
    # pyinfra writes no bytecode, so each run would compile the whole project anew.
    compileall.compile_dir(project, quiet=1)
    (directory / "escrow").mkdir(mode=0o700)
    asyncssh.generate_private_key("ssh-ed25519").write_private_key(directory / "key")
    (project / INVENTORY).write_text(_INVENTORY)
    return project


def declare(project: Path, size: Size, port: int, new: Iterable[str]) -> None:
    """Writes a fleet of that size into the project. What runs have stored of an earlier one stays.

    port: where all hosts listen; new: the hosts that no run has reached yet
    """
    directory = project.parent
    hosts = {name: _host(i, name, directory, port) for i, name in enumerate(size.hosts)}
    for name in new:
        hosts[name]["ssh"]["user"] = PROVIDERS
    public = asyncssh.read_private_key(directory / "key").export_public_key().decode()
    people = {name: _person(i, name) for i, name in enumerate(_names(size.people))}
    people[OPERATOR]["ssh_keys"] = [{"key": " ".join(public.split()[:2])}]
    _write(project / "inventories/scale.yml", {"hosts": hosts})
    _write(project / "group_data/people.yml", {"people": people})
    encrypted = [name for name, host in hosts.items() if host.get("volume", {}).get("encrypted")]
    env = project / ".env"
    env.touch(mode=0o600)
    env.write_text(
        f"ESCROW_DIRECTORY={directory / 'escrow'}\n"
        + "".join(f"GOCRYPTFS_PASSWORD_{name.upper()}={_secret(name)}\n" for name in encrypted)
    )


def wireguard_key(name: str) -> str:
    """A public key of WireGuard, always the same for a name."""
    return base64.b64encode(hashlib.sha256(f"wireguard {name}".encode()).digest()).decode()


def ssh_key(name: str) -> str:
    """A public key of SSH, "kind base64", always the same for a name."""
    raw = hashlib.sha256(f"ssh {name}".encode()).digest()
    parts = (b"ssh-ed25519", raw)
    blob = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
    return f"ssh-ed25519 {base64.b64encode(blob).decode()}"


def _secret(name: str) -> str:
    return hashlib.sha256(f"password {name}".encode()).hexdigest()


def _names(count: int) -> list[str]:
    """The people's names: three admins of all hosts, then those with a login on the boards."""
    return [f"ops-{i + 1}" if i < 3 else f"web-{i - 2}" for i in range(count)]


def _host(number: int, name: str, directory: Path, port: int) -> dict[str, Any]:
    host: dict[str, Any] = {
        "roles": [name.rstrip("1") if name in ("storage1", "offsite1") else "vision"],
        "environment": "shared",
        # 198.18.0.0/15 is kept for measurements: RFC 2544.
        "address": f"198.18.{number // 250}.{number % 250 + 1}",
        "vpn": {"addresses": [f"10.66.0.{number + 1}", f"fd66::{number + 1:x}"]},
        "ssh": {
            "hostname": address(number),
            "port": port,
            "user": OPERATOR,
            "key": str(directory / "key"),
        },
    }
    if name == "vpn1":
        host["roles"] = ["hub"]
        host["vpn"]["people"] = ["10.66.1.0/24", "fd66:0:0:1::/64"]
    elif name in _SERVERS:
        host["disks"] = [f"ata-{name}-1", f"ata-{name}-2"]
    else:
        # Every other client is encrypted, as production is.
        encrypted = number % 2 == 0
        host["environment"] = "prod" if encrypted else "staging"
        host["volume"] = {"quota": "20G", "encrypted": encrypted, "uid": 20000 + number}
        host["site"] = {
            "name": f"{name}.example.org",
            "repository": "https://example.org/vision.git",
            "commit": hashlib.sha1(b"vision").hexdigest(),
        }
    return host


def _person(number: int, name: str) -> dict[str, Any]:
    return {
        "coop": "hypha",
        "access": {"all": "admin"} if name.startswith("ops-") else {"vision": "login"},
        "ssh_keys": [{"key": ssh_key(name)}],
        "vpn": {
            "public_key": wireguard_key(name),
            "addresses": [f"10.66.1.{number + 1}", f"fd66:0:0:1::{number + 1:x}"],
        },
    }


def _write(file: Path, data: Any) -> None:
    file.write_text(yaml.dump(data, Dumper=_Plain, sort_keys=False))


class _Plain(yaml.SafeDumper):
    """Writes a value anew each time that the data has it: the fleet refuses YAML's aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True
