"""Scalelite's stand-in and bbb-web's get along, and the poller ends meetings there."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bbb.scalelite.front import Front
from lab.bbb.scalelite.node import NodeError, ask
from lab.bbb.scalelite.poller import Pace, Poller
from lab.bbb.scalelite.records import Records, Server
from lab.bbb.web.daemon import Daemon
from lab.bbb.web.settings import OVERRIDE

SECRET = "Node0123456789abcdefghijklmnopqr"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    file = tmp_path / OVERRIDE
    file.parent.mkdir(parents=True)
    file.write_text(
        f"securitySalt={SECRET}\nbigbluebutton.web.serverURL=https://bbb1.example.org\n"
    )
    return tmp_path


@pytest.fixture
def node(root: Path) -> Iterator[Server]:
    daemon = Daemon(root, ("127.0.0.1", 0), ("127.0.0.1", 0))
    daemon.start()
    yield Server("1", f"http://127.0.0.1:{daemon.port}/bigbluebutton/api", SECRET, state="enabled")
    daemon.stop()


def test_a_meeting_is_made_counted_and_ended_by_the_poller(node: Server, root: Path) -> None:
    records, pace = Records(servers={"1": node}), Pace(unhealthy=2)
    front, poller = Front(records, 5.0), Poller(records, pace)
    poller.poll_all()
    assert (node.online, node.load) == (True, 0)
    front.answer("create", {"meetingID": "class", "name": "Class"})
    poller.poll_all()
    assert node.load == 15, "young, so it counts as fifteen people"
    assert list(records.meetings) == ["class"]

    switch = root / "var/lib/bbb-standin/switches/fail"
    switch.parent.mkdir(parents=True, exist_ok=True)
    switch.touch()
    poller.poll_all()
    assert node.online and "class" in records.meetings
    node.unhealthy = 1
    switch.unlink()
    node.secret, right = "wrong", node.secret
    poller.poll_all()
    node.secret = right
    assert not node.online and not records.meetings
    # The `end` had the wrong secret too: the meeting lives, and the balancer knows nothing of it.
    assert ask(node, "getMeetingInfo", {"meetingID": "class"}, 5.0) is not None


def test_an_end_call_of_the_poller_ends_the_meeting(node: Server, root: Path) -> None:
    records = Records(servers={"1": node})
    Poller(records, Pace()).poll_all()
    Front(records, 5.0).answer("create", {"meetingID": "class", "name": "Class"})
    switches = root / "var/lib/bbb-standin/switches"
    switches.mkdir(parents=True, exist_ok=True)
    poller = Poller(records, Pace(second=0.01, unhealthy=1))
    # An API that is slow for a moment, longer than the poller waits.
    (switches / "slow").write_text("2")
    poller.poll_all()
    (switches / "slow").unlink()
    assert not records.meetings
    end = time.monotonic() + 20
    while _lives(node):
        assert time.monotonic() < end, "it was not ended"
        time.sleep(0.1)


def _lives(node: Server) -> bool:
    try:
        return ask(node, "getMeetingInfo", {"meetingID": "class"}, 5.0).findtext("endTime") == "0"
    except NodeError:
        return False
