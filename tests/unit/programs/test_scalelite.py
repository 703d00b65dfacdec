"""Scalelite's program on its host: the database's password on stdin, and what the API says."""

import json
import subprocess
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from programs import scalelite
from tests.unit.bbb_node_here import serving

PASSWORD = "ab" * 32


class Api(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Health)
        self.text = "success"
        self.host = ""


class _Health(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        self.server.host = f"{self.headers['Host']}{self.path}"
        self.send_response(200)
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Api]:
    with serving(Api()) as server:
        settings = tmp_path / "env"
        settings.write_text(
            "URL_HOST=meet.example.org\n"
            f"DATABASE_URL=postgresql://scalelite:{PASSWORD}@127.0.0.1:5432/scalelite\n"
            f"BIND=tcp://127.0.0.1:{server.server_address[1]}\n"
        )
        monkeypatch.setattr(scalelite, "SETTINGS", settings)
        yield server


def test_a_host_is_well_if_the_api_says_so(api: Api) -> None:
    assert scalelite.main(["check"]) == 0
    assert api.host == "meet.example.org/health_check"


def test_what_the_api_complains_about_is_told(api: Api, capsys: pytest.CaptureFixture[str]) -> None:
    api.text = "Health Check Failure: Database not responding\nat line 1"
    assert scalelite.main(["check"]) == 1
    told = capsys.readouterr().err
    assert told == "Scalelite's API: Health Check Failure: Database not responding\n"


def test_an_api_that_is_away_is_told(api: Api, tmp_path: Path) -> None:
    text = (tmp_path / "env").read_text()
    (tmp_path / "env").write_text(text.replace(str(api.server_address[1]), "1"))
    assert scalelite.api() == "no answer: ConnectionRefusedError"


def test_look_tells_how_long_the_poller_has_been_quiet(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    line = json.dumps({"__REALTIME_TIMESTAMP": "1700000000000000", "MESSAGE": "Polling servers"})
    answered(monkeypatch, stdout=f"{line}\n")
    monkeypatch.setattr(time, "time", lambda: 1_700_000_090.0)
    assert scalelite.main(["look"]) == 0
    assert json.loads(capsys.readouterr().out) == {"api": "success", "quiet": 90.0}


def test_a_poller_without_a_word_has_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    answered(monkeypatch, stdout="")
    assert scalelite.quiet() is None


def answered(monkeypatch: pytest.MonkeyPatch, **answer: Any) -> list[tuple[list[str], str]]:
    """Every process ends with this answer; gives the words and the input of each."""
    seen: list[tuple[list[str], str]] = []

    def run(words: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        seen.append((words, options.get("input", "")))
        return subprocess.CompletedProcess(
            words, answer.get("status", 0), answer.get("stdout", ""), answer.get("stderr", "")
        )

    monkeypatch.setattr(subprocess, "run", run)
    return seen


def test_the_password_comes_to_the_database_on_stdin(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = answered(monkeypatch)
    assert scalelite.main(["prepare"]) == 0
    ((words, sql),) = seen
    assert words[:4] == ["runuser", "-u", "postgres", "--"]
    assert PASSWORD in sql and not any(PASSWORD in word for word in words)
    assert sql.startswith("SET log_min_error_statement = panic;")


def test_what_the_database_complains_about_is_told_without_the_password(
    api: Api, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answered(monkeypatch, status=3, stderr=f"ERROR: no {PASSWORD}\nLINE 1: ALTER {PASSWORD}")
    assert scalelite.main(["prepare"]) == 1
    assert capsys.readouterr().err == "ERROR: no ...\n"


@pytest.mark.parametrize("url", ["postgresql://a'b:ff@h/d", "postgresql://scalelite:x'; DROP@h/d"])
def test_a_name_that_would_be_sql_is_refused(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    (tmp_path / "env").write_text(f"DATABASE_URL={url}\n")
    seen = answered(monkeypatch)
    assert scalelite.main(["prepare"]) == 1 and not seen


def test_other_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert scalelite.main(["panic"]) == 1
    assert "say prepare, look or check" in capsys.readouterr().err
