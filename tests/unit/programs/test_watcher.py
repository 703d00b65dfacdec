"""A watcher calls when a monitor is silent, and as long as nobody knows of it."""

import json
import threading
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from fleet import ROOT
from programs.handover import main as handover
from programs.matrix import main as matrix
from programs.shared import hook
from programs.shared.messages import Mail, NotSent
from programs.watcher import Settings, main, settings_of, watch
from tests.unit.exposition import documented


class Sent(Mail):
    """Keeps what is sent; refuses while it is away."""

    subjects: list[str] = []
    away = False

    def send(self, subject: str, text: str) -> int:
        self.check()
        self.subjects.append(subject)
        return 0

    def check(self) -> None:
        if Sent.away:
            raise NotSent("no route")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def settings() -> Settings:
    Sent.subjects, Sent.away = [], False
    mail = Sent("mail.example.org", 587, "w@example.org", "", "", True, ("a@example.org",))
    return Settings("127.0.0.1", 0, ("monitor1", "monitor2"), 300, "https://page", mail)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def its(settings: Settings, clock: Clock) -> watch.Watch:
    return watch.Watch(settings, clock)


def later(its: watch.Watch, clock: Clock, seconds: float, *heard: str) -> list[str]:
    """What is sent after this time, in which these are heard each minute."""
    Sent.subjects.clear()
    end = clock.now + seconds
    while clock.now < end:
        clock.now = min(end, clock.now + 60)
        its.hear(heard)
        its.look()
    return [*Sent.subjects]


SILENT = "CRITICAL: monitor1 and monitor2 silent"
OVER = "over: monitor1 and monitor2 heard again"


def test_monitors_that_were_never_heard_are_told_after_the_limit(
    its: watch.Watch, clock: Clock
) -> None:
    assert later(its, clock, 300) == []
    assert later(its, clock, 60) == [SILENT]


def test_without_a_monitor_nobody_is_called(settings: Settings, clock: Clock) -> None:
    its = watch.Watch(replace(settings, monitors=()), clock)
    assert later(its, clock, 3600) == [] and its.usable


def test_of_two_monitors_one_that_is_heard_tells_of_the_other(
    its: watch.Watch, clock: Clock
) -> None:
    assert later(its, clock, 3600, "monitor2") == []
    assert its.silences() == {"monitor1": 3600, "monitor2": 0}
    assert later(its, clock, 360) == [SILENT]
    assert later(its, clock, 60, "monitor1") == [OVER]


def test_silence_is_told_once_again_after_hours_and_its_end(its: watch.Watch, clock: Clock) -> None:
    assert later(its, clock, 3600, "monitor1") == []
    assert later(its, clock, 3600) == [SILENT]
    assert later(its, clock, 4 * 3600) == [SILENT]
    assert later(its, clock, 60, "monitor1") == [OVER]
    assert later(its, clock, 3600, "monitor1") == []


def test_what_could_not_be_sent_is_sent_as_soon_as_it_can(its: watch.Watch, clock: Clock) -> None:
    Sent.away = True
    assert later(its, clock, 900) == []
    assert not its.usable
    Sent.away = False
    assert later(its, clock, 60) == [SILENT]
    assert its.usable
    Sent.away = True
    assert later(its, clock, 120, "monitor1") == []
    Sent.away = False
    assert later(its, clock, 60, "monitor1") == [OVER]


def test_the_way_to_people_is_tried_before_it_is_needed(its: watch.Watch, clock: Clock) -> None:
    both = ("monitor1", "monitor2")
    later(its, clock, 60, *both)
    Sent.away = True
    later(its, clock, 3000, *both)
    assert its.usable
    later(its, clock, 660, *both)
    assert not its.usable
    # While it is not usable, each look tries.
    Sent.away = False
    later(its, clock, 60, *both)
    assert its.usable


def test_a_server_that_refuses_is_not_asked_all_the_time(
    its: watch.Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[float] = []

    def check(self: Mail) -> None:
        asked.append(clock.now)
        raise NotSent("refused")

    monkeypatch.setattr(Sent, "check", check)
    end = clock.now + 1200
    while clock.now < end:
        clock.now += 10
        its.look()
    assert 19 <= len(asked) <= 21


def test_a_fault_of_our_own_ends_no_watcher(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    looks: list[int] = []
    end = threading.Event()

    def look(self: watch.Watch) -> None:
        looks.append(1)
        if len(looks) == 3:
            end.set()
        raise RuntimeError("a-password")

    monkeypatch.setattr(watch.Watch, "look", look)
    monkeypatch.setattr(main, "EVERY_SECONDS", 0.01)
    main.serve(settings, end)
    assert len(looks) == 3
    assert capfd.readouterr().err == "RuntimeError while looking\n" * 3


def alert(**values: Any) -> dict[str, Any]:
    labels = {"alertname": "Watchdog", "watched": "monitor1", **values.pop("labels", {})}
    return {"status": "firing", "labels": labels, **values}


def test_only_a_watchdog_that_fires_counts() -> None:
    alerts = [alert(), alert(status="resolved"), alert(labels={"alertname": "HostDown"})]
    assert main.watched({"alerts": alerts}) == ["monitor1"]


@pytest.fixture
def served(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Any:
    ready, end, found = threading.Event(), threading.Event(), {}

    class Server(ThreadingHTTPServer):
        def serve_forever(self, poll_interval: float = 0.05) -> None:
            found["url"] = f"http://127.0.0.1:{self.server_port}"
            ready.set()
            super().serve_forever(poll_interval)

    monkeypatch.setattr(hook, "ThreadingHTTPServer", Server)
    thread = threading.Thread(target=main.serve, args=(settings, end))
    thread.start()
    assert ready.wait(10)
    yield found["url"]
    end.set()
    thread.join(10)
    assert not thread.is_alive()


def test_it_hears_and_shows_what_it_heard(served: str) -> None:
    body = json.dumps({"alerts": [alert(), alert(labels={"watched": "unknown"})]}).encode()
    assert urlopen(served, body, timeout=5).status == 204
    page = urlopen(f"{served}/metrics", timeout=5).read().decode()
    assert 'coop_watcher_silence_seconds{monitor="monitor1"} 0\n' in page
    assert "coop_watcher_mail_usable 1\n" in page
    assert "unknown" not in page


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b'{"alerts": [7]}',
        b'{"alerts": [{"status": "firing", "labels": {"alertname": "Watchdog"}}]}',
        b"[" * 60000,
    ],
)
def test_what_is_no_message_is_refused_and_it_goes_on(served: str, body: bytes) -> None:
    assert status(Request(served, body)) == 400
    assert status(Request(f"{served}/metrics")) == 200


@pytest.mark.parametrize("length", [str(hook.LARGEST + 1), "-1", "many", "9" * 30])
def test_what_is_too_large_is_not_read(served: str, length: str) -> None:
    assert status(Request(served, b"{}", {"Content-Length": length})) == 413


def status(request: Request) -> int:
    try:
        with urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code


def test_its_metrics_are_on_the_page() -> None:
    assert documented((ROOT / "docs/monitoring.md").read_text()) == {
        *main.MEANINGS,
        *handover.MEANINGS,
        *matrix.MEANINGS,
    }


def test_its_settings_are_those_of_the_role(tmp_path: Path) -> None:
    told = {"address": "10.66.0.12", "port": 9095, "monitors": ["a"], "seconds": 300, "page": "u"}
    mail = {
        "host": "h", "port": 25, "sender": "s", "user": "", "password": "", "tls": True, "to": []
    }  # fmt: skip
    assert settings_of(told, {"mail": mail}).monitors == ("a",)
