"""What the balancer says of a node while the node's window is open."""

from collections.abc import Callable

from controller.balancers.interface import Balancer, BalancerError, Server, State
from controller.roll.answers import Before
from controller.roll.steps import Clock, Say, Stopped, Wish

STATES: tuple[State, ...] = ("serving", "cordoned", "off")


class Cordon:
    """A node's record at its balancer.

    No balancer is believed about meetings. A balancer also changes states by itself: Scalelite's
    poller switches a cordoned server off once nobody is in its meetings, and then people cannot
    rejoin (scalelite #620); and `servers:sync` serves again what its file does not mention.
    """

    def __init__(self, balancer: Balancer | None, wish: Wish, say: Say) -> None:
        self._balancer = balancer
        self._wish = wish
        self._say = say
        self._silent = False

    @property
    def server(self) -> Server | None:
        """The record; None without one. Raises BalancerError."""
        if self._balancer is None:
            return None
        return self._balancer.list().get(self._wish.hostname)

    @property
    def is_missing(self) -> bool:
        """Whether there is a balancer that does not know the node. Raises BalancerError."""
        return self._balancer is not None and self.server is None

    def differs(self) -> tuple[str, ...]:
        """What the record has otherwise than the data, and no meeting notices."""
        server = self.server
        if self._balancer is None or server is None:
            return ()
        found = []
        if server.weight != self._wish.weight:
            found.append(f"weight {server.weight:g} -> {self._wish.weight:g}")
        if server.tag != self._wish.tag:
            found.append(f"tag {server.tag or 'none'} -> {self._wish.tag or 'none'}")
        if not self._balancer.knows(self._wish.hostname, self._wish.secret):
            found.append("secret")
        return tuple(found)

    def begin(self) -> None:
        """No new meetings for the node.

        Raises Stopped if too few others would serve, and nothing is changed then. Two rolls may
        have counted at the same moment: so a second count follows, and the node goes back if it
        has to.
        """
        server = self.server
        if self._balancer is None or server is None:
            return
        self.refuse_if_few()
        self._balancer.cordon(self._wish.hostname)
        if server.state == "serving":
            try:
                self._count_others()
            except Stopped:
                self._balancer.restore(self._wish.hostname, "serving")
                raise

    def refuse_if_few(self) -> None:
        """Raises Stopped if the node serves, and fewer than min_serving others do."""
        server = self.server
        if server and server.state == "serving":
            self._count_others()

    def _count_others(self) -> None:
        assert self._balancer is not None
        others = [
            it.host
            for it in self._balancer.list().values()
            if it.state == "serving" and it.online and it.host != self._wish.hostname
        ]
        if len(others) < self._wish.min_serving:
            raise Stopped(
                f"{self._balancer.name} would have {len(others)} other nodes that serve, and "
                f"min_serving is {self._wish.min_serving}: bring another node back first"
            )

    def hold(self, has_meetings: bool) -> bool:
        """Look once more, and cordon the node again if somebody else has changed that.

        Returns whether the balancer is known to send the node no new meetings.
        """
        if self._balancer is None:
            return True
        try:
            server = self.server
            if server and (server.state == "serving" or (server.state == "off" and has_meetings)):
                self._say(f"{self._balancer.name} has made it {server.state}: cordoned again")
                server = self._balancer.cordon(self._wish.hostname)
        except BalancerError as error:
            if not self._silent:
                self._say(f"{self._balancer.name} cannot be asked now: {error}")
            self._silent = True
            return False
        if self._silent:
            self._say(f"{self._balancer.name} answers again")
        self._silent = False
        return server is None or server.state != "serving"

    def put_back(self, before: Before | None) -> None:
        """The state that the node had before its window, unless the record is gone meanwhile.

        Raises BalancerError.
        """
        if self._balancer and before and self.server:
            self._balancer.restore(self._wish.hostname, _state(before))

    def make_known(self) -> None:
        """The balancer signs with the node's secret; a node that it does not know is added.

        But none that is about to go. Raises BalancerError; Stopped if the secret did not arrive.
        """
        wish = self._wish
        if self._balancer is None or wish.wanted == "retired":
            return
        self._balancer.add(wish.hostname, wish.secret, weight=wish.weight, tag=wish.tag)
        if not self._balancer.knows(wish.hostname, wish.secret):
            raise Stopped(f"{self._balancer.name} does not sign with the node's secret")

    def see_online(self, before: Before | None, clock: Clock, renew: Callable[[], object]) -> None:
        """Returns once the balancer sees a node that serves; raises Stopped if that takes long.

        The next node is not taken before: it may be the one that has to serve meanwhile.

        renew: keeps the node to this roll; raises Taken if another one has it
        """
        if self._balancer is None or before is None:
            return
        end = clock.now() + self._wish.online
        while before.state == "serving":
            server = self.server
            if server and server.state == "serving" and server.online:
                return
            if clock.now() >= end:
                raise Stopped(f"{self._balancer.name} does not see the node online")
            renew()
            clock.sleep(5)


def _state(before: Before) -> State:
    """The state in the window's file. Raises Stopped for one that no balancer has."""
    for state in STATES:
        if state == before.state:
            return state
    raise Stopped(f"the window has the state {before.state[:40]}, which no balancer has")
