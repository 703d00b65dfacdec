"""Scalelite's stand-in has the faults of Scalelite's that a roll has to cope with."""

import hashlib
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlencode

import pytest

from controller.balancers import balancer
from controller.balancers.interface import Balancer, BalancerError
from fleet import ROOT
from lab.bbb.scalelite.node import NodeError
from lab.bbb.scalelite.poller import Pace, Poller
from lab.bbb.scalelite.records import Missing, Records, Server
from lab.bbb.scalelite.web import Scalelite
from tests.unit.bbb_node_here import Node, serving
from tests.unit.lab.bbb import tls

SECRET = "Front0123456789abcdefghijklmnopq"
OLD = 3600.0


class World:
    """Two nodes behind Scalelite, both enabled and polled once."""

    def __init__(self, server: Scalelite, records: Records, nodes: list[Node], pace: Pace) -> None:
        self.server, self.records, self.nodes = server, records, nodes
        self.poller = Poller(records, pace)
        for node in nodes:
            records.add_server(node.url, node.secret, 1.0, "").becomes("enabled")
        self.poller.poll_all()

    def call(self, method: str, root: str, action: str, body: object = None, **query: str) -> str:
        text = urlencode(query)
        checksum = hashlib.sha256(f"{action}{text}{SECRET}".encode()).hexdigest()
        path = f"/{root}/api/{action}?{urlencode({**query, 'checksum': checksum})}"
        connection = HTTPConnection("127.0.0.1", self.server.server_address[1], timeout=5)
        headers = {"Content-Type": "application/json"} if body else {}
        connection.request(method, path, json.dumps(body) if body else None, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.headers["Location"] or text

    def front(self, action: str, **query: str) -> str:
        return self.call("GET", "bigbluebutton", action, **query)

    def server_of(self, node: Node) -> Server:
        return next(it for it in self.records.servers.values() if it.url == node.url)


@pytest.fixture
def world() -> Iterator[World]:
    pace, records = Pace(second=0.01), Records()
    with (
        serving(Node("a" * 32)) as one,
        serving(Node("b" * 32)) as two,
        serving(Scalelite(("127.0.0.1", 0), SECRET, records, pace)) as server,
    ):
        yield World(server, records, [one, two], pace)


def test_a_meeting_goes_to_the_server_with_the_lowest_load(world: World) -> None:
    world.nodes[0].begin("there", people=3, age=OLD)
    world.poller.poll_all()
    assert "SUCCESS" in world.front("create", meetingID="new")
    assert "new" in world.nodes[1].people
    assert world.front("join", meetingID="new").startswith(world.nodes[1].url)


def test_two_failed_polls_end_every_meeting_of_a_server(world: World) -> None:
    world.front("create", meetingID="class")
    (node,) = (it for it in world.nodes if "class" in it.people)
    node.secret = "z" * 32  # As after a rotation on one side alone.
    world.poller.poll_all()
    assert world.server_of(node).online
    node.fault = ""
    world.poller.poll_all()
    assert not world.server_of(node).online
    assert not world.records.meetings, "forgotten, though it lives"
    assert "notFound" in world.front("join", meetingID="class")


def test_the_end_calls_arrive_if_the_server_answers_again(world: World) -> None:
    world.front("create", meetingID="class")
    (node,) = (it for it in world.nodes if "class" in it.people)
    server = world.server_of(node)
    server.unhealthy = 1
    asked = node.answer

    def slow_once(action: str, query: dict[str, str]) -> str:
        return "" if action == "getMeetings" else asked(action, query)

    node.answer = slow_once  # type: ignore[method-assign]
    world.poller.poll_all()
    assert node.ended == ["class"]


def test_a_higher_threshold_lets_a_short_fault_pass(world: World) -> None:
    world.front("create", meetingID="class")
    (node,) = (it for it in world.nodes if "class" in it.people)
    patient = Poller(world.records, Pace(second=0.01, unhealthy=5))
    node.fault = "down"
    for _ in range(4):
        patient.poll_all()
    node.fault = ""
    patient.poll_all()
    assert node.people == {"class": 0} and "class" in world.records.meetings


def test_a_cordoned_server_with_an_empty_meeting_becomes_disabled(world: World) -> None:
    node = world.nodes[0]
    node.begin("empty", people=0, age=OLD)
    server = world.server_of(node)
    server.becomes("cordoned")
    world.poller.poll_all()
    assert server.state == "disabled" and "empty" in node.people


def test_a_young_meeting_counts_as_fifteen_people(world: World) -> None:
    node = world.nodes[0]
    node.begin("young", people=0)
    server = world.server_of(node)
    server.becomes("cordoned")
    world.poller.poll_all()
    assert (server.state, server.load) == ("cordoned", 15.0)


def test_a_disabled_server_gets_a_known_meeting_again(world: World) -> None:
    world.front("create", meetingID="weekly")
    (node,) = (it for it in world.nodes if "weekly" in it.people)
    world.server_of(node).becomes("disabled")
    del node.people["weekly"]
    world.front("create", meetingID="weekly")
    assert "weekly" in node.people, "scalelite #525"


def test_a_cordoned_server_does_not_get_a_meeting_again_that_ended(world: World) -> None:
    world.front("create", meetingID="weekly")
    (node,) = (it for it in world.nodes if "weekly" in it.people)
    world.server_of(node).becomes("cordoned")
    world.front("create", meetingID="weekly")
    assert [len(it.people) for it in world.nodes].count(1) == 1, "while it runs, there"
    del node.people["weekly"]
    world.front("create", meetingID="weekly")
    assert "weekly" not in node.people


def test_nobody_joins_on_a_disabled_server(world: World) -> None:
    world.front("create", meetingID="class")
    (node,) = (it for it in world.nodes if "class" in it.people)
    world.server_of(node).becomes("cordoned")
    assert world.front("join", meetingID="class").startswith("http")
    world.server_of(node).becomes("disabled")
    assert "serverDisabled" in world.front("join", meetingID="class")


def test_a_record_goes_when_the_server_knows_the_meeting_no_more(world: World) -> None:
    world.front("create", meetingID="class")
    (node,) = (it for it in world.nodes if "class" in it.people)
    del node.people["class"]
    world.poller.poll_all()
    assert not world.records.meetings


def test_an_enabled_server_gets_meetings_only_after_the_next_poll(world: World) -> None:
    for node in world.nodes:
        world.server_of(node).becomes("disabled")
    world.server_of(world.nodes[0]).becomes("enabled")
    assert "Could not find any available servers" in world.front("create", meetingID="m")
    world.poller.poll_all()
    assert "SUCCESS" in world.front("create", meetingID="m")


def test_a_server_is_deleted_whatever_runs_there(world: World) -> None:
    world.front("create", meetingID="class")
    (node,) = (it for it in world.nodes if "class" in it.people)
    server_id = world.server_of(node).id
    assert "was destroyed" in world.call("POST", "scalelite", "deleteServer", {"id": server_id})
    assert "class" in world.records.meetings, "scalelite #290"


def test_panic_ends_meetings(world: World) -> None:
    world.front("create", meetingID="class")
    (node,) = (it for it in world.nodes if "class" in it.people)
    world.call("POST", "scalelite", "panicServer", {"id": world.server_of(node).id})
    assert node.ended == ["class"] and world.server_of(node).state == "disabled"


def test_all_meetings_are_listed_but_those_of_disabled_servers(world: World) -> None:
    for number, node in enumerate(world.nodes):
        node.begin(f"m{number}")
    assert {"m0", "m1"} <= set(world.front("getMeetings").replace("<", ">").split(">"))
    world.server_of(world.nodes[0]).becomes("disabled")
    assert "m0" not in world.front("getMeetings") and "m1" in world.front("getMeetings")


def test_records_outlive_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "records"
    records = Records(file)
    records.add_server("http://node/bigbluebutton/api", "s", 2.0, "large").becomes("enabled")
    records.save()
    (again,) = Records(file).servers.values()
    assert (again.load_multiplier, again.tag, again.state) == (2.0, "large", "enabled")
    assert file.stat().st_mode & 0o077 == 0


def test_a_tag_with_an_exclamation_mark_is_a_must(world: World) -> None:
    world.server_of(world.nodes[1]).tag = "large"
    assert world.records.available("large").tag == "large"
    assert world.records.available("small").tag == ""
    with pytest.raises(Missing):
        world.records.available("small!")


def test_a_wrong_checksum_is_refused_by_both_apis(world: World) -> None:
    world.server.secret = "another"
    assert "checksumError" in world.front("create", meetingID="m")
    assert "checksumError" in world.call("GET", "scalelite", "getServers")


def test_an_error_of_the_node_is_passed_on(world: World) -> None:
    world.nodes[0].fault = world.nodes[1].fault = "down"
    assert "Unable to create meeting" in world.front("create", meetingID="m")
    assert NodeError("notFound", "").key == "notFound"


def test_it_runs_as_a_process_of_its_own_and_speaks_tls(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the lab runs it, and asked by the driver of a roll."""
    file = tls.certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    (tmp_path / "secret").write_text(f"{SECRET}\n")
    with socket.create_server(("127.0.0.1", 0)) as free:
        listen = f"127.0.0.1:{free.getsockname()[1]}"
    options = {"listen": listen, "secret": tmp_path / "secret", "certificate": file}
    options["records"] = tmp_path / "records"
    given = [it for name, value in options.items() for it in (f"--{name}", str(value))]
    process = subprocess.Popen([sys.executable, "-m", "lab.bbb.scalelite", *given], cwd=ROOT)
    meet = balancer("meet", "scalelite", f"https://{listen}", SECRET)
    try:
        end = time.monotonic() + 60
        while _is_away(meet):
            assert process.poll() is None and time.monotonic() < end
            time.sleep(0.1)
        meet.add("bbb1.example.org", "s" * 32)
        assert meet.cordon("bbb1.example.org").state == "cordoned"
    finally:
        process.terminate()
        process.wait(20)
    assert [it.state for it in Records(tmp_path / "records").servers.values()] == ["cordoned"]


def _is_away(meet: Balancer) -> bool:
    try:
        return meet.list() != {}
    except BalancerError:
        return True
