"""bbblb, a real balancer, takes the lab's node for one of BigBlueButton."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from lab.bbb.bbblb.installed import environment
from lab.bbb.bbblb.real import Real
from lab.bbb.door import Door, NoAnswer, Refused
from lab.bbb.participants import Crowd
from tests.unit.lab.bbb.node import GAP, LOOPBACK, SECRET, Node, wait
from tests.unit.lab.bbb.tls import certificate, tls

TENANT = "t" * 32


@pytest.fixture
def balanced(node: Node, tmp_path: Path) -> Iterator[Door]:
    """bbblb's own door, with the node behind it."""
    with socket.create_server((LOOPBACK, 0)) as free:
        listen = f"{LOOPBACK}:{free.getsockname()[1]}"
    file = certificate(tmp_path)
    settings = {"POLL_INTERVAL": "1", "POLL_RECOVER": "0", "POLL_FAIL": "3"}
    real = Real(environment(), tmp_path / "bbblb", listen, file, settings)
    real.prepare()
    real.give("tenant", "create", "coop", "--realm", listen, "--secret", TENANT)
    with tls(file, node.daemon.port) as port:
        real.give("server", "create", "--secret", SECRET, f"{LOOPBACK}:{port}")
        process = real.serve()
        try:
            yield Door(f"http://{listen}/bigbluebutton/api", TENANT, authority=file)
        finally:
            process.terminate()
            process.wait(20)


def test_people_meet_on_the_node_through_bbblb(node: Node, balanced: Door) -> None:
    """It polls the node, creates there, and leads each participant to the node itself."""
    crowd = Crowd(balanced, GAP)

    def created() -> bool:
        try:
            crowd.create("room1")
        except (NoAnswer, Refused):
            return False
        return True

    wait(created, "bbblb has seen the node and creates a meeting there", 90)
    crowd.join("room1", "ada")
    wait(lambda: people(node) == {"Room room1": 1}, "ada is on the node")
    balanced.call("end", meetingID="room1")
    wait(lambda: {it.flow for it in crowd.breaks} == {"signals", "media"}, "both flows broke")
    crowd.leave_all()


def people(node: Node) -> dict[str, int]:
    """How many are in each live meeting of the node, by the meeting's name."""
    meetings = node.door.call("getMeetings").root.findall("meetings/meeting")
    return {
        it.findtext("meetingName", ""): int(it.findtext("participantCount", "0"))
        for it in meetings
        if it.findtext("endTime") == "0"
    }
