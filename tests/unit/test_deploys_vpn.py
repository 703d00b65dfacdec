"""A run that would cut off its own operator's tunnel."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api.exceptions import DeployError
from pyinfra.context import ctx_host

from deploys import preflight, vpn
from facts.wireguard import Live, LivePeer, WireGuardState
from operations.wireguard import Peer
from tests.unit.fleet_samples import HUB, PEOPLE, fleet_of, sample

MINE, OTHER = "10.66.1.11", "10.66.1.12"
KEY = "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ="
KEPT = Peer("ops-hypha-1", KEY, ("10.66.1.11/32", "fd66:0:0:1::11/128"))
SECRET = Peer("ops-hypha-1", KEY, KEPT.allowed_ips, preshared="c2VjcmV0")


def live(key: str = KEY, address: str = MINE, preshared: str | None = None) -> Live:
    peers = {
        key: LivePeer(frozenset({f"{address}/32"}), preshared=preshared),
        "of a server": LivePeer(frozenset({"10.66.0.41/32", "10.66.2.0/24"})),
    }
    return Live("the hub's", 51820, peers)


@pytest.mark.parametrize(
    ("now", "wanted", "ended"),
    [
        (live(), [KEPT], False),
        (live(), [], True),
        (live("an old key"), [KEPT], True),
        (live(), [Peer("ops-hypha-1", KEY, ("10.66.1.13/32",))], True),
        (live(), [SECRET], True),
        (live(preshared=SECRET.digest), [SECRET], False),
        (live(preshared=SECRET.digest), [KEPT], True),
        # A dry run without the secrets cannot tell.
        (live(), [Peer("ops-hypha-1", KEY, KEPT.allowed_ips, preshared=vpn.NOT_KNOWN)], False),
        # Somebody else's, and those who come through another hub.
        (live(address=OTHER), [], False),
        (Live("the hub's", 51820), [KEPT], False),
    ],
)
def test_whether_the_operators_tunnel_ends(now: Live, wanted: list[Peer], ended: bool) -> None:
    assert vpn.ends(now, now.public_key, wanted, MINE) is ended


@pytest.mark.parametrize("own", ["another", None])
def test_the_tunnel_ends_with_a_new_key_of_the_hubs_own(own: str | None) -> None:
    assert vpn.ends(live(), own, [KEPT], MINE)
    assert not vpn.ends(live(address=OTHER), own, [KEPT], MINE)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A hub that knows one person, who is in the data no more."""
    fleet = fleet_of(tmp_path, sample(vpn1=HUB), PEOPLE)
    monkeypatch.setattr(vpn, "fleet", lambda: fleet)
    monkeypatch.setattr(vpn, "vpn_keys", dict)
    monkeypatch.setattr(vpn, "this_host", lambda: fleet.host("vpn1"))
    monkeypatch.setattr(vpn, "address_here", lambda fleet: MINE)
    monkeypatch.setattr(preflight, "only_reads", lambda: False)
    facts = SimpleNamespace(name="vpn1", get_fact=lambda *_, **__: WireGuardState(live=live()))
    with ctx_host.use(facts):
        yield monkeypatch, fleet


def test_a_run_that_would_end_it_is_refused(hub: Any) -> None:
    with pytest.raises(DeployError, match=r"vpn1: you come by the tunnel of 10\.66\.1\.11"):
        vpn.preflight()


def test_a_dry_run_is_warned(hub: Any) -> None:
    monkeypatch, _ = hub
    said: list[str] = []
    monkeypatch.setattr(preflight, "only_reads", lambda: True)
    monkeypatch.setattr(preflight, "warn", said.append)
    vpn.preflight()
    assert ["a run would be refused: you come by the tunnel" in text for text in said] == [True]


def test_nobody_else_is_asked(hub: Any) -> None:
    monkeypatch, fleet = hub
    with ctx_host.use(SimpleNamespace(name="vpn1")):
        monkeypatch.setattr(vpn, "address_here", lambda fleet: None)
        vpn.preflight()
        monkeypatch.setattr(vpn, "address_here", lambda fleet: MINE)
        monkeypatch.setattr(vpn, "this_host", lambda: fleet.host("stg1"))
        vpn.preflight()
