"""Which differences of a WireGuard interface count, and what a run does about them."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import facts.wireguard
from facts.wireguard import NO_SECRET, Live, LivePeer, WireGuard, WireGuardState
from facts.wireguard_digest import WireGuardDigest, digest
from operations import wireguard
from operations.wireguard import Interface, Peer
from tests.unit.host_here import perform
from tests.unit.operation_harness import Run, Shell, run
from tests.unit.wireguard_samples import HUB, OPERATOR, OWN, PRESHARED, PRIVATE

HUB_PEER = Peer("vpn1", HUB, ("10.66.0.31/32", "10.66.1.0/24"), "192.0.2.31:51820")
PERSON = Peer("ops-1", OPERATOR, ("10.66.1.11/32",), keepalive=25, preshared=PRESHARED)
WANTED = Interface(OWN, ("10.66.0.22", "fd66::22"), 51820, (HUB_PEER, PERSON))
LIVE = Live(
    OWN,
    51820,
    {
        HUB: LivePeer(frozenset(HUB_PEER.allowed_ips), "198.51.100.7:51820"),
        OPERATOR: LivePeer(frozenset({"10.66.1.11/32"}), None, 25, PERSON.digest),
    },
    frozenset({"10.66.0.22/32", "fd66::22/128"}),
    frozenset({"10.66.0.31/32", "10.66.1.0/24", "10.66.1.11/32"}),
)
RIGHT = WireGuardState(OWN, wireguard.config(WANTED, hidden=True), wireguard.RIGHTS, LIVE)


def apply(*now: WireGuardState, wanted: Interface = WANTED, **options: Any) -> Run:
    """now: what the facts see before the run, and then, if the run does anything, after it."""
    seen = [*now, RIGHT]
    answers: dict[type, Any] = {WireGuard: seen, WireGuardDigest: [digest(it) for it in seen]}
    return run(wireguard.interface, "wg0", lambda: wanted, facts=answers, **options)


def with_peer(key: str, **changes: Any) -> WireGuardState:
    peers = {**LIVE.peers, key: replace(LIVE.peers[key], **changes)}
    return replace(RIGHT, live=replace(LIVE, peers=peers))


def test_what_is_as_wanted_is_one_question() -> None:
    done = apply(RIGHT)
    assert (done.commands, done.said) == ([], [])
    assert done.noops == ["wg0 is up with 2 peers"]
    assert done.asked == [{"interface": "wg0"}]


@pytest.mark.parametrize(
    "now",
    [
        RIGHT,
        with_peer(OPERATOR, endpoint="198.51.100.8:1024"),
        replace(RIGHT, live=replace(LIVE, forwards=True)),
    ],
    ids=["as wanted", "a person who is there", "packets that another passes on"],
)
def test_of_a_host_that_is_as_wanted_the_digests_are_enough(now: WireGuardState) -> None:
    answers: dict[type, Any] = {WireGuardDigest: digest(now)}
    done = run(wireguard.interface, "wg0", lambda: WANTED, facts=answers)
    assert done.commands == [] and done.noops == ["wg0 is up with 2 peers"]


@pytest.mark.parametrize(
    ("now", "told"),
    [
        (replace(RIGHT, live=None), "wg0: down -> up"),
        (replace(RIGHT, live=replace(LIVE, port=1)), "wg0: port 1 -> 51820"),
        (replace(RIGHT, live=replace(LIVE, public_key=HUB)), f"wg0: its key, of {HUB} -> the"),
        (replace(RIGHT, rights="root:root 0644"), "wg0.conf: root:root 0644 -> root:root 0600"),
        (
            replace(RIGHT, live=replace(LIVE, addresses=frozenset({"10.66.0.22/32"}))),
            "wg0: address fd66::22/128: absent -> present",
        ),
        (
            replace(RIGHT, live=replace(LIVE, routes=LIVE.routes | {"10.9.0.0/16"})),
            "wg0: route 10.9.0.0/16: present -> absent",
        ),
        (
            replace(RIGHT, live=replace(LIVE, routes=LIVE.routes - {"10.66.1.0/24"})),
            "wg0: route 10.66.1.0/24: absent -> present",
        ),
        (with_peer(OPERATOR, keepalive=0), "wg0: peer ops-1: keepalive off -> 25"),
        (with_peer(HUB, keepalive=25), "wg0: peer vpn1: keepalive 25 -> off"),
        (with_peer(HUB, preshared="x"), "wg0: peer vpn1: preshared key: a secret -> none"),
        (with_peer(OPERATOR, preshared=None), "peer ops-1: preshared key: none -> a secret"),
        (with_peer(OPERATOR, preshared="x"), "peer ops-1: preshared key: a secret -> another"),
        (with_peer(HUB, endpoint=None), "peer vpn1: endpoint unknown -> 192.0.2.31:51820"),
        (
            with_peer(OPERATOR, allowed_ips=frozenset()),
            "wg0: peer ops-1: allowed prefix 10.66.1.11/32: absent -> present",
        ),
        (
            replace(RIGHT, live=replace(LIVE, peers={**LIVE.peers, "KEY=": LivePeer()})),
            "wg0: peer KEY=, unknown: present -> absent",
        ),
        (
            replace(RIGHT, live=replace(LIVE, peers={HUB: LIVE.peers[HUB]})),
            "wg0: peer ops-1: absent -> 10.66.1.11/32",
        ),
    ],
)
def test_each_difference_of_what_is_in_force_is_told_and_mended(
    now: WireGuardState, told: str
) -> None:
    done = apply(now)
    assert len(done.said) == 1
    assert told in done.said[0]
    assert len(done.commands) == 1


def test_only_a_hub_is_made_to_pass_packets_on() -> None:
    hub, forwards = (
        replace(WANTED, forwards=True),
        replace(RIGHT, live=replace(LIVE, forwards=True)),
    )
    done = apply(RIGHT, forwards, wanted=hub)
    assert done.said == ["wg0: forwarding: off -> on"]
    assert wireguard.FORWARD in done.lines
    assert apply(forwards, wanted=hub).commands == []
    # Docker may have turned forwarding on, and need it.
    assert apply(forwards).commands == []


def test_a_learned_endpoint_is_left_alone() -> None:
    assert apply(with_peer(HUB, endpoint="[2001:db8::7]:1024")).commands == []


def test_the_file_is_compared_too_and_its_difference_shown() -> None:
    assert RIGHT.config is not None
    now = replace(RIGHT, config=RIGHT.config.replace("Keepalive = 25", "Keepalive = 60"))
    assert apply(now).said == ["/etc/wireguard/wg0.conf: +1 -1 lines"]
    done = apply(now, diff=True)
    assert "-PersistentKeepalive = 60" in done.said
    assert "+PersistentKeepalive = 25" in done.said


def test_no_secret_is_said() -> None:
    done = apply(WireGuardState(OWN))
    assert PRESHARED not in "\n".join(done.said)
    assert PRESHARED not in repr(WANTED)
    assert PRESHARED not in done.commands[0].get_raw_value()


def test_all_of_a_peer_is_written_out() -> None:
    """`wg syncconf` leaves in force what it does not find in the file."""
    text = wireguard.config(replace(WANTED, peers=(HUB_PEER,)), hidden=False)
    assert f"PresharedKey = {NO_SECRET}\n" in text
    assert "PersistentKeepalive = off\n" in text


def test_a_key_that_is_not_the_stored_one_fails_the_host() -> None:
    done = apply(replace(RIGHT, public_key=HUB))
    assert "wg0.key is the private half of " + HUB in done.failure
    assert "take its entry out of the stored keys" in done.failure
    assert "wg0.key is not there" in apply(replace(RIGHT, public_key=None)).failure


def test_the_last_peers_are_never_taken_away() -> None:
    done = apply(RIGHT, wanted=replace(WANTED, peers=()))
    assert "no peer would be left of 2" in done.failure
    assert done.said == []


def test_a_server_whose_key_is_not_stored_here_is_never_taken_away() -> None:
    """An operator without the newest file of keys would cut all servers off from the hub."""
    wanted = replace(WANTED, peers=(PERSON,), keyless={"10.66.0.31/32": "vpn1"})
    done = apply(RIGHT, wanted=wanted)
    assert "vpn1 is a peer and its key is not stored here" in done.failure
    assert done.said == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"port": 51821, "only_by": ("bbb1", "bbb2")}, "port 51820 -> 51821: a host that misses"),
        ({"addresses": ("10.66.0.99", "fd66::22"), "only_by": ("here",)}, "address 10.66.0.22/32"),
        ({"port": 51821}, ""),
        ({"addresses": ("10.66.0.99", "fd66::22"), "only_by": ("bbb1",)}, ""),
    ],
)
def test_an_edit_that_strands_a_host_of_the_vpn_alone_is_refused(
    changes: dict[str, Any], says: str
) -> None:
    """A host that is down during the run keeps the old port and endpoints: no run reaches it."""
    done = apply(RIGHT, wanted=replace(WANTED, name="here", **changes))
    assert done.said == [] if says else done.said
    if says:
        assert says in done.failure and "(only_way_in: false, and a run)" in done.failure
        assert len(done.commands) == 1


def test_a_port_that_a_hand_has_changed_is_mended_where_the_vpn_is_the_only_way() -> None:
    by_hand = replace(RIGHT, live=replace(LIVE, port=1234))
    done = apply(by_hand, wanted=replace(WANTED, only_by=("bbb1",)))
    assert done.said == ["wg0: port 1234 -> 51820"] and len(done.commands) == 1


NO_IPV6 = replace(RIGHT, live=replace(LIVE, addresses=frozenset({"10.66.0.22/32"})))


@pytest.mark.parametrize(
    ("now", "says"),
    [
        (replace(NO_IPV6, takes_ipv6=False), "IPv6 is disabled on this host, and wg0 needs"),
        (WireGuardState(OWN, takes_ipv6=False), "IPv6 is disabled on this host"),
        (
            WireGuardState(OWN, mtu=1340),
            "an MTU of 1340, and wg0 would get 1260, where IPv6 needs 1280",
        ),
        # An interface that has its addresses keeps them.
        (replace(with_peer(HUB, keepalive=25), takes_ipv6=False, mtu=1340), ""),
        (WireGuardState(OWN, mtu=1360), ""),
        (WireGuardState(OWN), ""),
    ],
)
def test_an_interface_that_could_not_come_up_is_refused(now: WireGuardState, says: str) -> None:
    """wg-quick takes an interface down again, IPv4 included, that takes no IPv6 address."""
    done = apply(now, executing=False, diff=True)
    assert [it.startswith("will fail: ") and says in it for it in done.warned] == [True] * bool(
        says
    )


def test_two_peers_of_one_key_are_refused() -> None:
    """WireGuard would give all prefixes to the last of them."""
    copy = replace(HUB_PEER, name="bbb1", allowed_ips=("10.66.0.41/32",))
    done = apply(RIGHT, wanted=replace(WANTED, peers=(HUB_PEER, copy)))
    assert "bbb1 and vpn1 have one public key" in done.failure


def test_two_peers_of_one_key_are_refused_also_where_they_are_in_force() -> None:
    copy = replace(HUB_PEER, name="bbb1")
    wanted = replace(WANTED, peers=(HUB_PEER, copy, PERSON))
    now = replace(RIGHT, config=wireguard.config(wanted, hidden=True))
    assert "bbb1 and vpn1 have one public key" in apply(now, wanted=wanted).failure


@pytest.mark.parametrize(
    "now",
    [WireGuardState(config="[Interface]\n", rights="root:root 0600"), WireGuardState(live=LIVE)],
)
def test_an_interface_of_somebody_else_s_is_not_taken_over(now: WireGuardState) -> None:
    done = apply(now, wanted=replace(WANTED, public_key=None))
    assert "wg0 is there, and not by this project" in done.failure


def test_a_host_whose_key_is_being_rotated_is_not_somebody_elses() -> None:
    assert RIGHT.config is not None
    rotated = replace(RIGHT, public_key=None)
    done = apply(rotated, wanted=replace(WANTED, public_key=None), executing=False)
    assert done.warned == []


def test_what_is_led_here_is_a_route_at_once_and_at_boot() -> None:
    wanted = replace(WANTED, led_here=("10.66.1.0/24", "fd66:0:0:1::/64"))
    done = apply(RIGHT, wanted=wanted, diff=True)
    assert "wg0: route fd66:0:0:1::/64: absent -> present" in done.said
    assert "+PostUp = ip route replace fd66:0:0:1::/64 dev %i" in done.said


def test_a_dry_run_before_the_first_key_shows_what_will_be() -> None:
    done = apply(WireGuardState(), wanted=replace(WANTED, public_key=None), executing=False)
    assert done.warned == []
    assert len(done.commands) == 1


def test_what_is_not_in_force_afterwards_fails_the_host() -> None:
    wrong = with_peer(OPERATOR, keepalive=0)
    done = apply(wrong, wrong)
    assert "not as wanted after all" in done.failure
    assert "peer ops-1: keepalive off -> 25" in done.failure


WG = f"""\
case "$1" in
genkey) echo {PRIVATE} ;;
pubkey) [ "$(cat)" = {PRIVATE} ] && echo {OWN} || echo another ;;
syncconf) cp "$3" "$STATE/in-force" ;;
esac
"""


class Machine:
    """A host with a key, on which the operation's scripts run."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory / "wireguard"
        self.directory.mkdir()
        (self.directory / "wg0.key").write_text(f"{PRIVATE}\n")
        (directory / "run").mkdir()
        self.in_force = directory / "in-force"
        self.shell = Shell(directory)
        self.shell.stand_in("wg", f"STATE={directory}\n{WG}")
        self.shell.stand_in("wg-quick", 'sed "/^Address/d" "$2"')
        for name in ("ip", "systemctl"):
            self.shell.stand_in(name)
        self.shell.stand_in("mktemp", f"mkdir {directory}/run/x; echo {directory}/run/x")

    @property
    def config(self) -> Path:
        return self.directory / "wg0.conf"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    for module in (facts.wireguard, wireguard):
        monkeypatch.setattr(module, "DIRECTORY", str(tmp_path / "wireguard"))
    return Machine(tmp_path)


def test_the_file_has_the_secrets_and_nobody_else_can_read_it(machine: Machine) -> None:
    (command,) = apply(replace(RIGHT, config=None)).commands
    assert perform(command, machine.shell).returncode == 0
    text = machine.config.read_text()
    assert f"PrivateKey = {PRIVATE}\n" in text
    assert f"PresharedKey = {PRESHARED}\n" in text
    assert text.count("[Peer]") == 2
    assert machine.config.stat().st_mode & 0o777 == 0o600
    assert {file.name for file in machine.directory.iterdir()} == {"wg0.key", "wg0.conf"}
    assert not list((machine.directory.parent / "run").iterdir())


def test_no_secret_is_in_a_command_line(machine: Machine) -> None:
    (command,) = apply(replace(RIGHT, config=None)).commands
    perform(command, machine.shell)
    assert PRIVATE not in "\n".join(machine.shell.calls)
    assert PRESHARED not in "\n".join(machine.shell.calls)


def test_what_is_up_is_changed_in_place(machine: Machine) -> None:
    routes = LIVE.routes - {"10.66.1.0/24"} | {"fd99::/64"}
    (command,) = apply(replace(RIGHT, live=replace(LIVE, routes=routes))).commands
    assert perform(command, machine.shell).returncode == 0
    assert "Address" not in machine.in_force.read_text()
    assert f"PrivateKey = {PRIVATE}\n" in machine.in_force.read_text()
    ran = machine.shell.calls
    assert "ip route replace 10.66.1.0/24 dev wg0" in ran
    assert "ip route del fd99::/64 dev wg0" in ran
    # An interface that somebody has taken down takes no route.
    assert ran.index("ip link set wg0 up") < ran.index("ip route replace 10.66.1.0/24 dev wg0")
    assert not [call for call in ran if call.startswith("systemctl")]


def test_what_is_down_is_brought_up_by_its_unit(machine: Machine) -> None:
    (command,) = apply(replace(RIGHT, live=None)).commands
    assert perform(command, machine.shell).returncode == 0
    assert not machine.in_force.exists()
    assert "systemctl restart wg-quick@wg0.service" in machine.shell.calls


@pytest.mark.parametrize(
    "strip",
    [
        "true",
        "sed /^PrivateKey/d $2",
        "sed 's/^PrivateKey.*/PrivateKey = other/' $2",
        "sed '0,/^PublicKey/{/^PublicKey/d}' $2",
        "exit 1",
    ],
)
def test_a_candidate_that_lost_its_key_or_a_peer_is_put_nowhere(
    machine: Machine, strip: str
) -> None:
    machine.config.write_text("as it was")
    machine.shell.stand_in("wg-quick", strip)
    (command,) = apply(with_peer(HUB, keepalive=25)).commands
    assert perform(command, machine.shell).returncode != 0
    assert machine.config.read_text() == "as it was"
    assert not machine.in_force.exists()
