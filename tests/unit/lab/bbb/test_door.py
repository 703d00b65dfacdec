"""The way in: by a public name at a known address, through TLS, and after a balancer's redirect."""

from pathlib import Path

import pytest

from lab.bbb.door import Door, NoAnswer, Refused
from lab.bbb.participants import Crowd
from tests.unit.lab.bbb.node import GAP, LOOPBACK, SECRET, Node
from tests.unit.lab.bbb.tls import certificate, tls


def test_a_name_is_reached_at_the_address_that_is_given_for_the_name(node: Node) -> None:
    url = node.url.replace(LOOPBACK, "meet1.lab.test")
    Door(url, SECRET, {"meet1.lab.test": LOOPBACK}).call("getMeetings")
    with pytest.raises(NoAnswer):
        Door(url, SECRET, {"meet1.lab.test": "127.0.0.2"}).call("getMeetings")


def test_participants_come_through_tls_and_refuse_another_certificate(
    node: Node, tmp_path: Path
) -> None:
    file = certificate(tmp_path)
    with tls(file, node.daemon.port) as port:
        url = f"https://{LOOPBACK}:{port}/bigbluebutton/api"
        crowd = Crowd(Door(url, SECRET, authority=file), GAP)
        crowd.create("room1")
        crowd.join("room1", "ada")
        crowd.leave("ada")
        assert not crowd.breaks
        with pytest.raises(NoAnswer, match="certificate"):
            Door(url, SECRET).call("getMeetings")


def test_what_the_api_refuses_is_told_by_its_key_and_no_secret_is_shown(node: Node) -> None:
    door = Door(node.url, "wrong")
    with pytest.raises(Refused) as refused:
        door.call("getMeetings")
    assert refused.value.key == "checksumError"
    assert "wrong" not in repr(door)


def test_nobody_there_is_no_answer() -> None:
    with pytest.raises(NoAnswer):
        Door(f"http://{LOOPBACK}:1/bigbluebutton/api", SECRET).call("getMeetings")
