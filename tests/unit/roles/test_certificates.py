"""The role of certificates: what the program is told, and what the web servers are."""

import ast
import json
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from facts.certificates import CertificateState, Shown
from fleet.model import Fleet
from operations.files import File
from roles import certificates, drill, vision
from roles.places import PROGRAMS, metrics_directory
from tests.unit.fleet_samples import OFFSITE, fleet_of, sample
from tests.unit.roles.conftest import Take

PLAIN = {
    "roles": [],
    "environment": "prod",
    "address": "192.0.2.41",
    "certificate": {"name": "meet.example.org", "server": "haproxy", "source": "own"},
    "ports": [{"port": 443, "to": "all", "reason": "a page"}],
}


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    return fleet_of(tmp_path, sample(offsite1=OFFSITE, meet1=PLAIN))


def texts() -> dict[str, str]:
    return {it.path: it.content for it in certificates._files() if isinstance(it, File)}


def test_the_program_is_told_all_that_it_reads(fleet: Fleet, take: Take) -> None:
    take(fleet, "prod1")
    settings = json.loads(texts()[certificates.SETTINGS])
    assert (settings["name"], settings["source"]) == ("vision2.example.org", "acme")
    assert (settings["unit"], settings["group"]) == ("nginx.service", "root")
    assert settings["bundle"] == "/etc/coop-infra/certificates/vision2.example.org.pem"
    assert settings["directory"] == "https://acme-v02.api.letsencrypt.org/directory"
    parts = [it for path, it in texts().items() if path.startswith(f"{PROGRAMS}/programs/")]
    read = {
        node.slice.value
        for part in parts
        for node in ast.walk(ast.parse(part))
        if isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "settings"
        and isinstance(node.slice, ast.Constant)
    }
    assert read == settings.keys()


def test_haproxy_has_its_bundle_where_bigbluebutton_names_it(fleet: Fleet, take: Take) -> None:
    take(fleet, "meet1")
    settings = json.loads(texts()[certificates.SETTINGS])
    assert settings["bundle"] == "/etc/haproxy/certbundle.pem" == certificates.bundle()
    assert (settings["unit"], settings["group"]) == ("haproxy.service", "haproxy")
    assert settings["source"] == "own"


def test_the_program_finds_its_parts_where_they_lie_on_the_host(
    fleet: Fleet, take: Take, tmp_path: Path
) -> None:
    take(fleet, "prod1")
    for path, text in texts().items():
        file = tmp_path / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    program = tmp_path / certificates.PROGRAM.lstrip("/")
    words = [sys.executable, "-I", "-S", str(program), "no-settings"]
    done = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == "[Errno 2] No such file or directory: 'no-settings'\n"


def test_nobody_but_root_sees_one_s_own_key(fleet: Fleet, take: Take) -> None:
    take(fleet, "meet1")
    (own,) = [it for it in certificates._files() if it.path == certificates.OWN]
    assert not isinstance(own, File)
    assert getattr(own, "mode", None) == stat.S_IRWXU


def test_the_metrics_have_their_directory(fleet: Fleet, take: Take) -> None:
    take(fleet, "prod1")
    entries = certificates._files()
    assert [it for it in metrics_directory() if it not in entries] == []


def test_ciphers_are_those_of_mozilla_s_intermediate_with_forward_secrecy(
    fleet: Fleet, take: Take
) -> None:
    take(fleet, "prod1")
    text = certificates._tls().content
    (line,) = [it for it in text.splitlines() if it.startswith("ssl_ciphers ")]
    ciphers = line.removeprefix("ssl_ciphers ").removesuffix(";").split(":")
    assert len(ciphers) == 6 and all(it.startswith("ECDHE-") for it in ciphers)
    # openssl knows each of them.
    known = subprocess.run(
        ["openssl", "ciphers", ":".join(ciphers)], capture_output=True, text=True, check=True
    )
    assert set(ciphers) <= set(known.stdout.strip().split(":"))
    assert "ssl_protocols TLSv1.2 TLSv1.3;\n" in text and "stapling " not in text


def test_a_board_has_https_and_a_drill_has_not(fleet: Fleet, take: Take) -> None:
    take(fleet, "prod1")
    site = fleet.host("prod1").site
    assert site is not None
    text = vision.configured("nginx.conf.j2", site)
    assert "listen 443 ssl default_server;" in text
    assert f"if (-f {certificates.bundle()}.placeholder)" in text
    assert 'set $hsts "max-age=15552000";' in text
    # Where a location has headers of its own, nginx sends none of those above.
    assert text.count("add_header Strict-Transport-Security $hsts always;") == 2
    take(fleet, "offsite1")
    for it in drill._site_files(fleet.host("prod1"), site):
        if isinstance(it, File):
            assert "443" not in it.content and "hsts" not in it.content


def test_the_health_check_trusts_the_bundle_alone(fleet: Fleet, take: Take) -> None:
    take(fleet, "prod1")
    site = fleet.host("prod1").site
    assert site is not None
    text = vision.configured("health.sh.j2", site)
    assert f"--cacert {certificates.bundle()} 'https://{site.name}/'" in text
    assert f"--resolve '{site.name}:443:127.0.0.1'" in text


def test_the_audit_says_what_is_shown(fleet: Fleet, take: Take) -> None:
    take(fleet, "storage1")
    assert certificates.audit() is None
    take(fleet, "prod1")
    look = certificates.audit()
    assert look is not None
    one = Shown("ab" * 32, ("vision2.example.org",), 0, 1803578835, False)
    good = CertificateState(1, "vision2.example.org", "acme", one, one, one, {})
    finding = look.judge(good)
    assert finding.drift == [] and finding.data["served"] is True
    assert finding.text == "Certificate of vision2.example.org: shown until 2027-02-25.\n"
    bad = CertificateState(1, "old.example.org", "acme", one, one, None, {"served": "nothing"})
    finding = look.judge(bad)
    assert finding.data["served"] is False and "none is shown" in finding.text
    assert finding.drift == [
        "certificate: nothing",
        "certificate: the host keeps one of old.example.org, and not of vision2.example.org",
    ]
    assert look.judge(CertificateState()).drift != []
