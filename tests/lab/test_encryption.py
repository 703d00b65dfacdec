"""gocryptfs fails in all known ways: each is loud, leaves no plaintext, and one run mends it."""

from pathlib import Path

import pytest

from lab import board
from lab.command import wait_for
from lab.machines import Machine
from tests.lab.fleets import Fleet, escrow_directory
from tests.lab.state import bare_entries

pytestmark = pytest.mark.storage

VOLUME = "/storage/prod/vision-prod1"
OWN = "/etc/coop-infra/gocryptfs.conf"
PASSWORD = "GOCRYPTFS_PASSWORD_VISION_PROD1"
UNIT = "gocryptfs-storage.service"


def escrow() -> Path:
    return escrow_directory() / "vision-prod1"


def stop_retrying(machine: Machine) -> None:
    """Keep the retry timer from mending what the test wants to see broken."""
    machine.sh("systemctl stop coop-storage-retry.timer coop-storage-retry.service")


def assert_no_plaintext(fleet: Fleet) -> None:
    """No plain file is on the client's own disk, and none is in clear on the server."""
    assert bare_entries(fleet.prod, "/media/storage") == 0
    assert bare_entries(fleet.prod, "/media/ciphertext") == 0
    assert fleet.storage.sh(f"find {VOLUME} -name '*persistent*' -o -name 'leak*'") == ""


def assert_writes_fail(fleet: Fleet) -> None:
    leak = fleet.prod.try_sh("echo plaintext > /media/storage/leak", timeout=60)
    assert leak.returncode != 0
    assert_no_plaintext(fleet)


def assert_one_run_mends(fleet: Fleet, name: str) -> None:
    fleet.converge()
    wait_for(lambda: board.works(fleet.prod), "the board is back", 60)
    assert board.fetch(fleet.prod, name) == b"kept" * 1000
    assert_no_plaintext(fleet)


@pytest.fixture
def kept(fleet: Fleet) -> str:
    return board.upload(fleet.prod, "kept.txt", b"kept" * 1000)


@pytest.mark.core
def test_killed_it_fails_loudly_and_comes_back_by_itself(fleet: Fleet, kept: str) -> None:
    stop_retrying(fleet.prod)
    fleet.prod.sh("pkill -KILL -x gocryptfs")
    wait_for(
        lambda: fleet.prod.try_sh(f"systemctl is-failed -q {UNIT}").returncode == 0,
        "the unit has failed",
        30,
    )
    assert_writes_fail(fleet)
    wait_for(
        lambda: fleet.prod.try_sh("systemctl is-active -q nginx").returncode != 0,
        "the service has stopped",
        30,
    )
    fleet.prod.sh("systemctl start coop-storage-retry.timer")
    wait_for(lambda: board.works(fleet.prod), "the board is back unattended", 120)
    assert board.fetch(fleet.prod, kept) == b"kept" * 1000
    assert_no_plaintext(fleet)


def test_stopped_while_busy(fleet: Fleet, kept: str) -> None:
    stop_retrying(fleet.prod)
    fleet.prod.sh(
        "systemd-run --quiet --unit=busy sh -c 'cd /media/storage/persistent_*; exec sleep 600'"
    )
    fleet.prod.sh(f"systemctl stop {UNIT}")
    assert_writes_fail(fleet)
    assert_one_run_mends(fleet, kept)


def test_wrong_password_on_the_host(fleet: Fleet, kept: str) -> None:
    stop_retrying(fleet.prod)
    fleet.prod.sh("echo not-the-password-at-all > /etc/coop-infra/gocryptfs.password")
    assert fleet.prod.try_sh(f"systemctl restart {UNIT}").returncode != 0
    assert fleet.prod.try_sh(f"systemctl is-failed -q {UNIT}").returncode == 0
    assert_writes_fail(fleet)
    assert_one_run_mends(fleet, kept)


def test_wrong_password_in_the_data_leaves_the_board_as_it_was(
    fleet: Fleet, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = fleet.prod.sh("sha256sum /etc/coop-infra/gocryptfs.password")
    monkeypatch.setenv(PASSWORD, "a-password-that-opens-nothing")
    output = fleet.refused()
    assert "does not open /media/ciphertext" in output
    assert "a-password-that-opens-nothing" not in output
    assert fleet.prod.sh("sha256sum /etc/coop-infra/gocryptfs.password") == before
    assert board.fetch(fleet.prod, kept) == b"kept" * 1000


def forget_names(machine: Machine) -> None:
    """The client may remember names of the storage for a minute."""
    machine.sh("echo 3 > /proc/sys/vm/drop_caches")


def say_that_names_lie_in_clear(fleet: Fleet) -> None:
    """Change the volume's config on the storage server, which needs no password."""
    edit = (
        f"import json, os, pathlib; file = pathlib.Path('{VOLUME}/gocryptfs.conf'); "
        "config = json.loads(file.read_text()); flags = config['FeatureFlags']; "
        "names = {'DirIV', 'EMENames', 'LongNames', 'Raw64'}; "
        "config['FeatureFlags'] = [it for it in flags if it not in names] + ['PlaintextNames']; "
        "file.unlink(); file.write_text(json.dumps(config)); os.chmod(file, 0o444)"
    )
    fleet.storage.sh(f'python3 -c "{edit}"')
    forget_names(fleet.prod)


def test_the_storage_server_never_steers_how_its_client_encrypts(fleet: Fleet, kept: str) -> None:
    say_that_names_lie_in_clear(fleet)
    fleet.prod.reboot()
    wait_for(lambda: board.works(fleet.prod), "the board is back unattended", 120)
    assert board.fetch(fleet.prod, kept) == b"kept" * 1000
    fleet.prod.sh("mkdir /media/storage/persistent_leak && touch /media/storage/leak-in-clear")
    assert_no_plaintext(fleet)
    fleet.prod.sh("rmdir /media/storage/persistent_leak && rm /media/storage/leak-in-clear")
    output = fleet.converge()
    assert "gocryptfs.conf was not this host's own config" in output
    assert_one_run_mends(fleet, kept)
    right = (escrow() / "gocryptfs.conf").read_text()
    assert fleet.storage.sh(f"cat {VOLUME}/gocryptfs.conf") == right.rstrip("\n")


def test_a_host_without_a_config_of_its_own_gets_the_escrowed_one_and_no_other(
    fleet: Fleet, kept: str
) -> None:
    """So were all hosts before they had a config of their own."""
    fleet.prod.sh(
        f"rm {OWN}; sed -i 's| -config [^ ]*||' /etc/systemd/system/{UNIT}; systemctl daemon-reload"
    )
    fleet.storage.sh(f"cp -a {VOLUME}/gocryptfs.conf /root/")
    say_that_names_lie_in_clear(fleet)
    assert "none of its own that says which is right" in fleet.refused()
    assert fleet.prod.try_sh(f"test -e {OWN}").returncode != 0
    fleet.storage.sh(f"cp -a /root/gocryptfs.conf {VOLUME}/")
    forget_names(fleet.prod)
    assert_one_run_mends(fleet, kept)
    assert fleet.prod.sh(f"cat {OWN}") == fleet.storage.sh(f"cat {VOLUME}/gocryptfs.conf")
    assert f"-config {OWN}" in fleet.prod.sh("pgrep -a -x gocryptfs")


def test_config_missing(fleet: Fleet, kept: str) -> None:
    fleet.storage.sh(f"mv {VOLUME}/gocryptfs.conf /root/")
    forget_names(fleet.prod)
    fleet.prod.sh(f"systemctl restart {UNIT}")
    assert_one_run_mends(fleet, kept)
    fleet.storage.sh(f"cmp /root/gocryptfs.conf {VOLUME}/gocryptfs.conf")


def test_both_configs_missing(fleet: Fleet, kept: str) -> None:
    stop_retrying(fleet.prod)
    fleet.prod.sh(f"rm {OWN}")
    fleet.storage.sh(f"mv {VOLUME}/gocryptfs.conf /root/")
    forget_names(fleet.prod)
    assert fleet.prod.try_sh(f"systemctl restart {UNIT}").returncode != 0
    assert_writes_fail(fleet)
    assert fleet.storage.try_sh(f"test -e {VOLUME}/gocryptfs.conf").returncode != 0
    assert_one_run_mends(fleet, kept)
    fleet.storage.sh(f"cmp /root/gocryptfs.conf {VOLUME}/gocryptfs.conf")


def test_config_and_escrow_missing(fleet: Fleet, kept: str) -> None:
    away = escrow().with_name("away")
    escrow().rename(away)
    fleet.prod.sh(f"rm {OWN}")
    fleet.storage.sh(f"mv {VOLUME}/gocryptfs.conf /root/")
    forget_names(fleet.prod)
    assert "no gocryptfs.conf, and none is escrowed" in fleet.refused()
    assert fleet.storage.try_sh(f"test -e {VOLUME}/gocryptfs.conf").returncode != 0
    assert not escrow().exists()
    away.rename(escrow())
    assert_one_run_mends(fleet, kept)


def test_a_new_password_is_taken_when_asked_for(
    fleet: Fleet, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {file.name: file.read_bytes() for file in escrow().iterdir()}
    monkeypatch.setenv(PASSWORD, "the-next-password-of-the-volume")
    fleet.converge("--data", "rotate_gocryptfs=true")
    fleet.converge()
    fleet.prod.sh(f"systemctl restart {UNIT}")
    wait_for(lambda: board.works(fleet.prod), "the board is back", 120)
    assert board.fetch(fleet.prod, kept) == b"kept" * 1000
    assert (escrow() / "masterkey").read_bytes() == before["masterkey"]
    rotated = (escrow() / "gocryptfs.conf").read_bytes()
    assert rotated != before["gocryptfs.conf"]
    assert fleet.storage.sh(f"cat {VOLUME}/gocryptfs.conf") == rotated.decode().rstrip("\n")
