"""A machine of the lab is what the other tests take it for: its snapshots, its power, its boots."""

import time

import pytest

from lab.machines import Machine
from tests.lab.fleets import VpnFleet

pytestmark = [pytest.mark.access, pytest.mark.kernel]


@pytest.fixture
def one(vpn_machines: VpnFleet) -> Machine:
    """A fresh machine."""
    machine = vpn_machines["bbb1"]
    machine.restore("fresh")
    return machine


def test_a_restored_machine_has_what_it_had_and_no_more(one: Machine) -> None:
    one.sh(
        "echo one > /srv/kept; rm /etc/issue; rm -r /etc/ufw; mkdir /etc/ufw; chown 7:8 /etc/ufw"
    )
    one.snapshot("probe")
    one.sh("rm /srv/kept; echo more > /srv/more; touch /etc/issue")
    look = "cat /srv/kept; ls /srv /etc/ufw; ls /etc/issue || true; stat -c %u:%g /etc/ufw"
    for _ in range(2):
        one.restore("probe")
        assert one.sh(look) == "one\n/etc/ufw:\n\n/srv:\nkept\n7:8"
    # A snapshot on top of another, and in its place.
    one.sh("echo two > /srv/kept")
    one.snapshot("probe")
    one.restore("probe")
    assert one.sh("cat /srv/kept; ls /etc/ufw") == "two"
    one.restore("fresh")
    assert one.sh("ls /srv; ls /etc/issue /etc/ufw/ufw.conf") == "/etc/issue\n/etc/ufw/ufw.conf"


@pytest.mark.parametrize("how", ["reboot", "reset", "power"])
def test_a_boot_is_another_one_and_what_was_written_is_there(one: Machine, how: str) -> None:
    before = one.boot_id()
    one.sh("echo kept > /srv/kept; sync -f /srv; echo gone > /run/gone")
    if how == "reboot":
        one.reboot()
    elif how == "reset":
        one.reset()
    else:
        one.power_off()
        assert not one.answers()
        one.power_on()
    one.wait_until_up()
    assert one.boot_id() != before
    assert one.sh("cat /srv/kept; ls /run/gone || true") == "kept"
    assert one.sh("systemctl is-system-running --wait") == "running"


def test_a_machine_that_is_suspended_does_nothing_until_it_goes_on(one: Machine) -> None:
    one.sh("systemd-run -q sh -c 'while sleep 0.2; do date +%s%N >> /run/beats; done'")
    before = one.boot_id()
    one.suspend()
    since = time.time_ns()
    assert not one.answers()
    until = time.time_ns()
    one.resume()
    one.wait_until_up()
    assert one.boot_id() == before
    if not one.power.own_clock:
        beats = [int(it) for it in one.sh("cat /run/beats").split()]
        assert beats and not any(since < beat < until for beat in beats)
