"""Whatever is no list of meetings is never taken for an empty one."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from programs.bbb import meetings
from programs.bbb.meetings import answer
from programs.bbb.root import Root
from tests.unit.programs.bbb.node import NEW, OLD, PROPERTIES, Node, meeting


def test_no_meeting_is_a_list_without_any(node: Node) -> None:
    assert answer(node.root) == {"answer": "known", "meetings": [], "making": 0}


def test_each_live_meeting_is_told(node: Node) -> None:
    breakout = "<parentMeetingID>int-m1</parentMeetingID><sequence>1</sequence>"
    node.live = [
        meeting("m1", internalMeetingID="int-m1"),
        meeting("begins", running="false", hasUserJoined="false", participantCount=0),
        meeting("b1", isBreakout="true", breakout=breakout),
        meeting("ended", running="false", endTime=1790000001000),
        meeting("forced", running="false", hasBeenForciblyEnded="true"),
        # Whatever its time says, three people are in it.
        meeting("goes on", endTime=1790000001000),
    ]
    found = answer(node.root)["meetings"]
    assert [it["id"] for it in found] == ["m1", "begins", "b1", "goes on"]
    assert found[0] == {
        "id": "m1", "name": "Room m1", "people": 3, "breakout_of": None, "begun": True,
        "created": 1790000000,
    }  # fmt: skip
    assert not found[1]["begun"] and found[2]["breakout_of"] == "m1"


WEB, AKKA = "bbb-web.service", "bbb-apps-akka.service"


@pytest.mark.parametrize(
    ("web", "akka", "answers"),
    [
        (30.0, 20.0, "known"),
        (20.0, 30.0, "known"),
        # It has failed, or somebody has restarted it. People talk on, and it has forgotten them.
        (7200.0, 20.0, "strange"),
        (7220.0, 7200.0, "known"),
    ],
)
def test_a_bbb_web_that_has_started_alone_knows_not_all(
    node: Node, web: float, akka: float, answers: str
) -> None:
    for name, began in ((WEB, web), (AKKA, akka)):
        node.unit(name, InactiveExitTimestampMonotonic=f"{began * 1e6:.0f}")
    for node.live in ([], [meeting()]):
        found = answer(node.root)
        assert found["answer"] == answers
        assert answers == "known" or "bbb-conf --restart" in found["why"]


def test_a_recording_that_is_being_made_is_told(node: Node) -> None:
    """A worker forks for each job, and waits for the fork."""
    node.put("/proc/201/cmdline", "resque-2.6.0: Forked 202 at 1790000000")
    node.put("/proc/202/cmdline", "resque-2.6.0: Processing rap:process since 1790000000 [X]")
    node.put("/proc/203/cmdline", "less\0resque: Processing notes\0")
    node.put("/proc/204/cmdline", "resque-2.6.0: Waiting for rap:archive,rap:process")
    assert answer(node.root)["making"] == 1


def test_the_live_secret_signs_and_not_the_wanted_one(node: Node) -> None:
    node.put(PROPERTIES, f"securitySalt={OLD}\n", 0o640)
    assert answer(node.root)["answer"] == "refused"
    node.secret = OLD
    assert answer(node.root)["answer"] == "known"


def test_the_best_digest_that_bbb_web_allows_signs(node: Node) -> None:
    node.put(PROPERTIES, f"securitySalt={NEW}\nsupportedChecksumAlgorithms=sha384,sha512\n")
    assert answer(node.root)["answer"] == "known"


def _said(node: Node, **values: Any) -> dict[str, Any]:
    for name, value in values.items():
        setattr(node, name, value)
    return answer(node.root)


def _xml(inner: str) -> bytes:
    return f"<response><returncode>SUCCESS</returncode>{inner}</response>".encode()


LAUGHS = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>' + _xml(
    "<messageKey>noMeetings</messageKey><meetings>&b;</meetings>"
)
WITHOUT_END = {key: it for key, it in meeting().items() if key != "endTime"}
STRANGE = {
    "no XML": b"not XML",
    "nothing": b"",
    "an entity": LAUGHS,
    "a document type": b"<!DOCTYPE response>" + _xml("<meetings/>"),
    "another element": b"<html><returncode>SUCCESS</returncode></html>",
    "no list": _xml(""),
    "an empty list without its key would be": _xml("<messageKey>other</messageKey>"),
    "failed": b"<response><returncode>FAILED</returncode><messageKey>x</messageKey></response>",
    "no code": b"<response><meetings/></response>",
    "another in the list": _xml("<meetings><room/></meetings>"),
    "a meeting without end": _xml(
        "<meetings><meeting>"
        + "".join(f"<{k}>{v}</{k}>" for k, v in WITHOUT_END.items())
        + "</meeting></meetings>"
    ),
    "a meeting without id": _xml(
        "<meetings><meeting><endTime>0</endTime></meeting></meetings>",
    ),
    "cut off": _xml("<meetings><meeting>")[:-20],
}


@pytest.mark.parametrize("raw", STRANGE.values(), ids=STRANGE)
def test_a_strange_answer_has_no_list(node: Node, raw: bytes) -> None:
    found = _said(node, raw=raw)
    assert found["answer"] == "strange" and "meetings" not in found and found["why"]


@pytest.mark.parametrize("mode", ["page", "html"])
def test_an_answer_of_another_is_strange(node: Node, mode: str) -> None:
    found = _said(node, mode=mode)
    assert found["answer"] == "strange" and "meetings" not in found


def test_a_slow_answer_is_slow(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "SECONDS", 0.5)
    found = _said(node, mode="slow")
    assert found["answer"] == "slow" and "meetings" not in found


def test_too_large_an_answer_is_strange(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "MOST_BYTES", 100)
    node.live = [meeting()]
    assert answer(node.root)["answer"] == "strange"


def test_nobody_there_is_unreachable_and_the_reason_has_no_checksum(node: Node) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        found = answer(replace(node.root, api=f"http://127.0.0.1:{free.getsockname()[1]}"))
    assert found["answer"] == "unreachable" and "checksum" not in found["why"]


@contextmanager
def server(says: Callable[[socket.socket], None]) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as it:

        def serve() -> None:
            connection, _ = it.accept()
            with connection:
                connection.recv(65536)
                says(connection)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{it.getsockname()[1]}"
        thread.join()


def _against(root: Root, says: Callable[[socket.socket], None]) -> str:
    with server(says) as api:
        return str(answer(replace(root, api=api))["answer"])


def test_a_byte_now_and_then_is_slow(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meetings, "SECONDS", 0.5)
    ended = threading.Event()

    def drip(connection: socket.socket) -> None:
        for byte in b"HTTP/1.1 200 OK\r\n\r\n<response>":
            if ended.wait(0.1):
                break
            try:
                connection.sendall(bytes([byte]))
            except OSError:
                break

    assert _against(node.root, drip) == "slow"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (b"", "unreachable"),
        (b"220 mail ready\r\n", "strange"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n", "strange"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n<response>", "strange"),
    ],
)
def test_what_breaks_off_or_is_no_http_has_no_list(node: Node, said: bytes, told: str) -> None:
    assert _against(node.root, lambda connection: connection.sendall(said)) == told


def test_a_401_with_bbb_s_xml_is_refused(node: Node) -> None:
    body = b"<response><messageKey>checksumError</messageKey></response>"
    said = b"HTTP/1.1 401 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
    assert _against(node.root, lambda connection: connection.sendall(said)) == "refused"


def test_a_node_without_bbb_is_unreachable(node: Node) -> None:
    node.root.at(PROPERTIES).unlink()
    assert answer(node.root)["answer"] == "unreachable"


def test_a_file_that_cannot_be_read_is_strange(node: Node) -> None:
    node.root.at(PROPERTIES).unlink()
    node.root.at(PROPERTIES).symlink_to("/etc/passwd")
    assert answer(node.root)["answer"] == "strange"
