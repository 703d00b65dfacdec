"""A node of BigBlueButton is made by one run, and no run or upgrade after that touches a meeting.

Its packages are stand-ins: docs/bbb-stand-ins.md. The storage is no part of this: the node has no
volume here.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from lab.command import wait_for
from lab.machines import Machine, pyinfra, python
from tests.lab.fleets import BareNode, changed_project, counts, finish, killed_run, look
from tests.lab.rolls import at_release
from tests.lab.state import difference

pytestmark = pytest.mark.bbb

NODE = BareNode.names[0]
LIMIT = BareNode.limit()
STATE = "/var/lib/coop-infra/bbb"
VERSIONS = "dpkg-query -W -f '${Package} ${Version}\\n'"
# As if what the release's own directory offers were security updates.
AS_SECURITY = 'Unattended-Upgrade::Origins-Pattern { "site=10.78.0.1"; };\n'
TABLE = "nft list table inet coop_infra"


@dataclass(frozen=True)
class FirstRun:
    """What the first dry run and the first run on the bare node showed."""

    before: dict[str, str]
    after_dry: dict[str, str]
    dry_output: str
    project: Path


@pytest.fixture(scope="session")
def bare_node() -> BareNode:
    return BareNode()


@pytest.fixture(scope="session")
def first_run(bare_node: BareNode, tmp_path_factory: pytest.TempPathFactory) -> FirstRun:
    """A dry run on the bare node, then the run; a snapshot keeps the state after the run."""
    machines = bare_node
    project = changed_project(tmp_path_factory.mktemp("bbb") / "project", at_release("3.0.34"))
    machines.restore("fresh")
    before = look(machines)
    dry = pyinfra("deploy.py", "--dry", "--diff", *LIMIT, directory=project)
    assert dry.returncode == 0, dry.stderr[-6000:]
    after_dry = look(machines)
    machines.converge(directory=project)
    machines.snapshot(machines.converged)
    return FirstRun(before, after_dry, dry.stderr, project)


@pytest.fixture
def node(bare_node: BareNode, first_run: FirstRun) -> Machine:
    """The node with 3.0.34, as the first run left it."""
    bare_node.restore(bare_node.converged)
    node = bare_node.all[0]
    # A restored container boots anew.
    node.sh("systemctl is-system-running --wait", timeout=240)
    return node


def told(node: Machine, command: str) -> dict[str, Any]:
    """What coop-bbb answers."""
    return dict(json.loads(node.sh(f"coop-bbb {command}", timeout=300)))


def test_a_dry_run_on_a_bare_node_says_what_it_would_do_and_changes_nothing(
    first_run: FirstRun,
) -> None:
    assert difference(first_run.before, first_run.after_dry) == []
    assert "BigBlueButton: absent -> 3.0.34" in first_run.dry_output


def test_one_run_takes_a_bare_node_to_serving(node: Machine) -> None:
    seen = told(node, "look")
    assert (seen["release"], seen["waiting"], seen["gate"]) == ("3.0.34", [], "open")
    assert (seen["dpkg"], seen["drift"]) == ([], [])
    assert {it["active"] for it in seen["units"].values()} == {"active"}
    assert told(node, "verify")["faults"] == []
    page = node.sh("curl -sS -k https://127.0.0.1/bigbluebutton/api")
    assert "<returncode>SUCCESS</returncode>" in page
    # Nothing but its own program may read what the node should be.
    assert node.sh(f"stat -c %a:%U {STATE} {STATE}/*").splitlines()[0] == "700:root"
    assert node.try_sh(f"[ -e {STATE}/first-install ]").returncode == 1
    assert node.sh("id -u bigbluebutton; id -u freeswitch").split() == ["3000", "3001"]


def test_with_a_check_between_the_second_run_changes_nothing(
    node: Machine, first_run: FirstRun
) -> None:
    """bbb-conf --check touches and appends, where it does not find what it looks for."""
    node.sh("bbb-conf --check", timeout=300)
    before = look(BareNode())
    # This also fails if the host takes more remote commands than tests/bench.py allows.
    done = python("-m", "tests.bench", *LIMIT, directory=first_run.project)
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout
    changed, failed, _ = counts(done.stderr)
    assert (changed, failed) == (0, 0), done.stderr[-4000:]
    assert difference(before, look(BareNode())) == []


def test_no_upgrade_by_hand_or_by_night_takes_a_package_of_it(
    node: Machine, tmp_path: Path
) -> None:
    newer = changed_project(tmp_path / "newer", at_release("3.0.35"))
    output = BareNode().converge(directory=newer)
    assert f"{NODE}: 3.0.34 -> 3.0.35; no meetings" in output
    before = node.sh(VERSIONS)
    node.sh("apt-get -q update", timeout=300)
    assert "1:3.0-48" in node.sh("apt-cache policy bbb-web")
    node.sh("apt-get -y -q upgrade", timeout=600)
    node.sh("apt-get -y -q dist-upgrade", timeout=600)
    node.sh("cat > /etc/apt/apt.conf.d/99test", AS_SECURITY.encode())
    night = node.sh("unattended-upgrade -v", timeout=600)
    assert "No packages found that can be upgraded unattended" in night
    # Each of the two guards is enough at night.
    node.sh("mv /etc/apt/preferences.d/coop-bbb /root/")
    assert "No packages found" in node.sh("unattended-upgrade --dry-run -v", timeout=600)
    node.sh("mv /etc/apt/apt.conf.d/52coop-bbb /root/")
    assert "bbb-web" in node.sh("unattended-upgrade --dry-run -v", timeout=600)
    node.sh("mv /root/coop-bbb /etc/apt/preferences.d/; mv /root/52coop-bbb /etc/apt/apt.conf.d/")
    ours = [it for it in node.sh(VERSIONS).splitlines() if it.startswith(("bbb-", "bigblue"))]
    assert ours and set(ours) <= set(before.splitlines())
    assert told(node, "look")["release"] == "3.0.34"
    # The way that is left: by the exact version, as a window does.
    simulated = node.sh("apt-get -s install bbb-web=1:3.0-48")
    assert "Inst bbb-web [1:3.0-47] (1:3.0-48" in simulated


def figures(node: Machine) -> dict[str, str]:
    """What the node shows of its API after a look of now: the answer, and each count there is."""
    finish(node, "coop-metrics", 120)
    lines = node.sh("cat /var/lib/coop-infra/metrics/coop-host.prom").splitlines()
    found = dict(line.split(" ") for line in lines if not line.startswith("#"))
    assert found['coop_metrics_collector_success{collector="bbb"}'] == "1"
    (answer,) = (
        name.split('"')[1]
        for name, value in found.items()
        if name.startswith("coop_bbb_api_answer") and value == "1"
    )
    kept = {name: value for name, value in found.items() if name.startswith("bbb_")}
    return {"answer": answer, **kept}


def test_its_figures_tell_a_wrong_secret_a_slow_api_and_one_that_is_down_from_an_idle_node(
    node: Machine,
) -> None:
    idle = {
        "answer": "known",
        "bbb_api_up": "1",
        "bbb_meetings": "0",
        "bbb_meetings_participants": "0",
        "bbb_meetings_listeners": "0",
        "bbb_meetings_voice_participants": "0",
        "bbb_meetings_video_participants": "0",
    }
    assert figures(node) == idle
    file = "/etc/bigbluebutton/bbb-web.properties"
    node.sh(f"cp -a {file} /root/kept; sed -i 's/^securitySalt=.*/securitySalt={'x' * 40}/' {file}")
    assert figures(node) == {"answer": "refused", "bbb_api_up": "0"}
    node.sh(f"cp -a /root/kept {file}; systemctl kill --signal=STOP bbb-web")
    assert figures(node) == {"answer": "slow", "bbb_api_up": "0"}
    node.sh("systemctl kill --signal=CONT bbb-web; systemctl stop bbb-web")
    assert figures(node) == {"answer": "unreachable", "bbb_api_up": "0"}
    node.sh("systemctl start bbb-web")
    wait_for(lambda: figures(node) == idle, "the API answers again", 60)


def test_a_restart_by_hand_opens_nothing(node: Machine) -> None:
    before = node.sh(TABLE)
    node.sh("bbb-conf --restart", timeout=600)
    assert node.sh(TABLE) == before
    assert node.try_sh("command -v ufw >/dev/null && ufw status | grep -q ' active'").returncode
    node.reboot()
    assert node.sh(TABLE) == before


def test_a_first_install_that_was_cut_off_is_finished_by_the_next_run(
    bare_node: BareNode, tmp_path: Path
) -> None:
    bare_node.restore("fresh")
    project = changed_project(tmp_path / "project", at_release("3.0.34"))
    node = bare_node.all[0]
    killed_run(node, "[ -e /usr/share/bbb-web ]", directory=project)
    bare_node.converge(directory=project)
    assert told(node, "look")["waiting"] == []
    assert node.try_sh(f"[ -e {STATE}/first-install ]").returncode == 1
