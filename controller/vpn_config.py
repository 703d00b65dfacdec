"""A person's WireGuard configuration, made from their record: wg-quick(8).

python -m controller.vpn_config INVENTORY PERSON [HUB] [KEY_FILE]

KEY_FILE has the private key, which the person alone holds. Without this file the configuration has
a placeholder for the key. With it, on the person's own machine, the configuration is whole, and a
QR code for a phone is shown too.
"""

import base64
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from fleet.derived.vpn import addresses_at, alone, hub_peer
from fleet.hosts import Host
from fleet.load import load
from fleet.model import Fleet
from fleet.people import Person, is_over
from fleet.reading.problems import FleetError, shown
from fleet.secret_kinds.vpn import PRESHARED
from fleet.secrets import Secrets, file_for

PRIVATE_KEY = "(your private key: the file that you gave to wg pubkey)"
PRESHARED_KEY = "(the preshared key that you were given)"


class Refused(Exception):
    """Says why the configuration cannot be made, and what to do."""


def config(
    fleet: Fleet,
    person: Person,
    hub: Host,
    keys: Mapping[str, str],
    *,
    private_key: str = PRIVATE_KEY,
    preshared_key: str = PRESHARED_KEY,
) -> str:
    """The text of the configuration. keys: the public keys by host

    Raises Refused if the hub has no key yet.
    """
    peer = hub_peer(fleet, hub, person, keys)
    if peer.public_key is None:
        raise Refused(f"{hub.name} has no key yet: run the deploy on it first")
    addresses = map(alone, addresses_at(hub, person))
    lines = [
        f"# {person.name}, through {hub.name}",
        "[Interface]",
        f"PrivateKey = {private_key}",
        f"Address = {', '.join(addresses)}",
        "",
        "[Peer]",
        f"PublicKey = {peer.public_key}",
        *([f"PresharedKey = {preshared_key}"] if peer.preshared else []),
        f"AllowedIPs = {', '.join(peer.allowed_ips)}",
        f"Endpoint = {peer.endpoint}",
        f"PersistentKeepalive = {peer.keepalive or 'off'}",
    ]
    return "".join(f"{line}\n" for line in lines)


def person_named(fleet: Fleet, name: str, now: datetime) -> Person:
    """The person of that name. Raises Refused if they do not exist or have no way into the VPN."""
    person = fleet.people.get(name)
    if person is None:
        raise Refused(f"there is no {shown(name)}; there are {', '.join(fleet.people)}")
    if person.vpn is None:
        raise Refused(f"{name} has no vpn in their record: add public_key and addresses first")
    if is_over(person.expires, now):
        raise Refused(f"{name}'s access ended on {person.expires}")
    return person


def hub_for(fleet: Fleet, person: Person, name: str) -> Host:
    """The hub of that name, or for "" the person's only hub. Raises Refused if there is none."""
    hubs = {hub.name: hub for hub in fleet.hosts_in_vpn() if addresses_at(hub, person)}
    if name in hubs:
        return hubs[name]
    if name or len(hubs) != 1:
        raise Refused(f"name one of {person.name}'s hubs: HUB={' or HUB='.join(hubs)}")
    return next(iter(hubs.values()))


def private_key_in(file: Path, person: Person) -> str:
    """The key in the file. Raises Refused, which shows no key, if it is not the person's own."""
    assert person.vpn is not None
    try:
        text = file.read_text().strip()
        public = X25519PrivateKey.from_private_bytes(base64.b64decode(text)).public_key()
    except (OSError, ValueError):
        # Somebody may have written the key itself in the place of its file.
        named = shown(str(file))
        raise Refused(f"{named} cannot be read as a private key of WireGuard") from None
    raw = public.public_bytes(Encoding.Raw, PublicFormat.Raw)
    if base64.b64encode(raw).decode() != person.vpn.public_key:
        raise Refused(f"{file} is not the key whose public half is in {person.name}'s record")
    return text


def main(inventory: str, name: str, hub_name: str = "", key_file: str = "") -> None:
    fleet = load(Path(inventory))
    person = person_named(fleet, name, datetime.now(UTC))
    hub = hub_for(fleet, person, hub_name)
    keys = {
        "preshared_key": Secrets.load(file_for(fleet), os.environ).get(PRESHARED.of(person.name))
    }
    if key_file:
        keys["private_key"] = private_key_in(Path(key_file).expanduser(), person)
    given = {name: value for name, value in keys.items() if value}
    text = config(fleet, person, hub, fleet.vpn_keys.load(), **given)
    print(text, end="")
    if key_file:
        # On stderr, so that stdout is the file and nothing else.
        subprocess.run(
            ["qrencode", "-t", "ansiutf8"], input=text, text=True, check=True, stdout=sys.stderr
        )


if __name__ == "__main__":
    if not 3 <= len(sys.argv) <= 5 or not sys.argv[2]:
        sys.exit("name the person: make vpn-config PERSON=ops-hypha-1 [HUB=vpn1] [KEY=FILE]")
    try:
        main(*sys.argv[1:])
    except (Refused, FleetError) as error:
        sys.exit(str(error))
    except FileNotFoundError:
        sys.exit("the QR code needs qrencode: apt install qrencode")
