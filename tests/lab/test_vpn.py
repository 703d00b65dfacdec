"""In the VPN servers reach each other, people reach servers by the hub, and nobody else does."""

import re
import socket
import subprocess
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.command import wait_for
from lab.machines import Machine, pyinfra, python
from lab.vpn_client import another_machine, in_vpn
from tests.lab.fleets import (
    HELLO,
    VPN_KEYS,
    Data,
    VpnFleet,
    addresses,
    answers,
    changed_project,
    converge_alone,
    edit,
    look,
    people_of,
    reaches,
    stored_key,
)
from tests.lab.state import difference

pytestmark = pytest.mark.access


@pytest.mark.core
@pytest.mark.kernel
def test_one_run_joins_the_servers(vpn_fleet: VpnFleet) -> None:
    for one in vpn_fleet.all:
        for other in vpn_fleet.all:
            assert all(reaches(one, address) for address in addresses(other.name))
    assert set(yaml.safe_load(VPN_KEYS.read_text())["hosts"]) == set(vpn_fleet.names)


def test_the_next_run_changes_nothing(vpn_fleet: VpnFleet) -> None:
    before = look(vpn_fleet)
    done = python("-m", "tests.bench", *vpn_fleet.limit())
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert difference(before, look(vpn_fleet)) == []


def test_no_private_key_leaves_its_host(vpn_first_run: str, vpn_fleet: VpnFleet) -> None:
    """No key is in the output at the highest verbosity, nor in the operator's files."""
    said = vpn_first_run + VPN_KEYS.read_text()
    for each in vpn_fleet.all:
        assert each.sh("cat /etc/wireguard/wg0.key") not in said
        assert each.sh("stat -c '%a %U' /etc/wireguard/wg0.key /etc/wireguard/wg0.conf") == (
            "600 root\n600 root"
        )


@pytest.mark.core
def test_people_reach_servers_through_the_hub(vpn_fleet: VpnFleet) -> None:
    for each in vpn_fleet.servers:
        assert not any(answers(address, 1) for address in addresses(each.name))
    with in_vpn("ops-hypha-1"):
        for each in vpn_fleet.all:
            assert all(answers(address, 20) for address in addresses(each.name))
        # A server cannot begin a connection to a person: somebody may have taken the server over.
        with socket.create_server(("10.66.1.11", 7022)):
            connect = "timeout 5 bash -c ': < /dev/tcp/10.66.1.11/7022'"
            assert vpn_fleet.hub.try_sh(connect).returncode == 0, "no test otherwise"
            assert vpn_fleet["bbb1"].try_sh(connect).returncode != 0


def test_a_limited_run_takes_no_peer_away(vpn_fleet: VpnFleet) -> None:
    before = peers(vpn_fleet["bbb1"])
    assert converge_alone("bbb1") == (0, 0)
    assert peers(vpn_fleet["bbb1"]) == before
    assert len(before) == 2


def peers(machine: Machine) -> list[str]:
    return sorted(machine.sh("wg show wg0 allowed-ips").splitlines())


def people_without(name: str, project: Path) -> None:
    edit(people_of(project), lambda data: data["people"].pop(name))


STREAM = """\
import os, socket, sys, time
to = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
end = time.monotonic() + 300
number = 0
while not os.path.exists('/run/enough') and time.monotonic() < end:
    to.sendto(b'%d' % number, (sys.argv[1], 7007))
    number += 1
    time.sleep(0.05)
for _ in range(20):
    to.sendto(b'end', (sys.argv[1], 7007))
print(number)
"""
COUNT = """\
import socket
at = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
at.bind(('', 7007))
at.settimeout(300)
seen = set()
while (got := at.recv(64)) != b'end':
    seen.add(got)
print(len(seen))
"""


def test_a_removed_person_is_out_and_nobody_else_notices(
    vpn_fleet: VpnFleet, project: Path
) -> None:
    one, other = vpn_fleet["bbb1"], vpn_fleet["vpn1"]
    put(other, "/run/count.py", COUNT)
    put(one, "/run/stream.py", STREAM)
    other.sh("systemd-run -q --unit=count sh -c 'python3 /run/count.py > /run/counted'")
    hello = ["python3", "-c", HELLO.format(address=addresses("bbb2")[0])]
    with another_machine() as at, in_vpn("ops-meet-1", at=at):
        assert succeeds([*at, *hello])
        to = addresses("vpn1")[0]
        one.sh(f"systemd-run -q --unit=stream sh -c 'python3 /run/stream.py {to} > /run/sent'")
        people_without("ops-meet-1", project)
        vpn_fleet.converge(directory=project)
        assert not succeeds([*at, *hello])
        assert not has(one, "/run/sent"), "the stream had ended by then"
        one.sh("touch /run/enough")
    wait_for(partial(has, one, "/run/sent"), "the stream has ended", 30)
    wait_for(partial(has, other, "/run/counted"), "the stream has been counted", 30)
    sent, counted = (machine.sh(f"cat {file}") for machine, file in
                     ((one, "/run/sent"), (other, "/run/counted")))  # fmt: skip
    assert int(counted) == int(sent) > 100


def succeeds(words: list[str]) -> bool:
    return subprocess.run(words, capture_output=True, check=False).returncode == 0


def test_a_run_that_would_end_its_own_tunnel_is_refused(vpn_fleet: VpnFleet, project: Path) -> None:
    before = look(vpn_fleet)
    people_without("ops-meet-1", project)
    with in_vpn("ops-meet-1"):
        assert "you come by the tunnel of 10.66.1.12" in vpn_fleet.refused(directory=project)
        assert answers(addresses("bbb2")[0], 20)
    assert difference(before, look(vpn_fleet)) == []


def has(machine: Machine, path: str) -> bool:
    return machine.try_sh(f"test -s {path}").returncode == 0


def put(machine: Machine, path: str, content: str) -> None:
    machine.sh(f"cat > {path}", stdin=content.encode())


# Changes by hand on bbb1, each with the line that shows it, in groups that can be made together.
DRIFT = {
    "hub": (
        ("wg set wg0 peer {hub} persistent-keepalive 17", "peer vpn1: keepalive 17 -> off"),
        (
            "wg genpsk > /run/psk; wg set wg0 peer {hub} preshared-key /run/psk",
            "peer vpn1: preshared key: a secret -> none",
        ),
        (
            "wg set wg0 peer {hub} allowed-ips 10.66.0.31/32",
            "peer vpn1: allowed prefix 10.66.1.0/24: absent -> present",
        ),
        (
            "wg set wg0 peer $(wg genkey | wg pubkey) allowed-ips 10.99.0.0/16",
            "unknown: present -> absent",
        ),
    ),
    "network": (
        ("wg set wg0 peer {hub} remove", "peer vpn1: absent -> 10.66.0.31/32"),
        ("ip route del 10.66.1.0/24 dev wg0", "route 10.66.1.0/24: absent -> present"),
        ("ip route add 10.99.0.0/16 dev wg0", "route 10.99.0.0/16: present -> absent"),
        # Not the IPv4 address: with the last address the kernel takes all IPv4 routes away.
        ("ip address del fd66::41/128 dev wg0", "address fd66::41/128: absent -> present"),
        ("wg set wg0 listen-port 1234", "port 1234 -> 51820"),
    ),
    "files": (
        ("ip link del wg0", "wg0: down -> up"),
        ("chmod 644 /etc/wireguard/wg0.conf", "root:root 0644 -> root:root 0600"),
        ("sed -i s/51820$/51821/ /etc/wireguard/wg0.conf", "-ListenPort = 51821"),
        ("systemctl disable -q wg-quick@wg0", "wg-quick@wg0.service: disabled -> enabled"),
    ),
}


@pytest.mark.kernel
@pytest.mark.parametrize("changes", DRIFT.values(), ids=DRIFT)
def test_what_was_changed_by_hand_is_shown_and_mended(
    vpn_fleet: VpnFleet, changes: tuple[tuple[str, str], ...]
) -> None:
    one = vpn_fleet["bbb1"]
    for harm, _ in changes:
        one.sh(harm.format(hub=stored_key("vpn1")))
    dry = pyinfra("deploy.py", "--dry", "--diff", "--limit", "bbb1")
    missing = [shown for _, shown in changes if shown not in dry.stderr]
    assert missing == [], dry.stderr[-4000:]
    converge_alone("bbb1")
    assert converge_alone("bbb1") == (0, 0)
    assert all(reaches(one, address) for address in addresses("vpn1"))


def test_a_hub_that_passes_nothing_on_any_more_is_mended(vpn_fleet: VpnFleet) -> None:
    vpn_fleet.hub.sh("sysctl -q -w net.ipv4.ip_forward=0")
    dry = pyinfra("deploy.py", "--dry", "--diff", "--limit", "vpn1")
    assert "wg0: forwarding: off -> on" in dry.stderr
    assert converge_alone("vpn1") == (1, 0)
    with in_vpn("ops-hypha-1"):
        assert answers(addresses("bbb1")[0], 20)


def end_of(machine: Machine) -> str:
    """The machine's end of the VPN, in force and for the next boot."""
    return machine.sh(
        "wg show wg0 public-key; wg show wg0 allowed-ips | sort; ip route show dev wg0; "
        "cat /etc/wireguard/wg0.conf"
    )


def test_a_key_that_is_not_the_stored_one_is_refused(vpn_fleet: VpnFleet) -> None:
    before = end_of(vpn_fleet["bbb1"])
    vpn_fleet["bbb1"].sh("wg genkey > /etc/wireguard/wg0.key")
    assert "take its entry out of the stored keys" in vpn_fleet.refused()
    assert end_of(vpn_fleet["bbb1"]) == before


def test_an_old_file_of_stored_keys_takes_no_peer_away(vpn_fleet: VpnFleet, project: Path) -> None:
    before = end_of(vpn_fleet["bbb1"])
    only_own = {"bbb1": yaml.safe_load(VPN_KEYS.read_text())["hosts"]["bbb1"]}
    edit(project / "lab/.state/vpn-keys.yml", lambda data: data.update(hosts=only_own))
    done = pyinfra("deploy.py", "-y", "--limit", "bbb1", directory=project)
    assert done.returncode != 0
    assert "bbb2 is a peer and its key is not stored here" in done.stderr, done.stderr[-4000:]
    assert end_of(vpn_fleet["bbb1"]) == before


def test_another_port_is_refused_while_a_host_has_no_other_way_in(
    vpn_fleet: VpnFleet, project: Path
) -> None:
    """A host that is down during the run would keep the old port, and nobody would reach it."""
    before = {each.name: end_of(each) for each in vpn_fleet.all}
    file = project / "group_data/vpn.py"
    file.write_text(file.read_text().replace("port = 51820", "port = 51821"))
    dry = pyinfra("deploy.py", "--dry", "--diff", *vpn_fleet.limit(), directory=project)
    assert dry.stderr.count("will fail: port 51820 -> 51821") >= len(vpn_fleet.names)
    # The lab's data have more such hosts.
    assert re.search(r"leave bbb1, bbb2, .+ without any way in", vpn_fleet.refused(project))
    assert {each.name: end_of(each) for each in vpn_fleet.all} == before


def test_a_host_that_takes_no_ipv6_address_is_told_before_anything_is_changed(
    vpn_fleet: VpnFleet,
) -> None:
    one, settings = vpn_fleet["bbb1"], "net.ipv6.conf.all.disable_ipv6"
    one.sh(f"sysctl -q -w {settings}=1")
    dry = pyinfra("deploy.py", "--dry", "--diff", "--limit", "bbb1")
    assert "will fail: IPv6 is disabled on this host, and wg0 needs" in dry.stderr
    before = end_of(one)
    assert pyinfra("deploy.py", "-y", "--limit", "bbb1").returncode != 0
    assert end_of(one) == before
    one.sh(f"sysctl -q -w {settings}=0")
    assert converge_alone("bbb1") == (1, 0)
    assert all(reaches(one, address) for address in addresses("vpn1"))


# Takes the place of wg-quick; what this hands to `wg syncconf` lacks something.
LOSES = """\
#!/bin/sh
if [ "$1" = strip ]; then /usr/bin/wg-quick "$@" | {}; else exec /usr/bin/wg-quick "$@"; fi
"""


@pytest.mark.parametrize("lost", ["grep -v ^PrivateKey", "grep -v '^PublicKey'", "true"])
def test_a_candidate_that_lost_its_key_or_its_peers_is_put_nowhere(
    vpn_fleet: VpnFleet, lost: str
) -> None:
    one = vpn_fleet["bbb1"]
    one.sh(f"wg set wg0 peer {stored_key('vpn1')} persistent-keepalive 17")
    before = end_of(one)
    put(one, "/usr/local/sbin/wg-quick", LOSES.format(lost))
    one.sh("chmod 755 /usr/local/sbin/wg-quick")
    done = pyinfra("deploy.py", "-y", "--limit", "bbb1")
    assert done.returncode != 0
    assert "has lost its key or a peer" in done.stderr, done.stderr[-4000:]
    assert end_of(one) == before
    assert reaches(one, addresses("bbb2")[0])


# Writes down every command line on the machine, several times a second.
WATCH = """\
while sleep 0.1; do
  cat /proc/[0-9]*/cmdline 2> /dev/null | tr '\\0' ' '
  echo
done > /run/watched
"""


@pytest.mark.kernel
def test_what_is_gone_from_the_data_is_gone_from_the_kernel(
    vpn_fleet: VpnFleet, tmp_path: Path
) -> None:
    """syncconf alone would keep a preshared key, and a prefix with its route."""
    project = changed_project(tmp_path, second_hub)
    change_person(project, "ops-hypha-1", preshared=True)
    secret = vpn_fleet.hub.sh("wg genpsk")
    with (project / "lab/.state/env").open("a") as env:
        env.write(f"WIREGUARD_PSK_OPS_HYPHA_1={secret}\n")
    put(vpn_fleet.hub, "/run/watch.sh", WATCH)
    vpn_fleet.hub.sh("systemd-run -q --unit=watch sh /run/watch.sh")
    said = vpn_fleet.converge("-vvv", directory=project)
    assert secret not in said
    assert secret in vpn_fleet.hub.sh("wg show wg0 preshared-keys")
    vpn_fleet.hub.sh("systemctl stop watch")
    assert "sh -s" in vpn_fleet.hub.sh("cat /run/watched"), "no test otherwise"
    assert vpn_fleet.hub.try_sh(f"grep -q {secret} /run/watched").returncode != 0
    assert "10.66.2.0/24" in vpn_fleet["bbb1"].sh("ip route show dev wg0")

    said = vpn_fleet.converge("-vvv")
    assert secret not in said
    assert secret not in vpn_fleet.hub.sh("wg show wg0 preshared-keys; cat /etc/wireguard/wg0.conf")
    assert vpn_fleet["bbb2"].try_sh("ls /etc/sysctl.d/60-coop-vpn.conf").returncode != 0
    for each in vpn_fleet.servers:
        assert "10.66.2.0/24" not in each.sh("ip route show dev wg0; wg show wg0 allowed-ips")
    with in_vpn("ops-hypha-1"):
        assert answers(addresses("bbb1")[0], 20)


def change_person(project: Path, name: str, **vpn: Any) -> None:
    file = people_of(project)
    edit(file, lambda data: data["people"][name]["vpn"].update(vpn))


def test_with_one_hub_down_people_come_through_the_other(
    vpn_fleet: VpnFleet, tmp_path: Path
) -> None:
    project = changed_project(tmp_path, second_hub)
    both = ["10.66.1.11", "fd66:0:0:1::11", "10.66.2.11", "fd66:0:0:2::11"]
    change_person(project, "ops-hypha-1", addresses=both)
    vpn_fleet.converge(directory=project)
    for hub in ("vpn1", "bbb2"):
        with in_vpn("ops-hypha-1", hub, project):
            assert all(answers(address, 20) for address in addresses("bbb1"))
    vpn_fleet.hub.power_off()
    with in_vpn("ops-hypha-1", "bbb2", project):
        assert all(answers(address, 20) for address in addresses("bbb1"))


def second_hub(hosts: Data) -> None:
    hosts["bbb2"]["roles"] = ["hub"]
    hosts["bbb2"]["vpn"]["people"] = ["10.66.2.0/24", "fd66:0:0:2::/64"]


@pytest.mark.kernel
def test_servers_are_joined_again_after_a_boot(vpn_fleet: VpnFleet) -> None:
    vpn_fleet["bbb1"].reboot()
    wait_for(
        lambda: all(reaches(vpn_fleet["bbb1"], address) for address in addresses("vpn1")),
        "the tunnel is up again",
        60,
    )
