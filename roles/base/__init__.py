"""What every host gets, whatever its roles."""

from pyinfra.api import deploy

from controller.audit import Finding, Look
from controller.this_run import this_fleet, this_host
from engine.several import Asked
from facts.pool_state import PoolState
from facts.system import Kernels, KernelsState, System, SystemState
from fleet.derived.packages import packages_of
from operations import packages, system
from roles import pool


@deploy("System")
def check() -> None:
    """Before all else: on another release, packages and paths would be others."""
    system.release(name="Release", wanted=this_host().release.system)


@deploy("Every host")
def converge() -> None:
    """Install the packages of all roles of the host in one call, because apt is slow to start."""
    names = packages_of(this_fleet(), this_host())
    if this_host().all_disks:
        names.add(f"linux-headers-{this_host().kernel}")
    packages.installed(name="Packages", names=sorted(names))


def audit() -> Look:
    """The release that the host runs, its pool, and whether it would boot with the pool."""
    asked: list[Asked] = [(System, {})]
    if this_host().all_disks:
        asked += [(Kernels, {"module": "zfs", "tool": "zpool"}), pool.question()]
    return Look("system", asked, judge)


def judge(
    now: SystemState, kernels: KernelsState | None = None, pooled: PoolState | None = None
) -> Finding:
    """kernels, pooled: of a host with a pool."""
    wrong = system.differs(now, this_host().release.system)
    drift = [*([wrong] if wrong else []), *system.lacking(kernels or KernelsState(), "zfs")]
    if pooled:
        drift += pool.drift(pooled)
    return Finding({"release": now.system}, "", drift)
