"""SSH is open from within the VPN alone, where the data says so, and nobody is locked out."""

import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from controller.reach import is_open
from lab.command import wait_for
from lab.container import BRIDGE
from lab.machines import ROOT, STATE, Machine, machine, pyinfra, python
from lab.vpn_client import in_vpn
from tests.lab.fleets import (
    VPN_KEYS,
    ClosedFleet,
    VpnFleet,
    WebMachine,
    addresses,
    answers,
    changed_project,
    converge_alone,
    counts,
    edit,
    killed_run,
    look,
)
from tests.lab.logins import command
from tests.lab.network import echoes, ipv6_on_the_link, sh
from tests.lab.state import difference

pytestmark = pytest.mark.access

UNDO = "/var/lib/coop-infra/undo/coop_infra"
TABLE = "nft list table inet coop_infra"


def public(name: str) -> str:
    return machine(name).address


def run_on(name: str, project: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return pyinfra("deploy.py", "-y", "--limit", name, directory=project)


def test_whoever_is_outside_leaves_it_open_and_is_told(vpn_first_run: str) -> None:
    assert "SSH: left as it is now, as you do not get in by the VPN" in vpn_first_run


@pytest.mark.core
def test_ssh_is_open_within_the_vpn_alone(closing_run: str, closed_fleet: ClosedFleet) -> None:
    assert "tcp dport 22 drop" in closing_run
    for each in closed_fleet.servers:
        assert not answers(public(each.name))
        with ipv6_on_the_link(each) as address:
            assert not answers(address)
    assert answers(public("vpn1"))
    with ipv6_on_the_link(closed_fleet.hub) as address:
        assert answers(address), "no test of IPv6 otherwise"
    with in_vpn("ops-hypha-1"):
        for each in closed_fleet.servers:
            assert all(answers(address, 20) for address in addresses(each.name))
        before = look(closed_fleet)
        done = python("-m", "tests.bench", *closed_fleet.limit())
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        assert difference(before, look(closed_fleet)) == []


def test_the_same_command_on_day_zero_and_on_a_fleet_of_both(closed_fleet: ClosedFleet) -> None:
    """bbb2 is installed anew, while bbb1 is open from within the VPN alone."""
    VpnFleet()["bbb2"].restore("fresh")
    edit(VPN_KEYS, lambda data: data["hosts"].pop("bbb2"))
    with in_vpn("ops-hypha-1"):
        closed_fleet.converge()
        assert not answers(public("bbb2"))
        for each in closed_fleet.servers:
            assert all(answers(address, 20) for address in addresses(each.name))
        changed, failed, _ = counts(closed_fleet.converge())
        assert (changed, failed) == (0, 0)


def replace_in_firewall(text: str, by: str, project: Path) -> None:
    """Put `by` in the place of this text in the firewall of the project's copy."""
    file = project / "roles/firewall/table.py"
    assert text in file.read_text()
    file.write_text(file.read_text().replace(text, by))


def test_a_wrong_interface_undoes_itself_and_an_open_session_is_no_proof(
    vpn_fleet: VpnFleet, project: Path, tmp_path: Path
) -> None:
    one = vpn_fleet["bbb1"]
    wanted = "interface=fleet.vpn.interface if here.vpn else None"
    replace_in_firewall(wanted, 'interface="wg9"', project)
    master = ("-o", f"ControlPath={tmp_path}/master")
    key = STATE / "id_ed25519"
    with in_vpn("ops-hypha-1"):
        address = addresses("bbb1")[0]
        shared = command(key, "vagrant", public("bbb1"), *master)
        sh(*shared[:-1], "-M", "-N", "-f", public("bbb1"))
        one.sh("true")
        # All that comes by the tunnel waits while the change is in force, the run too.
        with ThreadPoolExecutor() as pool:
            run = pool.submit(run_on, "bbb1", project)
            wait_for(lambda: "wg9" in one.sh(TABLE), "it is in force", 180)
            sh(*shared, "true")
            assert not answers(address)
            wait_for(partial(answers, address), "the change has undone itself", 90)
            done = run.result()
        assert done.returncode != 0
        assert "not proven" in done.stderr
        assert answers(public("bbb1"))
        assert "wg9" not in one.sh(f"{TABLE}; cat /etc/coop-infra/firewall.nft")
        wait_for(lambda: one.try_sh(f"test -d {UNDO}").returncode != 0, "nothing is left of it", 30)
        assert converge_alone("bbb1") == (1, 0)
    assert not answers(public("bbb1"))


# A boot reads the new table at once, and puts it in force much later.
SLOW = """\
mkdir -p /etc/systemd/system/coop-firewall.service.d
cat > /etc/systemd/system/coop-firewall.service.d/slow.conf <<'END'
[Service]
ExecStart=
ExecStart=/bin/sh -c 'cp /etc/coop-infra/firewall.nft /run/; sleep 30; nft -f /run/firewall.nft'
END
sync -f /etc"""


@pytest.mark.kernel
@pytest.mark.parametrize("then", ["waits", "resets"])
def test_the_operator_is_killed_after_it_was_applied(vpn_fleet: VpnFleet, then: str) -> None:
    one = vpn_fleet["bbb1"]
    one.sh("true")
    with in_vpn("ops-hypha-1"):
        killed_run(one, f"{TABLE} | grep -q 'dport 22 drop'")
        assert one.try_sh(f"test -d {UNDO}").returncode == 0, "no test otherwise"
        assert not answers(public("bbb1"), 2), "no test otherwise"
        if then == "resets":
            one.sh(SLOW)
            one.reset()
        wait_for(partial(answers, public("bbb1")), "it is open again", 240)
        one.disconnect()
        one.wait_until_up()
        wait_for(lambda: one.try_sh(f"test -d {UNDO}").returncode != 0, "it is undone", 60)
        assert "dport 22 drop" not in one.sh(f"{TABLE}; cat /etc/coop-infra/firewall.nft")
        assert converge_alone("bbb1") == (1, 0)
    assert not answers(public("bbb1"))


def test_nothing_is_applied_if_it_could_not_be_undone(vpn_fleet: VpnFleet) -> None:
    one = vpn_fleet["bbb1"]
    timer = "/run/systemd/system/coop-undo@coop_infra.timer"
    one.sh(f"ln -s /dev/null {timer}; systemctl daemon-reload")
    before = one.sh(TABLE)
    with in_vpn("ops-hypha-1"):
        assert run_on("bbb1").returncode != 0
    assert one.sh(TABLE) == before
    assert answers(public("bbb1"))


def serve(machine: Machine) -> None:
    """A service that no role declares: a web server at tcp 8443, IPv4."""
    machine.sh("systemd-run -q --unit=web python3 -m http.server -d /var/empty 8443")
    wait_for(lambda: machine.try_sh("ss -lnt | grep -q :8443").returncode == 0, "it listens", 60)


CLOSED = "the public side: closes what listens and nothing opens: tcp 8443 (python3)"


def test_what_a_first_run_closes_is_told_and_what_was_open_stays_so(
    vpn_fleet: VpnFleet, tmp_path: Path
) -> None:
    """A host with a service of its own."""
    one = vpn_fleet["bbb2"]
    one.restore("fresh")
    edit(VPN_KEYS, lambda data: data["hosts"].pop("bbb2"))
    one.sh("mkdir -p /var/empty")
    serve(one)
    opened = changed_project(tmp_path / "open", lambda hosts: hosts["bbb2"].update(public="open"))
    done = run_on("bbb2", opened)
    assert done.returncode == 0 and CLOSED not in done.stderr, done.stderr[-4000:]
    # Nobody has decided, and an earlier run has left it open.
    said = run_on("bbb2")
    assert "neither a role nor the host's record opens: tcp 8443 (python3)" in said.stderr
    assert is_open(public("bbb2"), 8443) and "jump public" not in one.sh(TABLE)

    one.sh("nft delete table inet coop_infra; rm /etc/coop-infra/firewall.nft")
    dry = pyinfra("deploy.py", "--dry", "--diff", "--limit", "bbb2")
    assert CLOSED in dry.stderr and is_open(public("bbb2"), 8443)
    done = run_on("bbb2")
    assert done.returncode == 0 and CLOSED in done.stderr, done.stderr[-4000:]
    assert not is_open(public("bbb2"), 8443) and answers(public("bbb2"))
    assert converge_alone("bbb2") == (0, 0)

    port = {"port": 8443, "to": "all", "reason": "a page of the provider's"}
    listed = changed_project(tmp_path / "listed", lambda hosts: hosts["bbb2"].update(ports=[port]))
    assert converge_alone("bbb2", listed) == (1, 0)
    assert is_open(public("bbb2"), 8443)


def test_a_host_outside_of_the_vpn_opens_what_its_record_lists_and_no_more(
    web: WebMachine,
) -> None:
    host = web.host
    host.sh("mkdir -p /var/empty")
    serve(host)
    assert is_open(public("web1"), 443) and not is_open(public("web1"), 8443)
    assert "wg0" not in host.sh("nft list table inet coop_infra")
    audit = pyinfra("audit.py", "--limit", "web1")
    assert audit.returncode == 0, audit.stdout
    host.sh("systemctl stop web")


def test_people_get_to_what_is_theirs_and_servers_to_each_other(closed_fleet: ClosedFleet) -> None:
    """web-hypha-1 has access to boards alone."""
    one, hub = closed_fleet["bbb1"], closed_fleet.hub
    one.sh("mkdir -p /var/empty")
    serve(one)
    (ipv4, ipv6) = addresses("bbb1")
    assert echoes(public("bbb1"))
    assert not is_open(public("bbb1"), 8443)
    hub.sh(f"python3 -c \"import socket; socket.create_connection(('{ipv4}', 8443), 20)\"")
    with in_vpn("ops-hypha-1"):
        assert answers(ipv4, 20) and answers(ipv6, 20)
        assert not is_open(ipv4, 8443)
    with in_vpn("web-hypha-1"):
        assert echoes(ipv4)
        assert not answers(ipv4) and not answers(ipv6) and not is_open(ipv4, 8443)


@pytest.mark.parametrize("verb", ["restart", "reload", "stop"])
def test_the_table_is_back_at_once_when_nftables_flushes_all(
    closed_fleet: ClosedFleet, verb: str
) -> None:
    one = closed_fleet["bbb1"]
    before = one.sh(TABLE)
    one.sh("nft add table inet others; systemctl start nftables")
    assert "others" not in one.sh("nft list tables"), "no test otherwise"
    assert one.sh(TABLE) == before
    one.sh(f"nft add table inet others; systemctl {verb} nftables")
    assert "others" not in one.sh("nft list tables"), "no test otherwise"
    assert one.sh(TABLE) == before
    assert not answers(public("bbb1"))


UFW = """\
ufw default deny incoming; ufw allow 22/tcp; ufw allow 51820/udp; ufw --force enable
"""
# The chains that Docker makes for a published port, by the program that Docker uses.
DOCKER = """\
iptables -t nat -N DOCKER; iptables -t nat -A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER
iptables -t nat -A DOCKER ! -i docker0 -p tcp --dport 8080 -j DNAT --to-destination 172.17.0.2:80
iptables -N DOCKER-USER; iptables -I FORWARD -j DOCKER-USER; iptables -A DOCKER-USER -j RETURN
"""
# The rules of ufw and Docker, without the counters.
OTHERS = """\
for save in iptables-save ip6tables-save; do $save | grep -v '^#' | sed 's/ \\[.*//'; done
cat /etc/ufw/user.rules /etc/ufw/user6.rules
"""


def test_ufw_and_docker_keep_their_rules_and_open_nothing(vpn_fleet: VpnFleet) -> None:
    one = vpn_fleet["bbb1"]
    one.sh(UFW, timeout=300)
    one.sh(DOCKER)
    before = one.sh(OTHERS)
    assert "ufw-user-input" in before and "172.17.0.2" in before
    with in_vpn("ops-hypha-1"):
        converge_alone("bbb1")
        inner = ClosedFleet()["bbb1"]
        assert inner.sh(OTHERS) == before
        assert not answers(public("bbb1"))
        # BigBlueButton does this whenever it restarts.
        inner.sh("ufw allow OpenSSH; ufw reload", timeout=300)
        assert not answers(public("bbb1"))
        assert all(answers(address, 20) for address in addresses("bbb1"))


LISTEN = """\
import socket
at = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
at.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
at.bind(('::', 7007))
seen = set()
while True:
    text = at.recv(64).decode()
    if text not in seen:
        print(text, flush=True)
    seen.add(text)
"""


def test_a_forged_address_of_the_vpn_is_dropped(closed_fleet: ClosedFleet) -> None:
    """Packets come on the public side, and by the hub, which would pass them on as a person's."""
    one, hub = closed_fleet["bbb1"], closed_fleet.hub
    one.sh("cat > /run/listen.py", stdin=LISTEN.encode())
    one.sh("systemd-run -q --unit=listen sh -c 'python3 /run/listen.py > /run/heard'")
    wait_for(lambda: one.try_sh("ss -lun | grep -q 7007").returncode == 0, "it listens", 30)
    (ipv4, ipv6), heard = addresses("bbb1"), partial(one.sh, "cat /run/heard")
    with ipv6_on_the_link(one) as link:
        forged = (
            ("10.66.0.99", ipv4, public("bbb1")),
            ("fd66::99", ipv6, link.partition("%")[0]),
            ("10.66.1.99", ipv4, public("vpn1")),
        )
        for source, target, via in forged:
            forge(source, target, via)
        one.sh("nft insert rule inet coop_infra public udp dport 7007 accept")
        send(public("bbb1"), "", "honest")
        wait_for(lambda: "honest" in heard(), "what is honest arrives", 30)
        assert heard() == "honest"
        for each in (one, hub):
            each.sh("nft delete table inet coop_infra")
        for source, target, via in forged:
            forge(source, target, via)
        wait_for(
            lambda: all(source in heard() for source, *_ in forged),
            "without the table they arrive: no test otherwise",
            30,
        )


def test_a_hub_is_no_router_between_its_other_networks(closed_fleet: ClosedFleet) -> None:
    one, hub = closed_fleet["bbb1"], closed_fleet.hub
    one.sh("cat > /run/listen.py", stdin=LISTEN.encode())
    one.sh("systemd-run -q --unit=listen sh -c 'python3 /run/listen.py > /run/heard'")
    wait_for(lambda: one.try_sh("ss -lun | grep -q 7007").returncode == 0, "it listens", 30)
    one.sh("nft insert rule inet coop_infra public udp dport 7007 accept")
    heard = partial(one.sh, "cat /run/heard")
    by_hub = ("ip", "route", "add", public("bbb1"), "via", public("vpn1"), "dev", BRIDGE)
    sh(*by_hub)
    try:
        send(public("bbb1"), "", "by the hub")
        sh("ip", "route", "del", public("bbb1"), "dev", BRIDGE)
        send(public("bbb1"), "", "honest")
        wait_for(lambda: "honest" in heard(), "what comes without the hub arrives", 30)
        assert heard() == "honest"
        hub.sh("nft delete table inet coop_infra")
        sh(*by_hub)
        send(public("bbb1"), "", "by the hub")
        wait_for(lambda: "by the hub" in heard(), "without the table it arrives", 30)
    finally:
        subprocess.run(["ip", "route", "del", public("bbb1"), "dev", BRIDGE], check=False)


def forge(source: str, target: str, via: str) -> None:
    """Send a datagram with the forged address `source`, through the public network."""
    ip, length = ("ip", "-6" if ":" in source else "-4"), "128" if ":" in source else "32"
    nodad = ["nodad"] if ":" in source else []
    sh(*ip, "address", "add", f"{source}/{length}", "dev", BRIDGE, *nodad)
    try:
        sh(*ip, "route", "add", target, "via", via, "dev", BRIDGE, "src", source)
        send(target, source, source)
    finally:
        subprocess.run([*ip, "route", "del", target, "dev", BRIDGE], check=False)
        sh(*ip, "address", "del", f"{source}/{length}", "dev", BRIDGE)


def send(target: str, source: str, text: str) -> None:
    family = socket.AF_INET6 if ":" in target else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as to:
        to.bind((source, 0))
        # The first ones may be lost while this side still asks for the neighbour's address.
        for _ in range(3):
            to.sendto(text.encode(), (target, 7007))
            time.sleep(0.2)


LATE = """\
cat > /etc/systemd/system/late.timer <<'END'
[Timer]
OnBootSec=60
Unit=wg-quick@wg0.service
[Install]
WantedBy=timers.target
END
systemctl disable -q wg-quick@wg0
systemctl enable -q late.timer
sync -f /etc
"""


@pytest.mark.kernel
def test_it_is_closed_at_a_boot_without_the_tunnel(closed_fleet: ClosedFleet) -> None:
    """Once the tunnel is up, here by a timer, the operator gets in again."""
    one = closed_fleet["bbb1"]
    one.sh(LATE)
    # A container is gone before it has answered.
    one.try_sh("systemctl reboot --no-block")
    one.disconnect()
    # It lets nobody in before the timer. A container is up again before anybody sees it down.
    wait_for(lambda: not one.answers(), "it has gone down", 180)
    wait_for(partial(echoes, public("bbb1"), 2), "it is up", 180)
    assert not answers(public("bbb1"), 20)
    one.wait_until_up()
    assert one.sh("systemctl is-active coop-firewall.service") == "active"
    assert not answers(public("bbb1"))


def test_a_table_that_a_hand_has_changed_is_shown_and_mended(closed_fleet: ClosedFleet) -> None:
    one = closed_fleet["bbb1"]
    one.sh("nft flush chain inet coop_infra input")
    assert answers(public("bbb1"))
    with in_vpn("ops-hypha-1"):
        dry = pyinfra("deploy.py", "--dry", "--diff", "--limit", "bbb1")
        assert '+\t\tiifname != { "lo", "wg0" } tcp dport 22' in dry.stderr
        changed, failed, _ = counts(run_on("bbb1").stderr)
        assert (changed, failed) == (1, 0)
    assert not answers(public("bbb1"))
