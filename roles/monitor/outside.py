"""What the monitor tries from outside of the VPN: SSH, and the pages that people come for."""

from typing import Any

from fleet.derived.targets import watched
from fleet.hosts import Host
from fleet.model import Fleet
from fleet.values.networks import bracketed
from roles.monitor import prober


def jobs(fleet: Fleet, here: Host) -> list[dict[str, Any]]:
    """here: the monitor, which does not reach itself from outside"""
    others = [it for it in watched(fleet) if it.name != here.name]
    return [
        prober.job("outside", [_ssh(it) for it in others]),
        prober.job("web", [_web(it) for it in others if shows(it)]),
    ]


def _ssh(host: Host) -> dict[str, Any]:
    """Whether SSH is as open to the network as the data says."""
    tried = f"{bracketed(host.address)}:{host.ssh_port}"
    expected = "closed" if host.only_by_vpn else "open"
    return prober.target(host, tried, "port", expected=expected)


def shows(host: Host) -> bool:
    """Whether people come for its page.

    A node that is drained or retired serves nobody, and may be stopped.
    """
    return host.shows is not None and (host.bbb is None or host.bbb.wanted == "serving")


def _web(host: Host) -> dict[str, Any]:
    """What people's browsers come for, with the certificate that they would look at.

    At the host's own address: so it says nothing of DNS, and a balancer hides no host.
    """
    assert host.shows is not None
    module, path = "any", "/"
    if host.site:
        module = "page"
    elif host.bbb or host.scalelite:
        module, path = "bbb", "/bigbluebutton/api"
    tried = f"https://{bracketed(host.address)}{path}"
    found = prober.target(host, tried, module, name=host.shows.name)
    found["labels"]["__param_hostname"] = host.shows.name
    return found
