"""Of two monitors one may go at any time: each message still comes, and comes once."""

from functools import partial
from pathlib import Path

import pytest

from controller.reach import is_open
from lab.command import wait_for
from lab.vpn_client import in_vpn
from tests.lab.fleets import Data, MonitoredFleet, addresses, changed_project, counts
from tests.lab.mails import Mails, told_to_both
from tests.lab.test_calls import amtool
from tests.lab.test_monitor import OVER_SECONDS, value

pytestmark = pytest.mark.monitoring

SECOND = "bbb2"
PEERS = 9094


@pytest.fixture
def pair(monitored: MonitoredFleet, tmp_path: Path) -> Path:
    """The project of a fleet whose bbb2 is a monitor too."""

    def both(hosts: Data) -> None:
        hosts[SECOND]["roles"] = ["monitor"]

    project = changed_project(tmp_path / "pair", both)
    assert counts(monitored.converge(directory=project))[1] == 0
    members = partial(value, monitored, "min(alertmanager_cluster_members)")
    wait_for(lambda: members() == 2, "each knows the other", 120, every=3)
    assert value(monitored, 'sum(up{job="alertmanager"})') == 2
    return project


def times(mails: Mails, subject: str) -> list[int]:
    """How often each recipient was told."""
    to = [address for it in mails.all if it.subject == subject for address in it.to]
    return [to.count(it) for it in sorted(set(to))]


def test_a_message_comes_once_whichever_monitor_is_gone(
    monitored: MonitoredFleet, pair: Path, mails: Mails
) -> None:
    amtool(
        monitored,
        "silence add --duration=1h --author=ops --comment=mine alertname=UnitFailed host=vpn1",
    )
    monitored["bbb1"].sh("nft delete table inet coop_infra")
    subject = "CRITICAL: FirewallAbsent bbb1"
    wait_for(partial(told_to_both, mails, subject), "it is told", 300, every=3)
    monitored.monitor.suspend()
    down = partial(told_to_both, mails, "CRITICAL: HostDown monitor1")
    wait_for(down, "the other one tells that a monitor is gone", 480, every=3)
    assert times(mails, subject) == [1, 1]
    second = monitored[SECOND]
    url = f"http://{addresses(SECOND)[0]}:9093"
    assert "mine" in second.sh(f"amtool --alertmanager.url={url} silence query")
    monitored["bbb1"].sh("systemctl restart coop-firewall")
    monitored["vpn1"].sh("nft delete table inet coop_infra")
    told = partial(told_to_both, mails, "CRITICAL: FirewallAbsent vpn1")
    wait_for(told, "what comes meanwhile is told", 300, every=3)
    over = "over: FirewallAbsent bbb1"
    wait_for(partial(told_to_both, mails, over), "and what is over", OVER_SECONDS, every=3)
    monitored.monitor.resume()
    back = partial(told_to_both, mails, "over: HostDown monitor1")
    wait_for(back, "it is back", OVER_SECONDS, every=3)
    for it in (subject, over, "CRITICAL: HostDown monitor1", "CRITICAL: FirewallAbsent vpn1"):
        assert times(mails, it) == [1, 1], it
    assert not any("silent" in it.subject for it in mails.all)


def test_the_second_changes_nothing_and_only_monitors_reach_their_port(
    monitored: MonitoredFleet, pair: Path
) -> None:
    assert counts(monitored.converge(directory=pair))[:2] == (0, 0)
    address = addresses(SECOND)[0]
    assert not is_open(monitored[SECOND].address, PEERS)
    with in_vpn("ops-hypha-1"):
        assert not is_open(address, PEERS)
        assert is_open(address, 9093)
    reach = f"timeout 5 bash -c '< /dev/tcp/{address}/{PEERS}'"
    assert monitored["bbb1"].try_sh(reach).returncode != 0
    assert monitored.monitor.try_sh(reach).returncode == 0
