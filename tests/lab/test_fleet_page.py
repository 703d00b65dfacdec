"""The monitor's page shows the whole fleet to people in the VPN, in words as well as colours."""

import re
from functools import partial
from html.parser import HTMLParser
from pathlib import Path

import pytest
import requests

from controller.dashboards import expressions
from fleet.load import load
from lab.command import wait_for, wait_until_none
from lab.vpn_client import in_vpn
from tests.lab.fleets import MonitoredFleet, counts
from tests.lab.test_monitor import (
    OPEN,
    all_are_up,
    asked,
    base,
    firing,
    wait_until_quiet,
)

pytestmark = pytest.mark.monitoring


class Rows(HTMLParser):
    """Each row of all tables: its cells by title, each with its class and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.all: list[dict[str, tuple[str, str]]] = []
        self._title: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        if tag == "tr":
            self.all.append({})
        elif tag == "td":
            self._title = values.get("data-title") or ""
            self.all[-1][self._title] = (values.get("class") or "", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "td":
            self._title = None

    def handle_data(self, data: str) -> None:
        if self._title is not None:
            kind, text = self.all[-1][self._title]
            self.all[-1][self._title] = (kind, text + data)


def page(name: str = "fleet.html") -> str:
    with in_vpn("ops-hypha-1"):
        answer = requests.get(f"{base()}/consoles/{name}", timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.text


def hosts(text: str) -> dict[str, dict[str, tuple[str, str]]]:
    """The rows of the hosts that are asked, by name."""
    rows = (it for it in Rows(text).all if it.get("Tells", ("new", ""))[0] != "new")
    return {it["Host"][1].strip(): it for it in rows}


def cell(host: str, title: str) -> tuple[str, str]:
    return hosts(page())[host][title]


def test_all_hosts_are_there_and_well(monitored: MonitoredFleet) -> None:
    wait_for(partial(all_are_up, monitored), "each host has told how it stands", 60)
    wait_until_quiet(monitored)
    well = ("well", "yes")
    names = {it.name for it in monitored.all}
    wait_for(
        lambda: {it["Tells"] for it in hosts(page()).values()} == {well},
        "each has looked",
        120,
        every=3,
    )
    text = page()
    found = hosts(text)
    assert found.keys() == names
    bad = {(name, title) for name, it in found.items() for title in it if it[title][0] == "bad"}
    assert bad <= {(name, "SSH from outside") for _, name in OPEN}
    assert found["bbb1"]["Firewall"] == ("well", "in force")
    assert found["bbb1"]["Units"] == ("well", "0 failed")
    # A host without a pool says nothing of one, and a container nothing of its disk: an overlay.
    assert found["bbb1"]["Pool"][0] == found["bbb1"]["Disk"][0] == "none"
    # The lab's data has more hosts, which had no run.
    new = {it["Host"][1].strip() for it in Rows(text).all if it.get("Tells", ("", ""))[0] == "new"}
    assert new == {*load(Path("inventories/lab.yml")).hosts} - names
    assert re.search(r"<b>(hypha|collocall)</b>, until 20\d\d-", text)
    assert '<p class="well">nothing</p>' in text and "watcher1 heard of monitor1" in text
    # Nothing comes from elsewhere, and nothing runs.
    assert not re.search(r"<script|src=|url\(|@import", text)


def test_what_is_wrong_is_red_and_says_so(monitored: MonitoredFleet) -> None:
    wait_for(partial(all_are_up, monitored), "each host has told how it stands", 60)
    wait_until_quiet(monitored)
    monitored["bbb1"].sh("nft delete table inet coop_infra")
    monitored["bbb2"].suspend()
    wrong = {("FirewallAbsent", "bbb1"), ("HostDown", "bbb2")}
    wait_for(lambda: wrong <= firing(monitored), "both are told", 420, every=3)
    found = hosts(page())
    assert found["bbb1"]["Firewall"] == ("bad", "absent")
    assert found["bbb1"]["Units"][0] == "well"
    assert found["bbb2"]["Tells"] == ("bad", "no")
    assert found["bbb2"]["Firewall"] == ("bad", "unknown")
    alerts = {(it["What"][1], it["Host"][1]): it for it in Rows(page()).all if "Severity" in it}
    assert alerts.keys() - OPEN == wrong
    assert alerts["FirewallAbsent", "bbb1"]["Severity"] == ("bad", "critical")
    assert "/docs/runbooks/FirewallAbsent.md" in page()
    its = page("host.html?host=bbb1")
    assert "FirewallAbsent" in its
    metrics = {it["Metric"][1]: it["Value"][1] for it in Rows(its).all if "Metric" in it}
    assert metrics["coop_firewall_present"] == "0"
    assert metrics["coop_metrics_timestamp_seconds"].startswith("20")


def test_prometheus_understands_each_query_of_the_dashboards(monitored: MonitoredFleet) -> None:
    wait_for(partial(all_are_up, monitored), "each host has told how it stands", 60)

    def without_an_answer() -> set[str]:
        return {
            it
            for it in expressions()
            if not asked(monitored, "query", query=it.replace("$host", ".+"))["result"]
        }

    # What only storage servers, clients and nodes tell has no series here, nor has a container's
    # disk. A rate needs two samples.
    told = (
        "node_cpu",
        "node_mem",
        "node_load",
        "coop_reboot",
        "coop_units_",
        "coop_tunnel",
        "up{job",
    )

    def of_every_host() -> set[str]:
        return {it for it in without_an_answer() if any(name in it for name in told)}

    wait_until_none(of_every_host, "all that each host tells has an answer", 150)


def test_a_name_of_a_host_is_no_query_and_no_text_of_the_page(monitored: MonitoredFleet) -> None:
    found = page("host.html?host=%27%7D%20or%20up%20%3Cscript%3E%7B")
    assert "<script" not in found and "unknown: no host of this name" in found


def test_maintenance_is_on_the_page(monitored: MonitoredFleet, project: Path) -> None:
    data = project / "inventories/lab.yml"
    record = "maintenance: {until: 2027-01-01 08:00 Europe/Berlin, why: new disks}"
    data.write_text(data.read_text().replace("  bbb2:\n", f"  bbb2:\n    {record}\n", 1))
    assert counts(monitored.converge(directory=project))[1] == 0
    wait_for(lambda: "new disks" in page(), "the page says so", 60)
    assert "under maintenance until 2027-01-01" in page()
