"""A node whose SSH is open from within the VPN alone stays so, whatever is done to it.

BigBlueButton's own scripts open port 22, and switch a firewall of their own on.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from controller.reach import that_answer
from lab.machines import Machine, pyinfra
from lab.vpn_client import in_vpn
from tests.lab.fleets import HubAndNode, addresses, answers, changed_project, edit
from tests.lab.rolls import at_release, look

pytestmark = pytest.mark.bbb

NODE = HubAndNode.names[1]
OPERATOR = "ops-hypha-1"
# PostgreSQL, Redis, bbb-web, LiveKit, FreeSWITCH's event socket, Etherpad.
INNER = (5432, 6379, 8090, 7880, 8021, 9001)


@dataclass(frozen=True)
class Closed:
    """public: the node's address on the Internet; node: by way of the hub"""

    public: str
    node: Machine
    project: Path


@pytest.fixture(scope="module")
def hub_and_node() -> HubAndNode:
    return HubAndNode()


@pytest.fixture(scope="module")
def closed(hub_and_node: HubAndNode, tmp_path_factory: pytest.TempPathFactory) -> Closed:
    """A first run from outside makes the VPN, and a second one from within closes the node."""
    project = changed_project(tmp_path_factory.mktemp("closed") / "project", at_release("3.0.34"))
    hub_and_node.restore("fresh")
    hub_and_node.converge(directory=project)
    assert answers(hub_and_node[NODE].address), "no test otherwise"
    with in_vpn(OPERATOR, directory=project):
        hub_and_node.converge(directory=project)
    node = hub_and_node[NODE]
    inside = replace(node, address=addresses(NODE)[0], through=hub_and_node["vpn1"])
    return Closed(hub_and_node[NODE].address, inside, project)


def test_nothing_opens_the_ssh_of_a_node(closed: Closed) -> None:
    node = closed.node
    is_shut(closed)
    node.sh("bbb-conf --check", timeout=300)
    is_shut(closed)
    node.sh("bbb-conf --restart", timeout=600)
    is_shut(closed)
    # The same project, as it has the keys that the hosts have told.
    edit(closed.project / "inventories/lab.yml", lambda it: at_release("3.0.35")(it["hosts"]))
    with in_vpn(OPERATOR, directory=closed.project):
        for words in (("deploy.py", "-y"), ("bbb_roll.py", "-y")):
            done = pyinfra(*words, "--limit", NODE, timeout=2400, directory=closed.project)
            assert done.returncode == 0, done.stderr[-6000:]
    assert (look(node)["release"], look(node)["waiting"]) == ("3.0.35", [])
    is_shut(closed)
    node.reboot()
    is_shut(closed)


def is_shut(closed: Closed) -> None:
    """From outside the node's meetings answer, and nothing that is not for everybody."""
    tried = {(closed.public, port) for port in (22, 443, *INNER)}
    assert that_answer(tried) == {(closed.public, 443)}
    # The way in that is left, through the hub.
    assert closed.node.answers()
