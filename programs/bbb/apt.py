"""Brings the packages of the wanted release, in the exact versions of the release's own directory.

What apt is told here holds for these calls alone: the pin that keeps BBB's packages back stays in
force for everybody else. Files that somebody has changed keep their content, and no other service
is restarted on the way.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass
from fcntl import LOCK_EX, LOCK_NB, lockf
from pathlib import Path
from typing import IO

from programs.bbb import files, secrets
from programs.bbb.command import ask, call, logged
from programs.bbb.failed import Failed
from programs.bbb.packages import packages
from programs.bbb.root import Root
from programs.bbb.wanted import Apt

SOURCES, PREFERENCES = "apt/sources.list", "apt/preferences"
# needrestart restarts Redis or PostgreSQL under BBB after an update of a library: #7799 of
# bigbluebutton. The variables are needrestart's own, and reach it through apt.
QUIET = {
    "DEBIAN_FRONTEND": "noninteractive",
    "DEBIAN_PRIORITY": "critical",
    "NEEDRESTART_SUSPEND": "1",
    "NEEDRESTART_MODE": "l",
    "UCF_FORCE_CONFFOLD": "1",
}
# Another program of apt may be at work, such as unattended-upgrades.
LOCK_SECONDS = 600
# DPkg::Lock::Timeout waits for the first alone: `apt-get update` fails at once for the others.
LOCKS = (
    "/var/lib/dpkg/lock-frontend",
    "/var/lib/apt/lists/lock",
    "/var/cache/apt/archives/lock",
)
HELPER = "/usr/lib/apt/apt-helper"
UPDATE_SECONDS = 600


@dataclass(frozen=True)
class Plan:
    """What an installation does.

    versions: of every package that is wanted or installed, and that the release's directory has
    install: those of them that are not installed so, as NAME=VERSION
    """

    versions: Mapping[str, str]
    install: tuple[str, ...]


def configure(root: Root, log: IO[bytes]) -> None:
    """Finish what an installation before has left. Raises Failed."""
    _wait_for_others(root)
    logged("dpkg", "--force-confold", "--configure", "-a", log=log, env=QUIET)


def _wait_for_others(root: Root) -> None:
    """Wait for another program of apt: dpkg itself would fail at once. Raises Failed."""
    end = time.monotonic() + LOCK_SECONDS
    while not all(_is_free(root.at(it)) for it in LOCKS):
        if time.monotonic() > end:
            raise Failed("another program of apt is at work for too long")
        time.sleep(1)


def _is_free(lock: Path) -> bool:
    if not lock.exists():
        return True
    with lock.open("r+b") as file:
        try:
            lockf(file, LOCK_EX | LOCK_NB)
        except OSError:
            return False
    return True


def prepare(root: Root, apt: Apt, log: IO[bytes]) -> Plan:
    """Read the release's directory, and fetch what will be installed. Raises Failed.

    Changes nothing on the node but apt's lists and its cache.
    """
    _wait_for_others(root)
    _tell(root, apt)
    own = _options(root)
    # Of all sources first, as the release needs packages of others. Whether one of those is away
    # shows when it is needed.
    ask("apt-get", *own, "update", timeout=UPDATE_SECONDS, env=QUIET)
    call(
        "apt-get", *_only_release(root), "-o", "APT::Get::List-Cleanup=false",
        "-o", "APT::Update::Error-Mode=any", "update", timeout=UPDATE_SECONDS, env=QUIET,
    )  # fmt: skip
    plan = _plan(root, apt)
    if plan.install:
        _judge(apt, call("apt-get", *own, "-s", "install", *plan.install, env=QUIET))
        logged("apt-get", *own, "-y", "-d", "install", *plan.install, log=log, env=QUIET)
    return plan


def install(root: Root, plan: Plan, log: IO[bytes]) -> None:
    """Install what differs, and see that it is there. Raises Failed."""
    if plan.install:
        logged("apt-get", *_options(root), "-y", "install", *plan.install, log=log, env=QUIET)
    if faults := missing(plan.versions):
        raise Failed("; ".join(faults))


def missing(versions: Mapping[str, str]) -> list[str]:
    """Which packages are not installed in these versions."""
    now = packages()
    return [
        f"{name} is not {version}"
        for name, version in versions.items()
        if name not in now or not now[name].is_installed or now[name].version != version
    ]


def _plan(root: Root, apt: Apt) -> Plan:
    offered = _offered(root)
    if unknown := sorted(set(apt.packages) - offered.keys() - _elsewhere(root, apt, offered)):
        raise Failed(f"no source has the packages {', '.join(unknown)}")
    now = packages()
    installed = {name: it.version for name, it in now.items() if it.is_installed}
    versions = {
        name: version
        for name, version in offered.items()
        if name in apt.packages or (name in now and now[name].status[1:2] not in ("n", "c"))
    }
    for name, version in versions.items():
        have = installed.get(name)
        if have and ask("dpkg", "--compare-versions", have, "gt", version)[0] == 0:
            raise Failed(
                f"{name} is {have} here and {version} in the wanted release: BBB does not go back"
            )
    differ = [f"{name}={it}" for name, it in versions.items() if installed.get(name) != it]
    others = [it for it in apt.packages if it not in offered and it not in installed]
    return Plan(versions, (*differ, *others))


def _elsewhere(root: Root, apt: Apt, offered: Mapping[str, str]) -> set[str]:
    """Those of the wanted packages that another source has."""
    asked = [it for it in apt.packages if it not in offered]
    if not asked:
        return set()
    said = call("apt-cache", *_options(root), "policy", *asked)
    return {
        match[1]
        for match in re.finditer(r"^(\S+):\n.*\n  Candidate: (?!\(none\))", said, re.MULTILINE)
    }


def _offered(root: Root) -> dict[str, str]:
    """By package, the version in the release's own directory; the newest if there are several."""
    lists = call(
        "apt-get", *_only_release(root), "indextargets", "--format", "$(FILENAME)",
        "Created-By: Packages",
    )  # fmt: skip
    offered: dict[str, str] = {}
    for file in lists.split():
        # apt may keep its lists compressed.
        said = call(HELPER, "cat-file", file)
        for part in said.split("\n\n"):
            name = re.search(r"^Package: (\S+)$", part, re.MULTILINE)
            version = re.search(r"^Version: (\S+)$", part, re.MULTILINE)
            if name and version:
                old = offered.get(name[1])
                if not old or ask("dpkg", "--compare-versions", version[1], "gt", old)[0] == 0:
                    offered[name[1]] = version[1]
    if not offered:
        raise Failed("the release's own directory has no packages: is the release still there?")
    return offered


def _judge(apt: Apt, simulated: str) -> None:
    """Refuse an installation that takes away what nobody named. Raises Failed."""
    going = set(re.findall(r"^(?:Remv|Purg) (\S+)", simulated, re.MULTILINE))
    if lost := sorted(going - set(apt.may_go)):
        raise Failed(f"apt would remove {', '.join(lost)}: name them in may_go, or see why")


def _tell(root: Root, apt: Apt) -> None:
    """Write what apt is told in a change: the node's sources and the release's, without the pin."""
    ours = files.read(root, "/etc/apt/sources.list")
    secrets.put(root, SOURCES, f"{ours.text if ours else ''}\n{apt.source}\n")
    secrets.put(root, f"{SOURCES}.release", f"{apt.source}\n")
    kept = ["/etc/apt/preferences"]
    # Files of other names mean nothing to apt: apt_preferences(5).
    kept += sorted(
        f"/{it.relative_to(root.top)}"
        for it in root.at("/etc/apt/preferences.d").glob("*")
        if it.is_file() and re.fullmatch(r"[A-Za-z0-9_-]+(\.pref)?", it.name)
    )
    texts = [it.text for path in kept if path != apt.pin and (it := files.read(root, path))]
    secrets.put(root, PREFERENCES, "\n\n".join(texts))


def _options(root: Root) -> list[str]:
    return [
        *("-o", f"Dir::Etc::sourcelist={root.at(root.own(SOURCES))}"),
        *("-o", f"Dir::Etc::preferences={root.at(root.own(PREFERENCES))}"),
        *("-o", "Dir::Etc::preferencesparts=/dev/null"),
        *("-o", "Dpkg::Options::=--force-confold"),
        *("-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}"),
        # A postinst that hangs must be seen in the log up to its last line.
        *("-o", "Dpkg::Use-Pty=0"),
    ]


def _only_release(root: Root) -> list[str]:
    """Options by which apt sees the release's own directory, and nothing else."""
    return [
        *("-o", f"Dir::Etc::sourcelist={root.at(root.own(SOURCES))}.release"),
        *("-o", "Dir::Etc::sourceparts=/dev/null"),
        *("-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}"),
    ]
