"""Alerts by their real causes: each is told, by mail as well, and is over once it is mended."""

from collections.abc import Iterable
from dataclasses import dataclass

import pytest

from lab.command import wait_for, wait_until_none
from tests.lab.fleets import Monitored, MonitoredFleet
from tests.lab.homeserver import Homeserver
from tests.lab.mails import HYPHA, MEET, Mails, told_to_both
from tests.lab.test_monitor import all_are_up, firing, wait_until_quiet

pytestmark = pytest.mark.monitoring

METRICS = "/var/lib/coop-infra/metrics"
CONFIG = "/etc/coop-infra/prometheus/prometheus.yml"


@dataclass(frozen=True)
class Cause:
    """What makes an alert on a host, and what mends it.

    urgent: whether it is critical
    waits: whether the alert has to last for so long that no test waits until it is told
    """

    alert: str
    host: str
    make: str
    mend: str
    urgent: bool = False
    waits: bool = False

    @property
    def told(self) -> tuple[str, str]:
        return self.alert, self.host

    @property
    def subject(self) -> str:
        """Of the mail."""
        return f"{'CRITICAL' if self.urgent else 'WARNING'}: {self.alert} {self.host}"


CAUSES = (
    Cause("FirewallAbsent", "bbb1", "nft delete table inet coop_infra",
          "systemctl restart coop-firewall", urgent=True),
    Cause("UnitFailed", "bbb1", "systemd-run -q --unit=broken false || true",
          "systemctl reset-failed broken"),
    Cause("RebootDue", "bbb1", "touch /run/reboot-required", "rm /run/reboot-required",
          waits=True),
    Cause("CollectorFailed", "bbb1", "chmod a-x /usr/bin/wg", "chmod a+x /usr/bin/wg", waits=True),
    Cause("LookMissing", "bbb2", f"systemctl stop coop-metrics.timer; rm -f {METRICS}/coop-host*",
          "systemctl start coop-metrics.timer coop-metrics.service", waits=True),
    Cause("LookOld", "watcher1", "systemctl stop coop-metrics.timer",
          "systemctl start coop-metrics.timer coop-metrics.service", waits=True),
    Cause("WatcherAway", "watcher1", "systemctl stop coop-watcher",
          "systemctl start coop-watcher", urgent=True),
    Cause("TextfileBroken", "vpn1", f"echo 'no {{ metric' > {METRICS}/broken.prom",
          f"rm {METRICS}/broken.prom", waits=True),
    Cause("ProberAway", "monitor1", "systemctl stop prometheus-blackbox-exporter",
          "systemctl start prometheus-blackbox-exporter", urgent=True),
    Cause("ReloadFailed", "monitor1", f"echo wrong: >> {CONFIG}; systemctl reload prometheus",
          f"sed -i '$d' {CONFIG}; systemctl reload prometheus"),
)  # fmt: skip


def left(fleet: Monitored, causes: Iterable[Cause]) -> set[tuple[str, str]]:
    """Those that are not there yet."""
    fires = firing(fleet)
    both = fires | firing(fleet, "pending")
    return {it.told for it in causes if it.told not in (both if it.waits else fires)}


def test_each_cause_is_told_and_is_over_when_it_is_mended(
    monitored: MonitoredFleet, mails: Mails, room: Homeserver
) -> None:
    wait_for(lambda: all_are_up(monitored), "each host has told how it stands", 60)
    wait_until_quiet(monitored)
    mails.all.clear()
    room.broken = True
    for it in CAUSES:
        monitored[it.host].sh(it.make)
    wait_until_none(lambda: left(monitored, CAUSES), "each is there", 780, every=5)
    assert ("RoomMute", "monitor1") in firing(monitored) | firing(monitored, "pending")
    urgent = {it.subject for it in CAUSES if it.urgent}
    wait_until_none(
        lambda: {it for it in urgent if not told_to_both(mails, it)}, "the redundancy knows", 120
    )
    warnings = {it.subject for it in CAUSES if not it.waits} - urgent

    def untold() -> set[str]:
        return warnings - mails.to(HYPHA) - mails.to(MEET)

    wait_until_none(untold, "the team on call knows", 120)
    room.broken = False
    for it in CAUSES:
        monitored[it.host].sh(it.mend)
    wait_until_quiet(monitored)
    wait_until_none(
        lambda: {it.told for it in CAUSES} & firing(monitored, "pending"), "all are over", 240
    )


def test_a_mail_server_that_refuses_one_of_two_is_told_to_the_other(
    monitored: MonitoredFleet, mails: Mails, room: Homeserver
) -> None:
    mails.refused.add(MEET)
    monitored["bbb1"].sh("nft delete table inet coop_infra")
    fails = "CRITICAL: NotificationsFail monitor1"
    wait_for(lambda: fails in mails.to(HYPHA), "the other one knows", 720, every=5)
    assert "CRITICAL: FirewallAbsent bbb1" in mails.to(HYPHA)
    assert mails.to(MEET) == set()
    mails.refused.clear()
    subject = "CRITICAL: FirewallAbsent bbb1"
    wait_for(lambda: subject in mails.to(MEET), "what was not sent comes", 240, every=3)
    monitored["bbb1"].sh("systemctl restart coop-firewall")
    wait_until_quiet(monitored)
