"""What every host gets, whatever its roles."""

from pyinfra.api import deploy

from controller.this_run import this_fleet, this_host
from fleet.derived.packages import packages_of
from operations import packages


@deploy("Every host")
def converge() -> None:
    """The packages of all its roles, in one go: apt is slow to start."""
    names = packages_of(this_fleet(), this_host())
    if this_host().disks:
        names.add(f"linux-headers-{this_host().kernel}")
    packages.installed(name="Packages", names=sorted(names))
