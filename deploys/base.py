"""What every host gets, whatever its roles."""

from pyinfra import host
from pyinfra.api import deploy

from deploys.data import fleet, this_host
from operations import packages


@deploy("Every host")
def converge() -> None:
    """The packages of all its roles, in one go: apt is slow to start."""
    of_group = {
        "all": fleet().all.packages,
        "storage": fleet().storage.packages,
        "offsite": fleet().offsite.packages,
        "clients": fleet().clients.packages,
        "vision": fleet().vision.packages,
        "vpn": fleet().vpn.packages,
    }
    names = {name for group in host.groups for name in of_group.get(group, ())}
    if this_host().disks:
        names.add(f"linux-headers-{this_host().kernel}")
    packages.installed(name="Packages", names=sorted(names))
