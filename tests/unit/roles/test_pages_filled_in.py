"""Debian's Prometheus fills in the pages: what is old, absent or untold is never well."""

import time
from collections.abc import Callable, Iterator

import pytest

from tests.unit.roles.pages_here import (
    KNOWN,
    PROBED,
    PROMETHEUS,
    Page,
    Told,
    filled_in,
    healthy,
    page,
    unwell,
)

pytestmark = pytest.mark.skipif(not PROMETHEUS, reason="needs Debian's prometheus")
Change = Callable[[dict[str, dict[str, float]]], object]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with filled_in(tmp_path_factory.mktemp("prometheus")) as url:
        yield url


def seen(base: str, told: Change, wanted: Callable[[Page], bool]) -> Page:
    """The page once it is as wanted, or after a while as it is, with what hosts tell so changed."""
    Told.all = healthy()
    told(Told.all)
    end = time.monotonic() + 30
    while True:
        try:
            found = page(base)
        except OSError:
            found = Page("")
        if (found.rows and wanted(found)) or time.monotonic() > end:
            return found
        time.sleep(0.3)


def all_well(found: Page) -> bool:
    return bool(found.rows) and not unwell(found) and not found.bad


def changed(base: str, told: Change) -> Page:
    """From a page that is well, what the change makes red."""
    assert all_well(it := seen(base, lambda _: None, all_well)), (unwell(it), it.bad)
    now = seen(base, told, lambda it: not all_well(it))
    # What is scraped last may show a moment later.
    time.sleep(2.5)
    return page(base) if now.rows else now


def test_a_healthy_fleet_is_well_and_the_new_host_is_new(base: str) -> None:
    found = seen(base, lambda _: None, all_well)
    assert (unwell(found), found.bad) == (set(), [])
    assert found.rows.keys() == {*KNOWN, "stg1"}
    assert found.rows["stg1"]["Tells"] == ("new", "new: it had no run yet")
    assert found.rows["prod1"]["Units"] == ("well", "0 failed")
    assert found.rows["prod1"]["Web"] == ("well", "answers")
    assert found.rows["prod1"]["Pool"] == ("none", "\N{EN DASH}")
    assert found.rows["offsite1"]["Restored"] == ("well", "never")
    assert "<b>collocall</b>, until 20" in found.text


def test_what_somebody_has_taken_says_by_whom(base: str) -> None:
    found = seen(base, lambda _: None, lambda it: "Taken" in it.alerts and all_well(it))
    kind, text = found.alerts["Taken"]["Taken"]
    assert kind == "well" and text.startswith("by ops-meet-1 until 20")
    assert found.alerts["Other"]["Taken"] == ("", "by nobody")
    unknown = seen(
        base,
        lambda it: it["monitor1"].update(coop_taken_known=0),
        lambda it: it.alerts["Taken"]["Taken"][0] == "bad",
    )
    assert {it["Taken"] for it in unknown.alerts.values()} == {("bad", "unknown")}


OLD = time.time() - 7200


@pytest.mark.parametrize(
    ("told", "red"),
    [
        (
            lambda it: it["prod1"].update({'coop_metrics_collector_success{collector="units"}': 0}),
            {("prod1", "Tells"), ("prod1", "Units")},
        ),
        (
            lambda it: it["prod1"].update({'coop_metrics_collector_success{collector="boot"}': 0}),
            {("prod1", "Tells"), ("prod1", "Reboot")},
        ),
        (
            lambda it: it["prod1"].update(coop_metrics_timestamp_seconds=OLD),
            {("prod1", it) for it in ("Tells", "Units", "Tunnel", "Firewall", "Storage", "Reboot")},
        ),
        (
            lambda it: it["prod1"].update(coop_certificate_status_timestamp_seconds=OLD * 0.99),
            {("prod1", "Tells"), ("prod1", "Certificate")},
        ),
        (
            lambda it: it["prod1"].update(
                coop_certificate_status_timestamp_seconds=time.time() + 86400
            ),
            {("prod1", "Tells"), ("prod1", "Certificate")},
        ),
        (
            lambda it: it["offsite1"].update(coop_copy_status_timestamp_seconds=OLD),
            {("offsite1", "Tells"), ("offsite1", "Copies"), ("offsite1", "Restored")},
        ),
        (
            lambda it: it["offsite1"].pop("coop_copy_status_timestamp_seconds"),
            {("offsite1", "Tells"), ("offsite1", "Copies"), ("offsite1", "Restored")},
        ),
        (lambda it: it.update(outside={}), {(it, "SSH from outside") for it in PROBED}),
        (lambda it: it.update(web={}), {("prod1", "Web")}),
        (lambda it: it["prod1"].pop("coop_firewall_present"), {("prod1", "Firewall")}),
        (
            lambda it: it["storage1"].pop('coop_pool_state{pool="p",state="online"}'),
            {("storage1", "Pool")},
        ),
        (
            lambda it: it["prod1"].pop(
                'node_filesystem_avail_bytes{mountpoint="/",fstype="ext4"}'
            ),
            {("prod1", "Disk")},
        ),
        (
            lambda it: it.update(storage1={}),
            {
                ("storage1", it)
                for it in (
                    "Tells", "Disk", "Units", "Tunnel", "Firewall", "Pool", "Volumes", "Reboot",
                )
            },
        ),
    ],
)  # fmt: skip
def test_what_is_old_absent_or_untold_is_unknown_and_red(
    base: str, told: Change, red: set[tuple[str, str]]
) -> None:
    found = changed(base, told)
    assert unwell(found) == red
    texts = {found.rows[host][title][1] for host, title in red if title != "Tells"}
    assert texts == {"unknown"}
    first = {found.rows[host][title][1] for host, title in red if title == "Tells"}
    assert not first or first == {"no"} or first.pop().startswith("in part, without ")


@pytest.mark.parametrize(
    ("told", "says"),
    [
        (
            {"coop_handover_status_timestamp_seconds": OLD},
            "unknown: no monitor has looked of late who is on call",
        ),
        ({'coop_oncall{team="collocall"}': 0}, "nobody: the redundancy gets everything"),
    ],
)
def test_who_is_on_call_is_of_just_now_or_unknown(
    base: str, told: dict[str, float], says: str
) -> None:
    found = changed(base, lambda it: it["monitor1"].update(told))
    assert found.bad == [says]
    assert "<b>" not in found.text


def test_a_monitor_that_has_not_looked_has_no_say(base: str) -> None:
    """Of two monitors one may stand still, with the team of yesterday."""

    def told(its: dict[str, dict[str, float]]) -> None:
        its["storage1"]['coop_oncall{team="hypha"}'] = 1
        its["storage1"]["coop_handover_status_timestamp_seconds"] = OLD
        # It shows that the page has the answers of this moment.
        its["storage1"]["coop_units_failed"] = 7

    found = seen(base, told, lambda it: it.rows["storage1"].get("Units", ("", ""))[1] == "7 failed")
    assert found.rows["storage1"]["Units"] == ("well", "7 failed")
    assert "<b>collocall</b>" in found.text and "<b>hypha</b>" not in found.text


def test_a_page_of_a_host_says_what_does_not_look(base: str) -> None:
    one = 'coop_metrics_collector_success{collector="units"}'
    changed(base, lambda it: it["prod1"].update({one: 0}))
    told = page(base, "host.html?host=prod1").bad
    assert told == ["What follows from these is old or unknown: units"]
    assert page(base, "host.html?host=storage1").bad == []
    assert "nobody asks this host: it is new" in page(base, "host.html?host=stg1").text
    assert "unknown" in page(base, "host.html?host=nobody").bad
