"""What an inventory gives to pyinfra, and what a person sees when it refuses."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import click
import pytest
import yaml
from pyinfra import logger
from pyinfra.api.exceptions import InventoryError

from controller import inventory, open_files
from fleet import ROOT, secrets
from fleet.groups import GROUPS
from fleet.hosts import Host
from fleet.load import load, read
from fleet.model import Fleet
from fleet.reading.problems import FleetError, Problem
from lab import people as lab_people
from tests.unit.fleet.bbb_samples import node
from tests.unit.fleet_samples import (
    GROUP_DATA,
    KEY,
    MONITOR,
    NOW,
    REMOVED,
    fleet_of,
    sample,
    write,
)

EVERYTHING = {"prod", "staging", "shared"}
FILE = "inventories/coop.yml"


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """The sample as the fleet, with no secret set and one host that does nothing."""
    bare = {"roles": [], "environment": "shared", "address": "192.0.2.31"}
    found = fleet_of(tmp_path, sample(bare1=bare))
    monkeypatch.setattr(inventory, "load", lambda file: found)
    # The project's own is of other people.
    monkeypatch.setattr(inventory, "load_oncall", lambda people: None)
    monkeypatch.setattr(secrets, "file_for", lambda fleet: tmp_path / "env")
    for name in secrets.required(found, list(found.hosts.values())):
        monkeypatch.delenv(name, raising=False)
    return found


@pytest.fixture
def filled_in(tmp_path: Path, fleet: Fleet) -> None:
    escrow = tmp_path / "escrow"
    escrow.mkdir(mode=0o700)
    (tmp_path / "env").touch(mode=0o600)
    (tmp_path / "env").write_text(
        f"GOCRYPTFS_PASSWORD_PROD1=aaaaaaaaaaaaaaaaaaaaaaaa\nESCROW_DIRECTORY={escrow}\n"
    )


def names(group: list[tuple[str, dict[str, Any]]]) -> list[str]:
    return [name for name, _ in group]


def command(**params: Any) -> click.Context:
    """pyinfra's command line as click gives it to an inventory."""
    context = click.Context(click.Command("pyinfra"))
    context.params = {"dry": False, "operations": ("deploy.py",), **params}
    return context


@pytest.mark.usefixtures("filled_in")
def test_each_role_is_a_group_and_so_are_the_clients() -> None:
    groups = inventory.groups(FILE, EVERYTHING)
    members = {group: names(hosts) for group, hosts in groups.items()}
    expected = {
        "all": ["storage1", "stg1", "prod1", "bare1"],
        "clients": ["stg1", "prod1"],
        "storage": ["storage1"],
        "offsite": [],
        "vision": ["stg1", "prod1"],
        "vpn": ["storage1", "stg1", "prod1"],
        "hub": [],
        "backups": [],
    }
    assert {**members, **expected} == members
    assert set(members) == set(GROUPS)


@pytest.mark.usefixtures("filled_in")
def test_a_run_has_the_hosts_of_its_environments() -> None:
    assert names(inventory.groups(FILE, {"prod", "shared"})["all"]) == [
        "storage1",
        "prod1",
        "bare1",
    ]


@pytest.mark.usefixtures("filled_in")
def test_a_host_carries_how_to_reach_it_and_where_its_fleet_is() -> None:
    groups = inventory.groups(FILE, EVERYTHING, ssh_known_hosts_file="/dev/null")
    assert dict(groups["all"])["prod1"] == {
        "ssh_hostname": "192.0.2.22",
        "ssh_user": "ops",
        "ssh_port": 2222,
        "fleet_file": FILE,
        "ssh_known_hosts_file": "/dev/null",
    }


@pytest.mark.usefixtures("filled_in")
def test_hosts_that_are_not_up_are_left_out(tmp_path: Path) -> None:
    running = tmp_path / "running"
    with pytest.raises(InventoryError, match="make lab-up"):
        inventory.groups(FILE, EVERYTHING, str(running))
    running.write_text("stg1\nstorage1\ngone1\n")
    groups = inventory.groups(FILE, EVERYTHING, str(running))
    assert names(groups["all"]) == ["storage1", "stg1"]
    running.write_text("\n")
    with pytest.raises(InventoryError, match="none of the hosts is up"):
        inventory.groups(FILE, EVERYTHING, str(running))


@pytest.mark.usefixtures("fleet")
def test_a_missing_secret_stops_a_run_that_changes_hosts() -> None:
    with command(), pytest.raises(InventoryError) as caught:
        inventory.groups(FILE, EVERYTHING)
    assert "GOCRYPTFS_PASSWORD_PROD1: is not set" in str(caught.value)
    assert "ESCROW_DIRECTORY: is not set" in str(caught.value)


@pytest.mark.usefixtures("fleet")
def test_outside_the_command_line_a_missing_secret_is_an_error_too() -> None:
    with pytest.raises(InventoryError):
        inventory.groups(FILE, EVERYTHING)


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize(
    "params",
    [
        {"dry": True},
        {"operations": ("debug-inventory",)},
        {"operations": ("fact", "x")},
        {"operations": ("bbb_status.py",)},
    ],
)
def test_a_missing_secret_is_a_warning_for_a_run_that_only_reads(
    params: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(logger, "warning", warnings.append)
    with command(**params):
        assert len(inventory.groups(FILE, EVERYTHING)["all"]) == 4
    assert len(warnings) == 2


def test_a_key_that_nobody_knows_stops_a_run_on_hosts_that_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packages of an unknown hand would be root on the node."""
    found = fleet_of(tmp_path, sample(bbb1=node(bbb__mirror=REMOVED)))
    monkeypatch.setattr(inventory, "load", lambda file: found)
    secret = "a" * 32
    for name in ("BBB_SECRET_BBB1", "TURN_SECRET_BBB1", "BALANCER_SECRET_MEET"):
        monkeypatch.setenv(name, secret)
    with command(limit=("bbb1",)), pytest.raises(InventoryError) as error:
        inventory.groups(FILE, {"prod"})
    assert "fingerprint of the key of coturn" in str(error.value)
    with command(limit=("stg1",)):
        inventory.groups(FILE, {"prod", "staging"})
    warnings: list[str] = []
    monkeypatch.setattr(logger, "warning", warnings.append)
    with command(limit=("bbb1",), dry=True):
        inventory.groups(FILE, {"prod"})
    assert any("fingerprint of the key of coturn" in it for it in warnings)


@pytest.mark.usefixtures("fleet")
def test_a_run_without_encrypted_volumes_needs_no_secret() -> None:
    with command():
        assert names(inventory.groups(FILE, {"staging", "shared"})["clients"]) == ["stg1"]


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("limit", [("storage1",), ("stor*", "bare1"), ("storage",)])
def test_a_run_that_is_limited_to_other_hosts_needs_no_secret(limit: tuple[str, ...]) -> None:
    with command(limit=limit):
        assert len(inventory.groups(FILE, EVERYTHING)["all"]) == 4


@pytest.mark.parametrize("limit", [("stg1,prod1",), ("nosuch",), ("stg1", "nosuch")])
@pytest.mark.usefixtures("filled_in")
def test_a_limit_that_leaves_no_host_is_refused(limit: tuple[str, ...]) -> None:
    """pyinfra alone would do nothing, look at nothing, and exit 0."""
    with command(limit=limit), pytest.raises(InventoryError, match="without commas"):
        inventory.groups(FILE, EVERYTHING)


@pytest.mark.usefixtures("fleet")
@pytest.mark.parametrize("limit", [("prod1",), ("storage1", "pro*"), ("clients",), ("all",), ()])
def test_a_run_that_is_limited_to_a_host_needs_its_secrets(limit: tuple[str, ...]) -> None:
    with command(limit=limit), pytest.raises(InventoryError):
        inventory.groups(FILE, EVERYTHING)


def test_a_mistake_is_an_error_of_pyinfra(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(file: Path) -> Fleet:
        raise FleetError([Problem(FILE, "prod1", "quota", "is missing", "add it")])

    monkeypatch.setattr(inventory, "load", fail)
    with pytest.raises(InventoryError, match="prod1: quota: is missing; add it"):
        inventory.groups(FILE, EVERYTHING)


def test_pyinfra_shows_a_mistake_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "broken.yml").write_text(yaml.safe_dump(sample(prod1__volume__quota="2 apples")))
    file = str(tmp_path / "broken.yml")
    call = f"from controller.inventory import groups\ngroups({file!r}, ['prod'])"
    (tmp_path / "broken.py").write_text(call)
    pyinfra = Path(sys.executable).parent / "pyinfra"
    run = subprocess.run(
        [pyinfra, tmp_path / "broken.py", "debug-inventory"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode != 0
    assert "prod1: volume.quota: '2 apples' is not a size" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_the_repository_s_own_inventory_is_valid_and_read_once() -> None:
    fleet = load(Path(FILE))
    assert fleet.storage_host.name == "storage1"
    assert load(Path(FILE)) is fleet


def test_the_lab_s_inventory_is_valid_with_the_people_that_are_made_for_it(tmp_path: Path) -> None:
    (tmp_path / "operator.pub").write_text(KEY)
    people = []
    for _ in range(2):
        lab_people.main(tmp_path, tmp_path / "operator.pub")
        fleet = read(ROOT / "inventories/lab.yml", GROUP_DATA, tmp_path / "people.yml", NOW)
        people.append(fleet.people)
    assert all(host.lab for host in fleet.hosts.values())
    assert people[0] == people[1]


def test_the_example_of_the_secrets_has_each_of_them() -> None:
    fleet = load(Path(FILE))
    needed = secrets.required(fleet, list(fleet.hosts.values()))
    example = (ROOT / ".env.example").read_text()
    assert [name for name in needed if f"\n{name}=" not in example] == []


@pytest.fixture
def closed_host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    """A host whose record says that the VPN is its only way in."""
    host = fleet_of(tmp_path, sample()).host("prod1")
    assert host.vpn is not None
    return host.model_copy(update={"vpn": host.vpn.model_copy(update={"only_way_in": True})})


@pytest.mark.parametrize(
    ("inside", "answers", "chosen"),
    [(True, True, ["prod1"]), (True, False, []), (False, True, [])],
)
def test_whoever_is_in_the_vpn_comes_by_it_where_ssh_answers_there(
    closed_host: Host,
    monkeypatch: pytest.MonkeyPatch,
    inside: bool,
    answers: bool,
    chosen: list[str],
) -> None:
    said: list[str] = []
    fleet = load(Path(FILE))
    stg1 = fleet.host("vision-stg1")
    answering = {(stg1.address, 22), ("10.66.0.21", 22)}
    answering |= {("10.66.0.22", 2222)} if answers else set()
    monkeypatch.setattr(inventory, "address_here", lambda fleet: "10.66.1.11" if inside else None)
    monkeypatch.setattr(inventory, "that_answer", answering.intersection)
    monkeypatch.setattr(logger, "warning", said.append)
    found = inventory._addresses_in_vpn(fleet, [stg1, closed_host])
    assert found == {name: {"ssh_hostname": "10.66.0.22"} for name in chosen}
    assert ["you are not in the VPN, and prod1" in text for text in said] == [True] * (not inside)


@pytest.mark.parametrize("is_open", [True, False])
def test_a_host_that_is_to_be_opened_again_is_reached_while_it_is_still_closed(
    monkeypatch: pytest.MonkeyPatch, is_open: bool
) -> None:
    fleet = load(Path(FILE))
    host = fleet.host("vision-stg1")
    public, inside = (host.address, 22), ("10.66.0.21", 22)
    monkeypatch.setattr(inventory, "address_here", lambda fleet: "10.66.1.11")
    monkeypatch.setattr(inventory, "that_answer", lambda ends: {inside, *([public] * is_open)})
    assert inventory._addresses_in_vpn(fleet, [host]) == (
        {} if is_open else {"vision-stg1": {"ssh_hostname": "10.66.0.21"}}
    )


def test_both_addresses_of_all_hosts_are_tried_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Silent hosts, asked one after the other, would cost minutes before a run."""
    fleet = load(Path(FILE))
    calls: list[set[Any]] = []

    def silent(ends: list[Any]) -> set[Any]:
        calls.append(set(ends))
        return set()

    monkeypatch.setattr(inventory, "address_here", lambda fleet: "10.66.1.11")
    monkeypatch.setattr(inventory, "that_answer", silent)
    assert inventory._addresses_in_vpn(fleet, fleet.hosts_in_vpn()) == {}
    each = [(it.address, it.vpn.addresses[0]) for it in fleet.hosts_in_vpn() if it.vpn]
    # At the public address of a host whose SSH is open to the VPN alone nobody tries.
    closed = {it.address for it in fleet.hosts_in_vpn() if it.only_by_vpn}
    assert calls == [{(it, 22) for both in each for it in both if it not in closed}]


@pytest.mark.usefixtures("filled_in")
@pytest.mark.parametrize(("limit", "hosts"), [((), 4), (("clients",), 2)])
def test_a_run_may_have_its_connections_open_before_the_first_is_made(
    monkeypatch: pytest.MonkeyPatch, limit: tuple[str, ...], hosts: int
) -> None:
    order: list[object] = []

    def probe(fleet: Fleet, hosts: list[Host]) -> dict[str, dict[str, str]]:
        order.append("probed")
        return {}

    monkeypatch.setattr(open_files, "allow", order.append)
    monkeypatch.setattr(inventory, "_addresses_in_vpn", probe)
    with command(limit=limit):
        inventory.groups(FILE, EVERYTHING)
    assert order == [hosts, "probed"]


def test_a_host_does_not_fall_out_of_the_vpn_by_an_edit_of_one_file(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    key = "rELDb80cm0s2Xj6YJ5ghF0ArzW3QLZVB0dj7zZshNlk="
    inventory._check_vpn_keys(fleet)
    write(tmp_path, {"hosts": {"bbb1": {"public_key": key}}}, "coop-vpn-keys.yml")
    with pytest.raises(FleetError) as error:
        inventory._check_vpn_keys(fleet)
    assert "bbb1" in str(error.value) and "only_way_in: false" in str(error.value)


OLD = node(bbb__release="2.7.14", bbb__notes="etherpad", bbb__wanted="drained", ubuntu="20.04")


@pytest.fixture
def with_old_node(tmp_path: Path, filled_in: None, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A fleet with a node of a line that only goes; what a run then warns of."""
    found = fleet_of(tmp_path, sample(bbb1=OLD, bbb2=node(2)))
    monkeypatch.setattr(inventory, "load", lambda file: found)
    # Secrets are no matter here.
    monkeypatch.setattr(inventory, "_check_needs", lambda fleet, hosts: None)
    warned: list[str] = []
    monkeypatch.setattr(inventory, "warn_run", warned.append)
    return warned


@pytest.mark.parametrize("dry", [False, True])
def test_a_node_of_a_line_that_only_goes_is_changed_in_nothing(
    with_old_node: list[str], dry: bool
) -> None:
    with command(dry=dry):
        found = inventory.groups(FILE, EVERYTHING)
    assert all("bbb1" not in names(its) for its in found.values())
    assert "stg1" in names(found["all"])
    assert any(
        "bbb1: a node of a line of BigBlueButton that only goes" in it for it in with_old_node
    )


def test_whoever_asks_for_such_a_node_alone_is_told(with_old_node: list[str]) -> None:
    with command(limit=("bbb1",)), pytest.raises(InventoryError, match="is left as it is"):
        inventory.groups(FILE, EVERYTHING)


def test_a_run_that_does_not_mean_it_says_nothing_of_it(with_old_node: list[str]) -> None:
    with command(limit=("stg1",)):
        inventory.groups(FILE, EVERYTHING)
    assert not [it for it in with_old_node if "bbb1" in it]


@pytest.mark.parametrize("file", ["audit.py", "bbb_status.py", "bbb_roll.py"])
def test_what_only_looks_sees_such_a_node(with_old_node: list[str], file: str) -> None:
    with command(operations=(file,)):
        assert "bbb1" in names(inventory.groups(FILE, EVERYTHING)["bbb"])


@pytest.mark.parametrize(("is_lab", "warnings"), [(False, 1), (True, 0)])
def test_somebody_on_call_who_is_gone_is_a_warning_and_the_run_goes_on(
    filled_in: None, monkeypatch: pytest.MonkeyPatch, is_lab: bool, warnings: int
) -> None:
    def refuse(people: object) -> None:
        raise FleetError([Problem("group_data/oncall.yml", "teams", "", "nobody", "somebody")])

    warned: list[str] = []
    monkeypatch.setattr(inventory, "load_oncall", refuse)
    monkeypatch.setattr(inventory, "is_lab", lambda file: is_lab)
    monkeypatch.setattr(inventory, "warn_run", warned.append)
    assert inventory.groups(FILE, EVERYTHING)
    assert [it for it in warned if "oncall" in it] == [
        "group_data/oncall.yml: teams: nobody; somebody"
    ] * warnings


@pytest.mark.parametrize(
    ("params", "refused"),
    [
        ({}, True),
        ({"limit": ("monitor1",)}, True),
        ({"limit": ("prod1",)}, False),
        ({"dry": True}, False),
        ({"operations": ("audit.py",)}, False),
    ],
)
def test_a_run_that_changes_a_monitor_needs_somebody_on_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: dict[str, Any], refused: bool
) -> None:
    def refuse(people: object) -> None:
        raise FleetError([Problem("group_data/oncall.yml", "teams", "", "nobody", "somebody")])

    fleet = fleet_of(tmp_path, sample(monitor1=MONITOR))
    monkeypatch.setattr(inventory, "load_oncall", refuse)
    monkeypatch.setattr(inventory, "warn_run", lambda text: None)
    with command(**{"limit": (), **params}):
        if not refused:
            inventory._check_oncall(fleet, fleet.hosts.values())
            return
        with pytest.raises(FleetError, match="somebody"):
            inventory._check_oncall(fleet, fleet.hosts.values())
