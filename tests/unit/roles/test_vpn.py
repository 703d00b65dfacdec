"""A run that would cut off its own operator's tunnel is refused."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host, ctx_state

from controller import preflight
from facts.wireguard import Live, LivePeer, WireGuard, WireGuardState
from facts.wireguard_digest import WireGuardDigest, digest
from operations.wireguard import RIGHTS, Interface, Peer, config
from roles import vpn
from tests.unit.fleet_samples import HUB, PEOPLE, fleet_of, sample

MINE, OTHER = "10.66.1.11", "10.66.1.12"
KEY = "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ="
KEPT = Peer("ops-hypha-1", KEY, ("10.66.1.11/32", "fd66:0:0:1::11/128"))
SECRET = Peer("ops-hypha-1", KEY, KEPT.allowed_ips, preshared="c2VjcmV0")


THROUGH = Peer("vpn2", "of the other hub", ("10.66.0.32/32", "10.66.1.0/24"))


def live(key: str = KEY, address: str = MINE, preshared: str | None = None) -> Live:
    """The state of the hub through which the person at this address comes; a server is a peer."""
    peers = {
        key: LivePeer(frozenset({f"{address}/32"}), preshared=preshared),
        "of a server": LivePeer(frozenset({"10.66.0.41/32", "10.66.2.0/24"})),
    }
    return Live("the hub's", 51820, peers)


def wanted(*peers: Peer, own: str | None = "the hub's", **more: Any) -> Interface:
    return Interface(own, ("10.66.0.31", "fd66::31"), 51820, peers, **more)


@pytest.mark.parametrize(
    ("now", "want", "ended"),
    [
        (live(), wanted(KEPT), False),
        (live(), wanted(), True),
        (live("an old key"), wanted(KEPT), True),
        (live(), wanted(Peer("ops-hypha-1", KEY, ("10.66.1.13/32",))), True),
        (live(), wanted(SECRET), True),
        (live(preshared=SECRET.digest), wanted(SECRET), False),
        (live(preshared=SECRET.digest), wanted(KEPT), True),
        # The hub itself gets another key.
        (live(), wanted(KEPT, own="another"), True),
        (live(), wanted(KEPT, own=None), True),
        # The operator's configuration has the old port.
        (live(), replace(wanted(KEPT), port=51821), True),
        # A dry run without the secrets cannot tell.
        (live(), wanted(replace(KEPT, preshared=vpn.NOT_KNOWN)), False),
        # The tunnel is somebody else's, or nobody's.
        (live(address=OTHER), wanted(), False),
        (Live("the hub's", 51820), wanted(KEPT), False),
    ],
)
def test_whether_the_operators_tunnel_ends(now: Live, want: Interface, ended: bool) -> None:
    assert vpn.ends(now, want, MINE) is ended


@pytest.mark.parametrize(
    ("want", "ended"),
    [
        (wanted(THROUGH), False),
        # The key of vpn2, or of the host itself, may change: the hub tells people's keys apart.
        (wanted(replace(THROUGH, public_key="new"), own=None), False),
        (wanted(keyless={"10.66.1.0/24": "vpn2"}), False),
        # A server's own port is nothing to the person behind the hub.
        (replace(wanted(THROUGH), port=51821), False),
        # vpn2 is no hub any more, or has other prefixes.
        (wanted(replace(THROUGH, allowed_ips=("10.66.0.32/32",))), True),
        (wanted(replace(THROUGH, allowed_ips=("10.66.0.32/32", "10.66.9.0/24"))), True),
    ],
)
def test_whether_the_way_through_another_hub_ends(want: Interface, ended: bool) -> None:
    behind = Live("own", 51820, {THROUGH.public_key: LivePeer(frozenset(THROUGH.allowed_ips))})
    assert vpn.ends(behind, want, MINE) is ended


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A hub that knows one person, who is not in the data any more."""
    fleet = fleet_of(tmp_path, sample(vpn1=HUB), PEOPLE)
    monkeypatch.setattr(vpn, "this_fleet", lambda: fleet)
    monkeypatch.setattr(vpn, "this_host", lambda: fleet.host("vpn1"))
    monkeypatch.setattr(vpn, "tunnel_to", lambda host: MINE)
    monkeypatch.setattr(preflight, "only_reads", lambda: False)
    with ctx_host.use(host_that_is(WireGuardState(live=live()))):
        yield monkeypatch


def host_that_is(state: WireGuardState) -> Any:
    facts = {WireGuard: state, WireGuardDigest: digest(state)}
    return SimpleNamespace(name="vpn1", get_fact=lambda kind, **_: facts[kind])


def test_a_run_that_would_end_it_is_refused(hub: Any) -> None:
    with pytest.raises(DeployError, match=r"vpn1: you come by the tunnel of 10\.66\.1\.11"):
        vpn.preflight()


def test_a_dry_run_is_warned(hub: Any) -> None:
    said: list[str] = []
    hub.setattr(preflight, "only_reads", lambda: True)
    hub.setattr(preflight, "warn", said.append)
    vpn.preflight()
    assert ["a run would be refused: you come by the tunnel" in text for text in said] == [True]


def test_a_host_that_is_as_wanted_is_not_asked_for_all_of_its_peers(hub: Any) -> None:
    want = wanted(KEPT)
    hub.setattr(vpn, "_wanted", lambda: want)
    peers = {KEPT.public_key: LivePeer(frozenset(KEPT.allowed_ips))}
    now = Live(want.public_key or "", want.port, peers, want.prefixes, want.routes)
    text = config(want, hidden=True)
    answers = {WireGuardDigest: digest(WireGuardState(want.public_key, text, RIGHTS, now))}
    host = SimpleNamespace(name="vpn1", get_fact=lambda kind, **_: answers[kind])
    with ctx_host.use(host):
        vpn.preflight()


def test_without_a_tunnel_nobody_is_asked(hub: Any) -> None:
    hub.setattr(vpn, "tunnel_to", lambda host: None)
    with ctx_host.use(SimpleNamespace(name="vpn1")):
        vpn.preflight()


def test_a_key_that_this_run_will_store_is_not_missing_before_it(
    hub: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """To rotate a server's key an operator takes its entry out: no run is refused for that."""
    monkeypatch.setattr(vpn, "hosts_of_run", lambda: ["stg1"])
    monkeypatch.setattr(vpn, "tell", lambda text: None)
    for executing, missing in (
        (False, {"storage1", "prod1"}),
        (True, {"storage1", "prod1", "stg1"}),
    ):
        with ctx_state.use(SimpleNamespace(is_executing=executing)):
            assert set(vpn.interface().keyless.values()) == missing
