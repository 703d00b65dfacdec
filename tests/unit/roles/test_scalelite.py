"""Scalelite's units run an image by its digest, and secrets are in root's files alone."""

import configparser
from pathlib import Path

import pytest

from facts.scalelite import ScaleliteState
from facts.systemd import UnitsState, UnitState
from fleet.model import Fleet
from operations.files import File
from roles import certificates, scalelite
from tests.unit.roles.conftest import Take
from tests.unit.scalelite_samples import DIGEST, fleet_with_scalelite

KEY, SECRET = "k" * 32, "L" * 32


@pytest.fixture
def fleet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, take: Take) -> Fleet:
    monkeypatch.setattr(
        scalelite,
        "secrets",
        lambda: {"SCALELITE_KEY_LB1": KEY, "BALANCER_SECRET_MEET": SECRET},
    )
    fleet = fleet_with_scalelite(tmp_path)
    take(fleet, "lb1")
    return fleet


@pytest.fixture
def written(fleet: Fleet) -> dict[str, File]:
    return {it.path: it for it in scalelite._files() if isinstance(it, File)}


def unit(written: dict[str, File], name: str) -> configparser.SectionProxy:
    parser = configparser.RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(written[f"/etc/systemd/system/{name}"].content)
    return parser["Service"]


@pytest.mark.parametrize("what", ["api", "poller"])
def test_a_container_is_an_image_by_its_digest(written: dict[str, File], what: str) -> None:
    start = unit(written, f"coop-scalelite-{what}.service")["ExecStart"]
    assert f" docker.io/blindsidenetwks/scalelite@{DIGEST} bin/start" in start
    assert "--pull never" in start


def test_nothing_pulls_a_tag(written: dict[str, File]) -> None:
    units = [it.content for path, it in written.items() if path.endswith(".service")]
    lines = [line for text in units for line in text.splitlines() if "docker" in line]
    assert any("docker pull" in line for line in lines)
    for line in lines:
        for word in line.split():
            assert not word.startswith("docker.io/") or word.rstrip("'").endswith(f"@{DIGEST}")


def test_no_unit_and_no_argument_has_a_secret(written: dict[str, File]) -> None:
    secret = [SECRET, KEY, scalelite._derived("redis"), scalelite._derived("postgresql")]
    for path, file in written.items():
        has = any(it in file.content for it in secret)
        assert has == (path in (scalelite.ENV, scalelite.REDIS)), path
        assert has == file.secret, path
    assert written[scalelite.ENV].mode == 0o600
    assert (written[scalelite.REDIS].mode, written[scalelite.REDIS].group) == (0o640, "redis")


def test_each_purpose_has_a_secret_of_its_own(fleet: Fleet) -> None:
    made = {scalelite._derived(it) for it in ("rails", "postgresql", "redis")}
    assert len(made) == 3 and all(len(it) == 64 for it in made)


def test_the_poller_ends_no_meetings_early(written: dict[str, File]) -> None:
    lines = written[scalelite.ENV].content.splitlines()
    assert "SERVER_UNHEALTHY_THRESHOLD=5" in lines
    assert "POLL_INTERVAL=60" in lines and "URL_HOST=meet.example.org" in lines
    assert f"LOADBALANCER_SECRET={SECRET}" in lines


def test_everything_behind_nginx_is_local(written: dict[str, File]) -> None:
    env = written[scalelite.ENV].content
    assert "BIND=tcp://127.0.0.1:3000\n" in env
    assert "@127.0.0.1:5432/" in env and "@127.0.0.1:6379\n" in env
    redis = written[scalelite.REDIS].content.splitlines()
    assert "bind 127.0.0.1" in redis and "protected-mode yes" in redis
    for what in ("api", "poller"):
        start = unit(written, f"coop-scalelite-{what}.service")["ExecStart"]
        assert "--publish" not in start and " -p " not in start


def test_the_web_server_sends_on_two_apis_and_nothing_else(written: dict[str, File]) -> None:
    site = written[scalelite.NGINX_SITE].content
    sent_on = [it.split()[1] for it in site.splitlines() if it.strip().startswith("location /")]
    assert sent_on == ["/", "/bigbluebutton/api", "/scalelite/api", "/"]
    assert site.count("proxy_pass http://127.0.0.1:3000;") == 2
    assert f"include {certificates.TLS};" in site and f"include {certificates.CHALLENGE};" in site
    assert "return 301 https://meet.example.org$request_uri;" in site
    assert site.count("access_log off;") == 2, "a checksum and names are in the addresses"


def test_redis_keeps_what_it_was_told(written: dict[str, File]) -> None:
    lines = written[scalelite.REDIS].content.splitlines()
    # The last of two lines counts, so Debian's file comes first.
    assert lines.index("include /etc/redis/redis.conf") < lines.index("appendonly yes")
    start = unit(written, "redis-server.service.d/coop-infra.conf")["ExecStart"]
    assert scalelite.REDIS in start and "--supervised systemd" in start


def test_containers_start_anew_for_new_settings(fleet: Fleet) -> None:
    units = {it.name: it.restart_on for it in scalelite._units()}
    for name in (scalelite.API, scalelite.POLLER):
        assert {scalelite.ENV, f"/etc/systemd/system/{name}"} <= set(units[name])


def running(**states: str) -> UnitsState:
    names = [it.name for it in scalelite._units()]
    return UnitsState({it: UnitState(active=states.get(it[15:-8], "active")) for it in names})


def test_a_host_that_works_has_no_drift(fleet: Fleet) -> None:
    finding = scalelite._judge(running(), ScaleliteState("success", 30.0))
    assert finding.drift == []
    assert finding.data == {"api": True, "poller_quiet": 30.0}


@pytest.mark.parametrize(
    ("state", "drift"),
    [
        (ScaleliteState("no answer: ConnectionRefusedError", 3.0), "API is not well: no answer"),
        (ScaleliteState("Health Check Failure: Pending", 3.0), "API is not well: Health Check"),
        (ScaleliteState("success", 301.0), "poller has said nothing for 300 s or more"),
        (ScaleliteState("success", None), "poller has said nothing"),
    ],
)
def test_what_does_not_work_is_drift(fleet: Fleet, state: ScaleliteState, drift: str) -> None:
    (found,) = scalelite._judge(running(), state).drift
    assert drift in found


def test_a_unit_that_does_not_run_is_drift(fleet: Fleet) -> None:
    now = running(poller="failed")
    (found,) = scalelite._judge(now, ScaleliteState("success", 3.0)).drift
    assert found == "coop-scalelite-poller.service does not run"
