"""The monitor asks each host, tells what is wrong, and keeps its alerts whatever a change does."""

import json
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from controller.reach import is_open
from lab.command import wait_for, wait_until_none
from lab.machines import pyinfra
from lab.vpn_client import in_vpn
from tests.lab import web_server
from tests.lab.fleets import Data, Monitored, MonitoredFleet, addresses, changed_project, counts

pytestmark = pytest.mark.monitoring

PORT = 9090
PLACE = "/etc/coop-infra/prometheus"
# An alert goes on for KEPT, and so does the last that a host told before it fell silent.
OVER_SECONDS = 840
# The lab's operator comes from outside of the VPN, so that runs leave SSH open, and say so.
OPEN = {("PublicSshOpen", "bbb1"), ("PublicSshOpen", "bbb2")}


def base() -> str:
    return f"http://{addresses('monitor1')[0]}:{PORT}"


def asked(fleet: Monitored, path: str, **values: str) -> Any:
    """What Prometheus answers to a question of its API."""
    url = f"{base()}/api/v1/{path}?{urlencode(values)}"
    answer = json.loads(fleet.monitor.sh(f"curl -sS --max-time 20 {quote(url)}"))
    assert answer["status"] == "success", answer
    return answer["data"]


def value(fleet: Monitored, query: str) -> float:
    """The value of a query that has one sample; -1 if it has none."""
    found = asked(fleet, "query", query=query)["result"]
    assert len(found) <= 1, found
    return float(found[0]["value"][1]) if found else -1


def firing(fleet: Monitored, state: str = "firing") -> set[tuple[str, str]]:
    """The alerts in this state, each with its host, but for OPEN."""
    return all_firing(fleet, state) - OPEN


def all_firing(fleet: Monitored, state: str = "firing") -> set[tuple[str, str]]:
    found = asked(fleet, "query", query=f'ALERTS{{alertstate="{state}"}}')["result"]
    return {(it["metric"]["alertname"], it["metric"].get("host", "")) for it in found}


def rules(fleet: Monitored) -> int:
    return sum(len(group["rules"]) for group in asked(fleet, "rules")["groups"])


def wait_until_usable(fleet: Monitored, usable: bool = True) -> None:
    """Wait until Prometheus has asked itself whether it can use what it read last."""
    wait_for(
        lambda: value(fleet, "prometheus_config_last_reload_successful") == usable,
        f"its configuration is usable: {usable}", 60,
    )  # fmt: skip


def wait_until_quiet(fleet: Monitored) -> None:
    """Wait until all alerts are over but the one that fires always."""
    always = {("Watchdog", "")}

    def others() -> set[tuple[str, str]]:
        return firing(fleet) ^ always

    wait_until_none(others, "all is over", OVER_SECONDS)


def all_are_up(fleet: Monitored) -> bool:
    return value(fleet, 'sum(up{job="node"})') == len(fleet.all)


def test_all_is_well_and_quiet(monitored: MonitoredFleet) -> None:
    wait_for(partial(all_are_up, monitored), "each host has told how it stands", 60)
    expected = partial(value, monitored, "count(coop_look_max_age_seconds)")
    # Each host tells how it stands, and the monitor that it looks for hand-overs.
    looks = len(monitored.all) + 1
    wait_for(lambda: expected() == looks, "it knows who has to tell what", 60)
    fresh = "count(coop_look_age_seconds < on (host, metric) coop_look_max_age_seconds)"
    fresh_ones = partial(value, monitored, fresh)
    wait_for(lambda: fresh_ones() == looks, "each has looked", 120, every=3)
    wait_until_quiet(monitored)
    changed, failed, _ = counts(monitored.converge())
    assert (changed, failed) == (0, 0)


def test_people_reach_it_within_the_vpn_alone(monitored: MonitoredFleet) -> None:
    assert not is_open(monitored.monitor.address, PORT)
    with in_vpn("ops-hypha-1"):
        answer = requests.get(f"{base()}/-/healthy", timeout=20)
        assert answer.status_code == 200
        # Whoever gets there cannot stop it, or make it read another configuration.
        assert requests.post(f"{base()}/-/quit", timeout=20).status_code == 403


def test_what_is_wrong_is_told_and_then_over(monitored: MonitoredFleet) -> None:
    wait_for(partial(all_are_up, monitored), "each host has told how it stands", 60)
    wait_until_quiet(monitored)
    monitored["bbb1"].sh(
        "nft delete table inet coop_infra; systemd-run --unit=broken false || true"
    )
    monitored["bbb2"].suspend()
    wrong = {("FirewallAbsent", "bbb1"), ("HostDown", "bbb2")}
    wait_for(lambda: wrong <= firing(monitored), "both are told", 420, every=3)
    assert ("UnitFailed", "bbb1") in firing(monitored, "pending")
    assert firing(monitored) == {*wrong, ("Watchdog", "")}
    monitored["bbb2"].resume()
    monitored["bbb1"].sh("systemctl restart coop-firewall; systemctl reset-failed broken")
    wait_until_quiet(monitored)
    assert firing(monitored, "pending") & {("UnitFailed", "bbb1"), *wrong} == set()


def test_ssh_that_is_open_to_the_network_is_told_until_a_run_closes_it(
    monitored: MonitoredFleet,
) -> None:
    success = 'probe_success{job="outside",host="%s"}'
    wait_for(lambda: value(monitored, success % "bbb1") == 1, "it sees the open port", 60)
    wait_for(lambda: all_firing(monitored) >= OPEN, "it is told", 300, every=3)
    with in_vpn("ops-hypha-1"):
        assert counts(monitored.converge())[1] == 0
        wait_for(lambda: not OPEN & all_firing(monitored), "it is over", OVER_SECONDS, every=3)
        assert value(monitored, success % "bbb1") == 0
        # That of the hub is open on purpose.
        assert value(monitored, success % "vpn1") == 1
    assert not is_open(monitored.monitor.address, 9115)


def test_a_page_that_nobody_gets_is_told_and_a_certificate_that_is_none(
    monitored: MonitoredFleet, tmp_path: Path
) -> None:
    host = monitored["bbb1"]

    def shows(data: Data) -> None:
        visitors = [{"port": it, "to": "all", "reason": "the pages"} for it in (80, 443)]
        data["bbb1"] |= {"certificate": {"name": "pages.lab.test"}, "ports": visitors}

    project = changed_project(tmp_path / "shows", shows)
    down = ("WebDown", "bbb1")
    success = partial(value, monitored, 'probe_success{job="web",host="bbb1"}')
    web_server.names_of(host, "pages.lab.test")
    web_server.install(host)
    try:
        assert "nothing answers on port 80" in monitored.refused(project)
        wait_for(
            lambda: down in firing(monitored), "nobody gets there, which is told", 240, every=3
        )
        web_server.nginx(host, web_server.NGINX.replace(web_server.NAME, "pages.lab.test"))
        assert success() == 0, "no browser trusts the placeholder"
        assert counts(monitored.converge(directory=project))[1] == 0
        wait_for(lambda: success() == 1, "somebody gets there", 120)
        wait_for(lambda: down not in firing(monitored), "it is over", OVER_SECONDS, every=3)
    finally:
        web_server.names_of(host)


def change(project: Path, role: str, text: str, by: str) -> None:
    file = project / f"roles/{role}/alerts.yml"
    assert text in file.read_text()
    file.write_text(file.read_text().replace(text, by, 1))


@pytest.mark.parametrize(
    ("by", "said"),
    [
        ("coop_mount_present ==", "unexpected"),
        ("coop_mount_present == 7", "MountGone"),
        ("coop_mount_present >= 0", "MountGone"),
    ],
)
def test_a_wrong_rule_changes_nothing(
    monitored: MonitoredFleet, project: Path, by: str, said: str
) -> None:
    """One that cannot be read, one that never fires, one that always does."""
    before = rules(monitored)
    change(project, "clients", "coop_mount_present == 0", by)
    output = monitored.refused(project)
    assert said in output and "nothing was changed" in output
    assert rules(monitored) == before > 30
    wait_until_usable(monitored)
    changed, failed, _ = counts(monitored.converge())
    assert (changed, failed) == (0, 0)


def test_what_prometheus_cannot_use_is_put_back(monitored: MonitoredFleet, project: Path) -> None:
    """Also if promtool has nothing against it."""
    before = rules(monitored)
    monitored.monitor.sh("ln -sf /bin/true /usr/local/bin/promtool")
    change(project, "clients", "coop_mount_present == 0", "coop_mount_present ==")
    assert "goes on with the configuration before" in monitored.refused(project)
    assert rules(monitored) == before
    wait_until_usable(monitored)
    assert counts(monitored.converge())[:2] == (0, 0)


def test_an_edit_by_hand_is_told_and_goes(monitored: MonitoredFleet) -> None:
    monitored.monitor.sh(
        f"echo broken >> {PLACE}/alerts.yml; touch {PLACE}/extra.yml; systemctl reload prometheus"
    )
    wait_until_usable(monitored, False)
    audit = pyinfra("audit.py", *monitored.limit())
    assert audit.returncode != 0
    assert "does not run on its present configuration" in audit.stderr + audit.stdout
    assert counts(monitored.converge())[1] == 0
    wait_until_usable(monitored)
    assert counts(monitored.converge())[:2] == (0, 0)


def test_a_run_that_is_cut_off_is_finished_by_the_next(
    monitored: MonitoredFleet, project: Path
) -> None:
    """The new files have their place, and the program has not read them."""
    link = monitored.monitor.sh(f"readlink {PLACE}")
    monitored.monitor.sh(f"cp -a {PLACE}/ {PLACE}.new; ln -sfn prometheus.new {PLACE}")
    assert counts(monitored.converge())[:2] == (1, 0)
    assert monitored.monitor.sh(f"readlink {PLACE}") == link
    assert monitored.monitor.sh("ls -d /etc/coop-infra/prometheus*").split() == [
        PLACE, f"/etc/coop-infra/{link}",
    ]  # fmt: skip
    assert counts(monitored.converge())[:2] == (0, 0)


def test_while_it_is_installed_nothing_listens_outside_the_vpn(monitored: MonitoredFleet) -> None:
    """Debian's package starts Prometheus at once, on all addresses."""
    monitor = monitored.monitor
    monitor.sh(
        "apt-get -qq -y purge prometheus > /dev/null 2>&1; rm -rf /var/lib/prometheus; "
        "rm -r /etc/systemd/system/prometheus.service.d; systemctl daemon-reload"
    )
    watch = f"while sleep 0.05; do ss -Htln sport = :{PORT}; done > /run/listened"
    monitor.sh(f"systemd-run --quiet --unit=watch sh -c '{watch}'")
    monitored.converge()
    listened = monitor.sh("systemctl stop watch; sort -u /run/listened").splitlines()
    assert {line.split()[3] for line in listened} == {f"{addresses('monitor1')[0]}:{PORT}"}
