"""What each collector tells of a host that is well, and of one that is not."""

from collections.abc import Sequence
from dataclasses import replace
from types import SimpleNamespace

import pytest

from programs.metrics import Found
from programs.metrics.main import look, text_of
from programs.metrics.pool import STATES, damaged, errors, scrubbed
from tests.unit.exposition import Labels, read
from tests.unit.programs.metrics.stage import (
    FAILED_UNITS,
    HEALTHY,
    ZFS_LIST,
    ZPOOL_LIST,
    ZPOOL_STATUS,
    Stage,
)


def values(host: Stage) -> dict[str, dict[Labels, int]]:
    found, _ = look(host.settings, host, {})
    return read(text_of(found))


def of(metric: str, host: Stage) -> dict[Labels | str, int]:
    """The values of a metric; by the label alone where there is one label."""
    return {it[0][1] if len(it) == 1 else it: value for it, value in values(host)[metric].items()}


def states(host: Stage) -> list[str]:
    """The states of the pool that are told to be so."""
    found = values(host)["coop_pool_state"]
    assert [dict(it)["state"] for it in found] == list(STATES)
    return [dict(it)["state"] for it, value in found.items() if value]


def failed(host: Stage) -> set[str]:
    return {
        str(name) for name, value in of("coop_metrics_collector_success", host).items() if not value
    }


def test_where_all_is_well_nothing_is_zero_but_what_should_be(host: Stage) -> None:
    found = values(host)
    zero = {name for name, its in found.items() if 0 in its.values()}
    assert zero == {
        "coop_pool_state",
        "coop_pool_errors",
        "coop_pool_damaged_files",
        "coop_pool_scan_running",
        # prod1 never spoke with this host.
        "coop_tunnel_handshake_timestamp_seconds",
        "coop_tunnel_received_bytes",
        "coop_tunnel_sent_bytes",
        "coop_units_failed",
        # ops-hypha-2 has no account here.
        "coop_account_end_timestamp_seconds",
        "coop_reboot_required",
        "coop_kernels_without_module",
    }
    assert states(host) == ["online"]
    assert failed(host) == set()


@pytest.mark.parametrize("state", ["DEGRADED", "FAULTED", "UNAVAIL", "REMOVED", "OFFLINE"])
def test_a_pool_that_is_not_whole(host: Stage, state: str) -> None:
    host.write("kstat/storage/state", f"{state}\n")
    assert states(host) == [state.lower()]


def test_a_pool_whose_commands_hang_still_has_a_state(host: Stage) -> None:
    """node_exporter's collector and zpool(8) itself show a suspended pool in no way: NE#2421."""
    host.write("kstat/storage/state", "SUSPENDED\n")
    host.told |= {ZPOOL_LIST: None, ZPOOL_STATUS: None, ZFS_LIST: None}
    assert states(host) == ["suspended"]
    assert failed(host) == {"pool", "datasets"}
    assert of("coop_export_present", host)
    # Nobody has ever told, and 0 would say that somebody destroyed it.
    assert "coop_dataset_used_bytes" not in values(host)


def test_of_a_pool_that_is_not_imported_no_command_asks(host: Stage) -> None:
    """From OpenZFS 2.3 on each would load the kernel module."""
    (host.top / "kstat/storage/state").unlink()
    (host.top / "kstat/storage").rmdir()
    assert states(host) == ["absent"]
    assert failed(host) == set()
    assert not any(it.startswith(("zpool", "zfs")) for it in host.calls)
    assert set(of("coop_pool_size_bytes", host).values()) == {0}


SCRUBBED = 1795307042


@pytest.mark.parametrize(
    ("line", "ended", "running"),
    [
        ("scrub repaired 0B in 00:00:01 with 0 errors on Sun Nov 22 00:24:02 2026", SCRUBBED, 0),
        ("scrub repaired 8K in 9 days with 2 errors on Sun Nov 22 00:24:02 2026", SCRUBBED, 0),
        ("scrub repaired 0B in 0h12m with 0 errors on Sun Nov  1 00:24:02 2026", 1793492642, 0),
        ("scrub in progress since Sun Nov 22 00:24:01 2026", 0, 1),
        ("scrub canceled on Sun Nov 22 00:24:01 2026", 0, 0),
        ("scrub paused since Sun Nov 22 00:24:01 2026", 0, 0),
        ("resilvered 1.2G in 00:01:40 with 0 errors on Sun Nov 22 00:24:02 2026", 0, 0),
        ("resilver in progress since Sun Nov 22 00:24:01 2026", 0, 1),
        ("none requested", 0, 0),
    ],
)  # fmt: skip
def test_scrubs(host: Stage, line: str, ended: int, running: int) -> None:
    scan = HEALTHY.splitlines()[2]
    host.told[ZPOOL_STATUS] = HEALTHY.replace(scan, f"  scan: {line}")
    assert [*of("coop_pool_scrub_timestamp_seconds", host).values()] == [ended]
    assert [*of("coop_pool_scan_running", host).values()] == [running]


def test_a_pool_that_was_never_scrubbed_has_no_such_line() -> None:
    assert scrubbed(HEALTHY.replace(HEALTHY.splitlines()[2] + "\n", "")) == 0


def test_a_pool_that_was_never_scrubbed_has_an_age(host: Stage) -> None:
    assert [*of("coop_pool_created_timestamp_seconds", host).values()] == [1790000000]


def test_errors_of_devices_are_added_up() -> None:
    told = HEALTHY.replace(
        "virtio-spare1  ONLINE       0     0     0",
        "virtio-spare1  FAULTED      3    10  1234  too many errors",
    )
    assert errors(told) == 1247
    assert errors(HEALTHY) == 0


def test_devices_with_odd_names_and_without_figures_are_no_fault() -> None:
    told = """\
config:

\tNAME                                      STATE     READ WRITE CKSUM
\tstorage                                   DEGRADED     0     0     0
\t  mirror-0                                DEGRADED     0     0     0
\t    replacing-0                           DEGRADED     1     0     0
\t      9911882233445566                    UNAVAIL      0     2     0  was /dev/vdb1
\t      wwn-0x5000c500a1b2c3d4-part1        ONLINE       0     0     4  (resilvering)
\tspares
\t  ata-ST4000VN008_ZDH1                    AVAIL

errors: No known data errors
"""
    assert errors(told) == 7


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("No known data errors", 0),
        ("3 data errors, use '-v' for a list", 3),
        ("List of errors unavailable: permission denied", 1),
        ("Permanent errors have been detected in the following files:", 1),
    ],
)
def test_files_that_are_damaged(line: str, number: int) -> None:
    assert damaged(f"errors: {line}\n") == number


def test_room_is_told_of_declared_datasets_alone(host: Stage) -> None:
    assert of("coop_dataset_used_bytes", host) == {
        "storage/prod/prod1": 300000,
        "storage/staging/stg1": 200000,
    }
    assert of("coop_dataset_available_bytes", host)["storage/prod/prod1"] == 200000


def test_a_dataset_that_is_gone_has_no_room(host: Stage) -> None:
    host.told[ZFS_LIST] = "storage\t600000\t400000\n"
    assert set(of("coop_dataset_available_bytes", host).values()) == {0}
    assert failed(host) == set()


def test_an_export_to_another_client_is_not_the_declared_one(host: Stage) -> None:
    host.write("etab", "/storage/prod/prod1\t10.66.0.21(rw)\n")
    assert [*values(host)["coop_export_present"].values()] == [0]


def test_without_a_server_nothing_is_exported(host: Stage) -> None:
    (host.top / "etab").unlink()
    (host.top / "threads").unlink()
    assert [*values(host)["coop_export_present"].values()] == [0]
    assert values(host)["coop_nfs_threads"] == {(): 0}
    assert failed(host) == set()


def test_paths_are_read_as_the_kernel_writes_them(host: Stage) -> None:
    host.settings = replace(
        host.settings,
        exports=[("/storage/by hand", "10.66.0.22")],
        mounts={"/media/my files": "nfs4"},
    )
    host.write("etab", "/storage/by\\040hand\t10.66.0.22(rw)\n")
    host.write("mountinfo", "71 22 0:52 / /media/my\\040files rw - nfs4 10.66.0.11:/a rw\n")
    assert [*values(host)["coop_export_present"].values()] == [1]
    assert of("coop_mount_present", host) == {"/media/my files": 1}


def test_a_mount_that_hangs_is_there_and_does_not_answer(host: Stage) -> None:
    host.told["stat --file-system -- /media/ciphertext"] = None
    assert of("coop_mount_present", host) == {"/media/ciphertext": 1, "/media/storage": 1}
    assert of("coop_mount_answers", host) == {"/media/ciphertext": 0, "/media/storage": 1}


def test_what_is_mounted_last_hides_what_was_there(host: Stage) -> None:
    over = "73 72 0:60 / /media/storage rw - tmpfs tmpfs rw\n"
    host.write("mountinfo", (host.top / "mountinfo").read_text() + over)
    assert of("coop_mount_present", host)["/media/storage"] == 0
    # The one on top is not asked how it is.
    assert of("coop_mount_answers", host)["/media/storage"] == 0


def test_of_tunnels_those_to_servers_are_told(host: Stage) -> None:
    assert of("coop_tunnel_handshake_timestamp_seconds", host) == {
        "offsite1": 1700000000,
        "prod1": 0,
    }
    assert of("coop_tunnel_received_bytes", host) == {"offsite1": 100, "prod1": 0}
    assert of("coop_tunnel_sent_bytes", host) == {"offsite1": 200, "prod1": 0}


def test_the_private_key_is_never_asked_for(host: Stage) -> None:
    values(host)
    asked = {it for it in host.calls if it.startswith("wg ")}
    assert asked == {f"wg show wg0 {it}" for it in ("allowed-ips", "latest-handshakes", "transfer")}


def test_without_the_interface_each_tunnel_has_a_series_all_the_same(host: Stage) -> None:
    del host.told["wg show wg0 allowed-ips"]
    assert of("coop_tunnel_up", host) == {"wg0": 0}
    assert set(of("coop_tunnel_received_bytes", host)) == {"offsite1", "prod1"}
    assert failed(host) == {"tunnel"}


@pytest.mark.parametrize("told", ["", "table inet coop_infra_old\n", "table ip coop_infra\n"])
def test_another_table_is_not_the_firewall(host: Stage, told: str) -> None:
    host.told["nft list tables"] = told
    assert values(host)["coop_firewall_present"] == {(): 0}


def test_failed_units_are_named(host: Stage) -> None:
    host.told[FAILED_UNITS] = (
        "media-my\\x20files.mount loaded failed failed /media/my files\n"
        "coop-offsite.service loaded failed failed Pull snapshots\n"
    )
    assert values(host)["coop_units_failed"] == {(): 2}
    assert of("coop_unit_failed", host) == {
        "media-my\\x20files.mount": 1,
        "coop-offsite.service": 1,
    }


def test_the_end_of_an_account_is_that_of_the_host(host: Stage) -> None:
    assert of("coop_account_end_timestamp_seconds", host) == {
        "ops-hypha-1": 20800 * 86400,
        "ops-hypha-2": 0,
    }


def running(monkeypatch: pytest.MonkeyPatch, release: str) -> None:
    monkeypatch.setattr("os.uname", lambda: SimpleNamespace(release=release))


@pytest.mark.parametrize(
    ("runs", "installed", "due"),
    [
        ("6.1.0-32-amd64", ["6.1.0-32-amd64"], 0),
        ("6.1.0-9-amd64", ["6.1.0-9-amd64", "6.1.0-32-amd64"], 1),
        ("6.1.0-32-amd64", ["6.1.0-9-amd64", "6.1.0-32-amd64"], 0),
        ("6.12.41+deb13-amd64", ["6.12.9+deb13-amd64", "6.12.41+deb13-amd64"], 0),
        ("6.12.9+deb13-amd64", ["6.12.9+deb13-amd64", "6.12.41+deb13-amd64"], 1),
        ("6.12.9+deb13-amd64", ["6.12.9+deb13.1-amd64"], 1),
        # A container has its machine's kernel.
        ("4.4.0", [], 0),
    ],
)
def test_a_newer_kernel_waits_for_a_reboot(
    host: Stage, monkeypatch: pytest.MonkeyPatch, runs: str, installed: Sequence[str], due: int
) -> None:
    (host.top / "boot/vmlinuz-5.0.0-1-amd64").unlink()
    for it in installed:
        host.write(f"boot/vmlinuz-{it}", "")
    running(monkeypatch, runs)
    assert values(host)["coop_reboot_required"] == {(): due}
    assert failed(host) == set()


def test_a_package_may_ask_for_a_reboot(host: Stage) -> None:
    host.write("reboot-required", "")
    assert values(host)["coop_reboot_required"] == {(): 1}


@pytest.mark.parametrize(
    ("listed", "number"),
    [
        ("kernel/fs/ext4/ext4.ko.xz: kernel/fs/jbd2/jbd2.ko.xz\n", 1),
        ("extra/zfs.ko: extra/spl.ko\n", 0),
        ("updates/dkms/zfs.ko.zst:\n", 0),
        # It needs another module of that name, and is not it.
        ("a/other.ko: updates/dkms/zfs.ko\n", 1),
        ("updates/dkms/notzfs.ko:\n", 1),
        (None, 1),
    ],
)
def test_a_kernel_that_would_boot_without_the_pool(
    host: Stage, listed: str | None, number: int
) -> None:
    host.write("boot/vmlinuz-6.1.0-32-amd64", "")
    if listed is not None:
        host.write("modules/6.1.0-32-amd64/modules.dep", listed)
    assert values(host)["coop_kernels_without_module"] == {(): number}


def test_the_only_kernel_lacks_it_too(host: Stage) -> None:
    """This program comes after the packages, so that the module should be there."""
    host.write("modules/5.0.0-1-amd64/modules.dep", "")
    assert values(host)["coop_kernels_without_module"] == {(): 1}


def test_what_a_host_has_not_has_no_series(host: Stage) -> None:
    host.settings = replace(
        host.settings, pool=None, module=None, datasets=[], exports=[], mounts={}, accounts=[]
    )
    found: Found = look(host.settings, host, {})[0]
    told = {name for name, its in found.items() if its}
    assert told == {
        "coop_metrics_collector_success", "coop_metrics_timestamp_seconds", "coop_tunnel_up",
        "coop_tunnel_handshake_timestamp_seconds", "coop_tunnel_received_bytes",
        "coop_tunnel_sent_bytes", "coop_firewall_present", "coop_units_failed",
        "coop_reboot_required",
    }  # fmt: skip
    assert not any(it.startswith(("zpool", "zfs", "stat")) for it in host.calls)
