"""What the drivers have in common."""

import hmac
from collections.abc import Callable

from controller.balancers.interface import BalancerError, Server


class Forbidden(Exception):
    """What a driver must not send: a fault of the project's own."""


class Driver:
    """The words for what goes wrong.

    name: the balancer's; look: what a person does to see more
    """

    def __init__(self, name: str, look: str) -> None:
        self.name = name
        self.look = look

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"

    def unknown(self, host: str) -> BalancerError:
        return BalancerError(f"{self.name} has no server {host}", "add it: run bbb_roll.py for it")

    def not_whole(self) -> BalancerError:
        return BalancerError(f"the answer of {self.name} is no whole list of servers", self.look)

    def not_taken(self, host: str, what: str) -> BalancerError:
        message = f"{self.name} was told of {host} {what}, and does not have it"
        return BalancerError(message, self.look)

    def check_empty(self, server: Server, empty: Callable[[], bool], people: float = 0) -> None:
        """Raises BalancerError if the server serves, or may have meetings.

        empty: asks the node itself; people: as many as the balancer counts there
        """
        if server.state == "serving":
            message = f"{self.name} still gives {server.host} meetings"
            raise BalancerError(message, "drain it first")
        if people or not empty():
            message = f"{server.host} may have meetings"
            raise BalancerError(message, "wait until none runs, then run again")


def same(one: str, other: str) -> bool:
    """Compares secrets."""
    return hmac.compare_digest(one.encode(), other.encode())
