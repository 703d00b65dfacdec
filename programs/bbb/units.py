"""Whether units run, and go on running."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from programs.bbb.command import call
from programs.bbb.failed import Failed

TARGET = "bigbluebutton.target"
# They stop with the target, by drop-ins of bbb-config: #21687 of bigbluebutton.
CARRIERS = ("postgresql.service", "redis-server.service", "nginx.service")
# In microseconds since the boot.
BEGAN = "InactiveExitTimestampMonotonic"
PROPERTIES = ("Id", "LoadState", "ActiveState", "NRestarts", BEGAN)
# How long a unit has to run without a restart to count as running.
SETTLE_SECONDS = 30.0


@dataclass(frozen=True)
class Running:
    """active: systemd's word, such as active, failed, inactive; or missing, without a unit file.

    began: when it was last started, in seconds since the boot; 0 if that is not known
    """

    active: str
    restarts: int
    began: float = 0.0


def units(names: Sequence[str]) -> dict[str, Running]:
    """By name, in one call. Raises Failed if systemd does not answer for each."""
    if not names:
        return {}
    said = call(
        "systemctl", "show", f"--property={','.join(PROPERTIES)}", "--", *names
    )  # fmt: skip
    blocks = [
        dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        for block in said.strip().split("\n\n")
    ]
    if len(blocks) != len(names):
        raise Failed(f"systemctl tells of {len(blocks)} units, and was asked for {len(names)}")
    return {name: _running(block) for name, block in zip(names, blocks, strict=True)}


def _running(block: dict[str, str]) -> Running:
    active = block.get("ActiveState", "unknown")
    if block.get("LoadState") == "not-found" and active != "active":
        active = "missing"
    began = _count(block.get(BEGAN, "")) / 1e6
    return Running(active, _count(block.get("NRestarts", "")), began)


def _count(value: str) -> int:
    return int(value) if value.isdecimal() else 0


def faults(names: Sequence[str]) -> list[str]:
    """Which units do not run, or restart within the time."""
    first = units(names)
    time.sleep(SETTLE_SECONDS)
    found = []
    for name, now in units(names).items():
        again = now.restarts - first[name].restarts
        if now.active != "active":
            found.append(f"{name} is {now.active}: journalctl -u {name}")
        elif again:
            found.append(f"{name} restarted {again} times within {SETTLE_SECONDS:.0f} s")
    return found


def stop_target() -> None:
    """Stop what belongs to BBB. Raises Failed."""
    if present([TARGET]):
        call("systemctl", "stop", TARGET, timeout=300)


def start_carriers() -> None:
    """Start what BBB's packages need while they are set up. Raises Failed."""
    if names := present(CARRIERS):
        call("systemctl", "start", *names, timeout=300)


def start(names: Sequence[str]) -> None:
    """Start what belongs to BBB, and these units. Raises Failed."""
    call("systemctl", "daemon-reload", timeout=120)
    # The target starts what is enabled for it, and that are not all that stopped with it.
    every = dict.fromkeys([*CARRIERS, TARGET, *names])
    call("systemctl", "start", *present(every), timeout=300)


def restart(names: Iterable[str]) -> None:
    """Restart those of the units that are there. Raises Failed."""
    for name in present(names):
        call("systemctl", "restart", name, timeout=120)


def present(names: Iterable[str]) -> list[str]:
    """Those of the units that have a unit file."""
    return [name for name, it in units([*names]).items() if it.active != "missing"]
