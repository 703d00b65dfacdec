"""The change itself: it runs in a unit of its own, and goes on without whoever started it.

Each step compares first, so a change that was cut off starts at the first step and does what is
left. Files of class C are written while BBB is stopped: its units start again by themselves, and
one that did would take in half of a rotation.
"""

import signal
import time
from collections.abc import Callable
from typing import IO

from programs.bbb import (
    apt,
    compare,
    files,
    gate,
    meetings,
    packages,
    patches,
    places,
    secrets,
    state,
    units,
)
from programs.bbb.command import call
from programs.bbb.failed import Failed
from programs.bbb.reading import parse
from programs.bbb.render import render
from programs.bbb.root import Root
from programs.bbb.wanted import Wanted

LOG = "change.log"
BOOT = "/proc/sys/kernel/random/boot_id"
API_SECONDS = 300.0


class Ended(BaseException):
    """systemd ends the unit: the time is over, or somebody stops it."""


def staged(root: Root) -> Wanted:
    """What the node should be. Raises Failed."""
    found = files.read(root, root.own("wanted.json"))
    if not found:
        raise Failed("nobody has said what this node should be: run deploy.py for the node")
    return parse(found.data)


def run(root: Root) -> int:
    """Change the node; returns the unit's exit status."""
    signal.signal(signal.SIGTERM, _end)
    now = state.write(root, state.read(root), state=state.RUNNING, step="begin", why="")
    log_path = root.at(root.own(LOG))
    secrets.put(root, LOG, "")
    with log_path.open("ab") as log:
        change = Change(root, log, now)
        try:
            change.all()
            why = ""
        except Failed as error:
            why = str(error)
        except Ended:
            why = "was ended from outside, by the limit of time or by somebody"
        except OSError as error:
            why = str(error)
        why = secrets.mask(root, why)
        if why:
            log.write(f"failed in {change.now.step}: {why}\n".encode())
    # Commands may have printed secrets; and an old one must lie nowhere.
    text = log_path.read_bytes().decode(errors="replace")
    secrets.put(root, LOG, secrets.mask(root, text))
    if change.now.step == Change.REBOOT and not why:
        return 0
    state.write(root, change.now, state=state.FAILED if why else state.DONE, why=why)
    return 1 if why else 0


def _end(*_: object) -> None:
    raise Ended


class Change:
    """now: the state, on disk too"""

    REBOOT = "reboot"

    def __init__(self, root: Root, log: IO[bytes], now: state.State) -> None:
        self._root, self._log, self.now = root, log, now

    def all(self) -> None:
        """Raises Failed, and Ended."""
        self._wanted = staged(self._root)
        self._step("check", self._check)
        self._step("finish what dpkg has left", self._configure)
        plan: list[apt.Plan] = []
        self._step("fetch packages", lambda: plan.append(self._prepare()))
        self._step("stop", units.stop_target)
        self._step("remember secrets", self._remember)
        self._step("write files", lambda: self._files(is_last=False))
        self._step("install packages", lambda: self._install(plan[0]))
        # Packages start what they bring, and write into some of these files.
        self._step("stop again", units.stop_target)
        self._step("write files again", lambda: self._files(is_last=True))
        self._step("patch", self._patch)
        self._step("take old secrets away", lambda: self._tell(places.scrub(self._root)))
        self._step("compare", self._compare)
        if self._may_reboot():
            self._reboot()
            return
        if self.now.is_first:
            # The install may be cut off, and begin again with the stop.
            self._step("close the gate", lambda: gate.shut(self._root))
        self._step("restart", self._restart)
        self._step("start", lambda: units.start([it.name for it in self._wanted.units]))
        self._step("wait for the API", self._wait)
        self.now = state.write(self._root, self.now, booted="", is_first=False)

    def _step(self, name: str, do: Callable[[], object]) -> None:
        self.now = state.write(self._root, self.now, step=name)
        self._tell([f"== {name}"])
        do()

    def _tell(self, lines: list[str]) -> None:
        self._log.write("".join(f"{it}\n" for it in lines).encode(errors="surrogateescape"))
        self._log.flush()

    def _check(self) -> None:
        secrets.wanted(self._root)
        secrets.made(self._root)
        if found := compare.refusals(self._root):
            raise Failed("; ".join(found))
        if self._reboot_waits():
            self._refuse_two_firewalls()

    def _configure(self) -> None:
        units.start_carriers()
        apt.configure(self._root, self._log)

    def _install(self, plan: apt.Plan) -> None:
        units.start_carriers()
        apt.install(self._root, plan, self._log)

    def _prepare(self) -> apt.Plan:
        plan = apt.prepare(self._root, self._wanted.apt, self._log)
        wanted = self._wanted
        self.now = state.write(
            self._root, self.now,
            wanted=wanted.digest, release=wanted.release, versions=dict(plan.versions),
        )  # fmt: skip
        return plan

    def _remember(self) -> None:
        live = secrets.live(self._root)
        if live and live != secrets.wanted(self._root):
            secrets.remember(self._root, live)

    def _files(self, is_last: bool) -> None:
        """Write what differs. Before the packages come, some of their accounts are not there."""
        values = compare.values(self._root)
        for file in self._wanted.files:
            try:
                rights = compare.rights(self._root, file)
            except Failed:
                if is_last:
                    raise
                continue
            if not compare.differs(self._root, file, values):
                continue
            # Before the file: a change that is cut off after it would not restart the units.
            restart = tuple(dict.fromkeys([*self.now.restart, *file.units]))
            self.now = state.write(self._root, self.now, restart=restart)
            data = files.encoded(render(file.content, values))
            files.write(self._root, file.path, data, rights)
            self._tell([f"written: {file.path}"])

    def _patch(self) -> None:
        values = compare.values(self._root)
        for patch in self._wanted.patches:
            if patches.apply(self._root, patch, values):
                self._tell([f"patched: {patch.path}"])

    def _compare(self) -> None:
        """Nothing starts that is not what the data says. Raises Failed."""
        found, faults = compare.waiting(self._root, self._wanted)
        told = [it.what for it in found if it.what not in (compare.CUT_OFF, compare.A_REBOOT)]
        if wrong := [*(f"not as wanted: {it}" for it in told), *faults]:
            raise Failed("; ".join(wrong))

    def _reboot_waits(self) -> bool:
        return self._wanted.reboot and self._root.at(compare.REBOOT).exists()

    def _may_reboot(self) -> bool:
        """Whether a reboot waits, and was not tried in this change: otherwise a person has to look.

        On a new node not: whoever installs it is logged in, and nothing serves yet.
        """
        if not self._reboot_waits() or self.now.is_first:
            return False
        boot = files.read(self._root, BOOT)
        return boot is not None and self.now.booted in ("", boot.text)

    def _reboot(self) -> None:
        """The machine goes down, and the next `change` does the rest."""
        self._refuse_two_firewalls()
        boot = files.read(self._root, BOOT)
        self.now = state.write(
            self._root, self.now, step=self.REBOOT, booted=boot.text if boot else ""
        )
        self._tell(["the node reboots: call coop-bbb change again once it is back"])
        # The machine's shutdown ends this unit too, and that is no failure.
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        call("systemctl", "reboot", timeout=120)

    def _refuse_two_firewalls(self) -> None:
        if found := compare.firewalls(packages.packages()):
            raise Failed(f"no reboot: {'; '.join(found)}")

    def _restart(self) -> None:
        units.restart(self.now.restart)
        self.now = state.write(self._root, self.now, restart=())
        # Packages and patches change files of nginx after the packages' own reload.
        if units.present(["nginx.service"]):
            call("nginx", "-t")
            call("systemctl", "reload-or-restart", "nginx.service", timeout=120)

    def _wait(self) -> None:
        end = time.monotonic() + API_SECONDS
        while True:
            try:
                meetings.live(self._root)
                return
            except meetings.NoAnswer as error:
                if time.monotonic() > end:
                    raise Failed(
                        f"bbb-web is {error.answer} after its start: {error}: journalctl -u bbb-web"
                    ) from None
            time.sleep(1)
