"""Whoever is on call hears of what is wrong, by mail, and hears when it is over."""

import re
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controller.reach import is_open
from lab.command import wait_for
from lab.vpn_client import in_vpn
from tests.lab.fleets import MonitoredFleet, addresses, counts, edit
from tests.lab.homeserver import Homeserver
from tests.lab.mails import HYPHA, MEET, Mail, Mails, told_to_both
from tests.lab.test_monitor import OVER_SECONDS

pytestmark = pytest.mark.monitoring

PORT = 9093


def amtool(fleet: MonitoredFleet, words: str) -> str:
    url = f"http://{addresses('monitor1')[0]}:{PORT}"
    return fleet.monitor.sh(f"amtool --alertmanager.url={url} {words}")


def add(
    fleet: MonitoredFleet, name: str, severity: str, host: str = "bbb1", more: str = ""
) -> None:
    """An alert as Prometheus would send it, which is over by itself in an hour."""
    end = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    labels = f"alertname={name} alert={name} severity={severity} host={host} {more}"
    amtool(fleet, f"alert add {labels} --end={end} --annotation=summary='{name} it is'")


def test_a_failure_is_told_with_what_to_do_and_when_it_is_over(
    monitored: MonitoredFleet, mails: Mails
) -> None:
    monitored["bbb1"].sh("nft delete table inet coop_infra")
    subject = "CRITICAL: FirewallAbsent bbb1"
    both = partial(told_to_both, mails, subject)
    wait_for(both, "both of the redundancy are told", 300, every=3)
    text = next(it.text for it in mails.all if it.subject == subject)
    assert "bbb1 has no firewall" in text
    assert re.search(r"^First: +On the host, systemctl restart coop-firewall", text, re.MULTILINE)
    assert "/docs/runbooks/FirewallAbsent.md" in text
    assert "silence add --duration=4h" in text and "alert=FirewallAbsent host=bbb1" in text
    monitored["bbb1"].sh("systemctl restart coop-firewall")
    over = partial(told_to_both, mails, "over: FirewallAbsent bbb1")
    wait_for(over, "both hear that it is over", OVER_SECONDS, every=3)
    assert not any("Watchdog" in it.subject for it in mails.all)


def test_at_the_hand_over_the_next_team_hears_of_what_goes_on(
    monitored: MonitoredFleet, project: Path, mails: Mails, room: Homeserver
) -> None:
    now = datetime.now(UTC)
    boundary = now.replace(second=0, microsecond=0) + timedelta(minutes=4)
    later = (boundary + timedelta(hours=12)).strftime("%H:%M UTC")

    def shifts(data: dict[str, Any]) -> None:
        at = boundary.strftime("%H:%M UTC")
        data["shifts"] = [
            {"team": "hypha", "from": later, "until": at},
            {"team": "collocall", "from": at, "until": later},
        ]

    edit(project / "group_data/oncall.yml", shifts)
    monitored.converge(directory=project)
    assert datetime.now(UTC) < boundary - timedelta(minutes=1), "no test otherwise"
    add(monitored, "Wrong", "warning")
    wait_for(lambda: "WARNING: Wrong bbb1" in mails.to(HYPHA), "the first team is told", 90)
    assert datetime.now(UTC) < boundary
    assert mails.to(MEET) == set()
    seconds = (boundary - datetime.now(UTC)).total_seconds() + 120
    wait_for(lambda: "WARNING: Wrong bbb1" in mails.to(MEET), "the next team is told", seconds)
    assert datetime.now(UTC) >= boundary
    note = "Hand-over: hypha -> collocall"
    wait_for(lambda: note in mails.to(MEET) & mails.to(HYPHA), "both teams have a note", 90)
    (text,) = (it.text for it in mails.all if it.subject == note)
    assert "collocall (ops-meet-1), until" in text
    assert "WARNING Wrong bbb1, since" in text and "nobody has taken it" in text
    assert [it for it in room.said if it.startswith(note)] == [f"{note}\n\n{text}"]


def test_each_alert_is_said_in_the_room_once_whatever_answers_get_lost(
    monitored: MonitoredFleet, room: Homeserver
) -> None:
    room.broken = True
    add(monitored, "Wrong", "critical")
    wait_for(lambda: room.asked > 2, "it is sent again", 120)
    room.broken = False
    assert room.said == ["CRITICAL: Wrong it is\n  First: \n  Page: "]
    journal = monitored.monitor.sh("journalctl -u coop-matrix --output=cat")
    assert "not sent: HTTPError: HTTP Error 502" in journal and "token-of" not in journal
    assert not is_open(monitored.monitor.address, 9096)
    assert "token-of-the-lab" not in monitored.monitor.sh(
        "ps -ef; cat /etc/coop-infra/*matrix.json"
    )


def test_what_nobody_has_taken_goes_to_everybody(
    monitored: MonitoredFleet, project: Path, mails: Mails
) -> None:
    """A silence by the words of the mail covers the second call too."""
    edit(project / "group_data/oncall.yml", lambda data: data.update(escalate_minutes=5))
    monitored.converge(directory=project)
    for name in ("bbb1", "bbb2"):
        monitored[name].sh("nft delete table inet coop_infra")
    amtool(
        monitored,
        "silence add --duration=1h --author=ops --comment=mine alert=FirewallAbsent host=bbb2",
    )

    def second_calls(host: str) -> list[Mail]:
        """Those of the firewall: that SSH is open to the lab's network calls twice too."""
        mine = f"Nobody has taken FirewallAbsent of {host}"
        called = [it for it in mails.all if it.subject == f"CRITICAL: Unattended {host}"]
        return [it for it in called if mine in it.text]

    def all_called() -> bool:
        to = frozenset().union(*(it.to for it in second_calls("bbb1")))
        return to >= {HYPHA, MEET}

    wait_for(all_called, "everybody is called", 720, every=3)
    assert all("alert=FirewallAbsent host=bbb1" in it.text for it in second_calls("bbb1"))
    assert not any("FirewallAbsent bbb2" in it.subject for it in mails.all)
    assert second_calls("bbb2") == []


def test_a_host_under_maintenance_calls_nobody_until_it_is_over(
    monitored: MonitoredFleet, project: Path, mails: Mails
) -> None:
    end = datetime.now(UTC).replace(second=0, microsecond=0) + timedelta(minutes=7)

    def work(data: dict[str, Any]) -> None:
        until = end.strftime("%Y-%m-%d %H:%M UTC")
        data["hosts"]["bbb1"]["maintenance"] = {"until": until, "why": "new disks"}

    edit(project / "inventories/lab.yml", work)
    monitored.converge(directory=project)
    for name in ("bbb1", "bbb2"):
        monitored[name].sh("nft delete table inet coop_infra")
    other = partial(told_to_both, mails, "CRITICAL: FirewallAbsent bbb2")
    wait_for(other, "another host is told of", 300, every=3)
    assert not any("bbb1" in it.subject for it in mails.all)
    assert datetime.now(UTC) < end, "no test otherwise"
    its = partial(told_to_both, mails, "CRITICAL: FirewallAbsent bbb1")
    wait_for(its, "it is over, and the host's alerts are told", 420, every=3)
    assert datetime.now(UTC) >= end


def test_of_a_host_that_is_down_only_what_others_see_is_told(
    monitored: MonitoredFleet, mails: Mails
) -> None:
    add(monitored, "HostDown", "critical")
    add(monitored, "Other", "critical", more="told_by=host")
    add(monitored, "Seen", "critical")
    add(monitored, "Other", "critical", host="bbb2", more="told_by=host")
    wait_for(partial(told_to_both, mails, "CRITICAL: Other bbb2"), "another host's is told", 90)
    wait_for(partial(told_to_both, mails, "CRITICAL: HostDown bbb1"), "it is down", 30)
    wait_for(partial(told_to_both, mails, "CRITICAL: Seen bbb1"), "others see it", 30)
    assert "CRITICAL: Other bbb1" not in {it.subject for it in mails.all}


@pytest.mark.parametrize(
    ("why", "end", "waits"),
    [
        ("restarted", "systemctl restart", 0),
        # As when memory is full. What it knows is on the disk each minute.
        ("killed", "systemctl kill --signal=KILL", 70),
    ],
)
def test_who_has_it_says_so_and_nobody_is_told_again(
    monitored: MonitoredFleet, why: str, end: str, waits: int
) -> None:
    """By the words of the mail. Neither a restart of Alertmanager nor a kill forgets it."""
    unit = "prometheus-alertmanager"
    amtool(monitored, f"silence add --duration=4h --author=ops --comment={why} alert=A host=b")
    time.sleep(waits)
    started = f"systemctl show --property=MainPID --value {unit}"
    before = monitored.monitor.sh(started)
    monitored.monitor.sh(f"{end} {unit}")

    def is_another() -> bool:
        return monitored.monitor.sh(started) not in (before, "0")

    wait_for(is_another, "it is started again", 30)
    url = f"http://{addresses('monitor1')[0]}:{PORT}"
    query = f"amtool --alertmanager.url={url} silence query"
    wait_for(lambda: why.encode() in monitored.monitor.try_sh(query).stdout, "it still knows", 30)


@pytest.mark.parametrize(
    ("file", "text", "by"),
    [
        ("mail.tmpl", "{{ range .Alerts }}", "{{ range .Alerts"),
        ("alertmanager.py", '"receiver": NOBODY}', '"receiver": "nobody-else"}'),
    ],
)
def test_a_wrong_route_or_text_changes_nothing(
    monitored: MonitoredFleet, project: Path, file: str, text: str, by: str
) -> None:
    before = amtool(monitored, "config routes show")
    wrong = project / "roles/monitor" / file
    assert text in wrong.read_text()
    wrong.write_text(wrong.read_text().replace(text, by))
    assert "nothing was changed" in monitored.refused(project)
    assert amtool(monitored, "config routes show") == before
    assert counts(monitored.converge())[:2] == (0, 0)


def test_no_address_is_shown_by_a_run(monitored: MonitoredFleet, project: Path) -> None:
    wrong = project / "roles/monitor/alertmanager.py"
    wrong.write_text(wrong.read_text().replace('INTERVAL = "30s", "1m"', 'INTERVAL = "30s", "2m"'))
    output = monitored.converge("--diff", "-vvv", directory=project)
    assert "alertmanager.yml: content changes (secret, not shown)" in output
    assert "ops_hypha_1@" not in output


def test_people_reach_it_within_the_vpn_alone(monitored: MonitoredFleet) -> None:
    monitor = monitored.monitor
    assert not is_open(monitor.address, PORT)
    with in_vpn("ops-hypha-1"):
        assert is_open(addresses("monitor1")[0], PORT)
    listening = monitor.sh("ss -Hltun").split()
    assert not any(it.endswith(":9094") for it in listening)
