"""The driver for Scalelite, against the stand-in for Scalelite."""

import hashlib
import json
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from controller.balancers import balancer, scalelite
from controller.balancers.driver import Forbidden
from controller.balancers.interface import Balancer, BalancerError
from controller.balancers.web import Answer
from lab.bbb.scalelite.poller import Pace, Poller
from lab.bbb.scalelite.records import Records, Server
from lab.bbb.scalelite.web import Scalelite
from tests.unit.bbb_node_here import Node, serving

SECRET = "Loadbalancer0123456789abcdefghij"
HOST = "bbb1.example.org"


@pytest.fixture
def records() -> Records:
    return Records()


@pytest.fixture
def stand_in(records: Records) -> Iterator[Scalelite]:
    with serving(Scalelite(("127.0.0.1", 0), SECRET, records, Pace())) as server:
        yield server


@pytest.fixture
def meet(stand_in: Scalelite) -> Balancer:
    return of(stand_in)


def of(server: ThreadingHTTPServer, secret: str = SECRET) -> Balancer:
    return balancer("meet", "scalelite", f"http://127.0.0.1:{server.server_address[1]}", secret)


def only(records: Records) -> Server:
    (server,) = records.servers.values()
    return server


def added(records: Records, state: str = "enabled", host: str = HOST) -> Server:
    server = records.add_server(f"https://{host}/bigbluebutton/api", "old" * 11, 1.0, "")
    server.becomes(state)
    return server


def test_none_is_what_scalelite_says_to_be_none(meet: Balancer) -> None:
    assert meet.list() == {}


def test_a_server_is_told_with_its_state_share_and_tag(meet: Balancer, records: Records) -> None:
    server = added(records)
    server.online, server.load, server.load_multiplier, server.tag = True, 12.0, 0.5, "large"
    told = meet.list()[HOST]
    assert (told.state, told.online, told.weight, told.tag) == ("serving", True, 2.0, "large")


def test_a_server_that_was_just_enabled_is_online_after_one_poll(records: Records) -> None:
    with (
        serving(Node("n" * 32)) as node,
        serving(Scalelite(("127.0.0.1", 0), SECRET, records, Pace())) as stand_in,
    ):
        server = records.add_server(node.url, node.secret, 1.0, "")
        server.online = True
        meet = of(stand_in)
        assert not meet.restore("127.0.0.1", "serving").online, "no load yet, so no meetings"
        Poller(records, Pace()).poll_all()
        assert meet.list()["127.0.0.1"].online


def test_a_server_is_added_once_and_gets_no_meetings(meet: Balancer, records: Records) -> None:
    for _ in range(2):
        assert meet.add(HOST, "s" * 32, weight=2.0, tag="large").state == "off"
    server = only(records)
    assert server.url == f"https://{HOST}/bigbluebutton/api"
    assert (server.secret, server.load_multiplier, server.tag) == ("s" * 32, 0.5, "large")


def test_adding_one_that_serves_changes_share_and_tag_only(
    meet: Balancer, records: Records
) -> None:
    added(records)
    assert meet.add(HOST, "old" * 11, weight=3.0).state == "serving"
    assert only(records).load_multiplier == pytest.approx(1 / 3, abs=0.001)


def test_a_cordon_is_seen_and_repeatable(meet: Balancer, records: Records) -> None:
    added(records)
    assert [meet.cordon(HOST).state for _ in range(2)] == ["cordoned", "cordoned"]


def test_a_cordon_puts_a_server_back_that_the_poller_switched_off(
    meet: Balancer, records: Records
) -> None:
    added(records, "disabled")
    assert meet.cordon(HOST).state == "cordoned"


@pytest.mark.parametrize(
    ("before", "after"), [("serving", "serving"), ("cordoned", "cordoned"), ("off", "cordoned")]
)
def test_restore_gives_the_state_before(
    meet: Balancer, records: Records, before: str, after: str
) -> None:
    added(records, "cordoned")
    assert meet.restore(HOST, before).state == after  # type: ignore[arg-type]


def test_a_server_that_was_off_stays_off(meet: Balancer, records: Records) -> None:
    added(records, "disabled")
    assert meet.restore(HOST, "off").state == "off"


def test_a_secret_is_set_and_known(meet: Balancer, records: Records) -> None:
    added(records)
    assert not meet.knows(HOST, "new" * 11)
    meet.set_secret(HOST, "new" * 11)
    assert meet.knows(HOST, "new" * 11) and only(records).secret == "new" * 11


def test_a_record_goes_only_after_the_node_was_asked(meet: Balancer, records: Records) -> None:
    added(records, "cordoned")
    with pytest.raises(BalancerError, match="may have meetings"):
        meet.remove_if_empty(HOST, lambda: False)
    assert records.servers
    assert meet.remove_if_empty(HOST, lambda: True)
    assert not records.servers
    assert meet.remove_if_empty(HOST, lambda: True), "again"


def test_a_record_of_a_server_that_serves_stays(meet: Balancer, records: Records) -> None:
    added(records)
    with pytest.raises(BalancerError, match="drain it first"):
        meet.remove_if_empty(HOST, lambda: True)


def test_a_record_with_people_stays_whatever_the_node_says(
    meet: Balancer, records: Records
) -> None:
    added(records, "cordoned").load = 3.0
    with pytest.raises(BalancerError, match="may have meetings"):
        meet.remove_if_empty(HOST, lambda: True)


def test_names_are_compared_without_case_and_port(meet: Balancer, records: Records) -> None:
    records.add_server("https://BBB1.example.org:443/bigbluebutton/api/", "s", 1.0, "")
    assert list(meet.list()) == [HOST]


def test_one_host_twice_is_refused(meet: Balancer, records: Records) -> None:
    added(records)
    added(records)
    with pytest.raises(BalancerError, match=r"has bbb1\.example\.org twice"):
        meet.list()


def test_an_unknown_server_is_an_error(meet: Balancer, records: Records) -> None:
    added(records, host="bbb2.example.org")
    for call in (meet.cordon, lambda it: meet.restore(it, "serving")):
        with pytest.raises(BalancerError, match=r"has no server bbb1\.example\.org; add it"):
            call(HOST)


def test_a_wrong_secret_is_told_as_such(stand_in: Scalelite) -> None:
    with pytest.raises(BalancerError, match="refuses the secret; put its LOADBALANCER_SECRET"):
        of(stand_in, "wrong" * 7).list()


@pytest.mark.parametrize(
    ("method", "action", "body"),
    [
        ("POST", "panicServer", {"id": "1"}),
        ("GET", "getServerInfo", {}),
        ("GET", "end", {}),
        ("POST", "updateServer", {"id": "1", "server": {"state": "disable"}}),
        ("POST", "updateServer", {"id": "1", "server": {"state": "panic"}}),
        ("POST", "updateServer", {"id": "1", "server": {"keep_state": True}}),
        ("POST", "deleteServer", {"id": "1", "server": {}}),
        ("POST", "getServers", {}),
        ("DELETE", "deleteServer", {"id": "1"}),
        ("GET", "../../bigbluebutton/api/end", {}),
    ],
)
def test_what_could_end_a_meeting_cannot_be_sent(
    monkeypatch: pytest.MonkeyPatch, method: str, action: str, body: dict[str, object]
) -> None:
    def no_socket(*_: object, **__: object) -> Answer:
        raise AssertionError("it was sent")

    monkeypatch.setattr(scalelite, "ask", no_socket)
    driver = scalelite.Scalelite("meet", "http://127.0.0.1:1", SECRET)
    with pytest.raises(Forbidden):
        driver._call(method, action, body)


class Says(ThreadingHTTPServer):
    """Answers everything in one way."""

    daemon_threads = True

    def __init__(self, status: int, text: str) -> None:
        super().__init__(("127.0.0.1", 0), _Saying)
        self.status, self.text = status, text


class _Saying(BaseHTTPRequestHandler):
    server: Says

    def do_GET(self) -> None:
        self.send_response(self.server.status)
        self.send_header("Content-Length", str(len(self.server.text)))
        self.send_header("Location", "http://127.0.0.1:1/elsewhere")
        self.end_headers()
        self.wfile.write(self.server.text.encode())

    do_POST = do_GET

    def log_message(self, format: str, *args: object) -> None:
        pass


GOOD = {
    "id": "7",
    "url": f"https://{HOST}/bigbluebutton/api",
    "secret": "Very0secret0of0a0node0abcdefghij",
    "tag": "",
    "state": "enabled",
    "load": "unavailable",
    "load_multiplier": "1.0",
    "online": "online",
}


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, ""),
        (200, "[]"),
        (200, "{}"),
        (200, "null"),
        (200, json.dumps([GOOD])[:-1]),
        (200, json.dumps([GOOD, {}])),
        (200, json.dumps([GOOD, "bbb2"])),
        (200, json.dumps([{**GOOD, "state": "panicked"}])),
        (200, json.dumps([{**GOOD, "online": True}])),
        (200, json.dumps([{**GOOD, "load": "many"}])),
        (200, json.dumps([{**GOOD, "load": None}])),
        (200, json.dumps([{**GOOD, "load_multiplier": "0"}])),
        (200, json.dumps([{**GOOD, "load_multiplier": "nan"}])),
        (200, json.dumps([{**GOOD, "url": "/bigbluebutton/api"}])),
        (200, json.dumps([{**GOOD, "secret": None}])),
        (200, json.dumps([{k: v for k, v in GOOD.items() if k != "online"}])),
        (200, "<html>Welcome to nginx!</html>"),
        (404, "<html>Not Found</html>"),
        (404, json.dumps({"error": "Not Found"})),
        (404, json.dumps([GOOD])),
        (302, json.dumps([GOOD])),
        (500, json.dumps([GOOD])),
        (502, "<html>Bad Gateway</html>"),
    ],
)
def test_what_is_no_whole_list_is_no_list(status: int, text: str) -> None:
    with (
        serving(Says(status, text)) as server,
        pytest.raises(BalancerError, match="no whole list"),
    ):
        of(server).list()


def test_a_good_list_is_taken() -> None:
    with serving(Says(200, json.dumps([GOOD]))) as server:
        assert not of(server).list()[HOST].online


@pytest.mark.parametrize(
    "call",
    [
        lambda it: it.cordon(HOST),
        lambda it: it.set_secret(HOST, "n" * 32),
        lambda it: it.add(HOST, "n" * 32, weight=2.0),
        lambda it: it.add("bbb2.example.org", "n" * 32),
    ],
)
def test_a_change_that_the_list_does_not_show_is_an_error(
    call: Callable[[Balancer], object],
) -> None:
    """The answer to a POST says 200 here, and nothing has changed."""
    with (
        serving(Says(200, json.dumps([GOOD]))) as server,
        pytest.raises(BalancerError, match=r"does not have it|has no server"),
    ):
        call(of(server))


def test_no_secret_and_no_checksum_is_in_what_is_raised() -> None:
    checksum = hashlib.sha256(f"getServers{SECRET}".encode()).hexdigest()
    with serving(Says(200, json.dumps([GOOD, {**GOOD, "state": "x"}]))) as server:
        driver = of(server)
        try:
            driver.list()
        except BalancerError as error:
            told = "".join(traceback.format_exception(error)) + repr(error) + repr(driver)
        assert error_is_plain(told, SECRET, checksum, GOOD["secret"])


def error_is_plain(told: str, *secrets: str) -> bool:
    return "whole list" in told and not any(secret in told for secret in secrets)


@pytest.mark.parametrize("weight", range(1, 101))
def test_a_whole_weight_is_read_as_it_was_written(weight: int) -> None:
    """Otherwise each roll would have the same change to make."""
    assert scalelite._weight(scalelite._multiplier(weight)) == weight


def test_a_multiplier_of_somebody_else_is_no_whole_weight() -> None:
    assert scalelite._weight(0.3) == 3.333
