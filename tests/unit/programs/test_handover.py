"""Both teams hear at a hand-over what goes on, once, and whoever cannot be asked is named."""

import json
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from programs.handover import Settings, Turn, Ways, settings_of, ways_of
from programs.handover.main import MEANINGS, main
from programs.handover.turns import last_change, on
from programs.shared.messages import Mail, Matrix, NotSent
from tests.unit.exposition import read

# 2026-11-27 15:00 UTC: 16:00 in Berlin, 10:00 in Toronto.
CHANGE = 1795791600
HOUR = 3600
TURNS = [
    Turn(CHANGE - 8 * HOUR, CHANGE, "collocall"),
    Turn(CHANGE, CHANGE + 16 * HOUR, "hypha"),
    Turn(CHANGE + 16 * HOUR, CHANGE + 24 * HOUR, "collocall"),
]


class Sent(Mail):
    """Keeps what is sent; refuses while it is away."""

    all: list[tuple[tuple[str, ...], str, str]] = []
    away = False

    def send(self, subject: str, text: str) -> int:
        if Sent.away:
            raise NotSent("no route")
        self.all.append((tuple(self.to), subject, text))
        return 0


class Monitor(BaseHTTPRequestHandler):
    """What Prometheus and Alertmanager answer."""

    told = 0
    more: list[dict[str, Any]] = []
    fired: dict[str, tuple[int, int]] = {}

    def do_GET(self) -> None:
        answers: dict[str, Any] = {
            "/api/v2/alerts": [
                _alert("DiskFull", "bbb1", silenced=["s1"]),
                _alert("HostDown", "bbb2"),
                *self.more,
                {**_alert("Watchdog", ""), "labels": {"alertname": "Watchdog", "severity": "none"}},
            ],
            "/api/v2/silences": [
                {"id": "s1", "createdBy": "ops-meet-1", "endsAt": "2026-11-27T18:00:00.000Z",
                 "comment": "makes room"},
            ],
            "/api/v1/query": {"data": {"result": [{"value": [0, str(self.told)]}]}},
            "/api/v1/query_range": {"data": {"result": [
                _range("MountGone", "prod1", CHANGE - 3 * HOUR, CHANGE - 2 * HOUR),
                _range("HostDown", "bbb2", CHANGE - HOUR, CHANGE),
            ]}},
        }  # fmt: skip
        if self.fired and "query_range" in self.path:
            answers["/api/v1/query_range"]["data"]["result"] = [*self._points()]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(answers[self.path.partition("?")[0]]).encode())

    def _points(self) -> Iterator[dict[str, Any]]:
        """As Prometheus: at each step from the start on, what fires then."""
        asked = parse_qs(urlsplit(self.path).query)
        start, end, step = (int(float(asked[it][0])) for it in ("start", "end", "step"))
        for name, (since, until) in self.fired.items():
            values = [[at, "1"] for at in range(start, end + 1, step) if since <= at < until]
            if values:
                yield {"metric": {"alertname": name, "host": "a"}, "values": values}

    def log_message(self, format: str, *args: Any) -> None:
        pass


def _alert(name: str, host: str, silenced: Any = ()) -> dict[str, Any]:
    return {
        "labels": {"alertname": name, "severity": "critical", "host": host},
        "annotations": {"summary": f"{host} is unwell"},
        "startsAt": "2026-11-27T14:00:00.123456789Z",
        "status": {"silencedBy": [*silenced]},
    }


def _range(name: str, host: str, since: int, until: int) -> dict[str, Any]:
    labels = {"alertname": name, "host": host}
    return {"metric": labels, "values": [[at, "1"] for at in range(since, until + 1, 60)]}


@pytest.fixture
def url() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Monitor) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture
def settings(tmp_path: Path, url: str) -> Settings:
    Sent.all, Sent.away = [], False
    return Settings(
        prometheus=url,
        alertmanager=url,
        metrics=str(tmp_path / "a.prom"),
        state=str(tmp_path / "told.json"),
        turns=TURNS,
        people={"collocall": ["ops-meet-1"], "hypha": ["ops-hypha-1"]},
        zones=["Europe/Berlin", "America/Toronto"],
        maintenance=[("storage1", CHANGE + HOUR, "new disks"), ("prod1", CHANGE - 60, "over")],
        first=[],
    )


MAIL = Sent("mail.example.org", 587, "a@example.org", "", "", True, ())
WAYS = Ways(MAIL, {"ops-meet-1": "m@example.org", "ops-hypha-1": "h@example.org"}, None)


def looked(settings: Settings, *moments: int) -> list[tuple[tuple[str, ...], str, str]]:
    Sent.all.clear()
    for it in moments:
        main(settings, WAYS, it)
    return [*Sent.all]


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


def told_at(settings: Settings) -> dict[Any, int]:
    return read(Path(settings.metrics).read_text())["coop_handover_told_timestamp_seconds"]


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


class Said(Matrix):
    """A room that is away for some tries."""

    away = 0
    said: list[str] = []

    def send(self, text: str, key: str) -> None:
        if Said.away:
            Said.away -= 1
            raise NotSent("HTTP Error 401")
        self.said.append(key)


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


def pending(settings: Settings) -> int:
    return read(Path(settings.metrics).read_text())["coop_handover_pending"][()]


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
    monkeypatch.setattr(Monitor, "more", [_alert("DiskFull", "bbb1")])
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
