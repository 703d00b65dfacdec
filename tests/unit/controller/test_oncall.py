"""What a person is told of who is on call, and the calendars."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from icalendar import Calendar

from controller import oncall as command
from controller.calendars import calendars
from controller.oncall import lines
from fleet.derived.oncall import turns
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


@pytest.fixture
def made(tmp_path: Path) -> tuple[OnCall, dict[str, bytes]]:
    oncall = read(tmp_path, lambda it: it["teams"]["hypha"]["people"].append("ops-meet-1"))
    return oncall, calendars(oncall, turns(oncall, NOW, NOW + WEEK), NOW)


def test_each_team_and_person_has_a_calendar_with_their_turns(
    made: tuple[OnCall, dict[str, bytes]],
) -> None:
    oncall, found = made
    assert list(found) == [
        "team-collocall.ics",
        "team-hypha.ics",
        "person-ops-meet-1.ics",
        "person-ops-hypha-1.ics",
    ]
    events = {name: Calendar.from_ical(text).walk("VEVENT") for name, text in found.items()}
    expected = turns(oncall, NOW, NOW + WEEK)
    both = [(it.decoded("DTSTART"), it.decoded("DTEND")) for it in events["person-ops-meet-1.ics"]]
    assert both == [(it.since, it.until) for it in expected]
    own = [str(it["SUMMARY"]) for it in events["team-collocall.ics"]]
    assert set(own) == {"collocall is on call"} and len(own) == 8
    assert len(events["team-collocall.ics"]) + len(events["team-hypha.ics"]) == len(expected)


def test_an_event_is_the_same_one_a_day_later(made: tuple[OnCall, dict[str, bytes]]) -> None:
    oncall, found = made
    later = NOW + timedelta(days=1)
    again = calendars(oncall, turns(oncall, later, later + WEEK), later)

    def uids(text: bytes) -> list[str]:
        return [str(it["UID"]) for it in Calendar.from_ical(text).walk("VEVENT")]

    first, second = uids(found["team-hypha.ics"]), uids(again["team-hypha.ics"])
    assert first[1:] == second[:-1] and len(set(first)) == len(first)


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
