"""A node and a balancer in memory, with a clock that goes on when somebody waits or asks."""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

from controller.balancers.interface import BalancerError, Server, State
from controller.roll.answers import (
    Change,
    Faults,
    Look,
    Meeting,
    Meetings,
    Spool,
    Step,
    Unit,
    Waiting,
    Window,
)  # fmt: skip
from controller.roll.machine import Roll
from controller.roll.steps import Away, NodeError, Result, Wish

SECRET, OLD_SECRET = "n" * 40, "o" * 40
HOST = "bbb2.example.org"


class Killed(BaseException):
    """The operator's machine is gone: nothing of the roll runs any more."""


class World:
    """The time, and what happens by itself at its moments."""

    def __init__(self) -> None:
        self.time = 1000.0
        self._events: list[tuple[float, int, Callable[[], object]]] = []
        self._numbers = count()
        # What has been called, and at which call the operator's machine goes away.
        self.calls: list[str] = []
        self.dies_before: int | None = None
        self.dies_after: int | None = None

    def now(self) -> float:
        return self.time

    def today(self) -> int:
        return 1_780_000_000 + int(self.time)

    def sleep(self, seconds: float) -> None:
        self.go_to(self.time + seconds)

    def at(self, time: float, event: Callable[[], object]) -> None:
        heapq.heappush(self._events, (time, next(self._numbers), event))

    def after(self, seconds: float, event: Callable[[], object]) -> None:
        self.at(self.time + seconds, event)

    def go_to(self, time: float) -> None:
        while self._events and self._events[0][0] <= time:
            self.time, _, event = heapq.heappop(self._events)
            event()
        self.time = time

    def call(self, name: str, does: Callable[[], Any], seconds: float = 0.5) -> Any:
        number = len(self.calls)
        self.calls.append(name)
        self.sleep(seconds)
        if number == self.dies_before:
            raise Killed
        answer = does()
        if number == self.dies_after:
            raise Killed
        return answer


@dataclass
class FakeMeeting:
    people: int
    breakout_of: str | None = None


@dataclass
class FakeNode:
    """A node. faults: by the name of a call, what it raises or gives instead"""

    world: World
    name: str = "bbb2"
    release: str | None = "3.0.34"
    wanted: str = "3.0.35"
    secret: str = OLD_SECRET
    live: dict[str, FakeMeeting] = field(default_factory=dict)
    gate: str = "open"
    window: Window | None = None
    spool: Spool | None = field(default_factory=Spool)
    dpkg: tuple[str, ...] = ()
    answer: str = "known"
    making: int = 0
    is_away: bool = False
    is_shut_outside: str = ""
    # Which staged files are not what the data says.
    old: str = ""
    # What a change and its proof make of the node.
    change_fails: str = ""
    # The step, before anything is stopped.
    fails_early: str = ""
    change_seconds: float = 100.0
    wrong: tuple[str, ...] = ()
    gate_fails: str = ""
    steps_seen: list[Step] = field(default_factory=list)
    # Meetings that a change has ended, creates that the gate has refused while their meeting ran.
    cut: list[str] = field(default_factory=list)
    shut_out: list[str] = field(default_factory=list)
    _changing: float | None = None

    def create(self, name: str, people: int = 0, breakout_of: str | None = None) -> bool:
        """Whether the node took the `create`: of a new meeting, or before a join of one that is."""
        if self.gate == "closed":
            if name in self.live:
                self.shut_out.append(name)
            return False
        self.live.setdefault(name, FakeMeeting(0, breakout_of)).people += people
        return True

    def end(self, name: str) -> None:
        self.live.pop(name, None)

    def meetings_now(self) -> Meetings:
        if self._changing is not None:
            return Meetings(answer="unreachable", why="connection refused")
        if self.answer != "known":
            return Meetings.model_validate({"answer": self.answer, "why": "made so"})
        listed = tuple(
            Meeting(
                id=name, name=f"Meeting {name}", people=it.people, breakout_of=it.breakout_of,
                begun=it.people > 0, created=1,
            )
            for name, it in self.live.items()
        )  # fmt: skip
        return Meetings(answer="known", meetings=listed, making=self.making)

    def waiting(self) -> tuple[Waiting, ...]:
        found = []
        if self.release != self.wanted:
            found.append(f"{self.release} -> {self.wanted}")
        if self.secret != SECRET:
            found.append("secret")
        if self.dpkg:
            found.append("what dpkg has not finished")
        return tuple(Waiting.model_validate({"what": it, "class": "C"}) for it in found)

    # What a roll calls.

    def _call(self, name: str, does: Callable[[], Any], seconds: float = 0.5) -> Any:
        def done() -> Any:
            if self.is_away:
                raise Away(f"{self.name} does not answer")
            return does()

        return self.world.call(name, done, seconds)

    def look(self) -> Look:
        return self._call("look", self._look)  # type: ignore[no-any-return]

    def _look(self) -> Look:
        return Look(
            release=self.release, wanted=self.wanted, dpkg=self.dpkg, waiting=self.waiting(),
            meetings=self.meetings_now(), units={"bbb-web": Unit(active="active", restarts=0)},
            gate="closed" if self.gate == "closed" else "open", window=self.window,
            spool=self.spool,
        )  # fmt: skip

    def old_files(self) -> str:
        return self._call("old_files", lambda: self.old)  # type: ignore[no-any-return]

    def meetings(self) -> Meetings:
        return self._call("meetings", self.meetings_now)  # type: ignore[no-any-return]

    def close_gate(self) -> None:
        def close() -> None:
            if self.gate_fails:
                raise NodeError(self.gate_fails)
            self.gate = "closed"

        # The old workers' end takes a while, and takes creates.
        self._call("close_gate", close, seconds=3)

    def open_gate(self) -> None:
        self._call("open_gate", lambda: setattr(self, "gate", "open"))

    def change(self, cut: bool) -> Change:
        return self._call("change", lambda: self._change(cut), 20)  # type: ignore[no-any-return]

    def _change(self, cut: bool) -> Change:
        if self._changing is None:
            assert cut or self.gate == "closed"
            self._changing = self.world.time
            self.cut += self.live
            self.live.clear()
        if self.fails_early:
            self._changing = None
            return Change(state="failed", step=self.fails_early, log=("no network",))
        if self.change_fails:
            self.dpkg, self._changing = ("bbb-config",), None
            return Change(state="failed", step="packages", log=(self.change_fails,))
        if self.world.time - self._changing < self.change_seconds:
            return Change(state="running", step="packages")
        self.release, self.secret, self.dpkg, self._changing = self.wanted, SECRET, (), None
        return Change(state="done")

    def verify(self) -> Faults:
        return self._call("verify", lambda: Faults(faults=self.wrong), 30)  # type: ignore[no-any-return]

    def write_window(self, window: Window) -> None:
        def write() -> None:
            self.window = window
            self.steps_seen.append(window.step)

        self._call(f"write_window {window.step}", write)

    def clear_window(self) -> None:
        self._call("clear_window", lambda: setattr(self, "window", None))

    def renew(self) -> None:
        self._call("renew", lambda: None)

    def shut_outside(self) -> str:
        return self._call("shut_outside", lambda: self.is_shut_outside)  # type: ignore[no-any-return]


@dataclass
class FakeBalancer:
    world: World
    name: str = "meet"
    servers: dict[str, Server] = field(default_factory=dict)
    secrets: dict[str, str] = field(default_factory=dict)
    is_down: bool = False
    # After a restore, how long the balancer takes to see the node.
    poll_seconds: float = 60
    sees_nobody: bool = False

    def _call(self, name: str, does: Callable[[], Any]) -> Any:
        def done() -> Any:
            if self.is_down:
                raise BalancerError("meet does not answer", "look at it")
            return does()

        return self.world.call(f"balancer {name}", done)

    def become(self, host: str, **values: Any) -> Server:
        self.servers[host] = replace(self.servers[host], **values)
        return self.servers[host]

    def list(self) -> dict[str, Server]:
        return dict(self._call("list", lambda: self.servers))

    def add(self, host: str, secret: str, *, weight: float = 1.0, tag: str = "") -> Server:
        def add() -> Server:
            self.secrets[host] = secret
            if host not in self.servers:
                url = f"https://{host}/bigbluebutton/api"
                self.servers[host] = Server(host, url, "cordoned", False, tag, weight)
            return self.become(host, tag=tag, weight=weight)

        return self._call("add", add)  # type: ignore[no-any-return]

    def cordon(self, host: str) -> Server:
        return self._call("cordon", lambda: self.become(host, state="cordoned"))  # type: ignore[no-any-return]

    def restore(self, host: str, state: State) -> Server:
        def restore() -> Server:
            if state == "serving" and not self.sees_nobody:
                self.world.after(self.poll_seconds, lambda: self.become(host, online=True))
            return self.become(
                host, state="serving" if state == "serving" else "cordoned", online=False
            )

        return self._call("restore", restore)  # type: ignore[no-any-return]

    def knows(self, host: str, secret: str) -> bool:
        return self._call("knows", lambda: self.secrets.get(host) == secret)  # type: ignore[no-any-return]

    def set_secret(self, host: str, secret: str) -> None:
        self._call("set_secret", lambda: self.secrets.update({host: secret}))

    def remove_if_empty(self, host: str, empty: Callable[[], bool]) -> bool:
        def remove() -> bool:
            if host in self.servers and empty():
                del self.servers[host]
            return host not in self.servers

        return self._call("remove_if_empty", remove)  # type: ignore[no-any-return]


def serving(host: str, **values: Any) -> Server:
    url = f"https://{host}/bigbluebutton/api"
    return replace(Server(host, url, "serving", True, "", 1.0), **values)


class Scene:
    """A node with a balancer that has one more, and the data's wish for the node."""

    def __init__(self, *, balanced: bool = True, **node: Any) -> None:
        self.world = World()
        self.node = FakeNode(self.world, **node)
        hosts = [HOST, "bbb1.example.org"]
        self.balancer = FakeBalancer(
            self.world,
            servers={it: serving(it) for it in hosts},
            secrets=dict.fromkeys(hosts, OLD_SECRET),
        )
        self.balanced = balanced
        self.wish = Wish(
            "bbb2", HOST, "serving", SECRET, weight=1.0, tag="", min_serving=1,
            patience=4 * 3600, look=20, change=5400, online=300,
        )  # fmt: skip
        self.said: list[str] = []
        self.others: list[FakeBalancer] = []

    def roll(self, **wish: Any) -> Result:
        """A new roll: what an earlier one knew is what node and balancer have."""
        balancer = self.balancer if self.balanced else None
        wanted = replace(self.wish, **wish)
        return Roll(
            self.node, balancer, wanted, self.world, self.said.append, others=self.others
        ).run()

    @property
    def server(self) -> Server:
        return self.balancer.servers[HOST]

    @property
    def is_done(self) -> bool:
        """Changed, open to all, and no window is left."""
        node = self.node
        serves = not self.balanced or (
            self.server.state == "serving"
            and self.server.online
            and self.balancer.secrets[HOST] == SECRET
        )
        return (node.release, node.secret, node.gate, node.window, node.dpkg) == (
            node.wanted, SECRET, "open", None, (),
        ) and serves  # fmt: skip
