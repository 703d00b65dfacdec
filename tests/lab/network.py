"""The lab's network, to which its machines and the tests belong."""

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from lab.command import wait_for
from lab.container import BRIDGE
from lab.machines import Machine

# A container's interface has another name than a guest's.
LINK_ADDRESS = """\
interface=$(ip -o route show default | sed 's/.* dev \\([^ ]*\\).*/\\1/')
ip -6 -o address show scope link dev "$interface" | awk '{print $4}'
"""


@contextmanager
def ipv6_on_the_link(each: Machine) -> Iterator[str]:
    """Gives this side IPv6, and yields the machine's address on the link.

    The address stands in for a public one, which the lab does not have.
    """
    setting = f"net.ipv6.conf.{BRIDGE}.disable_ipv6"
    sh("sysctl", "-q", "-w", f"{setting}=0")
    try:
        wait_for(has_ipv6, "this side has an address too", 10)
        address = each.sh(LINK_ADDRESS)
        yield f"{address.partition('/')[0]}%{BRIDGE}"
    finally:
        sh("sysctl", "-q", "-w", f"{setting}=1")


def echoes(address: str, seconds: float = 20) -> bool:
    """Whether the IPv4 address answers an echo request: RFC 792."""
    # Type 8, code 0, the checksum of this, identifier 0, number 1.
    request = bytes([8, 0, 0xF7, 0xFE, 0, 0, 0, 1])
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as to:
        to.settimeout(seconds)
        # A time that is over, and no way to the address, are both no answer.
        with suppress(OSError):
            to.sendto(request, (address, 0))
            while True:
                answer, (source, _) = to.recvfrom(1024)
                # Behind an IPv4 header of 20 bytes: type 0 is an echo reply.
                if source == address and answer[20] == 0:
                    return True
    return False


def has_ipv6() -> bool:
    found = sh("ip", "-6", "address", "show", "dev", BRIDGE, "scope", "link")
    return "fe80:" in found and "tentative" not in found


def sh(*words: str) -> str:
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout
