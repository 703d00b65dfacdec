"""Participants on a node notice what cuts them off, as the people in a meeting would."""

from collections.abc import Iterator

import pytest

from lab.bbb.door import Door
from lab.bbb.participants import Crowd
from lab.command import wait_for
from lab.machines import Machine
from tests.lab.fleets import StandinHost
from tests.lab.meetings import switch, switch_off
from tests.lab.standins import upgrade

pytestmark = pytest.mark.bbb

SECRET = "TheSecretOfTheseTests0123456789abc"


@pytest.fixture
def node(standins: StandinHost) -> Machine:
    """A node as apt has put it there, by plain HTTP, with a secret of its own."""
    node = standins.all[0]
    text = f"bigbluebutton.web.serverURL=http://{node.address}\nsecuritySalt={SECRET}\n"
    node.sh("cat >> /etc/bigbluebutton/bbb-web.properties", text.encode())
    node.sh("systemctl restart bbb-web")
    wait_for(lambda: b"SUCCESS" in node.try_sh(f"curl -s {api(node)}").stdout, "the API", 60)
    return node


def api(node: Machine) -> str:
    return f"http://{node.address}/bigbluebutton/api"


@pytest.fixture
def crowd(node: Machine) -> Iterator[Crowd]:
    """Two people in one meeting, and one in its breakout room."""
    crowd = Crowd(Door(api(node), SECRET))
    crowd.create("room1")
    for who in ("ada", "bela"):
        crowd.join("room1", who)
    crowd.create_breakout("room1", "room1-a", 1)
    crowd.join("room1-a", "carl")
    yield crowd
    crowd.leave_all()


def broken(crowd: Crowd, flow: str) -> set[str]:
    return {it.who for it in crowd.breaks if it.flow == flow}


def test_nobody_notices_new_settings_of_nginx_or_an_api_that_does_not_answer(
    node: Machine, crowd: Crowd
) -> None:
    node.sh("nginx -t && systemctl reload nginx")
    assert crowd.heard()
    switch(node, "hang")
    assert crowd.heard()
    switch_off(node, "hang")
    assert crowd.breaks == []


def test_everybody_notices_an_upgrade_by_apt_alone(node: Machine, crowd: Crowd) -> None:
    upgrade(node, "3.0.35")
    all_three = {"ada", "bela", "carl"}
    wait_for(lambda: broken(crowd, "media") == all_three, "the media of all is broken", 60)
    assert broken(crowd, "signals") == all_three


def test_a_freeswitch_that_dies_and_comes_back_has_cut_the_media(
    node: Machine, crowd: Crowd
) -> None:
    node.sh("systemctl kill --signal KILL freeswitch")
    wait_for(lambda: len(broken(crowd, "media")) == 3, "the media of all is broken", 60)
    assert broken(crowd, "signals") == set()
