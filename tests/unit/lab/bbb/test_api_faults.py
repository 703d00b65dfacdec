"""The faults that a test switches on are those that a controller has to tell apart."""

import time
from pathlib import Path

import pytest
import requests

from lab.bbb.door import Door, NoAnswer, Refused
from lab.bbb.participants import Crowd
from lab.bbb.web.daemon import STATE
from tests.unit.lab.bbb.node import Node, wait


def listed(door: Door) -> list[tuple[str | None, ...]]:
    """meetingID, endTime and running of each meeting."""
    meetings = door.call("getMeetings").root.findall("meetings/meeting")
    tags = ("meetingID", "endTime", "running")
    return [tuple(it.findtext(tag) for tag in tags) for it in meetings]


def test_slow_answers_come_after_the_seconds_in_the_file(node: Node) -> None:
    node.switch("slow", "0.4")
    start = time.monotonic()
    node.door.call("getMeetings")
    assert time.monotonic() - start >= 0.4


def test_down_means_that_nobody_listens(node: Node) -> None:
    node.switch("down")

    def refused() -> bool:
        try:
            requests.get(node.url, timeout=5)
        except requests.ConnectionError as error:
            return "refused" in str(error)
        return False

    wait(refused, "the port is closed")
    node.switch_off("down")
    wait(lambda: not refused(), "the port is open again")


def test_a_wrong_secret_is_a_checksum_error(node: Node) -> None:
    node.switch("wrong-secret")
    with pytest.raises(Refused) as refused:
        node.door.call("getMeetings")
    assert refused.value.key == "checksumError"


@pytest.mark.parametrize(("value", "status"), [("", 502), ("200", 200)])
def test_a_proxy_s_page_is_no_xml(node: Node, value: str, status: int) -> None:
    node.switch("proxy", value)
    answer = requests.get(node.url, timeout=5)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "text/html")
    with pytest.raises(NoAnswer):
        node.door.call("getMeetings")


@pytest.mark.parametrize(("value", "key"), [("", "internalError"), ("maintenance", "maintenance")])
def test_fail_answers_with_the_key_in_the_file(node: Node, value: str, key: str) -> None:
    node.switch("fail", value)
    with pytest.raises(Refused) as refused:
        node.door.call("getMeetings")
    assert refused.value.key == key


def test_hang_answers_nothing_until_the_file_is_gone(node: Node) -> None:
    node.switch("hang")
    with pytest.raises(requests.ReadTimeout):
        requests.get(node.url, timeout=0.5)
    node.switch_off("hang")
    assert requests.get(node.url, timeout=5).status_code == 200


def test_a_stale_meeting_is_live_whatever_happens_until_a_restart(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with node.runs():
        node.switch("minute", "0.01")
        node.switch("stale", "ghost1\nghost2")
        wait(lambda: len(listed(node.door)) == 2, "both are listed")
        node.door.call("end", meetingID="ghost1")
        with pytest.raises(NoAnswer, match="media: status 401"):
            Crowd(node.door).join("ghost1", "ada")
        time.sleep(0.2)
        assert listed(node.door) == [("ghost1", "0", "false"), ("ghost2", "0", "false")]
    with node.runs():
        time.sleep(0.2)
        assert listed(node.door) == []


def test_no_switch_is_on_by_itself(node: Node) -> None:
    assert not (node.root / STATE / "switches").exists()
    assert listed(node.door) == []
