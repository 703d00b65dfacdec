#!/usr/bin/env python3
"""The lab's fleet as its scripts need it, read from inventories/lab.yml.

hosts.py names              every host, one a line
hosts.py board              the hosts that the vision board needs, one a line
hosts.py address HOST       the host's address
hosts.py boxes HOST...      the boxes that these hosts are made from, e.g. roles-12
hosts.py guests HOST...     those of the hosts that need a kernel of their own; all if LAB=machines
hosts.py bbb HOST...        those of the hosts that are nodes of BigBlueButton
hosts.py network            the libvirt network that gives each host its address, and DNS its names
"""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import yaml

INVENTORY = Path(__file__).resolve().parents[1] / "inventories/lab.yml"
# The release of Debian that stands in for every Ubuntu (lab/ubuntu.py). The Vagrantfile has it too.
FOR_UBUNTU = 12
BOARD = ("storage1", "vision-stg1", "vision-prod1")

GATEWAY = "10.78.0.1"

NETWORK = """\
<network>
  <name>coop-lab</name>
  <forward mode='nat'/>
  <bridge name='coop0' stp='off' delay='0'/>
  <dns>
{names}
  </dns>
  <ip address='{gateway}' netmask='255.255.255.0'>
    <dhcp>
{reservations}
    </dhcp>
  </ip>
</network>"""


def box(host: dict[str, Any]) -> str:
    """The box that the host is made from: its packages, and its release of Debian."""
    return f"{host['lab'].get('box', 'roles')}-{host.get('debian', FOR_UBUNTU)}"


def needs_kernel(host: dict[str, Any]) -> bool:
    """Whether the host is a virtual machine, and never a container."""
    return os.environ.get("LAB") == "machines" or bool(host["lab"].get("own_kernel"))


def mac(address: str) -> str:
    """The fixed MAC address of the host with this address; the Vagrantfile computes the same."""
    return f"52:54:00:4e:00:{int(address.rsplit('.', 1)[1]):02x}"


def network(hosts: dict[str, Any]) -> str:
    # Leases last for ever: a guest that is suspended or put back in time does not renew its lease,
    # and Vagrant takes a guest without a lease for one that is down.
    reservations = (
        f"      <host mac='{mac(host['address'])}' name='{name}' ip='{host['address']}'>"
        "<lease expiry='0'/></host>"
        for name, host in hosts.items()
    )
    names = (
        f"    <host ip='{host['address']}'><hostname>{name}</hostname></host>"
        for host in hosts.values()
        if (name := dns_name(host))
    )
    return NETWORK.format(
        gateway=GATEWAY, names="\n".join(names), reservations="\n".join(reservations)
    )


def dns_name(host: dict[str, Any]) -> str | None:
    """The name that the host has in DNS: the one that its certificate is for."""
    for record, field in (("site", "name"), ("bbb", "hostname"), ("certificate", "name")):
        if record in host:
            return str(host[record][field])
    return None


def main(command: str, *names: str) -> str:
    hosts: dict[str, Any] = yaml.safe_load(INVENTORY.read_text())["hosts"]
    for name in names:
        if name not in hosts:
            sys.exit(f"lab: no host {name!r} in {INVENTORY.name}; there are {', '.join(hosts)}")
    answers: dict[str, Callable[[], Iterable[str]]] = {
        "names": lambda: hosts,
        "board": lambda: BOARD,
        "address": lambda: [str(hosts[names[0]]["address"])],
        "boxes": lambda: sorted({box(hosts[name]) for name in names}),
        "guests": lambda: [it for it in names if needs_kernel(hosts[it])],
        "bbb": lambda: [it for it in names if "bbb" in hosts[it]["roles"]],
        "network": lambda: [network(hosts)],
    }
    if command not in answers:
        sys.exit(__doc__)
    return "\n".join(answers[command]())


if __name__ == "__main__":
    print(main(*sys.argv[1:]))
