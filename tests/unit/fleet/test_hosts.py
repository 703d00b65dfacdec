"""Each mistake in a host's record is reported at its place; correct values stay as they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.unit.fleet_samples import REMOVED, SITE, fleet_of, places, problems_of, sample

MISTAKES: list[tuple[str, Any, str]] = [
    ("prod1__roles", ["vison"], "write one of storage, offsite, vision, hub"),
    ("prod1__roles", "vision", "a list"),
    ("prod1__roles", ["vision", "vision"], "vision is there twice"),
    ("prod1__roles", REMOVED, "is missing"),
    ("prod1__environment", "production", "'prod', 'staging' or 'shared'"),
    ("prod1__environment", True, "boolean"),
    ("prod1__adress", "192.0.2.22", "did you mean address?"),
    ("prod1__zzz", 1, "the fields are roles, environment"),
    ("prod1__name", "prod1", "the key is the name"),
    ("prod1__address", "prod1.example.org", "not an IP address"),
    ("prod1__address", "192.0.2.256", "not an IP address"),
    ("prod1__address", "0.0.0.0", "not a host's address"),
    ("prod1__address", "127.0.0.1", "not a host's address"),
    ("prod1__address", "fe80::1%eth0", "not a host's address"),
    ("prod1__address", 3232235777, "not text"),
    ("prod1__ssh__port", 0, "greater than or equal to 1"),
    ("prod1__ssh__port", "22", "a whole number"),
    ("prod1__ssh__user", "-oProxyCommand=x", "not a user name"),
    ("prod1__ssh__hostname", "ssh.example.org:2222", "port: 2222"),
    ("prod1__ssh__hostname", "a b", "not a name or address"),
    ("prod1__ssh__key", "", "not a path"),
    ("prod1__ssh__password", "x", "the fields are hostname, user, port, key"),
    ("prod1__disks", ["ata-one"], "roles storage and offsite only"),
    ("prod1__lab", {"memory": 512}, "take it out"),
    ("storage1__disks", REMOVED, "role storage needs disks"),
    ("storage1__disks", [], "role storage needs disks"),
    ("storage1__disks", ["ata-one", "ata-one"], "ata-one is there twice"),
    ("storage1__environment", "prod", "environment: shared"),
    ("storage1__volume", {"quota": "1G", "encrypted": True, "uid": 20009}, "mount from itself"),
    ("storage1__site", {**SITE, "name": "a.example.org"}, "role vision only"),
    ("prod1__volume", REMOVED, "role vision needs a volume"),
    ("prod1__volume", None, "role vision needs a volume"),
    ("prod1__volume", "20G", "a mapping of fields"),
    ("prod1__volume__encrypted", REMOVED, "is missing"),
    ("prod1__volume__encrypted", "yes", "true or false"),
    ("prod1__volume__encrypted", 1, "true or false"),
    ("prod1__volume__uid", REMOVED, "is missing"),
    ("prod1__volume__uid", 1000, "20000"),
    ("prod1__volume__uid", 30000, "29999"),
    ("prod1__volume__uid", "20002", "a whole number"),
    ("prod1__volume__uid", True, "a whole number"),
    ("prod1__volume__quota", "12 apples", "'12 apples' is not a size"),
    ("prod1__volume__quota", "2GB", "'2GB' is not a size"),
    ("prod1__volume__quota", "0", "out of range"),
    ("prod1__volume__quota", -5, "out of range"),
    ("prod1__volume__quota", 200, "add the unit"),
    ("prod1__volume__reservation", "2T", "reserve at most 1536G"),
    ("prod1__volume__size", "2T", "the fields are"),
    ("prod1__site", REMOVED, "role vision needs a site"),
    ("prod1__site__commit", "main", "40 hex digits"),
    ("prod1__site__commit", "0123456789abcdef", "40 hex digits"),
    ("prod1__site__commit", SITE["commit"] * 2, "40 hex digits"),
    ("prod1__site__commit", SITE["commit"].upper(), "40 hex digits"),
    ("prod1__site__commit", 0, "put it in quotes"),
    ("prod1__site__name", "vision", "not a DNS name"),
    ("prod1__site__name", "vision.example.org;x", "not a DNS name"),
    ("prod1__site__repository", "https://me:secret@example.org/x.git", "holds a password"),
    ("prod1__site__repository", "--upload-pack=x", "not the address"),
]


STORE = "ftpback-bhs1-1.ip-192-0-2-1.net:/export/ftpbackup/ns1.ip-192-0-2-1.net"
BACKUP = {"store": STORE, "directories": ["/etc", "/srv"], "quiesce": []}


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("store", REMOVED, "is missing"),
        ("store", "ftpback.example.org", "not an NFS export"),
        ("store", "ftpback.example.org:/a b", "not an NFS export"),
        ("store", "-oX:/a", "not an NFS export"),
        ("store", "ftpback.example.org:/a/../b", "not an NFS export"),
        ("directories", [], "nothing would be copied"),
        ("directories", ["etc"], "not an absolute path"),
        ("directories", ["/etc/../root"], "has .. in it"),
        ("directories", ["/etc", "/etc/"], "/etc is there twice"),
        ("directories", ["//proc/1"], "/proc/1 is on no disk"),
        ("directories", ["/etc", "/proc/1"], "/proc/1 is on no disk"),
        ("quiesce", REMOVED, "nothing says how"),
        ("quiesce", ["nginx"], "not a unit of systemd"),
        ("quiesce", ["a.service", "a.service"], "a.service is there twice"),
        ("quiesce", ["a.service; reboot"], "not a unit of systemd"),
        ("quiesce", ["coop-backup.timer"], "the night itself"),
        ("quiesce", ["ssh.service"], "ssh.service must not be stopped: operators come in by it"),
        ("quiesce", ["app.service", "sshd.service"], "operators come in"),
        ("quiesce", ["ssh.socket"], "operators come in"),
        ("quiesce", ["wg-quick@wg0.service"], "operators come in"),
        ("quiesce", ["systemd-networkd.service"], "must not be stopped"),
        ("quiesce", ["networking.service"], "no network"),
        ("quiesce", ["coop-firewall.service"], "ports closed"),
        ("quiesce", ["nftables.service"], "ports closed"),
        ("quiesce", ["basic.target"], "the night itself"),
        ("quiesce", ["multi-user.target"], "the night itself"),
        ("quiesce", ["dbus.socket"], "the night itself"),
        ("quiesce", ["local-fs.target"], "mounted by it"),
        ("quiesce", ["zfs-mount.service"], "mounted by it"),
        ("quiesce", ["rpcbind.socket"], "reaches its store"),
        ("lvm", "vg0/srv", "lvm and quiesce says how"),
        ("zfs", "tank/srv", "zfs and quiesce says how"),
        ("lvm", "srv", "not an LVM volume"),
        ("lvm", "-f/srv", "not an LVM volume"),
        ("lvm", "../..", "not an LVM volume"),
        ("lvm", "vg0/coop-backup", "not an LVM volume that can be copied"),
        ("zfs", "tank@a", "not a ZFS dataset"),
    ],
)
def test_a_mistake_in_a_backup_is_reported(
    tmp_path: Path, field: str, value: Any, says: str
) -> None:
    backup = {**BACKUP, field: value}
    if value is REMOVED:
        del backup[field]
    (problem,) = problems_of(tmp_path, sample(stg1__backup=backup))
    assert (problem.record, problem.field.split(".")[0]) == ("stg1", "backup")
    assert says in str(problem) and problem.remedy


@pytest.mark.parametrize(
    "source",
    [
        {"quiesce": ("nginx.service", "bbb.target", "app@1.service", "mariadb.socket")},
        {"lvm": "vg0/srv"},
        {"zfs": "tank/srv"},
    ],
)
def test_a_backup_is_of_one_moment(tmp_path: Path, source: dict[str, Any]) -> None:
    backup = {"store": STORE, "directories": ["/srv"], **source}
    data = sample(stg1__backup=json.loads(json.dumps(backup)))
    host = fleet_of(tmp_path, data).host("stg1")
    assert host.backup is not None and host.backup.source() == source
    assert "backups" in host.groups


@pytest.mark.parametrize(("path", "value", "says"), MISTAKES)
def test_a_mistake_is_reported_at_its_place(
    tmp_path: Path, path: str, value: Any, says: str
) -> None:
    problems = problems_of(tmp_path, sample(**{path: value}))
    record, *field = path.split("__")
    assert len(problems) == 1
    assert problems[0].record == record
    assert problems[0].field.startswith(".".join(field))
    assert says in str(problems[0])
    assert problems[0].remedy


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("recordsize", "3K", "power of two"),
        ("recordsize", "2M", "power of two"),
        ("recordsize", "256", "power of two"),
        ("recordsize", "large", "not a size"),
        ("compression", "lz5", "write off, lz4"),
        ("compression", "zstd-20", "write off, lz4"),
        ("compression", False, "quotes"),
        ("atime", False, "quotes"),
        ("atime", "maybe", "'on' or 'off'"),
        ("acltype", "posixacl", "'off' or 'posix'"),
        ("sync", "disabled", "'standard' or 'always'"),
        ("mountpoint", "/x", "the fields are"),
        ("compresion", "lz4", "did you mean compression?"),
    ],
)
def test_a_wrong_zfs_property_is_reported(tmp_path: Path, name: str, value: Any, says: str) -> None:
    (problem,) = problems_of(tmp_path, sample(prod1__volume__properties={name: value}))
    assert (problem.record, problem.field) == ("prod1", f"volume.properties.{name}")
    assert says in str(problem)


@pytest.mark.parametrize(
    "disk",
    ["/dev/disk/by-id/ata-one", "sda", "vdb", "hdc1", "xvda", "nvme0n1", "nvme0n1p2", "", "a b"],
)
def test_a_disk_is_named_by_id(tmp_path: Path, disk: str) -> None:
    (problem,) = problems_of(tmp_path, sample(storage1__disks=["ata-one", disk]))
    assert problem.field == "disks.1"
    assert "/dev/disk/by-id" in problem.remedy


@pytest.mark.parametrize("name", ["Prod1", "-a", "a_b", "1a", "a.b", "", "a" * 64, "a\nb", "é"])
def test_a_host_name_is_a_label(tmp_path: Path, name: str) -> None:
    data = sample()
    data["hosts"][name] = {"roles": [], "environment": "prod", "address": "192.0.2.9"}
    (problem,) = problems_of(tmp_path, data)
    assert (problem.record, problem.field) == (name or "''", "name")
    assert "\n" not in str(problem)


@pytest.mark.parametrize("name", ["all", "clients", "storage", "vision"])
def test_a_host_is_not_named_like_a_group(tmp_path: Path, name: str) -> None:
    data = sample()
    data["hosts"][name] = data["hosts"].pop("stg1")
    (problem,) = problems_of(tmp_path, data)
    assert (problem.record, problem.field) == (name, "name")
    assert f"call it {name}1" in problem.remedy


def test_a_volume_on_a_shared_host_is_refused(tmp_path: Path) -> None:
    problems = problems_of(tmp_path, sample(prod1__environment="shared"))
    assert places(problems) == [("prod1", "volume")]


def test_a_host_that_is_not_a_mapping_is_refused(tmp_path: Path) -> None:
    assert places(problems_of(tmp_path, sample(prod1=["vision"]))) == [("prod1", "")]


def test_all_problems_are_shown_together_one_a_line(tmp_path: Path) -> None:
    problems = problems_of(
        tmp_path,
        sample(
            prod1__volume__quota="lots",
            prod1__volume__uid=20001,
            stg1__address="192.0.2.11",
            stg1__site__commit="main",
            storage1__disks=["ata-one"],
        ),
    )
    assert sorted(places(problems)) == [
        ("prod1", "volume.quota"),
        ("prod1", "volume.uid"),
        ("stg1", "address"),
        ("stg1", "site.commit"),
        ("storage1", "disks"),
    ]


@pytest.mark.parametrize("address", ["192.0.2.21", "192.0.2.21\n", " 192.0.2.21"])
def test_an_address_is_the_same_in_any_spelling(tmp_path: Path, address: str) -> None:
    (problem,) = problems_of(tmp_path, sample(prod1__address=address))
    assert problem.message == "192.0.2.21 is also that of stg1"


def test_a_site_s_name_is_the_same_in_any_spelling(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, sample(prod1__site__name="vision.example.org\n"))
    assert problem.message == "vision.example.org is also that of stg1"


def test_the_fleet_holds_what_the_file_says(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    host = fleet.host("prod1")
    assert host.volume is not None
    assert (host.volume.quota, host.volume.reservation) == (1649267441664, 20 * 2**30)
    assert host.volume.properties.chosen() == {"recordsize": 2**20, "sync": "always"}
    assert (host.name, host.ssh.user, host.ssh.port) == ("prod1", "ops", 2222)
    assert fleet.storage_host.name == "storage1"
    assert [found.name for found in fleet.hosts_with_role("vision")] == ["stg1", "prod1"]
    assert [found.name for found in fleet.hosts_in({"prod", "shared"})] == ["storage1", "prod1"]
