"""What a run asks of a load balancer, whichever it is.

No balancer is believed about meetings: a balancer counts people, forgets meetings after one failed
poll, or sends a `create` to a server that it drains. Whether meetings run, the node itself says.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, Protocol
from urllib.parse import urlsplit

State = Literal["serving", "cordoned", "off"]
"""serving: gets new meetings. cordoned: gets none, joins pass. off: gets none, joins may fail."""

_HOST = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class BalancerError(Exception):
    """The balancer did not do, or did not tell, what it was asked.

    str gives one line: what is wrong, and what to do. No secret is in it.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


@dataclass(frozen=True)
class Server:
    """What a balancer says of a BBB server.

    host: the name of the server: the host name of its URL, in small letters, without a port
    url: the address of the server's API, as the balancer has it
    online: the balancer has reached the server, and a serving one gets meetings from now on. After
        a restore this takes one poll
    tag: the label by which meetings ask for the server; "" for none
    weight: the server's share of meetings: 2.0 takes twice as many people as 1.0
    """

    host: str
    url: str
    state: State
    online: bool
    tag: str
    weight: float


class Balancer(Protocol):
    """A load balancer for BBB.

    Every method raises BalancerError if the balancer does not answer in time, answers anything but
    the whole of what was asked, or does not have afterwards what it was told. Each can be repeated.
    None ends a meeting: no driver can send such a call.

    hosts are named as in Server.host; a host that the balancer does not know is an error, but for
    add and remove_if_empty.
    """

    name: str

    def list(self) -> dict[str, Server]:
        """All servers, by host. Empty only if the balancer says that it has none."""
        ...

    def add(self, host: str, secret: str, *, weight: float = 1.0, tag: str = "") -> Server:
        """A record for the server, which gets no meetings until it is restored to serving.

        If there is one, its state stays; secret, weight and tag become these.
        """
        ...

    def cordon(self, host: str) -> Server:
        """No new meetings for the server; joins pass. Also puts one back that has been made off."""
        ...

    def restore(self, host: str, state: State) -> Server:
        """Gives the server the state that it had before.

        serving: gets meetings once list() shows the server online. For cordoned and off: cordoned,
        because no driver switches a server off.
        """
        ...

    def knows(self, host: str, secret: str) -> bool:
        """Whether the balancer signs what it asks of the server with this secret."""
        ...

    def set_secret(self, host: str, secret: str) -> None:
        """The balancer signs with this secret from now on; seen afterwards."""
        ...

    def remove_if_empty(self, host: str, empty: Callable[[], bool]) -> bool:
        """Takes the record away. Whether none is left: a balancer may keep a cordoned record.

        A serving server is refused. empty: asks the node itself whether no meeting runs, and is
        called at the last moment; if that is not certain, the record stays.
        """
        ...


def host_of(url: str) -> str:
    """The server that an address belongs to, in its one spelling. Raises ValueError for none.

    url: "https://bbb1.example.org/bigbluebutton/api", or "bbb1.example.org:8443" without a scheme
    """
    try:
        name = urlsplit(url if "//" in url else f"//{url}").hostname or ""
    except ValueError:
        name = ""
    name = name.rstrip(".")
    if not _HOST.fullmatch(name):
        raise ValueError("no host name in the address")
    return name
