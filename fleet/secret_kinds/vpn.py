"""The secrets of people in the VPN."""

import re
from collections.abc import Sequence
from datetime import datetime

from fleet.hosts import Host
from fleet.model import Fleet
from fleet.people import is_over
from fleet.secret_kinds.kind import Kind, Wrong


def _preshared(fleet: Fleet, hosts: Sequence[Host], now: datetime) -> list[str]:
    if not any("hub" in host.roles for host in hosts):
        return []
    return [
        PRESHARED.of(person.name)
        for person in fleet.people.values()
        if person.vpn and person.vpn.preshared and not is_over(person.expires, now)
    ]


def _wrong_preshared(value: str | None) -> Wrong | None:
    remedy = f"put the output of `{PRESHARED.make}` there; the person needs it too"
    if value is None:
        return "is not set", remedy
    # 32 bytes in base64, in the one way in which wg(8) writes them. 32 bytes of 0 stand for no key.
    if not re.fullmatch(r"(?!A{43}=)[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=", value):
        return "is not a preshared key of WireGuard", remedy
    return None


# The secret that WireGuard mixes into a person's connection to a hub.
PRESHARED = Kind("WIREGUARD_PSK_", _preshared, _wrong_preshared, make="wg genpsk")
