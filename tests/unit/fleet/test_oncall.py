"""Who is on call, read from a file: what is refused, and by which words."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fleet.load import read_oncall
from fleet.reading.problems import FleetError
from tests.unit.fleet.oncall_samples import COLLOCALL, HYPHA, NOW, PEOPLE, SWAP, read

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
        it["accepted_gaps"] = [{"from": "2026-11-01 00:00 UTC", "until": "2028-01-01 00:00 UTC",
                                "why": "a try"}]  # fmt: skip

    assert read(tmp_path, change).accepted_gaps[0].why == "a try"


def test_a_file_that_is_missing_or_no_mapping_is_told(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="cannot be read"):
        read_oncall(tmp_path / "none.yml", PEOPLE, NOW)
    (tmp_path / "oncall.yml").write_text("- hypha\n")
    with pytest.raises(FleetError, match="write teams, shifts and redundancy"):
        read_oncall(tmp_path / "oncall.yml", PEOPLE, NOW)
