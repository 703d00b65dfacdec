"""The pages of the fleet say only what Prometheus knows, and fetch nothing from elsewhere."""

import re
from pathlib import Path

import pytest

from fleet.host_keys import HostKeys
from fleet.model import Fleet
from roles.monitor import alerts, pages
from roles.monitor.pages import columns
from tests.unit.fleet_samples import HUB, MONITOR, OFFSITE, fleet_of, sample
from tests.unit.roles.pages_here import KNOWN


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fleet:
    """A fleet in which stg1 and vpn1 had no run yet."""
    monkeypatch.setattr(HostKeys, "load", lambda self: dict.fromkeys(KNOWN, "key"))
    apart = {"roles": [], "environment": "prod", "address": "192.0.2.61"}
    offsite = {**OFFSITE, "roles": ["offsite", "watcher"]}
    return fleet_of(tmp_path, sample(offsite1=offsite, monitor1=MONITOR, vpn1=HUB, apart1=apart))


def made(fleet: Fleet) -> dict[str, str]:
    return pages.pages(fleet, fleet.host("monitor1"))


@pytest.mark.parametrize("name", pages.ALL)
def test_a_page_has_no_script_and_fetches_nothing(fleet: Fleet, name: str) -> None:
    text = made(fleet)[name]
    assert "<script" not in text and "@" not in text.replace("@media", "")
    assert not re.search(r"\b(src|@import|url\()", text)
    links = re.findall(r'href="([^"]*)', text)
    ours = (fleet.monitor.runbooks, "host.html?", "fleet.html")
    assert links and all(it.startswith(ours) for it in links)
    begins = sum(text.count(f"{{{{ {it} ") for it in ("if", "range", "with", "define"))
    assert begins == text.count("{{ end }}")


def test_each_alert_of_a_column_is_one() -> None:
    known = {it.name for it in alerts.alerts()}
    named = {name for it in (*columns.HOSTS, *columns.NODES) for name in it.alerts}
    assert named and named <= known and {*columns.TELLS} <= known


def test_no_join_of_a_column_reads_the_whole_fleet() -> None:
    """Of 200 hosts each cell would read the series of all, 200 times."""
    series = re.compile(r"\b(?:(?:coop|node|bbb|probe)_[a-z_]+|up)\b(\{[^}]*\})?")
    for it in (*columns.HOSTS, *columns.NODES):
        for query in (it.query, it.look):
            of = series.findall(query)
            assert of and all('host="HOST"' in which for which in of), query


def rows(text: str) -> dict[str, str]:
    """By host, what the page's row is told besides its name."""
    return dict(re.findall(r'\{\{ template "(?:host|unwatched)" \(args "([^"]+)" "(.+)"\)', text))


def test_each_host_has_a_row_and_a_new_one_is_new(fleet: Fleet) -> None:
    found = rows(made(fleet)[pages.FLEET])
    assert list(found) == sorted(fleet.hosts)
    assert found["stg1"] == found["vpn1"] == "new: it had no run yet"
    assert found["apart1"] == "not watched: it is not in the VPN"


def test_what_a_row_shows_is_what_the_data_expects(fleet: Fleet) -> None:
    found = rows(made(fleet)[pages.FLEET])
    everybody = {"Disk", "Units", "Tunnel", "Firewall", "Reboot"}
    has = {name: {*text.strip("|").split("|")} for name, text in found.items()}
    assert has["monitor1"] == everybody
    assert has["prod1"] == everybody | {"SSH from outside", "Web", "Storage", "Certificate"}
    assert has["storage1"] == everybody | {"SSH from outside", "Pool", "Volumes"}
    assert has["offsite1"] == everybody | {"SSH from outside", "Pool", "Copies", "Restored"}


def test_a_host_of_the_address_is_no_query(fleet: Fleet) -> None:
    text = made(fleet)[pages.ITS_HOST]
    assert text.count(".Params.host") == 2
    assert '{{ $host := reReplaceAll "[^a-z0-9-]" "" .Params.host }}' in text
