from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import StringCommand

from facts import systemd
from facts.systemd import Units, UnitsState, UnitState
from operations import files
from operations.systemd import LINK, Unit, finished, running, why_not
from tests.unit.host_here import perform
from tests.unit.operation_harness import Run, Shell, run

STARTED, CHANGED, NOW = 1000.0, 2000.0, 5000.0
UP = UnitState("loaded", "enabled", "active", "running", "success", False, STARTED, CHANGED)
MASKED = UnitState("masked", "masked")
NGINX = Unit("nginx.service", restart_on=("/drop-in",), reload_on=("/site",))
TIMES = {"/drop-in": STARTED - 1, "/site": CHANGED - 1}
NOTE = f">> {systemd.CHANGES}"
RELOAD = f"systemctl daemon-reload; printf '%s\\n' read {NOTE}"
AGAIN = {
    "start": "",
    "restart": f"printf '%s\\n' 'written /drop-in' {NOTE}; ",
    "reload": f"printf '%s\\n' 'written /site' {NOTE}; ",
}
DONE = {"start": "started", "restart": "started", "reload": "reloaded"}


@pytest.fixture(autouse=True)
def _nothing_pending() -> None:
    files.pending.clear()


def apply(state: UnitState | None = UP, unit: Unit = NGINX, **options: Any) -> Run:
    times = {**TIMES, **options.pop("times", {})}
    changes = options.pop("changes", ())
    units = {unit.name: state} if state else {}
    units |= options.pop("others", {})
    return run(running, [unit], facts={Units: UnitsState(units, times, changes, NOW)}, **options)


def command(run: Run) -> str:
    (only,) = run.commands
    return str(only.get_raw_value())


def line(verb: str) -> str:
    why = f"{why_not('nginx.service')}; exit 1;"
    done = f"printf '%s\\n' '{DONE[verb]} nginx.service' {NOTE}"
    return f"systemctl {verb} nginx.service || {{ {AGAIN[verb]}{why} }}; {done}"


def does(verb: str) -> str:
    return f"set -e; {line(verb)}" if verb == "reload" else f"set -e; {RELOAD}; {line(verb)}"


def test_a_unit_that_runs_on_its_present_files_is_one_question() -> None:
    done = apply(others={"rpcbind.socket": MASKED}, masked=["rpcbind.socket"])
    assert (done.commands, done.said) == ([], [])
    assert done.noops == ["all units are enabled and running"]
    units = ["nginx.service", "rpcbind.socket"]
    assert done.asked == [{"units": units, "files": ["/drop-in", "/site"]}]


@pytest.mark.parametrize(
    ("state", "verb", "told"),
    [
        (replace(UP, active="inactive", sub="dead"), "start", "inactive (dead)"),
        (replace(UP, active="activating", sub="start"), "start", "activating (start)"),
        (replace(UP, active="failed", sub="failed"), "restart", "failed (failed)"),
    ],
)
def test_a_unit_that_does_not_run_is_started(state: UnitState, verb: str, told: str) -> None:
    done = apply(state)
    assert command(done) == does(verb)
    assert done.said == [f"nginx.service: {told} -> running"]


DATA = Unit("data.mount", restart_on=("/unit",), what="nas:/data", options=("hard", "vers=4.2"))
MOUNTED = replace(UP, what="nas:/data", options=("rw", "vers=4.2", "hard", "proto=tcp"))


def test_what_is_mounted_as_it_should_be_is_left() -> None:
    assert apply(MOUNTED, DATA).noops == ["all units are enabled and running"]


@pytest.mark.parametrize(
    ("state", "told"),
    [
        (replace(MOUNTED, what="nas:/other"), "from nas:/other -> nas:/data"),
        (replace(MOUNTED, options=("rw", "vers=4.2", "soft")), "rw,vers=4.2,soft -> hard"),
    ],
)
def test_what_was_mounted_otherwise_by_hand_is_mounted_anew(state: UnitState, told: str) -> None:
    done = apply(state, DATA)
    assert done.said == [f"data.mount: mounted {told}"]
    assert "systemctl restart data.mount" in command(done)


def test_a_unit_is_enabled_before_it_is_started() -> None:
    done = apply(None)
    assert command(done) == f"set -e; {LINK} enable nginx.service; {RELOAD}; {line('start')}"
    assert done.said == [
        "nginx.service: not there -> enabled",
        "nginx.service: inactive (dead) -> running",
    ]


def test_a_unit_that_runs_but_would_not_after_a_boot_is_enabled() -> None:
    done = apply(replace(UP, file="disabled"))
    assert command(done) == f"set -e; {LINK} enable nginx.service; {RELOAD}"
    assert done.said == ["nginx.service: disabled -> enabled"]


def test_a_unit_that_another_starts_is_not_enabled() -> None:
    assert apply(replace(UP, file="static"), replace(NGINX, enabled=False)).commands == []


@pytest.mark.parametrize("executing", [True, False])
def test_a_file_newer_than_the_start_restarts(executing: bool) -> None:
    """An earlier run wrote the file and was cut off: no operation of this run wrote it."""
    done = apply(times={"/drop-in": STARTED + 0.001}, executing=executing, diff=True)
    assert command(done) == does("restart")
    assert done.said == ["nginx.service: restart, for /drop-in"]


def test_a_file_newer_than_the_last_change_reloads() -> None:
    done = apply(times={"/site": CHANGED + 0.001})
    assert command(done) == does("reload")
    assert done.said == ["nginx.service: reload, for /site"]


def test_a_restart_takes_in_what_a_reload_would() -> None:
    done = apply(times={"/drop-in": CHANGED + 1, "/site": CHANGED + 1})
    assert command(done) == does("restart")


def test_a_reload_is_not_done_twice_and_is_no_restart() -> None:
    assert apply(times={"/site": CHANGED - 1}).commands == []
    assert command(apply(times={"/drop-in": CHANGED - 1})) == does("restart")


def test_a_file_that_is_not_there_restarts_nothing() -> None:
    unit = Unit("nginx.service", restart_on=("/none",))
    assert apply(unit=unit).commands == []


@pytest.mark.parametrize(("path", "verb"), [("/drop-in", "restart"), ("/site", "reload")])
def test_a_dry_run_counts_files_that_would_be_written(path: str, verb: str) -> None:
    files.pending["storage1"].add(path)
    assert command(apply(executing=False)) == does(verb)


def test_a_run_that_writes_goes_by_the_host_alone() -> None:
    files.pending["storage1"].add("/drop-in")
    assert apply(executing=True).commands == []


@pytest.mark.parametrize("since", [STARTED, NOW - 1])
@pytest.mark.parametrize(
    ("changes", "verb"),
    [
        (["written /drop-in"], "restart"),
        (["written /drop-in", "started nginx.service"], None),
        # Of another unit, which reads the file too.
        (["written /drop-in", "started php.service", "reloaded nginx.service"], "restart"),
        (["started nginx.service", "written /drop-in"], "restart"),
        (["written /site"], "reload"),
        (["written /site", "reloaded nginx.service"], None),
        (["written /site", "started nginx.service"], None),
        (["written /site", "reloaded nginx.service", "written /site"], "reload"),
        (["written /another"], None),
    ],
)
def test_what_a_run_has_written_is_put_in_force_whatever_the_clock_says(
    changes: list[str], verb: str | None, since: float
) -> None:
    state = replace(UP, started=since, changed=since)
    done = apply(state, changes=tuple(changes), times={"/drop-in": 1.0, "/site": 1.0})
    assert [command(done)] == [does(verb)] if verb else done.commands == []


@pytest.mark.parametrize(
    ("state", "verb", "path"),
    [
        (replace(UP, started=NOW + 1, changed=NOW + 1), "restart", "/drop-in"),
        (replace(UP, changed=NOW + 1), "reload", "/site"),
    ],
)
def test_a_start_that_is_still_to_come_is_no_proof(state: UnitState, verb: str, path: str) -> None:
    done = apply(state)
    assert command(done) == does(verb)
    assert done.said == [f"nginx.service: {verb}, for {path}: the host's clock was ahead"]


def test_a_start_that_is_still_to_come_of_a_unit_without_files_is_left_alone() -> None:
    assert apply(replace(UP, started=NOW + 1), unit=Unit("nginx.service")).commands == []


@pytest.mark.parametrize(("path", "verb"), [("/drop-in", "restart"), ("/site", "reload")])
def test_a_file_from_a_time_to_come_counts_once(path: str, verb: str) -> None:
    """A restart alone would leave the file newer than the start, for as long as the clock takes."""
    done = apply(times={path: NOW + 1})
    assert command(done) == does(verb).replace("set -e; ", f"set -e; touch -c -- {path}; ")
    assert done.said == [f"nginx.service: {verb}, for {path}: the host's clock was ahead"]
    done = apply(replace(UP, started=NOW - 1, changed=NOW - 1), times={path: NOW - 2})
    assert done.commands == []


def test_a_unit_that_starts_on_a_file_from_a_time_to_come_starts_once() -> None:
    done = apply(replace(UP, active="inactive"), times={"/drop-in": NOW + 1})
    assert "touch -c -- /drop-in; systemctl daemon-reload" in command(done)


OWN, OTHERS_DROP_IN = (
    "/etc/systemd/system/tidy.service",
    "/etc/systemd/system/tidy.service.d/a.conf",
)


@pytest.mark.parametrize("path", [OWN, OTHERS_DROP_IN])
@pytest.mark.parametrize(
    ("after", "is_read"), [([], False), (["read"], True), (["read", "written {}"], False)]
)
def test_a_unit_file_that_a_run_has_written_is_read_whatever_the_clock_says(
    path: str, after: list[str], *, is_read: bool
) -> None:
    """NeedDaemonReload is "no" for a file that is older than the one that systemd has read."""
    changes = (f"written {path}", *(line.format(path) for line in after))
    now = UnitsState({"tidy.service": replace(UP, file="static", drop_ins=(path,))}, {}, changes)
    done = run(running, [], loaded=["tidy.service"], facts={Units: now})
    assert [it.get_raw_value() for it in done.commands] == (
        [] if is_read else [f"set -e; {RELOAD}"]
    )


def test_a_unit_file_of_another_operation_is_left_to_that() -> None:
    now = UnitsState({"a.service": UP}, {}, (f"written {OWN}",))
    assert run(running, [], loaded=["a.service"], facts={Units: now}).commands == []


def test_the_notes_of_one_run_are_what_the_next_run_reads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(systemd, "CHANGES", str(tmp_path / "notes"))
    shell = Shell(tmp_path)
    shell.stand_in("systemctl")

    def noted() -> tuple[str, ...]:
        return tuple((tmp_path / "notes").read_text().splitlines())

    perform(files.write([files.Absent(OWN)]), shell)
    assert noted() == (f"written {OWN}",)
    unit = Unit("tidy.service", restart_on=(OWN,))
    (restart,) = apply(unit=unit, changes=noted()).commands
    perform(restart, shell)
    assert noted()[1:] == ("read", "started tidy.service")
    assert apply(unit=unit, changes=noted()).commands == []


def test_what_is_pending_on_another_host_counts_for_that_one_only() -> None:
    files.pending["storage2"].add("/drop-in")
    assert apply(executing=False).commands == []


def test_changed_unit_files_are_read_before_anything_starts() -> None:
    done = apply(replace(UP, needs_daemon_reload=True), times={"/drop-in": STARTED + 1})
    assert command(done) == f"set -e; {RELOAD}; {line('restart')}"


def test_a_unit_may_have_started_on_what_systemd_knew_before_its_files_changed() -> None:
    done = apply(replace(UP, needs_daemon_reload=True))
    assert command(done) == f"set -e; {RELOAD}; {line('restart')}"


def test_changed_unit_files_are_read_if_nothing_else_is_to_do() -> None:
    done = apply(replace(UP, needs_daemon_reload=True), Unit("nginx.service"))
    assert command(done) == f"set -e; {RELOAD}"
    assert done.said == ["nginx.service: its files changed, so systemd reads them again"]


def test_unit_files_are_not_read_again_without_need() -> None:
    assert RELOAD not in command(apply(times={"/site": CHANGED + 1}))


DROP_IN = "/etc/systemd/system/nginx.service.d/coop.conf"


@pytest.mark.parametrize(("read", "verb"), [((), "restart"), ((DROP_IN,), None)])
def test_a_drop_in_that_systemd_has_not_read_restarts(
    read: tuple[str, ...], verb: str | None
) -> None:
    """An earlier run was cut off, and then somebody else restarted the unit."""
    state = replace(UP, drop_ins=read)
    done = apply(state, replace(NGINX, restart_on=(DROP_IN,)), times={DROP_IN: STARTED - 1})
    assert [RELOAD in command(done)] == [True] if verb else done.commands == []
    assert done.said == ([f"nginx.service: restart, for {DROP_IN}"] if verb else [])


@pytest.mark.parametrize(
    ("state", "does", "told"),
    [
        (UnitState("loaded", "enabled"), f"{LINK} mask {{}}; {RELOAD}", ["enabled -> masked"]),
        (UnitState("not-found"), f"{LINK} mask {{}}; {RELOAD}", ["not there -> masked"]),
        (UnitState("masked", "masked", "active"), "systemctl stop {}", ["active -> stopped"]),
        (
            UnitState("loaded", "static", "active"),
            f"{LINK} mask {{}}; {RELOAD}; systemctl stop {{}}",
            ["static -> masked", "active -> stopped"],
        ),
    ],
)
def test_units_that_must_not_run_are_masked_and_stopped(
    state: UnitState, does: str, told: list[str]
) -> None:
    done = apply(others={"rpcbind.socket": state}, masked=["rpcbind.socket"])
    assert command(done) == f"set -e; {does.replace('{}', 'rpcbind.socket')}"
    assert done.said == [f"rpcbind.socket: {text}" for text in told]


def test_a_unit_that_does_not_start_fails_with_its_journal(tmp_path: Path) -> None:
    shell = Shell(tmp_path)
    shell.stand_in("systemctl", '[ "$1" != start ]')
    shell.stand_in("journalctl", '[ "$1" = --sync ] || echo why')
    units = [Unit("a.service", enabled=False), Unit("b.service", enabled=False)]
    (only,) = run(running, units, facts={Units: UnitsState()}).commands
    done = perform(only, shell)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "why\n")
    assert [call for call in shell.calls if "b.service" in call] == []


def test_units_start_in_the_order_given_with_names_quoted() -> None:
    names = [r"z\x2da.mount", "a.service"]
    units = [Unit(name, enabled=False) for name in names]
    done = run(running, units, facts={Units: UnitsState()})
    before, first, second = command(done).split("; systemctl start ")
    assert before == f"set -e; {RELOAD}"
    assert first.startswith(r"'z\x2da.mount' || ")
    assert second.startswith("a.service || ")


@pytest.mark.parametrize("verb", ["restart", "reload"])
def test_what_failed_is_tried_again_by_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    """If a reload or unmount fails, systemd moves the unit's times, and the unit stays active."""
    notes = tmp_path / "notes"
    monkeypatch.setattr(systemd, "CHANGES", str(notes))
    unit = replace(NGINX, restart_on=(), reload_on=("/site",))
    if verb == "restart":
        unit = replace(NGINX, restart_on=("/site",), reload_on=())
    shell = Shell(tmp_path)
    shell.stand_in("systemctl", f'[ "$1" != {verb} ]')
    shell.stand_in("journalctl")
    done = perform(apply(unit=unit, times={"/site": CHANGED + 1}).commands[0], shell)
    assert done.returncode == 1
    assert shell.calls[-3:] == [
        f"systemctl {verb} nginx.service",
        "journalctl --sync",
        "journalctl -o cat -n 20 --no-pager -u nginx.service",
    ]
    changes = tuple(notes.read_text().splitlines())
    assert changes[-1] == "written /site"
    again = apply(replace(UP, started=NOW, changed=NOW), unit, changes=changes)
    assert f"systemctl {verb} nginx.service" in command(again)


@pytest.mark.parametrize(
    ("file", "unmask"),
    [
        ("masked", f"{LINK} unmask nginx.service"),
        (
            "masked-runtime",
            f"{LINK} unmask nginx.service; {LINK} unmask --runtime nginx.service",
        ),
    ],
)
def test_a_unit_that_was_masked_by_hand_is_unmasked_first(file: str, unmask: str) -> None:
    done = apply(UnitState("masked", file))
    enable = f"{LINK} enable nginx.service"
    assert command(done) == f"set -e; {unmask}; {enable}; {RELOAD}; {line('start')}"
    assert done.said[0] == "nginx.service: masked -> not masked"
    service = apply(others={"php.service": UnitState("masked", file)}, loaded=["php.service"])
    assert command(service) == f"set -e; {unmask.replace('nginx', 'php')}; {RELOAD}"


PRUNE, PRUNE_FILE = "prune.service", "/etc/systemd/system/prune.service.d/own.conf"


@pytest.mark.parametrize(
    ("read", "there", "commands"),
    [((), True, [f"set -e; {RELOAD}"]), ((PRUNE_FILE,), True, []), ((), False, [])],
)
def test_a_drop_in_of_what_others_start_is_read(
    read: tuple[str, ...], there: bool, commands: list[str]
) -> None:
    """systemd does not know a new directory, and says that it has read all files."""
    now = UnitsState(
        {PRUNE: UnitState("loaded", drop_ins=read)}, {PRUNE_FILE: 1.0} if there else {}
    )
    done = run(running, [], loaded=[PRUNE], drop_ins=[PRUNE_FILE], facts={Units: now})
    assert [command.get_raw_value() for command in done.commands] == commands
    assert done.asked == [{"units": [PRUNE], "files": [PRUNE_FILE]}]


@pytest.mark.parametrize(("load", "commands"), [("loaded", [f"set -e; {RELOAD}"]), ("masked", [])])
def test_a_drop_in_of_a_unit_of_others_is_read_and_the_unit_left_alone(
    load: str, commands: list[str]
) -> None:
    """Who has masked the unit has it masked: systemd reads no drop-in of it."""
    now = UnitsState({PRUNE: UnitState(load, file=load)}, {PRUNE_FILE: 1.0})
    done = run(running, [], drop_ins=[PRUNE_FILE], facts={Units: now})
    assert [command.get_raw_value() for command in done.commands] == commands
    assert done.asked == [{"units": [PRUNE], "files": [PRUNE_FILE]}]


@pytest.mark.parametrize("ends", [True, False])
def test_a_unit_that_does_one_thing_is_waited_for(ends: bool) -> None:
    said: list[str] = []

    def run_shell_command(command: StringCommand, **options: Any) -> Any:
        assert "systemctl start drill.service; status=$?" in command.get_raw_value()
        return ends, SimpleNamespace(stdout_lines=["tank/a: restored"])

    host = SimpleNamespace(
        run_shell_command=run_shell_command, log=lambda text, log_func: said.append(text)
    )
    done = run(finished, "drill.service", facts={})
    (command,) = done.commands
    assert command.function(SimpleNamespace(), host, *command.args) is ends
    assert said == ["tank/a: restored"]
