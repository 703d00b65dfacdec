"""A fleet with two nodes of BigBlueButton, and their secrets."""

from pathlib import Path
from typing import Any

from fleet.model import Fleet
from fleet.secrets import Secrets
from tests.unit.fleet_samples import fleet_of, sample

SECRETS = {
    "BBB_SECRET_BBB1": "a" * 40,
    "BBB_SECRET_BBB2": "b" * 40,
    "BALANCER_SECRET_MEET": "m" * 40,
}


def node(number: int, **bbb: Any) -> dict[str, Any]:
    return {
        "roles": ["bbb"],
        "environment": "prod",
        "ubuntu": "22.04",
        "address": f"192.0.2.4{number}",
        "vpn": {"addresses": [f"10.66.0.4{number}", f"fd66::4{number}"]},
        "bbb": {
            "hostname": f"bbb{number}.example.org",
            "release": "3.0.35",
            "public": {"ipv4": f"192.0.2.4{number}"},
            "balancer": "meet",
            **bbb,
        },
    }


def nodes(directory: Path, **bbb2: Any) -> Fleet:
    """bbb1 and bbb2; bbb2 with these fields."""
    return fleet_of(directory, sample(bbb2=node(2, **bbb2), bbb1=node(1)))


def secrets(directory: Path) -> Secrets:
    return Secrets.load(directory / "no-such-file", SECRETS)
