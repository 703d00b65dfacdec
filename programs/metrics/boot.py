"""What the next boot would bring."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from programs.metrics import Found, Run, Settings

BOOT = Path("/boot")
MODULES = Path("/lib/modules")
# Packages leave it: https://www.debian.org/doc/debian-policy/ch-opersys.html#signaling-that-a-reboot-is-required
REBOOT_REQUIRED = Path("/run/reboot-required")

MEANINGS = {
    "coop_reboot_required": (
        "Whether a newer kernel is installed than the one that runs, or a package asks for a "
        "reboot: 1 or 0."
    ),
    "coop_kernels_without_module": "How many kernels would boot without what the pool needs.",
}


def expected(settings: Settings) -> Found:
    found: Found = {"coop_reboot_required": {"": 0}}
    if settings.module:
        found["coop_kernels_without_module"] = {"": 0}
    return found


def look(settings: Settings, run: Run) -> Iterator[Found]:
    kernels = [it.name.removeprefix("vmlinuz-") for it in BOOT.glob("vmlinuz-*")]
    running = os.uname().release
    newer = any(_key(it) > _key(running) for it in kernels)
    found: Found = {"coop_reboot_required": {"": int(newer or REBOOT_REQUIRED.exists())}}
    if settings.module:
        lacking = [it for it in kernels if not _has(it, settings.module)]
        found["coop_kernels_without_module"] = {"": len(lacking)}
    yield found


def _key(version: str) -> list[tuple[int, str]]:
    """Versions of kernels in their order: 6.1.0-9-amd64 before 6.1.0-32-amd64."""
    return [(int(it), "") if it.isdigit() else (-1, it) for it in re.findall(r"\d+|\D+", version)]


def _has(kernel: str, module: str) -> bool:
    """depmod(8): what modprobe finds."""
    try:
        listed = (MODULES / kernel / "modules.dep").read_text()
    except FileNotFoundError:
        return False
    return re.search(rf"(?:^|/){re.escape(module)}\.ko[^:/\n]*:", listed, re.MULTILINE) is not None
