"""A configuration takes effect whole and proven, or not at all."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from facts.configurations import Configuration, ConfigurationState, stamp
from facts.files import Paths, PathState
from operations import configurations
from operations.configurations import Daemon, checked
from tests.unit.host_here import Done, perform
from tests.unit.operation_harness import Run, Shell, run

TEXTS = {"main.yml": "a: 1\n", "rules.yml": "b: 2\n"}


@dataclass
class Stage:
    """A program whose reload takes `main.yml`, unless that says that it is broken."""

    shell: Shell
    daemon: Daemon
    top: Path

    @property
    def place(self) -> Path:
        return Path(self.daemon.place)

    @property
    def leads_to(self) -> str:
        return str(self.place.readlink())

    @property
    def left(self) -> list[str]:
        return sorted(it.name for it in self.top.iterdir() if it.name.startswith("conf"))

    def apply(self, texts: Mapping[str, str]) -> Done:
        done = run(
            checked,
            self.daemon,
            lambda: texts,
            facts={Paths: {}, Configuration: ConfigurationState()},
        )
        (command,) = done.commands
        return perform(command, self.shell)


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    monkeypatch.setattr(configurations, "TRIES", 3)
    shell, place = Shell(tmp_path), tmp_path / "conf"
    read = (
        f"grep -q broken {place}/main.yml && well=0 || {{ well=1; date +%s.%N > {tmp_path}/at; }}\n"
        f"printf 'x_config_last_reload_success_timestamp_seconds %s\\n"
        f'x_config_last_reload_successful %s\\n\' "$(cat {tmp_path}/at)" $well > {tmp_path}/metrics'
    )
    shell.stand_in("systemctl", f'case "$1" in is-active) exit 0 ;; esac\n{read}')
    shell.stand_in("curl", f"cat {tmp_path}/metrics")
    shell.stand_in("journalctl", "echo the last lines of the journal")
    shell.stand_in("sleep")
    shell.stand_in("chown")
    (tmp_path / "at").write_text("0")
    daemon = Daemon("x.service", str(place), "http://192.0.2.1/metrics", "cat main.yml", "x")
    return Stage(shell, daemon, tmp_path)


def test_the_files_take_the_place_of_all_before_by_one_rename(stage: Stage) -> None:
    assert stage.apply({"old.yml": "z", **TEXTS}).returncode == 0
    assert stage.apply(TEXTS).returncode == 0
    assert {it.name: it.read_text() for it in stage.place.iterdir()} == TEXTS
    assert stage.place.is_symlink()
    assert stage.place.stat().st_mode & 0o777 == 0o750
    assert (stage.place / "main.yml").stat().st_mode & 0o777 == 0o640
    assert stage.left == ["conf", stage.leads_to]
    assert any(it == "systemctl reload x.service" for it in stage.shell.calls)


def test_a_candidate_that_is_wrong_changes_nothing(stage: Stage) -> None:
    stage.apply(TEXTS)
    before = stage.leads_to
    stage.daemon = replace(
        stage.daemon, check="grep -q b: main.yml || { echo line 1: no b; false; }"
    )
    calls = len(stage.shell.calls)
    done = stage.apply({"main.yml": "c: 3\n"})
    assert done.returncode == 1
    assert done.stderr == "line 1: no b\nnothing was changed\n"
    assert stage.leads_to == before
    assert not any("systemctl" in it for it in stage.shell.calls[calls:])
    # What an earlier run has left is no hindrance to a later one.
    stage.daemon = replace(stage.daemon, check="true")
    assert stage.apply({"main.yml": "c: 3\n"}).returncode == 0


def test_one_that_the_program_cannot_use_is_put_back(stage: Stage) -> None:
    stage.apply(TEXTS)
    before = stage.leads_to
    done = stage.apply({"main.yml": "broken"})
    assert done.returncode == 1
    assert done.stderr == (
        "the last lines of the journal\n"
        "x.service cannot use it, and goes on with the configuration before\n"
    )
    assert stage.leads_to == before
    assert (stage.place / "main.yml").read_text() == TEXTS["main.yml"]
    # The program was told to read that one again.
    assert "x_config_last_reload_successful 1" in (stage.top / "metrics").read_text()


def test_a_reload_that_fails_by_itself_is_put_back_too(stage: Stage) -> None:
    stage.apply(TEXTS)
    before = stage.leads_to
    stage.shell.stand_in("systemctl", 'case "$1" in is-active) exit 0 ;; esac\nexit 1')
    assert stage.apply({"main.yml": "d: 4\n"}).returncode == 1
    assert stage.leads_to == before


def test_an_old_time_is_no_proof(stage: Stage) -> None:
    """The program did not hear of the reload, and says truly that it read one before."""
    stage.apply(TEXTS)
    before = stage.leads_to
    stage.shell.stand_in("systemctl")
    done = stage.apply({"main.yml": "d: 4\n"})
    assert done.returncode == 1
    assert stage.leads_to == before


def test_a_first_one_that_cannot_be_used_fails(stage: Stage) -> None:
    done = stage.apply({"main.yml": "broken"})
    assert done.returncode == 1
    assert "goes on with" not in done.stderr


def test_a_program_that_does_not_run_is_started(stage: Stage) -> None:
    body = (stage.shell.programs / "systemctl").read_text().replace("exit 0", "exit 3")
    (stage.shell.programs / "systemctl").write_text(body)
    assert stage.apply(TEXTS).returncode == 0
    assert "systemctl start x.service" in stage.shell.calls


def state(texts: Mapping[str, str], mode: int = 0o640) -> dict[str, PathState]:
    return {
        f"/etc/conf/{name}": PathState("file", mode, "root", "x", content=text.encode())
        for name, text in texts.items()
    }


def plan(paths: Mapping[str, PathState], now: ConfigurationState) -> Run:
    daemon = Daemon("x.service", "/etc/conf", "http://192.0.2.1/metrics", "true", "x")
    return run(checked, daemon, lambda: TEXTS, facts={Paths: paths, Configuration: now})


STAMPS = {name: stamp(text, "x") for name, text in TEXTS.items()}
WELL = ConfigurationState(STAMPS, 1.0, 2.0, True)


def test_one_that_is_in_force_is_one_question() -> None:
    daemon = Daemon("x.service", "/etc/conf", "http://192.0.2.1/metrics", "true", "x")
    # Whatever else is asked, these facts do not know.
    done = run(checked, daemon, lambda: TEXTS, facts={Configuration: WELL})
    assert (done.commands, done.said) == ([], [])
    assert done.noops == ["the configuration is in force"]


def test_what_changes_is_told() -> None:
    done = plan(
        state({**TEXTS, "main.yml": "a: 2\n"}),
        replace(WELL, files={**STAMPS, "main.yml": "", "by-hand.yml": ""}),
    )
    assert done.said == [
        "/etc/conf/main.yml: +1 -1 lines",
        "/etc/conf/by-hand.yml: present -> absent",
    ]
    assert len(done.commands) == 1


@pytest.mark.parametrize(
    "now", [replace(WELL, usable=False), replace(WELL, reloaded=0.5), replace(WELL, reloaded=None)]
)
def test_a_run_that_was_cut_off_before_the_reload_is_gone_on_with(now: ConfigurationState) -> None:
    done = plan(state(TEXTS), now)
    assert done.said == ["x.service: does not run on its present configuration"]
    assert len(done.commands) == 1


def test_rights_that_somebody_has_changed_are_put_right() -> None:
    open_to_all = STAMPS["main.yml"].replace("640", "644")
    done = plan(state(TEXTS, 0o644), replace(WELL, files={**STAMPS, "main.yml": open_to_all}))
    assert done.said[0] == "/etc/conf/main.yml: root:x 0644 -> root:x 0640"
    assert len(done.commands) == 1


def test_the_present_time_is_enough(stage: Stage) -> None:
    """A clock that is set back while a program runs keeps no run from its end."""
    (stage.top / "at").write_text(str(time.time() + 9999))
    assert stage.apply(TEXTS).returncode == 0
