"""Tests follow pages of docs/, by the commands and records that the pages show."""

import os
import re
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.machines import ROOT, STATE, pyinfra
from lab.vpn_client import in_vpn
from tests.lab.fleets import (
    VPN_KEYS,
    VpnFleet,
    addresses,
    answers,
    converge_alone,
    counts,
    edit,
    people_of,
    reaches,
    stored_key,
)
from tests.lab.logins import FRESH
from tests.lab.pages import block, blocks

pytestmark = pytest.mark.access

NEW = "ops-hypha-2"
OPERATOR_KEY = STATE / "id_ed25519"


def at_home(home: Path, command: str, project: Path = ROOT) -> str:
    """Run a page's command as somebody with this home, who confirms each question."""
    done = subprocess.run(
        ["bash", "-euc", command],
        cwd=project, env={**os.environ, "HOME": str(home)}, input="\n" * 5, capture_output=True,
        text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


def run_of(page: str, words: str, project: Path) -> str:
    """Make the run that the page's block shows, on the VPN's machines; returns its output."""
    (command,) = [line.strip() for line in block(page, words).splitlines() if words in line]
    program, _, *arguments = shlex.split(command)
    assert program == "pyinfra"
    done = pyinfra(*arguments, "-y", *VpnFleet.limit(), directory=project)
    assert done.returncode == 0, done.stderr[-4000:]
    return done.stderr


def test_add_a_person(vpn_fleet: VpnFleet, project: Path, tmp_path: Path) -> None:
    page, home = "add-a-person", tmp_path / "home"
    (home / ".ssh").mkdir(parents=True)
    # ssh-keygen takes the home of the account, not HOME.
    into = "ssh-keygen -f ~/.ssh/id_ed25519"
    *_, vpn_key = at_home(home, block(page, "ssh-keygen").replace("ssh-keygen", into)).split()
    record = yaml.safe_load(block(page, "ssh_keys:"))
    record[NEW]["ssh_keys"][0]["key"] = (home / ".ssh/id_ed25519.pub").read_text().strip()
    record[NEW]["vpn"]["public_key"] = vpn_key
    edit(people_of(project), lambda data: data["people"].update(record))
    run_of(page, "deploy.py", project)

    (made, whole) = [it for it in blocks(page) if "make -s vpn-config" in it]
    lab = f"VENV={ROOT}/.venv INVENTORY=inventories/lab.yml PERSON="
    for command in (made, whole):
        at_home(home, command.replace("PERSON=", lab), project)
    assert "PrivateKey = (" in (home / f"{NEW}.conf").read_text()
    config = home / ".ssh/config"
    config.write_text(block(page, "User ops"))
    target = addresses("bbb1")[0]
    wg_quick(home / "coop.conf", "up")
    try:
        login = [*FRESH[:1], "-F", str(config), *FRESH[3:], "-i", str(home / ".ssh/id_ed25519")]
        said = subprocess.run(
            [*login, target, "sudo -n whoami; logname"], capture_output=True, text=True, check=False
        )
    finally:
        wg_quick(home / "coop.conf", "down")
    assert said.stdout.split() == ["root", NEW], said


def wg_quick(config: Path, what: str) -> None:
    subprocess.run(["wg-quick", what, str(config)], check=True, capture_output=True)


def test_rotate_a_persons_vpn_key(vpn_fleet: VpnFleet, project: Path) -> None:
    """Somebody else makes the run: the key of ops-meet-1 changes."""
    done = subprocess.run("wg genkey | wg pubkey", shell=True, check=True, capture_output=True)
    public = done.stdout.decode().strip()
    new = {"public_key": public}
    edit(people_of(project), lambda data: data["people"]["ops-meet-1"]["vpn"].update(new))
    vpn_fleet.converge(directory=project)
    peers = vpn_fleet.hub.sh("wg show wg0 allowed-ips")
    (line,) = [it for it in peers.splitlines() if "10.66.1.12/32" in it]
    assert line.startswith(public)
    with in_vpn("ops-meet-1"):
        assert not answers(addresses("bbb1")[0], 3), "the old key still opens"
    with in_vpn("ops-hypha-1"):
        assert answers(addresses("bbb1")[0], 20)


def test_rotate_a_servers_vpn_key(vpn_fleet: VpnFleet) -> None:
    text = (ROOT / "docs/rotate-a-key.md").read_text()
    (remove,) = re.findall(r"On the server, `(rm [^`]+)`", text)
    before = stored_key("bbb1")
    vpn_fleet["bbb1"].sh(remove)
    edit(VPN_KEYS, lambda data: data["hosts"].pop("bbb1"))
    vpn_fleet.converge()
    assert stored_key("bbb1") != before
    for other in ("vpn1", "bbb2"):
        assert reaches(vpn_fleet["bbb1"], addresses(other)[0])
        assert reaches(vpn_fleet[other], addresses("bbb1")[0])
    assert converge_alone("bbb1") == (0, 0)


def test_lose_the_only_hub(vpn_fleet: VpnFleet, project: Path, tmp_path: Path) -> None:
    """bbb1 is open to the VPN alone. bbb2 is open to all, and becomes the new hub."""

    def change(host: str, **vpn: Any) -> None:
        edit(project / "inventories/lab.yml", lambda data: data["hosts"][host]["vpn"].update(vpn))

    page = "lose-the-vpn-hub"
    change("bbb2", only_way_in=False)
    with in_vpn("ops-hypha-1", directory=project):
        vpn_fleet.converge(directory=project)
    assert not answers(vpn_fleet["bbb1"].address, 3)
    vpn_fleet.hub.power_off()

    example = yaml.safe_load(block(page, "roles: [hub]"))["vpn2"]
    change("bbb2", people=example["vpn"]["people"])
    edit(
        project / "inventories/lab.yml",
        lambda data: data["hosts"]["bbb2"].update(roles=example["roles"]),
    )
    own = ["10.66.1.11", "fd66:0:0:1::11", "10.66.2.11", "fd66:0:0:2::11"]
    edit(
        people_of(project), lambda data: data["people"]["ops-hypha-1"]["vpn"].update(addresses=own)
    )
    assert converge_alone("bbb2", project)[1] == 0

    config = tmp_path / "ssh_config"
    text = block(page, "ProxyJump").replace("192.0.2.32", vpn_fleet["bbb2"].address)
    text = text.replace("192.0.2.41", vpn_fleet["bbb1"].address)
    login = f"  User vagrant\n  IdentityFile {OPERATOR_KEY}\n"
    known = f"  StrictHostKeyChecking accept-new\n  UserKnownHostsFile {tmp_path}/known_hosts\n"
    config.write_text(f"{text}\nHost *\n{login}{known}")
    both = ("--limit", "bbb1", "--limit", "bbb2", "--data", f"ssh_config_file={config}")
    with in_vpn("ops-hypha-1", "bbb2", project):
        assert not answers(addresses("bbb1")[0], 3), "no test otherwise"
        done = pyinfra("deploy.py", "-y", *both, directory=project)
        assert done.returncode == 0, done.stderr[-4000:]
        assert answers(addresses("bbb1")[0], 20)
        again = pyinfra("deploy.py", "-y", *both[:4], directory=project)
        assert counts(again.stderr)[:2] == (0, 0), again.stderr[-4000:]
