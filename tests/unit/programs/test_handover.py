"""Both teams hear at a hand-over what goes on, once, and whoever cannot be asked is named."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from programs.handover import Settings, Turn, settings_of, ways_of
from programs.handover.main import MEANINGS, main
from programs.handover.turns import last_change, on
from tests.unit.exposition import read
from tests.unit.programs.handover_here import (
    CHANGE,
    HOUR,
    WAYS,
    Monitor,
    Said,
    Sent,
    alert,
    at_a_monitor,
    looked,
    told_at,
)


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Settings]:
    with at_a_monitor(tmp_path) as found:
        yield found


def test_both_teams_hear_what_goes_on_and_who_has_it(settings: Settings) -> None:
    assert looked(settings, CHANGE - 120, CHANGE - 60) == []
    ((to, subject, text),) = looked(settings, CHANGE, CHANGE + 60, CHANGE + HOUR)
    assert set(to) == {"m@example.org", "h@example.org"}
    assert subject == "Hand-over: collocall -> hypha"
    assert text == (
        "Since Fri 27 Nov 2026 16:00 in Berlin = Fri 27 Nov 2026 10:00 in Toronto:\n"
        "  hypha (ops-hypha-1), until Sat 28 Nov 2026 08:00 in Berlin"
        " = Sat 28 Nov 2026 02:00 in Toronto\n"
        "\n"
        "Goes on:\n"
        "  CRITICAL DiskFull bbb1, since Fri 27 Nov 14:00 UTC\n"
        "    bbb1 is unwell\n"
        "    taken by ops-meet-1 until 2026-11-27 18:00 UTC: makes room\n"
        "  CRITICAL HostDown bbb2, since Fri 27 Nov 14:00 UTC\n"
        "    bbb2 is unwell\n"
        "    nobody has taken it\n"
        "\n"
        "Ended:\n"
        "  MountGone prod1, Fri 27 Nov 12:00 UTC until Fri 27 Nov 13:00 UTC\n"
        "\n"
        "Under maintenance, so nobody is told of its alerts:\n"
        "  storage1 until Fri 27 Nov 16:00 UTC: new disks\n"
    )


def test_who_cannot_be_asked_is_named_and_the_note_goes_out(settings: Settings) -> None:
    alone = replace(settings, prometheus="http://127.0.0.1:1", maintenance=[])
    looked(alone, CHANGE - 60)
    ((_, _, text),) = looked(alone, CHANGE)
    assert "CRITICAL HostDown bbb2" in text
    assert "Ended:\n  could not be asked: <urlopen error [Errno 111]" in text


def test_what_could_not_be_sent_is_tried_again_and_told(settings: Settings) -> None:
    looked(settings, CHANGE - 60)
    Sent.away = True
    assert main(settings, WAYS, CHANGE) == 1
    assert read(Path(settings.metrics).read_text())["coop_handover_pending"] == {(): 1}
    Sent.away = False
    assert len(looked(settings, CHANGE + 60, CHANGE + 120)) == 1
    assert read(Path(settings.metrics).read_text())["coop_handover_pending"] == {(): 0}


def test_of_two_monitors_the_second_tells_if_the_first_does_not(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    second = replace(settings, first=["monitor1"])
    looked(second, CHANGE - 60)
    assert looked(second, CHANGE, CHANGE + 120) == []
    assert told_at(second) == {(): CHANGE - 8 * HOUR}
    assert len(looked(second, CHANGE + 180, CHANGE + 240)) == 1
    assert told_at(second) == {(): CHANGE}
    Path(second.state).unlink()
    looked(second, CHANGE - 60)
    monkeypatch.setattr(Monitor, "told", CHANGE)
    assert looked(second, CHANGE + 60, CHANGE + 180, CHANGE + HOUR) == []
    assert told_at(second) == {(): CHANGE}


def test_whoever_cannot_ask_the_first_tells(settings: Settings) -> None:
    alone = replace(settings, first=["monitor1"], prometheus="http://127.0.0.1:1")
    looked(alone, CHANGE - 60)
    assert len(looked(alone, CHANGE + 60, CHANGE + 180)) == 1


def test_a_room_that_is_away_takes_no_mail_away_and_hears_of_it_later(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    Said.away, Said.said = 2, []
    both = replace(WAYS, room=Said("https://m", "!a", "token"))
    found = [main(settings, both, CHANGE + it) for it in (-60, 0, 60, 120, 180)]
    assert found == [0, 1, 1, 0, 0]
    assert len(Sent.all) == 1 and Said.said == [f"hand-over {CHANGE}"]
    assert "room: HTTP Error 401" in capsys.readouterr().err


def test_a_hand_over_before_the_first_look_is_not_told(settings: Settings) -> None:
    assert looked(settings, CHANGE + 60) == []


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_a_state_that_cannot_be_read_is_none(settings: Settings, text: str) -> None:
    Path(settings.state).write_text(text)
    assert looked(settings, CHANGE + 60) == []
    assert json.loads(Path(settings.state).read_text()) == {
        "change": CHANGE,
        "looked": CHANGE,
    }


def test_who_is_on_call_is_a_metric(settings: Settings) -> None:
    looked(settings, CHANGE + 60)
    found = read(Path(settings.metrics).read_text())
    assert found.keys() == {*MEANINGS}
    team = (("team", "hypha"),)
    assert found["coop_oncall"] == {team: 1, (("team", "collocall"),): 0}
    assert found["coop_oncall_until_timestamp_seconds"][team] == CHANGE + 16 * HOUR


def test_what_somebody_has_taken_is_a_metric(settings: Settings) -> None:
    looked(settings, CHANGE + 60)
    found = read(Path(settings.metrics).read_text())
    assert found["coop_taken_known"] == {(): 1}
    its = (("alert", "DiskFull"), ("of", "bbb1"), ("by", "ops-meet-1"))
    assert found["coop_taken_until_timestamp_seconds"] == {its: CHANGE + 3 * HOUR}


def test_what_is_taken_in_part_is_not_taken(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silence of one of two mounts leaves the other one to somebody."""
    monkeypatch.setattr(Monitor, "more", [alert("DiskFull", "bbb1")])
    looked(settings, CHANGE + 60)
    found = read(Path(settings.metrics).read_text())
    assert found["coop_taken_until_timestamp_seconds"] == {}


def test_what_is_taken_is_not_known_if_alertmanager_is_away(settings: Settings) -> None:
    looked(replace(settings, alertmanager="http://127.0.0.1:1"), CHANGE + 60)
    found = read(Path(settings.metrics).read_text())
    assert found["coop_taken_known"] == {(): 0}
    assert found["coop_oncall"][("team", "hypha"),] == 1


def test_turns_of_a_team_that_meet_are_one_and_an_overlap_is_two_teams() -> None:
    turns = [Turn(0, 100, "a"), Turn(50, 150, "b"), Turn(100, 200, "a")]
    assert on(turns, 60) == {"a": 200, "b": 150}
    assert last_change(turns, 120) == 50
    assert last_change(turns, 170) == 150
    assert last_change(turns, 300) == 200
    assert on(turns, 300) == {} and last_change(turns, -1) is None


def test_the_settings_are_what_the_files_say() -> None:
    told = {
        "prometheus": "p", "alertmanager": "a", "metrics": "m", "state": "s",
        "turns": [[1, 2, "x"]], "people": {"x": ["y"]}, "zones": [], "maintenance": [["h", 3, "w"]],
        "first": [],
    }  # fmt: skip
    assert settings_of(told).turns == [Turn(1, 2, "x")]
    assert settings_of(told).maintenance == [("h", 3, "w")]
    mail = {
        "host": "h", "port": 25, "sender": "s", "user": "", "password": "", "tls": True,
        "to": {"y": "y@example.org"},
    }  # fmt: skip
    ways = ways_of({"mail": mail, "matrix": None})
    assert ways.mail_to(["y"]).to == ("y@example.org",) and ways.room is None
    room = {"homeserver": "https://m", "room": "!a", "token": "t"}
    found = ways_of({"mail": mail, "matrix": room}).room
    assert found is not None and found.room == "!a"
