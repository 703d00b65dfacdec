"""Facts can read what a simulated host answers, and it answers what operations have made of it."""

from typing import Any

import pytest

from engine.fact import END, Fact
from facts.access import KEYS, Access
from facts.accounts import User, Users
from facts.certificates import Certificates
from facts.delegations import BELOW_TOO, Delegations
from facts.directories import Directories
from facts.files import Paths
from facts.git import Checkouts, CheckoutState
from facts.gocryptfs import Places, Volume, VolumeState
from facts.health import Health
from facts.mounts import Mountpoints
from facts.nfs import Exports
from facts.nftables import Table
from facts.packages import Packages
from facts.pool_state import Pool
from facts.pools import PoolDisks
from facts.secret_trees import SecretTree
from facts.system import Kernels, KernelsState, System
from facts.systemd import Units
from facts.wireguard import WireGuard
from facts.wireguard_digest import WireGuardDigest, digest
from facts.zfs import Zfs
from operations import access, files, git, nfs, pools, systemd, wireguard, zfs
from operations.access.wanted import Account, Wanted
from tests.scale.answers import ANSWERS, answer
from tests.scale.world import World
from tests.unit.operation_harness import run

DISKS = ("ata-1", "ata-2")
VOLUME = Places("/media/ciphertext", "/etc/gocryptfs.conf", "/etc/password")
QUESTIONS: dict[type[Fact[Any]], dict[str, Any]] = {
    Access: {"groups": ["sudo"], "files": ["/etc/sudoers.d/x"], "options": ["permitrootlogin"]},
    Certificates: {"program": "coop-certificate look"},
    Checkouts: {"paths": ["/var/www/x"]},
    Directories: {"path": "/media/storage", "start": "persistent_"},
    Delegations: {"datasets": ["tank/prod"]},
    Exports: {},
    System: {},
    Health: {"check": "/usr/local/sbin/health"},
    Mountpoints: {"paths": ["/media/storage"]},
    Packages: {"names": ["nginx", "git"]},
    Paths: {"paths": ["/etc/x"], "secrets": ["/etc/secret"]},
    SecretTree: {"directory": "/run/keys"},
    Kernels: {"module": "zfs", "tool": "zpool"},
    Pool: {"pool": "tank"},
    PoolDisks: {"pool": "tank", "disks": DISKS},
    Table: {"table": "fw", "texts": ["one"], "paths": ["/etc/fw"]},
    Units: {"units": ["x.timer"], "files": ["/etc/systemd/system/x.timer"]},
    Users: {"names": ["vision"]},
    Volume: vars(VOLUME),
    WireGuard: {"interface": "wg0"},
    WireGuardDigest: {"interface": "wg0"},
    Zfs: {"pool": "tank", "properties": ["quota"]},
}


@pytest.fixture
def world() -> World:
    return World("vm1", login="ops-1")


def ask(world: World, kind: type[Fact[Any]], **arguments: Any) -> Any:
    """What the fact reads from the host's answer."""
    return kind().process([*answer(world, kind, arguments), END])


def written(world: World, *entries: files.Entry) -> None:
    """The host receives these files."""
    world.change("files.present", entries=entries)
    world.receive(files.write(entries).connector_arguments["_stdin"])


def test_each_fact_that_is_known_here_is_tried_here() -> None:
    assert QUESTIONS.keys() == ANSWERS.keys()


@pytest.mark.parametrize("kind", QUESTIONS)
def test_a_new_host_s_answer_is_whole_and_can_be_read(world: World, kind: type[Fact[Any]]) -> None:
    # Raises FactProcessError otherwise.
    ask(world, kind, **QUESTIONS[kind])


def test_a_fact_that_is_not_known_here_says_where_to_add_it(world: World) -> None:
    class New(Fact[str]): ...

    with pytest.raises(LookupError, match=r"answers\.py: ANSWERS does not know New"):
        answer(world, New, {})


def test_files_are_as_they_were_sent(world: World) -> None:
    entries: list[files.Entry] = [
        files.Directory("/etc/coop", 0o700, "root", "adm"),
        files.File("/etc/coop/a", "text\n" * 200, 0o640, "web", "web"),
        files.Link("/etc/coop/b", "/etc/coop/a"),
        files.Absent("/etc/coop/c"),
        files.File("/etc/coop/secret", "hidden", 0o600, secret=True),
    ]
    plain, secrets = [it.path for it in entries[:4]], ["/etc/coop/secret"]
    assert files.differing(entries, ask(world, Paths, paths=plain, secrets=secrets)) == [
        it for it in entries if not isinstance(it, files.Absent)
    ]
    written(world, *entries)
    found = ask(world, Paths, paths=plain, secrets=secrets)
    assert files.differing(entries, found) == []
    assert found["/etc/coop/secret"].content is None


def test_the_release_and_a_kernel_that_gets_its_module(world: World) -> None:
    assert ask(world, System).system == "debian 13"
    world.change("packages.installed", names=["zfs-dkms"])
    assert ask(world, Kernels, module="zfs", tool="zpool") == KernelsState(
        ("6.12.0-1-amd64",), (), has_tool=True
    )


def test_packages_and_users(world: World) -> None:
    world.change("packages.installed", names=["nginx"])
    world.change("accounts.service_user", user="vision", uid=20001)
    assert ask(world, Packages, names=["nginx", "git"]).installed == {"nginx"}
    assert ask(world, Users, names=["vision", "web"]) == {
        "vision": User(20001, "/nonexistent", "/usr/sbin/nologin")
    }


def test_a_unit_runs_on_the_files_that_were_there_when_it_was_started(world: World) -> None:
    own, drop_in = "/etc/systemd/system/x.timer", "/etc/systemd/system/y.service.d/coop.conf"
    units = [
        systemd.Unit("x.timer", restart_on=(own,)),
        systemd.Unit("y.service", restart_on=(drop_in,)),
        systemd.Unit("media-x.mount", what="server:/x", options=("vers=4.2", "hard")),
    ]

    def commands() -> str:
        names = [*(it.name for it in units), "rpcbind.socket"]
        now = ask(world, Units, units=names, files=[own, drop_in])
        done = run(systemd.running, units=units, masked=["rpcbind.socket"], facts={Units: now})
        return " ".join(it.get_raw_value() for it in done.commands)

    assert "start x.timer" in commands() and "mask rpcbind.socket" in commands()
    written(world, files.File(own, "a"), files.File(drop_in, "b"))
    world.change("systemd.running", units=units, masked=("rpcbind.socket",))
    assert commands() == ""
    assert world.mounted("/media/x") and not world.mounted("/media/y")
    written(world, files.File(own, "c"))
    assert "restart x.timer" in commands() and "y.service" not in commands()
    assert ask(world, Units, units=["x.timer"], files=[]).units["x.timer"].needs_daemon_reload


def test_an_interface_is_as_wanted(world: World) -> None:
    world.change("keys.own", pair=wireguard.pair("wg0"))
    own = ask(world, WireGuard, interface="wg0").public_key
    peers = (
        wireguard.Peer("a", "key a", ("10.66.0.2/32", "fd66::2/128"), "192.0.2.2:51820"),
        wireguard.Peer("b", "key b", ("10.66.1.0/24",), keepalive=25, preshared="secret"),
    )
    want = wireguard.Interface(
        own, ("10.66.0.1", "fd66::1"), 51820, peers, led_here=("fd66:1::/64",), forwards=True
    )
    world.change("wireguard.interface", interface="wg0", wanted=lambda: want)
    found = ask(world, WireGuard, interface="wg0")
    assert ask(world, WireGuardDigest, interface="wg0") == digest(found)
    assert wireguard.differences(found.live, want) == []
    assert (found.config, found.rights) == (wireguard.config(want, hidden=True), wireguard.RIGHTS)


def test_people_get_in_as_wanted(world: World) -> None:
    want = Wanted(
        (Account("ops-1", True, ("ssh-ed25519 AAAA ops-1",)),),
        {"permitrootlogin": "no"},
        {"allowusers": ""},
        {"coop-pull": ("restrict ssh-ed25519 BBBB offsite1",)},
    )
    assert access.drift(ask(world, Access, **want.question), want) != []
    world.change("accounts.service_user", user="coop-pull")
    world.change("access.people", wanted=lambda: want)
    world.receive(files.write(want.entries).connector_arguments["_stdin"])
    found = ask(world, Access, **want.question)
    assert access.drift(found, want) == []
    assert (found.login, found.accounts["ops-1"].sudo) == ("ops-1", True)
    assert f"{KEYS}/coop-pull" in found.files


def test_a_table_is_in_force_as_it_was_sent(world: World) -> None:
    text = "# A comment is not listed.\ntable inet fw {\n}\n"
    question = {"table": "fw", "texts": [text, "other"], "paths": ["/etc/fw"]}
    assert not ask(world, Table, **question).installed
    world.change("packages.installed", names=["nftables"])
    world.change("nftables.table", table="fw", file="/etc/fw", text=text)
    assert ask(world, Table, **question).live == ""
    written(world, files.File("/etc/fw", text))
    found = ask(world, Table, **question)
    assert found.live == found.loaded[0] == "table inet fw {\n}"
    assert found.loaded[1] == "other" and found.files["/etc/fw"].content == text.encode()


def test_a_pool_is_made_of_its_disks(world: World) -> None:
    blank = ask(world, PoolDisks, pool="tank", disks=DISKS)
    assert pools.preflight_problems(blank, "tank", "mirror", DISKS) == []
    world.change("packages.installed", names=["zfsutils-linux"])
    assert ask(world, PoolDisks, pool="tank", disks=DISKS).pool.health is None
    world.change("pools.pool", pool="tank", disks=DISKS)
    found = ask(world, PoolDisks, pool="tank", disks=DISKS)
    assert (found.pool.health, found.pool.imported_at_boot) == ("ONLINE", True)
    assert ask(world, Pool, pool="tank") == found.pool
    assert all(found.members & {*disk.children} for disk in found.disks.values())


def test_datasets_have_their_properties_and_owners(world: World) -> None:
    wanted = [
        zfs.Dataset("tank"),
        zfs.Dataset("tank/prod", {"compression": "lz4", "canmount": "off"}),
        zfs.Dataset("tank/prod/vm1", {"quota": 2**30}, (20001, 20001), ("compression",)),
    ]
    world.change("packages.installed", names=["zfsutils-linux"])
    world.change("pools.pool", pool="tank", disks=DISKS)
    world.change("zfs.datasets", wanted=wanted)
    found = ask(world, Zfs, pool="tank", properties=["canmount", "compression", "quota"])
    plan = zfs.Plan({it.name: it for it in wanted}, found.datasets)
    assert [line for it in wanted for line in plan.lines(it.name)] == []
    assert found.datasets["tank/prod"].value("mounted") == "no"
    assert found.datasets["tank/prod/vm1"].owner == (20001, 20001)
    assert found.datasets["tank/prod/vm1"].value("mountpoint") == "/tank/prod/vm1"


def test_exports_and_delegations(world: World) -> None:
    wanted = [nfs.Export("/tank/prod/vm1", "10.66.0.21", ("rw", "sync", "sec=sys"))]
    assert ask(world, Exports).file is None
    world.change("nfs.exports", wanted=wanted)
    world.change(
        "delegations.allowed", user="pull", datasets=["tank/prod"], permissions=["send", "hold"]
    )
    found = ask(world, Exports)
    assert nfs._missing(wanted, found) == [] and found.file == nfs._render(wanted, [])
    assert found.clients == {"10.66.0.21"}
    assert ask(world, Delegations, datasets=["tank/prod"])["tank/prod"] == {
        "pull": frozenset({(BELOW_TOO, "hold"), (BELOW_TOO, "send")})
    }


def test_an_encrypted_volume_lies_in_what_is_mounted(world: World) -> None:
    question = vars(VOLUME)
    filesystems = {"/media/ciphertext": "nfs4", "/media/storage": "fuse.gocryptfs"}
    world.change("mounts.sealed", filesystems=filesystems)
    world.change("systemd.running", units=[systemd.Unit("media-ciphertext.mount")])
    assert ask(world, Volume, **question) == VolumeState(mounted=True)
    world.change("gocryptfs.volume", at=VOLUME, password="open", escrow=None)
    found = ask(world, Volume, **question)
    assert found.own == found.config == world.config() and found.password_digest is not None
    bare = ask(world, Mountpoints, paths=list(filesystems))
    assert [it.mounted for it in bare.values()] == [("nfs4",), ()]
    world.change("systemd.running", units=[systemd.Unit("gocryptfs-storage.service")])
    bare = ask(world, Mountpoints, paths=list(filesystems))
    assert [it.mounted for it in bare.values()] == [("nfs4",), ("fuse.gocryptfs",)]
    assert all(it.immutable and not it.entries for it in bare.values())


def test_a_site_is_checked_out_and_well(world: World) -> None:
    assert ask(world, Health, check="/usr/local/sbin/health") == "not installed yet"
    world.change("git.checkouts", wanted=[git.WorkTree("/var/www/x", "r", "c" * 40)])
    written(world, files.File("/usr/local/sbin/health", "", 0o755))
    found = ask(world, Checkouts, paths=["/var/www/x"])
    assert found == {"/var/www/x": CheckoutState("c" * 40)}
    assert ask(world, Health, check="/usr/local/sbin/health") is None


def test_an_operation_that_is_not_known_here_says_where_to_add_it(world: World) -> None:
    with pytest.raises(LookupError, match=r"world\.py: EFFECTS does not know files\.new"):
        world.change("files.new")
