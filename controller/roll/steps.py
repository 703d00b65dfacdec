"""What a roll wants of a node, what it needs of one, and how the node comes out of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, Protocol

from controller.roll.answers import Change, Faults, Look, Meetings, Step, Window

UNKNOWN_SECONDS = 300
"""How long a node may give no list of its meetings while a roll waits, before the roll ends."""

HEARTBEAT_SECONDS = 600
"""After so long without news a roll says that it still waits."""

BEYOND_LOOK = (Step.CHANGE, Step.VERIFY, Step.SECRET, Step.OPEN, Step.RESTORE)
"""The steps in which a failure leaves the gate closed and the node cordoned."""


class NodeError(Exception):
    """The node did not do, or did not tell, what it was asked. str: why, in one line."""


class Away(NodeError):
    """The node cannot be reached. What it was doing may go on."""


class Taken(NodeError):
    """Another roll holds the node."""


class Stopped(Exception):
    """Ends a node's window at this step. str: the cause, in one line."""


class Node(Protocol):
    """A node, by its own program. Each method raises NodeError, and each can be repeated."""

    name: str

    def look(self) -> Look: ...

    def meetings(self) -> Meetings:
        """The node's own answer, which it gives to a call signed with the secret in force."""
        ...

    def old_files(self) -> str:
        """Which staged files are not what deploy.py would stage now; "" if all are."""
        ...

    def close_gate(self) -> None:
        """No meeting can be created from now on; returns once this is seen, on the node."""
        ...

    def open_gate(self) -> None: ...

    def change(self, cut: bool) -> Change:
        """Begins the change, or goes on waiting for it, for up to a minute.

        cut: whether the node begins although meetings run; without it the node refuses by itself
        """
        ...

    def verify(self) -> Faults: ...

    def write_window(self, window: Window) -> None: ...

    def clear_window(self) -> None: ...

    def renew(self) -> None:
        """Nothing but that no other roll takes the node meanwhile. Raises Taken if one has."""
        ...

    def shut_outside(self) -> str:
        """Why a person's browser could not create a meeting on this node; "" if it could."""
        ...


class Clock(Protocol):
    """now: in seconds of a clock that never goes back; today: in seconds since 1970"""

    def now(self) -> float: ...

    def today(self) -> int: ...

    def sleep(self, seconds: float) -> None: ...


class RealClock:
    """The time. Under pyinfra, sleep lets the connections of the other hosts work meanwhile."""

    def now(self) -> float:
        return time.monotonic()

    def today(self) -> int:
        return int(time.time())

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class Wish:
    """What the data says of a node, and the operator of this roll.

    hostname: of the node, by which its balancer knows it
    secret: the API secret that the node should have
    min_serving: how many others of the balancer must serve while this node does not
    patience: how long to wait for meetings to end, in seconds
    look: seconds from one look at the meetings to the next
    change: how long a change may take, in seconds
    online: how long the balancer may take to see an opened node, in seconds
    force: whether meetings are cut
    """

    name: str
    hostname: str
    wanted: Literal["serving", "drained", "retired"]
    secret: str
    weight: float
    tag: str
    min_serving: int
    patience: float
    look: float
    change: float
    online: float
    force: bool = False

    def __repr__(self) -> str:
        """Without the secret."""
        return f"Wish({self.name}, {self.wanted})"


class Outcome(StrEnum):
    """How a node came out of a roll."""

    NOTHING = "nothing to do"
    DONE = "done"
    BUSY = "busy"
    FAILED = "failed"


@dataclass(frozen=True)
class Result:
    """text: for a person, in one line; step: where the node failed"""

    outcome: Outcome
    text: str
    step: Step | None = None


Say = Callable[[str], None]
"""Shows a line about the node to the operator."""
