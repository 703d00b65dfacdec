"""The audit says who gets in, by one command a host, and fails on all that is not as declared."""

import json
import subprocess
from typing import Any

import pytest

from lab.machines import ROOT, pyinfra, python
from lab.vpn_client import in_vpn
from tests.lab.fleets import ClosedFleet, look
from tests.lab.logins import key_of
from tests.lab.state import difference

pytestmark = pytest.mark.access


def audit(fleet: ClosedFleet) -> tuple[int, dict[str, dict[str, Any]]]:
    """The exit status of an audit from within the VPN, and what it wrote."""
    report = ROOT / "reports/audit.json"
    report.unlink(missing_ok=True)
    with in_vpn("ops-hypha-1"):
        done = pyinfra("audit.py", "-y", *fleet.limit())
    assert report.exists() and "Traceback" not in done.stderr, done.stderr[-4000:]
    return done.returncode, json.loads(report.read_text())["hosts"]


def ssh_to(found: dict[str, Any]) -> str:
    """To whom SSH is open on a host, as the audit found it."""
    return str(next(it["to"] for it in found["firewall"]["ports"] if it["name"] == "SSH"))


def fingerprint(person: str) -> str:
    words = ["ssh-keygen", "-l", "-f", str(key_of(person))]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.split()[1]


def test_who_gets_in_is_told_by_one_command_a_host(closed_fleet: ClosedFleet) -> None:
    before = look(closed_fleet)
    with in_vpn("ops-hypha-1"):
        done = python("-m", "tests.bench", "audit.py", *closed_fleet.limit())
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    found = json.loads((ROOT / "reports/audit.json").read_text())["hosts"]
    assert sorted(found) == sorted(closed_fleet.names)
    assert (ssh_to(found["bbb1"]), ssh_to(found["vpn1"])) == ("vpn", "all")
    assert found["bbb1"]["firewall"]["answers"] == {"10.78.0.41": []}
    assert found["vpn1"]["firewall"]["answers"] == {"10.78.0.31": [22]}
    assert {
        "account": "ops-hypha-1",
        "sudo": True,
        "key": fingerprint("ops-hypha-1"),
        "person": "ops-hypha-1",
        "until": "",
    } in found["bbb1"]["access"]["keys"]
    assert "web-hypha-1" not in [key["account"] for key in found["bbb1"]["access"]["keys"]]
    assert {"name": "ops-meet-1", "prefixes": ["10.66.1.12/32", "fd66:0:0:1::12/128"]} in found[
        "vpn1"
    ]["vpn"]["peers"]
    text = (ROOT / "reports/audit.md").read_text()
    assert text in done.stdout
    assert f"| ops-hypha-1 | sudo | {fingerprint('ops-hypha-1')} | ops-hypha-1 | for ever |" in text
    assert difference(before, look(closed_fleet)) == []


def test_whatever_is_not_as_declared_fails_it(closed_fleet: ClosedFleet) -> None:
    one = closed_fleet["bbb1"]
    for harm in (
        "useradd -m -s /bin/bash mallory",
        "mkdir -p /root/.ssh; cp /etc/ssh/authorized_keys/vagrant /root/.ssh/authorized_keys",
        "cat /etc/ssh/authorized_keys/vagrant >> /etc/ssh/authorized_keys/ops-meet-1",
        "wg set wg0 peer $(wg genkey | wg pubkey) allowed-ips 10.99.0.0/16",
        "systemd-run -q --unit=web python3 -m http.server -d /etc/ssl 8443",
        "nft flush chain inet coop_infra input",
    ):
        one.sh(harm)
    status, found = audit(closed_fleet)
    assert status == 1
    drift = "\n".join(found["bbb1"]["drift"])
    for text in (
        "account mallory: open -> closed",
        "/root/.ssh/authorized_keys: present -> absent",
        "/etc/ssh/authorized_keys/ops-meet-1 is not as wanted",
        "unknown: present -> absent",
        "firewall: the table in force is not the wanted one",
        "firewall: tcp 8443 (python3) answers at 10.78.0.41, and nothing opens it",
        "firewall: SSH (tcp 22) answers at 10.78.0.41, and it is for vpn within the VPN",
    ):
        assert text in drift
    assert ssh_to(found["bbb1"]) == "all"
    assert ("ops-meet-1", "vagrant") in [
        (key["account"], key["person"]) for key in found["bbb1"]["access"]["keys"]
    ]
    assert found["vpn1"]["drift"] == []


def test_a_host_that_is_away_is_no_good_news(closed_fleet: ClosedFleet) -> None:
    closed_fleet["bbb2"].power_off()
    status, found = audit(closed_fleet)
    assert status == 1
    assert found["bbb2"]["drift"] == ["not reached"]
    assert found["bbb1"]["drift"] == []
