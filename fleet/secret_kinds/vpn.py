"""The secrets of people in the VPN."""

from collections.abc import Sequence
from datetime import datetime

from fleet.hosts import Host
from fleet.model import Fleet
from fleet.people import is_over
from fleet.secret_kinds.kind import Kind, fits


def _preshared(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    if not any("hub" in host.roles for host in hosts):
        return []
    return [
        PRESHARED.of(person.name)
        for person in fleet.people.values()
        if person.vpn and person.vpn.preshared and not is_over(person.expires, now)
    ]


_MAKE = "wg genpsk"
_is_preshared = fits(
    # 32 bytes in base64, in the one way in which wg(8) writes them. 32 bytes of 0 stand for no key.
    r"(?!A{43}=)[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=",
    "is not a preshared key of WireGuard",
    f"put the output of `{_MAKE}` there; the person needs it too",
)

# The secret that WireGuard mixes into a person's connection to a hub.
PRESHARED = Kind("WIREGUARD_PSK_", _preshared, _is_preshared, _MAKE)
