"""The operations of certificates, with a pretended host."""

from pathlib import Path

import pytest

from facts.certificates import Certificates, CertificateState, Shown
from facts.files import Paths, PathState
from operations import certificates
from tests.unit.operation_harness import Run, Shell, run

PROGRAM, NAME = "/usr/local/sbin/coop-certificate", "board.example.org"
BUNDLE, SETTINGS = "/etc/bundle.pem", "/etc/certificate.json"
ONE = Shown("ab" * 32, (NAME,), 1, 2, False)
FILE = PathState("file", 0o600, "root", "root", digest="x")


def state(
    source: str = "acme", dns_name: str = NAME, found: dict[str, str] | None = None
) -> CertificateState:
    return CertificateState(9, dns_name, source, ONE, ONE, ONE, found or {})


def served(now: CertificateState, source: str = "acme") -> Run:
    return run(
        certificates.served,
        program=PROGRAM, dns_name=NAME, source=source,
        facts={Certificates: now},
    )  # fmt: skip


def ready(*paths: str, executing: bool = True) -> Run:
    return run(
        certificates.ready,
        program=PROGRAM, bundle=BUNDLE, dns_name=NAME, executing=executing,
        facts={Paths: dict.fromkeys(paths, FILE)},
    )  # fmt: skip


def test_a_bundle_that_is_there_stays() -> None:
    done = ready(BUNDLE)
    assert done.commands == [] and done.noops == ["a certificate is there"]
    # Of a file with a key only the digest leaves the host.
    assert done.asked == [{"paths": [], "secrets": [BUNDLE]}]


def test_without_a_bundle_the_program_makes_one() -> None:
    done = ready()
    assert done.lines == [f"{PROGRAM} ready"]
    assert NAME in done.said[0]


def test_a_certificate_that_is_served_is_left_alone() -> None:
    done = served(state())
    assert done.commands == [] and done.noops == ["the certificate is served"]
    assert (done.said, done.warned) == ([], [])


@pytest.mark.parametrize(
    "kind", ["missing", "placeholder", "name", "waiting", "served", "old", "ended", "untold"]
)
def test_what_a_renewal_puts_right_is_told_and_renewed(kind: str) -> None:
    done = served(state(found={kind: "it is so"}))
    assert done.lines == [f"{PROGRAM} renew"]
    assert done.said == ["it is so"] and done.warned == []


@pytest.mark.parametrize("kind", ["ahead", "untrusted", "left"])
def test_what_only_a_person_can_put_right_is_a_warning(kind: str) -> None:
    done = served(state(found={kind: "it is so"}))
    assert done.commands == [] and done.warned == ["it is so"]


def test_nobody_but_a_person_replaces_one_s_own() -> None:
    done = served(state("own", found={"old": "it ends in 3 days"}), "own")
    assert done.commands == [] and done.warned == ["it ends in 3 days"]
    assert served(state("own", found={"ended": "it ended"}), "own").lines == [f"{PROGRAM} renew"]


@pytest.mark.parametrize(
    ("now", "was"),
    [
        (CertificateState(), "none"),
        (state(dns_name="old.example.org"), "old.example.org (acme)"),
        (state("own"), f"{NAME} (own)"),
    ],
)
def test_another_name_or_source_is_told_as_one_change(now: CertificateState, was: str) -> None:
    done = served(now)
    assert done.said == [f"certificate: {was} -> {NAME} (acme)"]
    assert done.lines == [f"{PROGRAM} renew"]


def test_a_host_without_a_certificate_has_nothing_to_do() -> None:
    done = run(certificates.none, settings=SETTINGS, timers=["a.timer"], facts={Paths: {}})
    assert done.commands == [] and done.warned == []


def test_a_certificate_that_the_data_no_longer_names_stays_and_is_told(tmp_path: Path) -> None:
    settings, key = tmp_path / "certificate.json", tmp_path / "bundle.pem"
    settings.touch()
    key.touch()
    timers = ["a.timer", "b.timer"]
    done = run(
        certificates.none,
        settings=str(settings),
        timers=timers,
        facts={Paths: {str(settings): FILE}},
    )
    assert "its files stay" in done.warned[0]
    shell = Shell(tmp_path)
    shell.stand_in("systemctl")
    assert shell.run(done.script).returncode == 0
    assert shell.calls == ["systemctl disable --now -q a.timer b.timer"]
    assert key.exists() and not settings.exists()
