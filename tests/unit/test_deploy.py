"""deploy.py as a whole: what a run that changes nothing asks each host, and when."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.api import State

from engine import questions, several
from facts.directories import Directories
from facts.files import Paths
from facts.git import Checkouts
from facts.gocryptfs import Volume
from facts.health import Health
from fleet import ROOT
from tests.unit.deploy_here import deploy, run_of
from tests.unit.fleet_samples import HUB, OFFSITE, sample, write
from tests.unit.host_here import sh

STORAGE = [Volume, Directories, Checkouts, Paths, Health]


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[State]:
    """A run of the whole sample."""
    file = write(tmp_path, sample(offsite1=OFFSITE, vpn1=HUB))
    with run_of(str(file), tmp_path, monkeypatch) as run:
        yield run


def asked(state: State, name: str) -> questions._Asked:
    deploy(state, name)
    return questions._asked[name]


@pytest.mark.parametrize("name", ["stg1", "prod1"])
def test_what_may_wait_for_storage_is_asked_together_and_apart(state: State, name: str) -> None:
    ahead = asked(state, name).ahead
    assert [it.kind for it in ahead[True]] == STORAGE
    assert not {Checkouts, Health}.intersection(it.kind for it in ahead[False])


def test_a_host_that_was_always_plain_is_known_before_anything_is_mounted(state: State) -> None:
    (volume,) = [it for it in asked(state, "stg1").ahead[False] if it.kind == Volume]
    assert volume.arguments["ciphertext"] == "/media/ciphertext"


def test_another_name_of_a_site_is_refused_before_anything_has_that_name() -> None:
    text = (ROOT / "deploy.py").read_text()
    order = [
        text.index(f"{it}(")
        for it in ("clients.converge", "vision.prepare", "certificates.prepare")
    ]
    assert order == sorted(order)


@pytest.mark.parametrize("name", ["storage1", "offsite1", "vpn1"])
def test_a_host_without_storage_of_others_waits_for_none(state: State, name: str) -> None:
    ahead = asked(state, name).ahead
    assert ahead[True] == []
    assert len(ahead[False]) > 5


def test_the_host_of_the_copies_asks_for_the_pages_of_all_sites_at_once(state: State) -> None:
    (pages,) = [it for it in asked(state, "offsite1").ahead[False] if it.kind == Checkouts]
    sites = ["/var/www/vision.example.org", "/var/www/vision2.example.org"]
    assert pages.arguments["paths"] == sites


@pytest.mark.parametrize("name", ["storage1", "offsite1", "vpn1", "stg1", "prod1"])
def test_what_a_host_is_asked_is_a_script_that_its_shell_can_read(state: State, name: str) -> None:
    ahead = asked(state, name).ahead
    for may_wait, patience in ((False, None), (True, questions.PATIENCE)):
        if ahead[may_wait]:
            done = sh("sh -n", "\n".join(several._lines(ahead[may_wait], patience)))
            assert (done.returncode, done.stderr) == (0, "")
