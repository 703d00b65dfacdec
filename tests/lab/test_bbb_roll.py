"""Rolls on nodes where people meet: nobody is cut, and whatever breaks off is gone on with.

Packages, API, people and balancer are stand-ins: docs/bbb-stand-ins.md.
"""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from controller.roll.answers import Step
from lab.acme import CA_FILE
from lab.bbb.participants import Crowd
from lab.bbb.schedule import Play, Schedule, schedules
from lab.command import wait_for
from lab.machines import Machine, pyinfra
from tests.lab import rolls
from tests.lab.balancers import Balancer, Bbblb, ScaleliteStandin
from tests.lab.fleets import BbbNodes, converge_alone
from tests.lab.fleets import look as everything
from tests.lab.meetings import at_step, door, step, switch
from tests.lab.rolls import killed_at, look, project_at, rolling, rotate
from tests.lab.state import difference

pytestmark = pytest.mark.bbb

LIMIT = BbbNodes.limit()


@dataclass(frozen=True)
class Fleet:
    """The nodes with 3.0.34, serving at their balancer; project: the data by which they do"""

    nodes: BbbNodes
    balancer: Balancer
    project: Path


def roll(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return pyinfra("bbb_roll.py", "-y", *arguments, timeout=2400, directory=project)


def said(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr[-6000:] + done.stdout[-2000:]


@pytest.fixture(scope="session")
def bbb_nodes() -> BbbNodes:
    return BbbNodes()


@pytest.fixture(scope="session")
def bbb_first_run(bbb_nodes: BbbNodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Two bare machines become nodes by a run, and the balancer's by a roll."""
    bbb_nodes.restore("fresh")
    project = project_at(tmp_path_factory.mktemp("rolls") / "project", "3.0.34")
    balancer = ScaleliteStandin(bbb_nodes, rolls.secret_of(project, "BALANCER_SECRET_MEET"))
    balancer.begin()
    bbb_nodes.converge(directory=project)
    done = roll(project, *LIMIT)
    assert done.returncode == 0, said(done)
    bbb_nodes.snapshot(bbb_nodes.converged)
    balancer.keep()
    yield Fleet(bbb_nodes, balancer, project)
    balancer.end()


@pytest.fixture
def fleet(bbb_first_run: Fleet) -> Fleet:
    bbb_first_run.nodes.restore(bbb_first_run.nodes.converged)
    bbb_first_run.balancer.go_back()
    return bbb_first_run


@pytest.fixture
def newer(fleet: Fleet, tmp_path: Path) -> Path:
    """Data with 3.0.35 and new secrets, staged on both nodes."""
    project = project_at(tmp_path / "newer", "3.0.35")
    rotate(project, *BbbNodes.names)
    done = pyinfra("deploy.py", "-y", *LIMIT, directory=project)
    assert done.returncode == 0, said(done)
    assert "meet1: 3.0.34 -> 3.0.35, secret; no meetings" in done.stderr
    return project


def is_whole(balancer: Balancer, project: Path, node: Machine) -> None:
    """The node has all that the data says, and takes meetings."""
    found = look(node)
    assert (found["release"], found["waiting"], found["gate"]) == ("3.0.35", [], "open")
    assert found["window"] is None and found["dpkg"] == []
    assert set(found["places"].values()) <= {"wanted", "none"}
    assert found["meetings"]["answer"] == "known"
    secret = rolls.secret_of(project, f"BBB_SECRET_{node.name.upper()}")
    assert balancer.signs_with(node.name, secret)
    server = balancer[node.name]
    assert (server.state, server.online) == ("serving", True)


def crowd_at(fleet: Fleet, node: Machine) -> Crowd:
    """Nobody yet; whoever joins is on this node with 3.0.34."""
    secret = rolls.secret_of(fleet.project, f"BBB_SECRET_{node.name.upper()}")
    return Crowd(door(node, CA_FILE, secret))


@contextmanager
def at_balancer(fleet: Fleet, kind: type[Balancer]) -> Iterator[Balancer]:
    """The fleet's own balancer, or one of this kind that knows no node yet."""
    if isinstance(fleet.balancer, kind):
        yield fleet.balancer
        return
    balancer = kind(fleet.nodes, "")
    balancer.begin()
    try:
        yield balancer
    finally:
        balancer.end()


def test_new_nodes_serve_once_they_are_proven(fleet: Fleet) -> None:
    for name in BbbNodes.names:
        server = fleet.balancer[name]
        assert (server.state, server.online) == ("serving", True)
    done = roll(fleet.project, *LIMIT)
    assert done.returncode == 0, said(done)
    assert "meet1: nothing to do: nothing waits" in done.stderr


def test_a_status_writes_nothing_not_even_on_a_bare_machine(
    bbb_nodes: BbbNodes, bbb_first_run: Fleet
) -> None:
    bbb_nodes.restore("fresh")
    before = everything(bbb_nodes)
    done = pyinfra("bbb_status.py", *LIMIT, directory=bbb_first_run.project)
    assert done.returncode == 0, said(done)
    assert "is bare, wanted 3.0.34 serving" in done.stdout
    assert difference(before, everything(bbb_nodes)) == []


@pytest.mark.parametrize("schedule", schedules(), ids=lambda it: it.name)
def test_an_upgrade_with_a_rotation_cuts_nobody(
    fleet: Fleet, newer: Path, schedule: Schedule
) -> None:
    node = fleet.nodes["meet1"]
    crowd = crowd_at(fleet, node)
    play = Play(schedule, crowd, 60)
    play.start()
    wait_for(lambda: bool(crowd.people), "somebody is in a meeting", 120)
    with at_step(node, "gate", play.begin_late):
        done = roll(newer, "--limit", "meet1", "--data", "patience=30m")
    outcome = play.finish()
    assert done.returncode == 0, said(done)
    assert outcome.breaks == []
    # Whoever came before the gate was let in: the roll had to wait for these once more.
    assert outcome.late in ("began", "refused")
    is_whole(fleet.balancer, newer, node)


@pytest.mark.parametrize("kind", [ScaleliteStandin, Bbblb], ids=lambda it: it.driver)
def test_two_nodes_in_one_roll(fleet: Fleet, tmp_path: Path, kind: type[Balancer]) -> None:
    """One serves while the other one is changed, whichever balancer sends the meetings."""
    with at_balancer(fleet, kind) as balancer:
        before = project_at(tmp_path / "before", "3.0.34", kind)
        done = roll(before, *LIMIT)
        assert done.returncode == 0, said(done)
        newer = project_at(tmp_path / "newer", "3.0.35", kind)
        rotate(newer, *BbbNodes.names)
        fleet.nodes.converge(directory=newer)
        done = roll(newer, *LIMIT)
        assert done.returncode == 0, said(done)
        for each in fleet.nodes.all:
            is_whole(balancer, newer, each)


@pytest.mark.parametrize("wanted", Step)
def test_a_roll_that_is_killed_at_a_step_is_finished_by_the_next(
    fleet: Fleet, newer: Path, wanted: Step
) -> None:
    node = fleet.nodes["meet1"]
    killed_at(newer, node, wanted)
    done = roll(newer, "--limit", "meet1")
    assert done.returncode == 0, said(done)
    is_whole(fleet.balancer, newer, node)


def test_meetings_that_outlast_the_patience_are_exit_status_2(fleet: Fleet, newer: Path) -> None:
    node = fleet.nodes["meet1"]
    crowd = crowd_at(fleet, node)
    crowd.create("long")
    crowd.join("long", "somebody")
    done = roll(newer, "--limit", "meet1", "--data", "patience=10s")
    assert done.returncode == 2, said(done)
    assert "1 meeting, 1 person: Room long (1)" in done.stderr
    assert fleet.balancer["meet1"].state == "serving"
    assert step(node) == "" and look(node)["gate"] == "open"
    crowd.join("long", "somebody-else")
    crowd.leave_all()
    assert crowd.breaks == []


def test_a_change_that_fails_leaves_the_node_closed_and_is_gone_on_with(
    fleet: Fleet, newer: Path
) -> None:
    node = fleet.nodes["meet1"]
    node.sh("mkdir -p /etc/bbb-standin && echo fail > /etc/bbb-standin/bbb-config.postinst")
    done = roll(newer, *LIMIT)
    assert done.returncode == 1, said(done)
    assert "meet1: failed at the step change" in done.stderr
    assert "meet2: not begun, because the roll stopped before" in done.stderr
    assert (look(node)["gate"], fleet.balancer["meet1"].state) != ("open", "serving")
    assert step(node) == "change"
    assert fleet.balancer["meet2"].state == "serving"
    node.sh("rm -r /etc/bbb-standin")
    done = roll(newer, "--limit", "meet1")
    assert done.returncode == 0, said(done)
    is_whole(fleet.balancer, newer, node)


def test_an_api_that_is_slow_stops_a_roll_before_anything_is_touched(
    fleet: Fleet, newer: Path
) -> None:
    switch(fleet.nodes["meet1"], "slow", "30")
    done = roll(newer, "--limit", "meet1")
    assert done.returncode == 1, said(done)
    assert "so nothing was touched" in done.stderr
    assert fleet.balancer["meet1"].state == "serving"
    assert step(fleet.nodes["meet1"]) == ""


def test_a_second_roll_leaves_a_node_to_the_first(fleet: Fleet, newer: Path) -> None:
    node = fleet.nodes["meet1"]
    crowd = crowd_at(fleet, node)
    crowd.create("long")
    crowd.join("long", "somebody")
    with rolling(newer, "--limit", "meet1"):
        wait_for(lambda: step(node) == "wait", "the first roll waits", 300)
        done = roll(newer, "--limit", "meet1")
    crowd.leave_all()
    assert done.returncode == 1, said(done)
    assert "is at work on meet1" in done.stderr


def test_old_data_never_get_into_a_window(fleet: Fleet, newer: Path) -> None:
    done = roll(fleet.project, "--limit", "meet1")
    assert done.returncode == 1, said(done)
    assert "wanted.json and secret on the node is not what the data says" in done.stderr
    assert fleet.balancer["meet1"].state == "serving"


def test_a_node_is_drained_serves_again_and_goes(fleet: Fleet, tmp_path: Path) -> None:
    node = fleet.nodes["meet2"]
    drained = project_at(tmp_path / "drained", "3.0.34", meet2={"wanted": "drained"})
    done = roll(drained, "--limit", "meet2")
    assert done.returncode == 0, said(done)
    assert (look(node)["gate"], fleet.balancer["meet2"].state) != ("open", "serving")
    done = roll(fleet.project, "--limit", "meet2")
    assert done.returncode == 0, said(done)
    assert (look(node)["gate"], fleet.balancer["meet2"].state) == ("open", "serving")
    retired = project_at(tmp_path / "retired", "3.0.34", meet2={"wanted": "retired"})
    converge_alone("meet2", retired)
    done = roll(retired, "--limit", "meet2")
    assert done.returncode == 0, said(done)
    assert not fleet.balancer.knows("meet2")


AGE = 'echo $(($(date +%s) - $(date +%s -d "$(systemctl show -P ActiveEnterTimestamp {})")))'


def test_a_bbb_web_that_was_started_anew_by_itself_is_not_believed(
    newer: Path, fleet: Fleet
) -> None:
    """It has forgotten the meetings from before, whose people may talk on."""
    one = fleet.nodes["meet1"]
    carrier = AGE.format("bbb-apps-akka")
    wait_for(lambda: int(one.sh(carrier)) > 125, "meetings could be there from before", 200)
    one.sh("systemctl restart bbb-web")
    wait_for(lambda: look(one)["meetings"]["answer"] == "strange", "it is not believed", 120)
    done = roll(newer, "--limit", "meet1")
    assert done.returncode == 1 and "bbb-web was started anew by itself" in said(done)
    assert look(one)["gate"] == "open"
    one.sh("bbb-conf --restart", timeout=300)
    done = roll(newer, "--limit", "meet1")
    assert done.returncode == 0, said(done)
    is_whole(fleet.balancer, newer, one)
