"""What a person is told of who is on call, and the calendars."""

import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from icalendar import Calendar, Component

from controller import oncall as command
from controller.calendars import calendars
from controller.oncall import lines
from fleet.derived.oncall import YEAR, turns
from fleet.load import load
from fleet.oncall import OnCall
from fleet.reading.problems import FleetError, Problem
from tests.unit.fleet.oncall_samples import NOW, SWAP, read, seasons

WEEK = timedelta(days=7)


def test_who_is_on_call_now_and_next_by_all_clocks(tmp_path: Path) -> None:
    told = list(lines(read(tmp_path, lambda it: it.update(overrides=[SWAP])), NOW))
    assert told[:6] == [
        "Now: Fri 27 Nov 2026 13:00 in Berlin, Fri 27 Nov 2026 07:00 in Toronto",
        "On call: collocall (ops-meet-1)",
        "  until Fri 27 Nov 2026 16:00 in Berlin = Fri 27 Nov 2026 10:00 in Toronto",
        "Then: hypha (ops-hypha-1)",
        "  until Sat 28 Nov 2026 08:00 in Berlin = Sat 28 Nov 2026 02:00 in Toronto",
        "Called for whatever is critical, at any hour: ops-hypha-1, ops-meet-1",
    ]
    assert told[6].startswith("hypha in the place of collocall (Christmas Eve): Thu 24 Dec 2026 08")
    assert told[7] == "Within a year there is always somebody, and 21 h are covered twice:"
    assert told[8].endswith("in Toronto; 14 times, until Sat 27 Mar 2027 16:00")
    assert len(told) == 10


def test_a_fleet_whose_turns_follow_each_other_says_so(tmp_path: Path) -> None:
    oncall = read(tmp_path, lambda it: it["shifts"][1].update({"from": "16:00 Europe/Berlin"}))
    last = list(lines(oncall, NOW))[-1]
    assert last == "Within a year there is always somebody, and no two teams at once."


def test_hours_without_anybody_that_are_accepted_are_not_called_covered(tmp_path: Path) -> None:
    def change(it: dict[str, Any]) -> None:
        it["shifts"][1]["until"] = "07:00 Europe/Berlin"
        it["accepted_gaps"] = seasons("an hour to sleep")

    told = list(lines(read(tmp_path, change), NOW))
    assert any(it.startswith("Nobody, as accepted (an hour to sleep)") for it in told)
    assert any("always somebody but in those hours" in it for it in told)


def test_what_is_over_is_not_told(tmp_path: Path) -> None:
    oncall = read(tmp_path, lambda it: it.update(overrides=[SWAP]))
    assert "Christmas" not in "".join(lines(oncall, NOW + 5 * WEEK))


def test_whoever_has_ended_by_then_is_not_named(tmp_path: Path) -> None:
    oncall = read(tmp_path, lambda it: it["teams"]["hypha"]["people"].append("watches-1"))
    told = list(lines(oncall.with_ends({"ops-hypha-1": NOW}), NOW))
    assert told[3] == "Then: hypha (watches-1)"


@pytest.fixture(params=["UTC", "Europe/Berlin", "America/Toronto"])
def zone(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ZoneInfo]:
    """That of the operator's machine."""
    monkeypatch.setenv("TZ", request.param)
    time.tzset()
    yield ZoneInfo(request.param)
    monkeypatch.undo()
    time.tzset()


Events = dict[str, Component]


def events(oncall: OnCall, name: str, now: datetime = NOW) -> Events:
    """Those of a calendar, by UID: no two have the same."""
    found = Calendar.from_ical(calendars(oncall, now)[name]).walk("VEVENT")
    by_uid = {str(it["UID"]): it for it in found}
    assert len(by_uid) == len(found)
    return by_uid


def span(event: Component) -> tuple[datetime, datetime]:
    return event.decoded("DTSTART"), event.decoded("DTEND")


def test_each_team_and_person_has_a_calendar_with_their_turns(tmp_path: Path) -> None:
    oncall = read(tmp_path, lambda it: it["teams"]["hypha"]["people"].append("ops-meet-1"))
    assert list(calendars(oncall, NOW)) == [
        "team-collocall.ics",
        "team-hypha.ics",
        "person-ops-meet-1.ics",
        "person-ops-hypha-1.ics",
    ]
    expected = turns(oncall, NOW - timedelta(days=2), NOW + YEAR + timedelta(days=1))
    both = [span(it) for it in events(oncall, "person-ops-meet-1.ics").values()]
    whole = [(it.since, it.until) for it in expected]
    assert both == [it for it in whole if it[1] > NOW - timedelta(days=1) and it[0] < NOW + YEAR]
    own = events(oncall, "team-collocall.ics")
    assert {str(it["SUMMARY"]) for it in own.values()} == {"collocall is on call"}
    assert len(own) + len(events(oncall, "team-hypha.ics")) == len(both)


def test_all_times_are_in_utc_wherever_the_calendar_is_made(tmp_path: Path, zone: ZoneInfo) -> None:
    """A TZID without VTIMEZONE says nothing that programs agree on: RFC 5545, 3.2.19."""
    now = NOW.astimezone(zone)
    text = calendars(read(tmp_path), now)["team-hypha.ics"]
    assert b"TZID" not in text and b"DTSTART:20261127T150000Z" in text
    assert b"UID:20261127T1500Z-hypha@coop-infra" in text
    assert b"DTSTAMP:20261127T120000Z" in text


def test_a_turn_is_whole_and_the_same_event_an_hour_and_a_day_later(
    tmp_path: Path, zone: ZoneInfo
) -> None:
    """Also the one of just now."""
    oncall = read(tmp_path)
    made = {
        hours: events(oncall, "team-collocall.ics", (NOW + timedelta(hours=hours)).astimezone(zone))
        for hours in (0, 1, 24)
    }
    uid = "20261127T0700Z-collocall@coop-infra"
    begin = datetime(2026, 11, 27, 7, tzinfo=UTC)
    for found in made.values():
        assert span(found[uid]) == (begin, begin + timedelta(hours=8))
    for later in (made[1], made[24]):
        same = made[0].keys() & later.keys()
        assert len(same) >= len(made[0]) - 1
        assert all(span(made[0][it]) == span(later[it]) for it in same)


CHRISTMAS = "20261224T0700Z-collocall@coop-infra"


@pytest.mark.parametrize(
    ("hours", "theirs", "mine"),
    [
        (("08:00", "16:00"), [], [(7, 15)]),
        (("08:00", "12:00"), [(11, 15)], [(7, 11)]),
        (("12:00", "16:00"), [(7, 11)], [(11, 15)]),
        (("10:00", "12:00"), [(7, 9), (11, 15)], [(9, 11)]),
    ],
)
def test_an_override_changes_the_event_and_doubles_none(
    tmp_path: Path,
    hours: tuple[str, str],
    theirs: list[tuple[int, int]],
    mine: list[tuple[int, int]],
) -> None:
    since, until = (f"2026-12-24 {it} Europe/Berlin" for it in hours)
    swap = {**SWAP, "from": since, "until": until}
    later = NOW + timedelta(minutes=1)
    plain, swapped = read(tmp_path), read(tmp_path, lambda it: it.update(overrides=[swap]))

    def imported(name: str) -> Events:
        """What a program has that imports both, by RFC 5546, 2.1.5."""
        found = events(plain, name)
        for uid, it in events(swapped, name, later).items():
            if uid not in found or it.decoded("SEQUENCE") > found[uid].decoded("SEQUENCE"):
                found[uid] = it
        return found

    def of_the_day(found: Events) -> list[tuple[int, int]]:
        return sorted(
            (since.hour, until.hour)
            for it in found.values()
            for since, until in [span(it)]
            if it.get("STATUS") != "CANCELLED" and since.date() == date(2026, 12, 24)
            and since.hour < 15
        )  # fmt: skip

    own = imported("team-collocall.ics")
    assert of_the_day(own) == theirs
    assert (own[CHRISTMAS].get("STATUS") == "CANCELLED") == (not theirs)
    other = imported("team-hypha.ics")
    assert of_the_day(other) == mine
    assert str(other[CHRISTMAS]["SUMMARY"]) == "hypha is on call in the place of collocall"
    # All else is as it was.
    assert own.keys() - events(plain, "team-collocall.ics").keys() <= {
        CHRISTMAS.replace("collocall@", "collocall-2@")
    }


def test_a_person_of_both_teams_has_the_swap_under_the_same_uid(tmp_path: Path) -> None:
    def change(it: dict[str, Any]) -> None:
        it["teams"]["hypha"]["people"].append("ops-meet-1")
        it["overrides"] = [SWAP]

    found = events(read(tmp_path, change), "person-ops-meet-1.ics")
    assert str(found[CHRISTMAS]["SUMMARY"]) == "hypha is on call in the place of collocall"
    assert "STATUS" not in found[CHRISTMAS]


def test_a_calendar_of_a_person_ends_where_they_end(tmp_path: Path) -> None:
    oncall = read(tmp_path, lambda it: it["teams"]["hypha"]["people"].append("watches-1"))
    end = datetime(2026, 12, 24, tzinfo=UTC)
    found = events(oncall.with_ends({"watches-1": end}), "person-watches-1.ics")
    kept = [span(it) for it in found.values() if "STATUS" not in it]
    assert max(until for _, until in kept) == end
    whole = events(oncall.with_ends({"watches-1": end}), "team-hypha.ics")
    assert max(span(it)[1] for it in whole.values()) > NOW + YEAR - timedelta(days=1)


def test_the_project_s_own_data_have_no_gap(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main("inventories/coop.yml") == 0
    assert "On call: " in capsys.readouterr().out


def test_calendars_go_where_they_are_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main("inventories/coop.yml", str(tmp_path / "new/ics")) == 0
    assert len(list((tmp_path / "new/ics").glob("*.ics"))) == 4
    assert f"{tmp_path}/new/ics/team-hypha.ics" in capsys.readouterr().out


def test_a_place_where_no_calendar_can_be_written_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    assert command.main("inventories/coop.yml", str(tmp_path / "file")) == 1
    assert "no calendars can be written: File exists" in capsys.readouterr().err


def test_a_gap_is_told_and_is_exit_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(_: object) -> OnCall:
        raise FleetError([Problem("oncall.yml", "shifts", "", "nobody is on call", "be there")])

    monkeypatch.setattr(command, "load_oncall", refuse)
    assert command.main("inventories/coop.yml") == 1
    assert "nobody is on call; be there" in capsys.readouterr().err


def test_people_who_end_within_the_year_are_a_gap_that_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The project's own data, with an end for those who are on call."""
    fleet = load(Path("inventories/coop.yml"))
    soon = datetime.now(UTC).date() + timedelta(days=30)
    ending = {
        name: it.model_copy(update={"expires": soon if name.startswith("ops-") else it.expires})
        for name, it in fleet.people.items()
    }
    found = fleet.model_copy(update={"people": ending})
    monkeypatch.setattr(command, "load", lambda file: found)
    assert command.main("inventories/coop.yml") == 1
    told = capsys.readouterr().err
    assert f"nobody is on call from {soon + timedelta(days=1):%a %d %b %Y}" in told
    assert "only 0 of them can log in" in told
