"""What the audit makes of a host, and how it ends."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra import host
from pyinfra.context import ctx_host, ctx_state

from controller import audit
from controller.audit import Audit, Backup, Copy, Ended, Key, Peer
from facts.access import KEYS, AccessState, AccountState
from facts.copies import CopiesState
from facts.files import PathState
from facts.nftables import TableState
from facts.sets import SetsState
from facts.systemd import UnitsState, UnitState
from facts.wireguard import Live, WireGuardState
from fleet.model import Fleet
from operations import wireguard
from operations.access import Wanted
from operations.systemd import Unit
from operations.wireguard import RIGHTS, Interface, config
from roles import access, offsite, vpn
from roles.vpn import firewall
from tests.unit.fleet_samples import HUB, KEY, OFFSITE, fleet_of, sample

VPN = SimpleNamespace(interface="wg0")
PULL_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAICLgNqzm+T8GyRuSh7Bccycz+Ofze00gs9seVmdbX2/1"
SEEN = Audit(
    "the VPN",
    [Key("ops-hypha-1", True, "SHA256:x", "ops-hypha-1", "20270701Z")],
    [Peer("vpn1", ["10.66.0.31/32"])],
    [Copy("tank/a", 5, 30), Copy("tank/gone", None, 9000)],
    Backup(14, 300),
)


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit, "REPORT", tmp_path / "reports")
    monkeypatch.setattr(audit, "_done", {})


def look_at(
    monkeypatch: pytest.MonkeyPatch, found: dict[str, Audit], away: tuple[str, ...] = ()
) -> int:
    """Runs the audit on these hosts, one after the other; gives its exit status."""
    hosts = [SimpleNamespace(name=name) for name in found]
    everybody = [*hosts, *(SimpleNamespace(name=name) for name in away)]

    class Inventory:
        def __iter__(self) -> Any:
            return iter(everybody)

    state = SimpleNamespace(
        activated_hosts=hosts,
        inventory=Inventory(),
        is_host_in_limit=lambda host: True,
    )
    monkeypatch.setattr(audit, "_look", lambda: found[host.name])
    with ctx_state.use(state):
        for each in hosts[:-1]:
            with ctx_host.use(each):
                audit.report()
        with ctx_host.use(hosts[-1]), pytest.raises(Ended) as ended:
            audit.report()
    return ended.value.exit_code


def report(tmp_path: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((tmp_path / "reports/audit.json").read_text())
    return found


def test_the_report_is_of_all_hosts_and_written_once_all_are_seen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert look_at(monkeypatch, {"two": SEEN, "one": SEEN}) == 0
    assert list(report(tmp_path)) == ["one", "two"]
    text = (tmp_path / "reports/audit.md").read_text()
    assert "| ops-hypha-1 | sudo | SHA256:x | ops-hypha-1 | 20270701Z |" in text
    assert "Tunnels: vpn1 (10.66.0.31/32)" in text
    assert "| tank/a | 5 | 30 |\n| tank/gone | none | 9000 |" in text
    assert "Sets in the provider's store: 14; the newest 300 minutes old." in text
    assert text.count("As the data says.") == 2
    assert text in capsys.readouterr().out


def test_drift_fails_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look_at(monkeypatch, {"one": SEEN, "two": Audit(drift=["a hole"])}) == 1
    assert "- a hole" in (tmp_path / "reports/audit.md").read_text()


def test_a_host_that_is_away_fails_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look_at(monkeypatch, {"one": SEEN}, away=("two",)) == 1
    assert report(tmp_path)["two"]["drift"] == ["not reached"]


def test_the_keys_are_those_that_sshd_accepts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet: Fleet = fleet_of(tmp_path, sample())
    monkeypatch.setattr(audit, "this_fleet", lambda: fleet)

    def file(text: str) -> PathState:
        return PathState("file", 0o644, "root", "root", content=text.encode())

    now = AccessState(
        accounts={
            "ops-hypha-1": AccountState(1000, "/home/o", "/bin/bash", None, True),
            "gone": AccountState(1001, "/home/g", "/bin/bash", 1),
            "pull": AccountState(998, "/", "/bin/sh"),
        },
        files={
            KEYS: PathState("directory", 0o755, "root", "root"),
            f"{KEYS}/ops-hypha-1": file(
                f'# note\nexpiry-time="20270701Z" {KEY} laptop\nssh-rsa AAAA\n'
            ),
            f"{KEYS}/gone": file(KEY),
            f"{KEYS}/no-account": file(KEY),
            f"{KEYS}/pull": file(f'restrict,command="/usr/bin/python3 -I x" {PULL_KEY} offsite1'),
        },
    )
    fleet.pull_keys.store("offsite1", PULL_KEY)
    own, rogue, machine = audit._keys(now)
    assert (own.account, own.sudo, own.person, own.until) == (
        "ops-hypha-1",
        True,
        "ops-hypha-1",
        "20270701Z",
    )
    assert own.key.startswith("SHA256:")
    assert (rogue.person, rogue.until) == ("nobody", "")
    assert (machine.account, machine.sudo, machine.person) == ("pull", False, "offsite1")


@pytest.mark.parametrize(("table", "live"), [("table inet coop_infra {", None), ("", Live("x", 1))])
def test_a_tunnel_of_a_host_that_is_in_the_vpn_no_more_is_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: str, live: Live | None
) -> None:
    fleet: Fleet = fleet_of(tmp_path, sample(vpn1={**HUB, "roles": [], "vpn": None}))
    for module in (audit, access, offsite):
        monkeypatch.setattr(module, "this_fleet", lambda: fleet)
        monkeypatch.setattr(module, "this_host", lambda: fleet.host("vpn1"))
    found = [AccessState(), WireGuardState(live=live), TableState(live=table), UnitsState()]
    state = SimpleNamespace(failed_hosts=[])
    with (
        ctx_state.use(state),
        ctx_host.use(SimpleNamespace(name="vpn1", get_fact=lambda *_, **__: found)),
    ):
        drifted = audit._look().drift
    assert "VPN: a tunnel or its firewall is there, and the data has no vpn for it" in drifted


def in_vpn(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> list[str]:
    """What the audit finds on a host in the VPN that is as it should be, but for these changes."""
    text, units = (
        "the table's text\n",
        [Unit("wg-quick@wg0.service"), Unit("coop-firewall.service")],
    )
    file = PathState("file", 0o644, "root", "root", content=text.encode())
    wanted = Interface("KEY=", ("10.66.0.22", "fd66::22"), 51820, ())
    seen = {
        "tunnel": WireGuardState("KEY=", config(wanted, hidden=True), RIGHTS, Live("KEY=", 51820)),
        "table": TableState(True, "listed", ("listed",), {firewall.FILE: file}),
        "units": UnitsState({unit.name: UnitState(file="enabled") for unit in units}),
        **changes,
    }
    monkeypatch.setattr(
        audit, "this_host", lambda: SimpleNamespace(vpn=1, ssh_port=22, roles=(), backup=None)
    )
    keys = SimpleNamespace(load=dict)
    fleet = SimpleNamespace(vpn=VPN, people={}, pull_keys=keys)
    monkeypatch.setattr(audit, "this_fleet", lambda: fleet)
    monkeypatch.setattr(access, "wanted", lambda: Wanted((), {}))
    monkeypatch.setattr(audit, "drift", lambda *_: [])
    monkeypatch.setattr(wireguard, "differences", lambda *_: [])
    monkeypatch.setattr(vpn, "interface", lambda: wanted)
    monkeypatch.setattr(vpn, "units", lambda: units)
    monkeypatch.setattr(firewall, "text", lambda: text)
    answer = [AccessState(), seen["tunnel"], seen["table"], seen["units"]]
    with (
        ctx_state.use(SimpleNamespace(failed_hosts=[])),
        ctx_host.use(SimpleNamespace(name="prod1", get_fact=lambda *_, **__: answer)),
    ):
        return audit._look().drift


def test_what_would_be_otherwise_after_a_boot_is_drift(monkeypatch: pytest.MonkeyPatch) -> None:
    assert in_vpn(monkeypatch) == []
    no_file = TableState(True, "listed", ("listed",), {})
    assert in_vpn(monkeypatch, table=no_file) == [
        "firewall: the file for the next boot is not the wanted one"
    ]
    assert in_vpn(monkeypatch, tunnel=WireGuardState("KEY=", "by hand")) == [
        "VPN: the file for the next boot is not the wanted one"
    ]
    off = UnitsState({"wg-quick@wg0.service": UnitState(file="disabled")})
    assert in_vpn(monkeypatch, units=off) == [
        "wg-quick@wg0.service: not started at boot",
        "coop-firewall.service: not started at boot",
    ]


def test_a_host_without_nft_is_not_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    found = in_vpn(monkeypatch, table=TableState(False, "", ("",)))
    assert "firewall: the table in force is not the wanted one" in found


def test_ssh_is_told_apart_from_what_else_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet: Fleet = fleet_of(tmp_path, sample())
    monkeypatch.setattr(audit, "this_host", lambda: fleet.host("storage1"))
    closed = 'iifname != { "lo", "wg0" } tcp dport {port} drop'
    assert audit._ssh_from(closed.replace("{port}", "2049")) == "anywhere"
    assert audit._ssh_from(closed.replace("{port}", "22")) == "the VPN"
    assert audit._ssh_from("") == "anywhere"


def seen_of(monkeypatch: pytest.MonkeyPatch, fleet: Fleet, name: str, found: Any) -> Audit:
    """What the audit makes of a host that has nothing else than this to be found."""
    for module in (audit, access, offsite):
        monkeypatch.setattr(module, "this_fleet", lambda: fleet)
        monkeypatch.setattr(module, "this_host", lambda: fleet.host(name))
    monkeypatch.setattr(vpn, "units", list)
    monkeypatch.setattr(vpn, "interface", lambda: Interface("K=", (), 1, ()))
    monkeypatch.setattr(firewall, "text", lambda: "t")
    asked: list[Any] = []

    def get_fact(kind: Any, **arguments: Any) -> Any:
        asked.append(arguments)
        return [AccessState(), WireGuardState(), TableState(), UnitsState(), found]

    with (
        ctx_state.use(SimpleNamespace(failed_hosts=[])),
        ctx_host.use(SimpleNamespace(name=name, get_fact=get_fact)),
    ):
        seen = audit._look()
    assert len(asked) == 1
    return seen


def test_a_copy_that_is_too_old_is_drift(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = fleet_of(tmp_path, sample(offsite1={**OFFSITE}))
    copies = CopiesState(7200, 3600, {"a": 3000}, {"a": 0, "b": 7140}, ("a: offsite: too old",))
    seen = seen_of(monkeypatch, fleet, "offsite1", copies)
    assert seen.copies == [Copy("a", 10, 120), Copy("b", None, 1)]
    assert "copies: a: offsite: too old" in seen.drift


@pytest.mark.parametrize(("newest", "age"), [(3600, 60), (0, None)])
def test_a_set_that_is_too_old_is_drift(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest: int, age: int | None
) -> None:
    backup = {"store": "a.example.org:/b", "directories": ["/etc"], "quiesce": []}
    fleet = fleet_of(tmp_path, sample(stg1__backup=backup))
    found = SetsState(7200, 3, newest, ("too old",))
    seen = seen_of(monkeypatch, fleet, "stg1", found)
    assert seen.backup == Backup(3, age)
    assert "backup: too old" in seen.drift
