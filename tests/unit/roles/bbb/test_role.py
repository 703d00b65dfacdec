"""What a run does to a node, and in which order."""

from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import DeployError

from controller import apt_keys, preflight
from fleet import ROOT
from operations import accounts, files, systemd
from operations import bbb as operation
from roles import bbb
from roles.bbb import held, staged
from tests.unit.roles.bbb.nodes import fleet_with
from tests.unit.roles.conftest import Take

SECRET = "0123456789abcdef" * 4


class Secrets:
    """The operator's secrets."""

    def __init__(self, **values: str) -> None:
        self.values = values

    def get(self, name: str) -> str | None:
        return self.values.get(name)


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, dict[str, Any]]]:
    """The operations that the role calls, in order, with their arguments."""
    found: list[tuple[str, dict[str, Any]]] = []
    for module, name in (
        (accounts, "reserved"),
        (files, "present"),
        (operation, "node"),
        (operation, "not_renamed"),
        (operation, "behind_haproxy"),
    ):
        monkeypatch.setattr(module, name, lambda name, **values: found.append((name, values)))
    monkeypatch.setattr(systemd, "running", lambda name, **values: found.append((name, values)))
    monkeypatch.setattr(bbb, "keys", lambda: dict.fromkeys(SOURCES, ""))
    monkeypatch.setattr(bbb, "secrets", lambda: Secrets(BBB_SECRET_BBB1=SECRET))
    return found


SOURCES = ("bigbluebutton", "nodesource", "docker", "bbb-support", "yq", "coturn")


def test_packages_are_held_and_accounts_there_before_any_package_comes() -> None:
    text = (ROOT / "deploy.py").read_text()
    assert text.index("bbb.prepare()") < text.index("base.converge()")
    assert text.index("clients.converge(") < text.index("bbb.converge()")
    # Before a certificate of the new name is in force.
    assert text.index("bbb.prepare()") < text.index("certificates.prepare()")


def test_accounts_come_before_files_and_files_before_the_node(
    take: Take, tmp_path: Path, called: list[tuple[str, dict[str, Any]]]
) -> None:
    take(fleet_with(tmp_path), "bbb1")
    bbb.prepare._inner()
    bbb.converge._inner()
    names = [
        "Name",
        "Port 443",
        "Accounts",
        "Packages are held",
        "Program",
        "Files",
        "Staged",
        "Node",
        "Services",
    ]
    assert [name for name, _ in called] == names
    (users,) = [values["users"] for name, values in called if name == "Accounts"]
    assert accounts.Reserved("bigbluebutton", 3000, "/home/bigbluebutton") in users


def test_what_is_staged_is_roots_alone_and_the_secret_is_never_shown(
    take: Take, tmp_path: Path, called: list[tuple[str, dict[str, Any]]]
) -> None:
    take(fleet_with(tmp_path), "bbb1")
    entries = {it.path: it for it in bbb._staged()}
    state, wanted = entries[staged.STATE], entries[staged.WANTED]
    secret = entries[staged.SECRET]
    assert isinstance(state, files.Directory) and state.mode == 0o700
    # The file of before may have the secret of TURN servers, and a diff shows both.
    assert isinstance(wanted, files.File) and wanted.mode == 0o600 and wanted.secret
    assert isinstance(secret, files.File) and secret.mode == 0o600 and secret.secret
    assert secret.content == f"{SECRET}\n" and SECRET not in wanted.content


@pytest.mark.parametrize("reads", [False, True])
def test_a_key_that_is_not_the_pinned_one_stops_the_run_before_any_change(
    take: Take, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reads: bool
) -> None:
    def unfit(*_: Any, **__: Any) -> str:
        raise apt_keys.Unfit("the key X, and the data pins Y")

    warned: list[str] = []
    monkeypatch.setattr(apt_keys, "key_of", unfit)
    monkeypatch.setattr(preflight, "only_reads", lambda: reads)
    monkeypatch.setattr(bbb, "only_reads", lambda: reads)
    monkeypatch.setattr(preflight, "warn", warned.append)
    take(fleet_with(tmp_path), "bbb1")
    if reads:
        assert set(bbb.keys()) == set(SOURCES)
        assert all("the data pins Y" in it for it in warned) and len(warned) == len(SOURCES)
    else:
        with pytest.raises(DeployError, match="bbb1: the key of bigbluebutton: the key X"):
            bbb.keys()


def test_the_pin_is_the_file_that_a_change_does_not_see(tmp_path: Path) -> None:
    fleet = fleet_with(tmp_path)
    assert f'"pin": "{held.PIN}"' in staged.wanted_text(fleet, fleet.host("bbb1"))
