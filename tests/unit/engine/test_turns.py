"""Hosts take turns, each in a greenlet of its own, as in pyinfra."""

from itertools import count

import gevent
import pytest
from gevent.pool import Pool

from engine import turns
from engine.turns import Turns

KIND = "a client"


class Fleet:
    """Hosts that change when it is their turn; each is at work until it is told to end."""

    def __init__(self, size: int = 1000) -> None:
        self.turns = Turns()
        self.pool = Pool(size)
        self.at_work: list[str] = []
        self.refused: dict[str, str] = {}
        self._numbers = count(1)

    def add(self, *hosts: str, kind: str = KIND) -> None:
        for host in hosts:
            self.pool.spawn(self._change, host, kind)
        settle()

    def many(self, number: int) -> None:
        self.add(*(f"vm{next(self._numbers)}" for _ in range(number)))

    def end(self, *hosts: str, proven: bool = True) -> None:
        for host in hosts:
            self.at_work.remove(host)
            self.turns.end(host, proven)
        settle()

    def _change(self, host: str, kind: str) -> None:
        if reason := self.turns.begin(host, kind):
            self.refused[host] = reason
        else:
            self.at_work.append(host)


def settle() -> None:
    """Lets the hosts go on until all of them wait."""
    gevent.sleep(0.01)


def test_the_first_of_a_kind_changes_alone_and_then_more_the_more_are_proven() -> None:
    fleet, seen = Fleet(), []
    fleet.many(20)
    while fleet.at_work:
        seen.append(len(fleet.at_work))
        fleet.end(*fleet.at_work)
    assert seen == [1, 2, 4, 8, 5]


def test_the_first_of_another_kind_waits_until_nobody_is_at_work() -> None:
    fleet = Fleet()
    fleet.add("vm1", "vm2")
    fleet.end("vm1")
    fleet.add("storage1", kind="a storage server")
    assert fleet.at_work == ["vm2"]
    fleet.end("vm2")
    assert fleet.at_work == ["storage1"]


def test_while_the_first_of_a_kind_is_at_work_nobody_else_is() -> None:
    fleet = Fleet()
    fleet.add("vm1")
    fleet.end("vm1")
    fleet.add("storage1", kind="a storage server")
    fleet.add("vm2", "vm3")
    assert fleet.at_work == ["storage1"]
    fleet.end("storage1")
    assert fleet.at_work == ["vm2", "vm3"]


def test_once_one_has_failed_nobody_begins_any_more() -> None:
    fleet = Fleet()
    fleet.many(3)
    fleet.end("vm1", proven=False)
    fleet.add("storage1", kind="a storage server")
    assert fleet.at_work == []
    assert fleet.refused == dict.fromkeys(["vm2", "vm3", "storage1"], "vm1 failed")


def test_those_that_are_at_work_go_on_when_another_fails() -> None:
    fleet = Fleet()
    fleet.many(4)
    fleet.end("vm1")
    fleet.end("vm2", proven=False)
    assert fleet.at_work == ["vm3"] and fleet.refused == {"vm4": "vm2 failed"}
    fleet.end("vm3")
    assert fleet.at_work == []


@pytest.mark.parametrize("size", [1, 2, 5])
def test_a_pool_that_is_smaller_than_the_fleet_lets_everybody_through(size: int) -> None:
    """A host that waits takes a place in the pool, and the host that it waits for needs one."""
    turns, pool, done = Turns(), Pool(size), []

    def change(host: str, kind: str) -> None:
        assert turns.begin(host, kind) is None
        gevent.sleep(0.001)
        done.append(host)
        turns.end(host, proven=True)

    with gevent.Timeout(10):
        # The kinds alternate, so that the first of each finds the pool full of others.
        for number in range(24):
            pool.spawn(change, f"vm{number}", f"kind {number % 6}")
        pool.join()
    assert len(done) == 24


def test_a_host_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.02)
    fleet = Fleet()
    fleet.many(2)
    gevent.sleep(0.05)
    assert fleet.refused == {"vm2": "vm1 did not end within 0.02 s"}


def test_news_of_others_renew_its_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "PATIENCE_SECONDS", 0.2)
    fleet = Fleet()
    fleet.many(1)
    fleet.end("vm1")
    fleet.many(2)
    fleet.add("storage1", kind="a storage server")
    for host in ("vm2", "vm3"):
        gevent.sleep(0.12)
        fleet.end(host)
    assert fleet.at_work == ["storage1"] and not fleet.refused
