"""Whatever of a monitor stands still, the watcher on another host calls everybody."""

from functools import partial
from pathlib import Path

import pytest

from controller.reach import is_open
from lab.command import wait_for
from lab.vpn_client import in_vpn
from tests.lab.fleets import MonitoredFleet, addresses, counts
from tests.lab.mails import Mails, told_to_both
from tests.lab.test_monitor import value

pytestmark = pytest.mark.monitoring

PORT = 9095
SILENT, OVER = "CRITICAL: monitor1 silent", "over: monitor1 heard again"


def heard(fleet: MonitoredFleet) -> bool:
    """Whether the watcher has heard of the monitor within the last minute and a half."""
    return 0 <= value(fleet, "coop_watcher_silence_seconds") < 90


def call_sooner(fleet: MonitoredFleet, project: Path) -> None:
    """The watcher waits for three minutes."""
    data = project / "group_data/watcher.py"
    data.write_text(data.read_text().replace("silence_minutes = 5", "silence_minutes = 3"))
    assert counts(fleet.converge(directory=project))[1] == 0


@pytest.mark.parametrize("what", ["prometheus", "prometheus-alertmanager", "host"])
def test_a_silent_monitor_is_told_to_everybody_and_its_end(
    monitored: MonitoredFleet, project: Path, mails: Mails, what: str
) -> None:
    call_sooner(monitored, project)
    wait_for(partial(heard, monitored), "the watcher hears of the monitor", 180, every=3)
    assert not any("silent" in it.subject for it in mails.all)
    monitor = monitored.monitor
    if what == "host":
        monitor.suspend()
    else:
        monitor.sh(f"systemctl stop {what}")
    # Alertmanager takes what Prometheus tells no more for four minutes.
    told = partial(told_to_both, mails, SILENT)
    wait_for(told, "both are called", 540, every=3)
    text = next(it.text for it in mails.all if it.subject == SILENT)
    assert "systemctl status prometheus" in text and "/docs/runbooks/Watchdog.md" in text
    assert [it.subject for it in mails.all if "silent" in it.subject] == [SILENT]
    if what == "host":
        monitor.resume()
    else:
        monitor.sh(f"systemctl start {what}")
    over = partial(told_to_both, mails, OVER)
    wait_for(over, "both hear that it is over", 240, every=3)


def test_only_the_monitor_reaches_it(monitored: MonitoredFleet) -> None:
    its, alone = addresses("watcher1")[0], monitored.watcher
    assert not is_open(alone.address, PORT)
    with in_vpn("ops-hypha-1"):
        assert not is_open(its, PORT)
    reach = f"timeout 5 bash -c '< /dev/tcp/{its}/{PORT}'"
    assert monitored["vpn1"].try_sh(reach).returncode != 0
    assert monitored.monitor.try_sh(reach).returncode == 0
    assert monitored.monitor.try_sh(f"curl -sf -d [] http://{its}:{PORT}/").returncode == 22
    addresses_shown = alone.sh("cat /etc/coop-infra/watcher.json; journalctl -u coop-watcher")
    assert "@lab.test" not in addresses_shown
    assert alone.sh("stat -c '%a %U' /etc/coop-infra/watcher.secrets.json") == "600 root"


def test_a_watcher_that_could_call_nobody_is_told(monitored: MonitoredFleet) -> None:
    monitored.watcher.sh(
        "sed -i 's/10.78.0.1/10.78.0.99/' /etc/coop-infra/watcher.secrets.json; "
        "systemctl restart coop-watcher"
    )
    usable = partial(value, monitored, "coop_watcher_mail_usable")
    wait_for(lambda: usable() == 0, "the monitor knows of it", 120, every=3)
    assert counts(monitored.converge())[:2] == (2, 0)
    wait_for(lambda: usable() == 1, "it can call again", 60, every=3)


def test_the_next_run_changes_nothing(monitored: MonitoredFleet) -> None:
    assert counts(monitored.converge())[:2] == (0, 0)
