"""The program that keeps a host's certificate, with real openssl and a real port on loopback."""

import json
import os
import stat
import time
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest

from programs.certificate import Failed, acme, bundle, port
from programs.certificate.look import KINDS, _of_its_time, due_seconds
from programs.certificate.main import alone, main
from programs.certificate.pem import Certificate, belongs, certificate, untrusted
from tests.unit.certificate_here import DAY, DIRECTORY, NAME, Host, Server, on_port_80, serving


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    # Nothing listens there.
    monkeypatch.setattr(port, "HTTPS", 1)
    monkeypatch.setattr(port, "HTTP", 1)
    return Host(tmp_path, monkeypatch)


@pytest.fixture
def web(host: Host, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The web server runs with a placeholder, and shows the challenges."""
    main(host.settings, ["ready"])
    with serving(host, monkeypatch) as server, on_port_80(host, monkeypatch):
        yield server


def looked(host: Host, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    main(host.settings, ["look", *words])
    return dict(json.loads(capsys.readouterr().out))


def test_a_certificate_is_read_as_openssl_has_it(host: Host) -> None:
    found = certificate(host.make(days=90))
    assert found.names == (NAME, "*.wild.example.org")
    assert abs(found.end - found.start - 90 * DAY) < 2 and not found.placeholder
    assert found.is_for(NAME) and found.is_for("a.wild.example.org")
    assert not found.is_for("a.b.wild.example.org") and not found.is_for("wild.example.org")


@pytest.mark.parametrize("text", ["", "no certificate", "-----BEGIN CERTIFICATE-----\nx\n"])
def test_what_is_no_certificate_is_told(text: str) -> None:
    with pytest.raises(Failed, match="no certificate"):
        certificate(text)


def test_a_key_belongs_to_its_own_certificate_alone(host: Host) -> None:
    one, key = host.make(), (host.directory / "made/privkey.pem").read_text()
    other = host.make("own")
    assert belongs(one, key) and not belongs(other, key)
    with pytest.raises(Failed) as failed:
        belongs(one, key[:60])
    assert key[30:50] not in str(failed.value)


def test_a_chain_is_trusted_by_the_file_that_is_told(host: Host) -> None:
    one = host.make()
    assert "self" in untrusted(one, "")
    assert untrusted(one, str(host.directory / "made/fullchain.pem")) == ""


def test_without_a_web_server_the_bundle_is_a_placeholder_that_is_marked(host: Host) -> None:
    main(host.settings, ["ready"])
    first = host.bundle.read_text()
    assert certificate(first).placeholder and certificate(first).is_for(NAME)
    assert belongs(first, first)
    assert bundle.marker(host.settings).exists()
    main(host.settings, ["ready"])
    assert host.bundle.read_text() == first and host.calls("certbot") == []


def test_the_bundle_is_for_its_group_alone(host: Host) -> None:
    main(host.settings, ["ready"])
    found = host.bundle.stat()
    wanted = 0o600 if host.settings["group"] == "root" else 0o640
    assert (stat.S_IMODE(found.st_mode), found.st_gid) == (wanted, os.getgid())
    with pytest.raises(Failed, match="no group nobody-has-it"):
        bundle.put_placeholder({**host.settings, "group": "nobody-has-it"})


def test_the_first_certificate_takes_the_placeholder_s_place(
    host: Host, web: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    made = certificate(host.make())
    main(host.settings, ["renew"])
    assert port.served(NAME) == made
    assert not bundle.marker(host.settings).exists()
    assert sorted(it.name for it in host.bundle.parent.iterdir()) == [host.bundle.name]
    (call,) = host.calls("certbot")
    assert f"--server {DIRECTORY} --cert-name {NAME} --domain {NAME}" in call
    assert "--reuse-key" not in call and "--force-renewal" not in call
    assert host.calls("systemctl") == [
        "systemctl is-active web.service",
        "systemctl reload web.service",
    ]
    assert looked(host, capsys)["found"] == {"untrusted": f"{NAME}: {UNTRUSTED}"}
    # All is as it should be, so nothing is asked and nothing reloaded.
    main(host.settings, ["renew"])
    assert len(host.calls("certbot")) == 1 and len(host.calls("systemctl")) == 2


UNTRUSTED = "browsers do not trust the chain: self-signed certificate"


def test_the_key_is_nowhere_in_what_is_said(
    host: Host, web: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    host.make()
    main(host.settings, ["renew"])
    main(host.settings, ["look", "--write"])
    said = "".join(capsys.readouterr()) + host.shell.log.read_text()
    assert "PRIVATE" not in said
    key = (host.directory / "made/privkey.pem").read_text().splitlines()[1]
    assert key not in said and key in host.bundle.read_text()


def test_one_that_is_due_is_renewed_and_one_that_is_not_stays(host: Host, web: Server) -> None:
    host.make(days=31)
    main(host.settings, ["renew"])
    # A third of its time, and not 30 days.
    assert due_seconds(certificate(host.bundle.read_text())) == 31 * DAY // 3
    host.make()
    main(host.settings, ["renew"])
    assert len(host.calls("certbot")) == 1
    live = host.directory / "letsencrypt/live" / NAME
    host.make(f"letsencrypt/live/{NAME}", days=90)
    old = Certificate("x", (NAME,), int(time.time()) - 61 * DAY, int(time.time()) + 29 * DAY, False)
    assert due_seconds(old) == 30 * DAY
    assert live.exists()


@pytest.mark.parametrize("change", ["name", "directory"])
def test_one_for_another_name_or_from_another_server_is_replaced(
    host: Host, web: Server, change: str
) -> None:
    host.make()
    main(host.settings, ["renew"])
    if change == "directory":
        host.settings["directory"] = "https://other.example.org/directory"
        host.certbot(host.settings["directory"])
    else:
        host.make(f"letsencrypt/live/{NAME}", name="old.example.org")
    new = certificate(host.make())
    main(host.settings, ["renew"])
    assert port.served(NAME) == new
    assert ("--force-renewal" in host.calls("certbot")[-1]) == (change == "directory")


# What certbot 2.1.0 printed on a host of the lab whose port 80 was closed.
REFUSED = """\
Account registered.
Requesting a certificate for web.lab.test

Certbot failed to authenticate some domains (authenticator: webroot). The Certificate Authority \
reported these problems:
  Domain: web.lab.test
  Type:   connection
  Detail: Get "http://web.lab.test:80/.well-known/acme-challenge/stfL": dial tcp 10.78.0.71:80: \
connect: connection refused

Hint: The Certificate Authority failed to download the temporary challenge files created by Certbot.
"""


def test_if_certbot_fails_what_is_served_stays(host: Host, web: Server) -> None:
    made = certificate(host.make(days=1))
    main(host.settings, ["renew"])
    host.settings["directory"] = "https://other.example.org/directory"
    host.certbot_fails(REFUSED)
    with pytest.raises(Failed, match=r"connect: connection refused -- port 80 has to be open"):
        main(host.settings, ["renew"])
    assert port.served(NAME) == made


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        (
            "An unexpected error occurred:\nError creating new order :: too many certificates",
            "wait",
        ),
        ("  Type:   dns\n  Detail: NXDOMAIN looking up A", "A and AAAA records"),
        ("  Type:   unauthorized\n  Detail: Invalid response", "another host answers"),
        ("Another instance of Certbot is already running.", "another certbot"),
        ("Saving debug log to /x\n", "/var/log/letsencrypt"),
    ],
)
def test_each_cause_has_its_remedy(said: str, remedy: str) -> None:
    found = acme.cause(said)
    assert remedy in found and "Saving debug log" not in found and "\n" not in found


def test_certbot_is_not_asked_if_port_80_does_not_show_the_challenge(
    host: Host, web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.make()
    elsewhere = host.directory / "elsewhere"
    (elsewhere / acme.CHALLENGES).mkdir(parents=True)
    host.settings["webroot"] = str(elsewhere)
    with pytest.raises(Failed, match="its web server needs that location"):
        main(host.settings, ["renew"])
    monkeypatch.setattr(port, "HTTP", 1)
    with pytest.raises(Failed, match="nothing answers on port 1 "):
        main(host.settings, ["renew"])
    assert host.calls("certbot") == []
    assert list((elsewhere / acme.CHALLENGES).iterdir()) == []


def test_certbot_is_not_asked_for_a_name_that_dns_does_not_know(host: Host, web: Server) -> None:
    host.settings["name"] = "other.example.org"
    with pytest.raises(Failed, match="is no name that DNS knows"):
        acme.obtain(host.settings)
    assert host.calls("certbot") == []


@pytest.mark.parametrize(
    ("off", "says"), [(-90 * DAY, "ahead"), (DAY, "behind"), (60, None), (-60, None)]
)
def test_a_clock_that_is_wrong_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch, off: int, says: str | None
) -> None:
    monkeypatch.undo()

    class Page:
        headers = {"Date": formatdate(time.time() + off, usegmt=True)}

        def __enter__(self) -> "Page":
            return self

        def __exit__(self, *_: Any) -> None:
            pass

    monkeypatch.setattr(acme, "urlopen", lambda *_, **__: Page())
    if says is None:
        acme._clock(host.settings)
        return
    with pytest.raises(Failed, match=f"s {says}: put it right first"):
        acme._clock(host.settings)


def test_an_acme_server_that_does_not_answer_is_told(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    with pytest.raises(Failed, match="does not answer"):
        acme._clock({**host.settings, "directory": "https://127.0.0.1:1/directory"})


def spoil(host: Host, how: str) -> None:
    match how:
        case "missing":
            (host.own / "privkey.pem").unlink()
        case "key":
            chain = host.make("own")
            host.make("own")
            (host.own / "fullchain.pem").write_text(chain)
        case "name":
            host.make("own", name="other.example.org")
        case "ended":
            host.make("own", days=-1)
        case "no PEM":
            (host.own / "fullchain.pem").write_text("nothing")
        case "untrusted":
            host.settings["ca"] = ""


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("missing", "needs fullchain.pem and privkey.pem"),
        ("key", "is not the key of"),
        ("name", "it is for other.example.org"),
        ("no PEM", "there is no certificate in it"),
        ("untrusted", "browsers do not trust its chain"),
    ],
)
def test_one_s_own_is_taken_only_if_visitors_could_use_it(
    host: Host, web: Server, how: str, says: str
) -> None:
    host.settings["source"] = "own"
    before = host.bundle.read_text()
    host.make("own")
    host.settings["ca"] = str(host.own / "fullchain.pem")
    spoil(host, how)
    with pytest.raises(Failed, match=f"{says}.*"):
        main(host.settings, ["renew"])
    assert host.bundle.read_text() == before and host.calls("systemctl") == []
    assert host.calls("certbot") == []


def test_one_s_own_is_put_in_force(host: Host, web: Server) -> None:
    host.settings["source"] = "own"
    made = certificate(host.make("own"))
    host.settings["ca"] = str(host.own / "fullchain.pem")
    main(host.settings, ["renew"])
    assert port.served(NAME) == made and host.calls("certbot") == []


@pytest.mark.parametrize(("start", "end", "says"), [(-9, -1, "it ended on"), (2, 9, "counts from")])
def test_one_whose_time_is_over_or_to_come_is_not_taken(
    host: Host, monkeypatch: pytest.MonkeyPatch, start: int, end: int, says: str
) -> None:
    host.make("own")
    now = int(time.time())
    made = Certificate("x", (NAME,), now + start * DAY, now + end * DAY, False)
    monkeypatch.setattr(bundle, "certificate", lambda _: made)
    with pytest.raises(Failed, match=f"{says}.*clock right"):
        bundle.candidate({**host.settings, "source": "own"})


def test_a_server_that_refuses_the_new_one_gets_the_old_one_back(host: Host, web: Server) -> None:
    made = certificate(host.make())
    main(host.settings, ["renew"])
    (host.directory / "refuses").touch()
    host.make(f"letsencrypt/live/{NAME}")
    for _ in range(2):
        with pytest.raises(Failed, match="bad; the earlier certificate is back in its place"):
            main(host.settings, ["deploy"])
        assert certificate(host.bundle.read_text()) == made == port.served(NAME)
    (host.directory / "refuses").unlink()
    main(host.settings, ["deploy"])
    assert port.served(NAME) != made


def test_a_server_that_does_not_run_is_told(host: Host, web: Server) -> None:
    host.make()
    (host.directory / "stopped").touch()
    with pytest.raises(Failed, match=r"web\.service does not run"):
        main(host.settings, ["renew"])


def test_a_server_that_goes_on_with_another_one_is_told(
    host: Host, web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.make()
    monkeypatch.setattr(bundle, "IN_FORCE_SECONDS", 0.5)
    host.shell.stand_in("systemctl")
    with pytest.raises(Failed, match="which certificate does its configuration name"):
        main(host.settings, ["renew"])
    # Browsers would not trust what is served.
    assert bundle.marker(host.settings).exists()


def test_a_worker_of_before_the_reload_that_still_answers_is_waited_for(
    host: Host, web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, answered = port.served(NAME), list[bool]()

    def served(name: str) -> Certificate:
        # At first each second answer is of a worker of before.
        is_old = len(answered) < 6 and len(answered) % 2 == 0
        answered.append(is_old)
        return old if is_old else port.served(name)

    monkeypatch.setattr(bundle, "served", served)
    host.make()
    main(host.settings, ["renew"])
    assert answered[:6] == [True, False, True, False, True, False]
    assert answered[-bundle.STEADY :] == [False] * bundle.STEADY


@pytest.mark.parametrize("after", ["certbot", "the bundle", "the reload"])
def test_a_run_that_was_killed_is_finished_by_the_next(
    host: Host, web: Server, monkeypatch: pytest.MonkeyPatch, after: str
) -> None:
    made = certificate(host.make())
    with monkeypatch.context() as killed:
        name = {"certbot": "install", "the bundle": "put_in_force", "the reload": "_reload"}[after]

        def die(*_: Any) -> None:
            if after == "the reload":
                (host.directory / "reload").touch()
            raise KeyboardInterrupt

        place = "programs.certificate." + ("bundle" if after == "the reload" else "main")
        killed.setattr(f"{place}.{name}", die)
        with pytest.raises(KeyboardInterrupt):
            main(host.settings, ["renew"])
    main(host.settings, ["renew"])
    assert port.served(NAME) == made and len(host.calls("certbot")) == 1
    assert [it.name for it in host.bundle.parent.iterdir()] == [host.bundle.name]


def test_the_hook_leaves_the_rest_to_the_program_that_called_certbot(
    host: Host, web: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = certificate(host.make(f"letsencrypt/live/{NAME}".replace(f"/{NAME}", "")))
    live = host.directory / "letsencrypt/live" / NAME
    live.mkdir()
    for it in ("fullchain.pem", "privkey.pem"):
        (live.parent / it).rename(live / it)
    monkeypatch.setenv(acme.CALLED, "1")
    main(host.settings, ["deploy"])
    assert port.served(NAME).placeholder
    monkeypatch.delenv(acme.CALLED)
    main(host.settings, ["deploy"])
    assert port.served(NAME) == made


def test_a_server_that_shows_challenges_gets_no_placeholder(host: Host, web: Server) -> None:
    host.bundle.unlink()
    made = certificate(host.make())
    main(host.settings, ["ready"])
    assert certificate(host.bundle.read_text()) == made


def test_what_browsers_trust_never_becomes_a_placeholder(host: Host, web: Server) -> None:
    """As when a host gets another name that DNS does not know yet."""
    host.make()
    main(host.settings, ["renew"])
    host.settings["bundle"] += ".other"
    host.settings["name"] = "other.example.org"
    with pytest.raises(Failed, match="is no name that DNS knows"):
        main(host.settings, ["ready"])
    assert not Path(host.settings["bundle"]).exists()


def test_a_look_tells_what_is_wrong_and_writes_the_same_series_always(
    host: Host, web: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert set(looked(host, capsys)["found"]) == {"missing", "placeholder"}
    host.make()
    main(host.settings, ["renew"])
    host.make(f"letsencrypt/live/{NAME}")
    found = looked(host, capsys)["found"]
    assert set(found) == {"waiting", "untrusted"}
    bundle.install(host.settings, bundle.candidate(host.settings))
    # As if somebody had put it there by hand.
    bundle.before(host.settings).unlink()
    found = looked(host, capsys, "--write")["found"]
    assert set(found) == {"served", "untrusted"} and "port 443 shows" in found["served"]
    text = Path(host.settings["metrics"]).read_text()
    assert f'coop_certificate_served_matches{{name="{NAME}"}} 0\n' in text
    assert all(f'kind="{kind}"' in text for kind in KINDS)
    web.close()
    found = looked(host, capsys, "--write")
    assert "shows no certificate" in found["found"]["served"] and found["shown"] is None
    again = Path(host.settings["metrics"]).read_text()
    assert [it.partition(" ")[0] for it in again.splitlines()] == [
        it.partition(" ")[0] for it in text.splitlines()
    ]
    assert f'coop_certificate_end_timestamp_seconds{{name="{NAME}"}} 0\n' in again


def test_the_exit_status_says_whether_visitors_may_notice(
    host: Host, web: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(host.settings, ["look"]) == 0
    assert main(host.settings, ["look", "--write"]) == 1
    host.make()
    main(host.settings, ["renew"])
    host.settings["ca"] = str(host.directory / "made/fullchain.pem")
    (host.directory / "letsencrypt/renewal/gone.example.org.conf").touch()
    assert main(host.settings, ["look", "--write"]) == 0
    assert "certbot's gone.example.org" in looked(host, capsys)["found"]["left"]


@pytest.mark.parametrize(
    ("left", "source", "kinds"),
    [
        (40 * DAY, "acme", set()),
        (25 * DAY, "acme", set()),
        (19 * DAY, "acme", {"old"}),
        (25 * DAY, "own", {"old"}),
        (-DAY, "acme", {"ended"}),
    ],
)
def test_the_end_is_told_before_it_comes(
    host: Host, left: int, source: str, kinds: set[str]
) -> None:
    now = 1_700_000_000
    it = Certificate("x", (NAME,), now + left - 90 * DAY, now + left, False)
    settings = {**host.settings, "source": source}
    assert {kind for kind, _ in _of_its_time(settings, it, now)} == kinds
    early = Certificate("x", (NAME,), now + 2 * DAY, now + 90 * DAY, False)
    assert [kind for kind, _ in _of_its_time(settings, early, now)] == ["ahead"]


def test_two_calls_take_turns(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("programs.certificate.main.LOCK_SECONDS", 0)
    with alone(), pytest.raises(Failed, match="another coop-certificate is at work"), alone():
        pass


def test_an_unknown_word_is_refused(host: Host) -> None:
    with pytest.raises(Failed, match="say one of"):
        main(host.settings, ["revoke"])
