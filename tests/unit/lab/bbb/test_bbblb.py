"""The driver for bbblb, against bbblb itself: the one that others run in production."""

import socket
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path

import pytest

from controller.balancers import balancer
from controller.balancers.interface import Balancer, BalancerError
from lab.bbb.bbblb.installed import environment
from lab.bbb.bbblb.real import Real
from lab.bbb.scalelite.node import signed
from lab.bbb.scalelite.records import Server
from tests.unit.bbb_node_here import Node, serving
from tests.unit.lab.bbb import tls

TENANT = "Tenant0123456789abcdefghijklmnop"
NODE = "127.0.0.1"


class World:
    """A node behind bbblb, which trusts the node's certificate."""

    def __init__(self, node: Node, real: Real, meet: Balancer) -> None:
        self.node, self.real, self.meet = node, real, meet
        self.domain = f"{NODE}:{node.server_address[1]}"

    def front(self, action: str, **query: str) -> tuple[int, str]:
        base = f"http://{self.real.listen}/bigbluebutton/api"
        path = signed(Server("", base, TENANT), action, query).removeprefix(
            f"http://{self.real.listen}"
        )
        return self.get(path)

    def get(self, path: str, **headers: str) -> tuple[int, str]:
        connection = HTTPConnection(self.real.listen, timeout=10)
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text


def until(what: Callable[[], bool]) -> None:
    """Patient, because each command of bbblb's takes a second, and ten on a busy machine."""
    end = time.monotonic() + 300
    while not what():
        assert time.monotonic() < end, "it did not come to that"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    certificate = tls.certificate(tmp_path_factory.mktemp("tls"))
    with socket.create_server((NODE, 0)) as free:
        listen = f"{NODE}:{free.getsockname()[1]}"
    settings = {"POLL_INTERVAL": "1", "POLL_RECOVER": "0", "POLL_FAIL": "3"}
    directory = tmp_path_factory.mktemp("bbblb")
    real = Real(environment(), directory, listen, certificate, settings)
    real.prepare()
    node = Node("node" * 8)
    node.speaks_tls(certificate)
    with serving(node):
        world = World(node, real, balancer("meet", "bbblb", f"command:{real.command}", ""))
        real.give("tenant", "create", "coop", "--realm", listen, "--secret", TENANT)
        real.give("server", "create", "--secret", node.secret, world.domain)
        process = real.serve()
        try:
            until(lambda: world.meet.list()[NODE].online)
            yield world
        finally:
            process.terminate()
            process.wait(20)


def test_a_cordoned_server_gets_no_meeting_and_keeps_its_own(world: World) -> None:
    assert "SUCCESS" in world.front("create", meetingID="old", name="Old")[1]
    server = world.meet.cordon(NODE)
    assert (server.state, server.weight, server.tag) == ("cordoned", 1.0, "")
    assert server.url == f"https://{world.domain}/bigbluebutton/api"
    assert "No suitable servers" in world.front("create", meetingID="new", name="New")[1]
    status, _ = world.front("join", meetingID="old", fullName="A")
    assert status == 307, "people of a meeting that runs come back"
    assert world.meet.restore(NODE, "serving").state == "serving"
    until(lambda: "SUCCESS" in world.front("create", meetingID="new", name="New")[1])


def test_one_failed_poll_makes_bbblb_forget_meetings_that_run(world: World) -> None:
    """Why no balancer is believed: bbblb says that this server is drained."""
    until(lambda: "SUCCESS" in world.front("create", meetingID="class", name="Class")[1])
    world.node.fault = "down"
    until(lambda: "notFound" in world.front("join", meetingID="class", fullName="A")[1])
    believed = world.real.give("server", "disable", "--wait", "1", world.domain)
    world.node.fault = ""
    assert "No meetings left" in believed
    assert any("class" in meeting for meeting in world.node.people), "it runs all the same"
    assert world.node.ended == []
    world.meet.restore(NODE, "serving")


def test_a_secret_is_changed_on_both_sides(world: World) -> None:
    world.meet.set_secret(NODE, "new0" * 8)
    assert not world.meet.knows(NODE, world.node.secret)
    world.node.secret = "new0" * 8
    until(lambda: "SUCCESS" in world.front("create", meetingID="after", name="After")[1])


def test_bbblb_keeps_the_record_that_it_calls_removed(world: World) -> None:
    """bbblb 0.0.18: the driver says so, and the record stays cordoned. Once this fails, it goes."""
    host = "bbb9.example.org"
    server = world.meet.add(host, "s" * 32)
    assert (server.state, server.online) == ("cordoned", False)
    with pytest.raises(BalancerError, match="may have meetings"):
        world.meet.remove_if_empty(host, lambda: False)
    assert not world.meet.remove_if_empty(host, lambda: True)
    assert world.meet.add(host, "t" * 32).state == "cordoned"
    assert world.meet.knows(host, "t" * 32)


def test_the_rest_api_tells_no_list(world: World) -> None:
    """Why the driver uses the command line. Once this fails, the REST API could be used."""
    token = world.real.give("maketoken", "--expire", "600", "test").split()[-1]
    assert world.get("/bbblb/api/v1/server")[0] == 403
    headers = {"Authorization": f"Bearer {token}"}
    assert world.get("/bbblb/api/v1/server", **headers)[0] == 500


def test_a_database_of_another_is_an_error(world: World, tmp_path: Path) -> None:
    broken = Real(world.real.environment, tmp_path / "other", world.real.listen)
    broken.prepare()
    (tmp_path / "other/bbblb.db").write_text("no database" * 100)
    meet = balancer("meet", "bbblb", f"command:{broken.command}", "")
    with pytest.raises(BalancerError, match=r"failed \(1\); run the balancer's command by hand"):
        meet.list()
