"""Nothing is lost or told twice where two notes meet, however late they go out."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from programs.handover import Settings
from programs.handover.main import main
from tests.unit.programs.handover_here import (
    CHANGE,
    HOUR,
    WAYS,
    Monitor,
    Said,
    Sent,
    at_a_monitor,
    looked,
    pending,
    told_at,
)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with at_a_monitor(tmp_path) as found:
        yield found


def test_a_note_is_due_until_one_has_gone_out(settings: Settings) -> None:
    """However long no mail goes out: nothing was told, and the alert goes on."""
    looked(settings, CHANGE - 60)
    Sent.away = True
    for it in range(0, 15 * HOUR, 1800):
        assert looked(settings, CHANGE + it) == [] and pending(settings) == 1
        assert told_at(settings) == {(): CHANGE - 8 * HOUR}
    Sent.away = False
    ((_, subject, _),) = looked(settings, CHANGE + 15 * HOUR, CHANGE + 15 * HOUR + 60)
    assert subject == "Hand-over: collocall -> hypha"
    assert pending(settings) == 0 and told_at(settings) == {(): CHANGE}


def test_the_note_of_the_next_hand_over_tells_of_all_that_was(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked(settings, CHANGE - 60)
    Sent.away = True
    looked(settings, CHANGE, CHANGE + 16 * HOUR)
    Sent.away = False
    ((_, subject, text),) = looked(settings, CHANGE + 16 * HOUR + 60)
    assert subject == "Hand-over: hypha -> collocall"
    assert "MountGone prod1, Fri 27 Nov 12:00 UTC until Fri 27 Nov 13:00 UTC" in text
    assert pending(settings) == 0


def ends_of(text: str) -> set[str]:
    """What has ended, by a note."""
    return set(re.findall(r"^  (End[0-9]+) ", text.partition("\nEnded:\n")[2], re.MULTILINE))


@pytest.mark.parametrize("late", [0, 20, 59, 175])
@pytest.mark.parametrize("gap", [0, 3 * HOUR])
def test_what_has_ended_is_in_one_note_alone(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, late: int, gap: int
) -> None:
    """Whenever it ended around the hand-over, and whenever the note of that could be sent."""
    ends = {f"End{it}": CHANGE - 300 + it * 7 for it in range(90)}
    fired = {name: (end - HOUR, end) for name, end in ends.items()}
    monkeypatch.setattr(Monitor, "fired", fired)
    looked(settings, CHANGE - 60)
    Sent.away = bool(gap)
    looked(settings, CHANGE + late)
    Sent.away = False
    notes = [*Sent.all] or looked(settings, CHANGE + late + gap)
    notes = [*notes, *looked(settings, CHANGE + 16 * HOUR + 30)]
    told = [ends_of(text) for _, _, text in notes]
    assert len(told) == 2
    assert not told[0] & told[1]
    assert told[0] | told[1] == {*ends}


def test_what_ended_while_the_room_was_away_is_in_a_note_by_mail(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Monitor, "fired", {"End1": (CHANGE - HOUR, CHANGE + 30 * 60)})
    Said.away, Said.said = 60, []
    both = replace(WAYS, room=Said("https://m", "!a", "token"))
    for it in (-60, *range(0, 2 * HOUR, 60), 16 * HOUR + 30):
        main(settings, both, CHANGE + it)
    assert [ends_of(text) for _, _, text in Sent.all] == [set(), {"End1"}]


def test_what_paused_for_a_minute_has_not_ended(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may fire again at once, as after a restart of Prometheus."""
    monkeypatch.setattr(Monitor, "fired", {"End1": (CHANGE - HOUR, CHANGE - 59)})
    looked(settings, CHANGE - 180)
    notes = looked(settings, CHANGE, CHANGE + 16 * HOUR)
    assert [ends_of(text) for _, _, text in notes] == [set(), {"End1"}]
