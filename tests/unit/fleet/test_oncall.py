"""Who is on call, read from a file: what is refused, and by which words."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from fleet import ROOT
from fleet.derived.oncall import YEAR, cover, gaps
from fleet.hosts import Host
from fleet.load import read_oncall
from fleet.people import Person
from fleet.reading.problems import FleetError
from fleet.reading.records import read_records
from lab.people import main as lab_people
from tests.unit.fleet.oncall_samples import (
    COLLOCALL,
    HOSTS,
    HYPHA,
    NOW,
    PEOPLE,
    SWAP,
    person,
    read,
    seasons,
)
from tests.unit.fleet_samples import KEY

Change = Callable[[dict[str, Any]], object]


def test_the_sample_is_read(tmp_path: Path) -> None:
    oncall = read(tmp_path, lambda it: it.update(overrides=[SWAP]))
    assert list(oncall.teams) == ["collocall", "hypha"]
    assert str(oncall.shifts[1].since) == "10:00 America/Toronto"
    assert oncall.overrides[0].why == "Christmas Eve"


def shift(index: int, **fields: Any) -> Change:
    return lambda it: it["shifts"][index].update(fields)


def add(field: str, **values: Any) -> Change:
    return lambda it: it.update({field: [values]})


GAP = {"from": "2026-12-25 01:00 UTC", "until": "2026-12-25 02:00 UTC", "why": "nobody could"}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (shift(0, team="colocall"), "shifts.0: there is no team colocall; write one of collocall"),
        (shift(0, **{"from": "8 a.m."}), "shifts: 0.from: '8 a.m.' is no time of day with a zone"),
        (shift(0, until="02:30 Europe/Berlin"), "shifts.0: until: on 2027-03-28 clocks there do"),
        (shift(1, days=["mon", "someday"]), "shifts: 1.days.1"),
        (shift(1, days=[]), "shifts: 1.days"),
        (lambda it: it["teams"].update(x={"people": ["ops-meet-1"]}), "teams: x: is never on call"),
        (lambda it: it["teams"]["hypha"].update(people=[]), "teams: hypha.people"),
        (
            lambda it: it["teams"]["hypha"].update(people=["nobody-1"]),
            "teams: hypha: people: there is no person nobody-1; write one of ops-hypha-1",
        ),
        (
            lambda it: it.update(redundancy=["ops-hypha-1", "gone-1"]),
            "redundancy: people: gone-1's access ended on 2026-11-01",
        ),
        (
            lambda it: it["teams"]["hypha"]["people"].append("outside-1"),
            "teams: hypha: people: outside-1 is not in the VPN, and reaches no host that is closed",
        ),
        *(
            (
                lambda it, name=name: it.update(redundancy=["ops-hypha-1", "ops-meet-1", name]),
                f"redundancy: people: {name} can log in to no host; give them access to one",
            )
            for name in ("nowhere-1", "keyless-1", "late-1")
        ),
        (lambda it: it.update(redundancy=["ops-hypha-1"]), "redundancy"),
        (lambda it: it.pop("shifts"), "shifts: is missing"),
        (lambda it: it.update(shift=[]), "shift: there is no such field; did you mean shifts?"),
        (add("overrides", **{**SWAP, "team": "collocall"}), "puts collocall in the place of"),
        (
            add("overrides", **{**SWAP, "from": "2026-12-24 20:00 Europe/Berlin",
                                "until": "2026-12-24 21:00 Europe/Berlin"}),
            "overrides.0: instead_of: collocall has no turn from Thu 24 Dec 2026 20:00",
        ),
        (add("overrides", **{**SWAP, "until": "2026-12-23 16:00 Europe/Berlin"}), "ends before it"),
        (add("accepted_gaps", **{**GAP, "why": 3}), "accepted_gaps: 0.why: 3 is not text"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_record_field_and_remedy(
    tmp_path: Path, change: Change, says: str
) -> None:
    with pytest.raises(FleetError) as error:
        read(tmp_path, change)
    assert says in str(error.value)
    assert str(tmp_path / "oncall.yml") in str(error.value)


def test_hours_that_nobody_covers_are_named_by_all_clocks(tmp_path: Path) -> None:
    """Each end by its own clock: some weeks have a gap each night."""

    def change(it: dict[str, Any]) -> None:
        it["shifts"][0]["from"] = "09:00 Europe/Berlin"
        it["shifts"][1]["until"] = "03:00 America/Toronto"

    with pytest.raises(FleetError) as error:
        read(tmp_path, change)
    assert (
        "shifts: nobody is on call from Sun 14 Mar 2027 08:00 until Sun 14 Mar 2027 09:00 in Berlin"
        " = Sun 14 Mar 2027 03:00 until Sun 14 Mar 2027 04:00 in Toronto, and 20 times more within "
        "a year; let a shift end by the same time"
    ) in str(error.value)


def test_an_override_that_reaches_beyond_the_turn_is_refused(tmp_path: Path) -> None:
    late = {**SWAP, "until": "2026-12-24 18:00 Europe/Berlin"}
    with pytest.raises(FleetError, match="collocall has no turn from Thu 24 Dec 2026 16:00 until"):
        read(tmp_path, add("overrides", **late))


def test_an_override_that_is_over_is_left_as_it_is(tmp_path: Path) -> None:
    """Shifts may have changed since."""
    ends = {"from": "2026-10-24 20:00 Europe/Berlin", "until": "2026-10-24 21:00 Europe/Berlin"}
    assert read(tmp_path, add("overrides", **{**SWAP, **ends})).overrides


def test_days_without_anybody_are_a_gap(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="nobody is on call from Sat 28 Nov 2026 08:00 until"):
        read(tmp_path, shift(0, days=["mon", "tue", "wed", "thu", "fri"]))


def test_a_gap_that_is_accepted_is_none(tmp_path: Path) -> None:
    def change(it: dict[str, Any]) -> None:
        it["shifts"] = [
            {**COLLOCALL, "until": "07:59 Europe/Berlin"},
            {**HYPHA, "from": "07:59 UTC", "until": "08:00 UTC"},
        ]
        it["accepted_gaps"] = seasons("a try")

    assert read(tmp_path, change).accepted_gaps[0].why == "a try"


@pytest.mark.parametrize("until", ["2027-02-02 00:00 UTC", "2099-01-01 00:00 UTC"])
def test_a_gap_is_accepted_for_a_season_at_most(tmp_path: Path, until: str) -> None:
    """A mistake in the year would accept all gaps that ever come."""
    ends = {"from": "2026-11-01 00:00 UTC", "why": "a try"}
    told = "accepted_gaps.0: until: ends more than 92 days after it begins; write an earlier moment"
    with pytest.raises(FleetError, match=told):
        read(tmp_path, add("accepted_gaps", **ends, until=until))
    read(tmp_path, add("accepted_gaps", **ends, until="2027-02-01 00:00 UTC"))


def test_one_that_is_over_is_left_as_it_is(tmp_path: Path) -> None:
    ends = {"from": "2025-11-01 00:00 UTC", "until": "2026-11-01 00:00 UTC", "why": "over"}
    assert read(tmp_path, add("accepted_gaps", **ends)).accepted_gaps


def test_who_may_only_log_in_somewhere_can_be_on_call(tmp_path: Path) -> None:
    assert read(tmp_path, lambda it: it["teams"]["hypha"].update(people=["watches-1"]))


def ending(**ends: date) -> dict[str, Person]:
    """People, some of whom end; a name with _ for -."""
    named = {name.replace("_", "-"): end for name, end in ends.items()}
    return {**PEOPLE, **{name: person(name, expires=end) for name, end in named.items()}}


def third(data: dict[str, Any]) -> None:
    """A redundancy that nobody's end takes away."""
    data["redundancy"] = ["ops-meet-1", "watches-1"]


def test_from_their_last_day_on_nobody_covers_anything(tmp_path: Path) -> None:
    """The last day is in UTC, and a turn of that night is cut there."""
    with pytest.raises(FleetError) as error:
        read(tmp_path, third, ending(ops_hypha_1=date(2026, 12, 9)))
    assert (
        "shifts: nobody is on call from Thu 10 Dec 2026 01:00 until Thu 10 Dec 2026 08:00 in Berlin"
    ) in str(error.value)
    assert (
        "times more within a year: nobody of hypha can log in then; name somebody who can log in "
        "for longer, or write a later end in people.yml"
    ) in str(error.value)


def test_the_last_day_of_the_last_key_is_one_too(tmp_path: Path) -> None:
    keys = [{"key": KEY, "expires": date(2026, 12, 1)}, {"key": KEY, "expires": date(2026, 12, 9)}]
    people = {**PEOPLE, "ops-hypha-1": person("ops-hypha-1", ssh_keys=keys)}
    with pytest.raises(FleetError, match="nobody is on call from Thu 10 Dec 2026 01:00 until"):
        read(tmp_path, third, people)


def test_a_team_is_there_as_long_as_one_of_it_is(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        third(data)
        data["teams"]["hypha"]["people"] = ["ops-hypha-1", "watches-1"]

    ends = {"ops_hypha_1": date(2026, 12, 9)}
    assert gaps(read(tmp_path, change, ending(**ends)), NOW, NOW + YEAR) == []
    with pytest.raises(FleetError, match="Sat 06 Mar 2027 01:00 until"):
        read(tmp_path, change, {**ending(**ends, watches_1=date(2027, 3, 5))})


def test_a_gap_of_an_end_can_be_accepted_and_another_team_can_stand_in(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        third(data)
        data["teams"]["third"] = {"people": ["watches-1"]}
        data["shifts"].append({**HYPHA, "team": "third", "days": ["sun"]})
        stand_in = {"team": "third", "instead_of": "hypha", "why": "hypha has nobody"}
        nights = [(11, 12), (12, 13), (14, 15)]
        data["overrides"] = [
            {**stand_in, "from": f"2027-11-{a} 16:00 Europe/Berlin",
             "until": f"2027-11-{b} 08:00 Europe/Berlin"} for a, b in nights
        ]  # fmt: skip
        ends = {"from": "2027-11-13 16:00 Europe/Berlin", "until": "2027-11-14 08:00 Europe/Berlin"}
        data["accepted_gaps"] = [
            {**ends, "why": "a night"},
            {"from": "2027-11-15 16:00 Europe/Berlin", "until": "2027-12-24 08:00 Europe/Berlin",
             "why": "until the new year"},
        ]  # fmt: skip

    oncall = read(tmp_path, change, ending(ops_hypha_1=date(2027, 11, 11)))
    since = datetime(2027, 11, 12, 7, tzinfo=UTC)
    found = cover(oncall, since, datetime(2027, 11, 15, 7, tzinfo=UTC))
    assert [it.teams[0] if it.teams else "" for it in found] == [
        "collocall", "third", "collocall", "", "collocall", "third",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("ends", "left"),
    [
        ({"ops_hypha_1": date(2027, 6, 30)}, "from 2027-07-01 on only 1 of them can log in"),
        (
            {"ops_hypha_1": date(2027, 6, 30), "ops_meet_1": date(2027, 6, 30)},
            "from 2027-07-01 on only 0 of them can log in",
        ),
    ],
)
def test_the_redundancy_are_two_all_the_year(
    tmp_path: Path, ends: dict[str, date], left: str
) -> None:
    with pytest.raises(FleetError, match=f"redundancy: {left}"):
        read(tmp_path, people=ending(**ends))


def test_of_three_of_the_redundancy_one_may_end(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["redundancy"] = ["ops-hypha-1", "ops-meet-1", "watches-1"]

    read(tmp_path, change, ending(watches_1=date(2027, 6, 30)))


def test_two_overrides_of_the_same_turn_are_refused_by_both_names(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        data["teams"]["third"] = {"people": ["watches-1"]}
        data["shifts"].append({**HYPHA, "team": "third"})
        late = {"team": "third", "from": "2026-12-24 12:00 Europe/Berlin", "why": "a late swap"}
        data["overrides"] = [SWAP, {**SWAP, **late}]

    with pytest.raises(FleetError) as error:
        read(tmp_path, change)
    assert (
        "overrides.1: instead_of: third (a late swap) takes the place of collocall while "
        "overrides.0 gives the same to hypha (Christmas Eve): Thu 24 Dec 2026 12:00 until "
        "Thu 24 Dec 2026 16:00 in Berlin"
    ) in str(error.value)


def test_overrides_that_meet_are_two(tmp_path: Path) -> None:
    def change(data: dict[str, Any]) -> None:
        noon = "2026-12-24 12:00 Europe/Berlin"
        data["overrides"] = [{**SWAP, "until": noon}, {**SWAP, "from": noon}]

    assert len(read(tmp_path, change).overrides) == 2


def test_a_file_that_is_missing_or_no_mapping_is_told(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="cannot be read"):
        read_oncall(tmp_path / "none.yml", PEOPLE, HOSTS, NOW)
    (tmp_path / "oncall.yml").write_text("- hypha\n")
    with pytest.raises(FleetError, match="write teams, shifts and redundancy"):
        read_oncall(tmp_path / "oncall.yml", PEOPLE, HOSTS, NOW)


@pytest.mark.parametrize("inventory", ["coop", "lab"])
def test_the_people_of_sample_and_lab_can_be_called(tmp_path: Path, inventory: str) -> None:
    people_file = ROOT / "group_data/people.yml"
    if inventory == "lab":
        key = tmp_path / "key.pub"
        key.write_text(KEY)
        lab_people(tmp_path, key)
        people_file = tmp_path / "people.yml"
    people = read_records(Person, "people", people_file).valid
    hosts = read_records(Host, "hosts", ROOT / f"inventories/{inventory}.yml").valid
    now = datetime.now(UTC)
    assert (
        read_oncall(ROOT / "group_data/oncall.yml", people, hosts, now).end_of_team("hypha") is None
    )
