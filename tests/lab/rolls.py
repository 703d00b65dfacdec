"""Rolls on the lab's nodes of BigBlueButton: their data, a roll that is killed."""

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from controller.roll.answers import Step
from controller.roll.lease import PLACE
from lab.command import wait_for
from lab.machines import ROOT, Machine
from tests.lab.balancers import Balancer, ScaleliteStandin
from tests.lab.fleets import BareNode, BbbNodes, Data, changed_project
from tests.lab.meetings import LOOK_EVERY, step

# What the data has, and what it has here. A poll may be late where a machine emulates others.
QUICK = {'look = "20s"': 'look = "3s"', 'poll = "60s"': 'poll = "20s"'}
BALANCER = '"driver": "scalelite", "url": "https://meet.example.org"'


def project_at(
    directory: Path, release: str, balancer: type[Balancer] = ScaleliteStandin, **bbb: Any
) -> Path:
    """A copy of the project whose nodes have this release, without storage, at our balancer.

    bbb: by node, further fields of its record: meet2={"wanted": "drained"}
    """

    def change(hosts: Data) -> None:
        for name in BbbNodes.names:
            hosts[name].pop("volume", None)
            fields = {"release": release, "balancer": "meet", **bbb.get(name, {})}
            hosts[name]["bbb"].update(fields)

    project = changed_project(directory, change)
    data = project / "group_data/bbb.py"
    text = data.read_text()
    ours = f'"driver": "{balancer.driver}", "url": "{balancer.url}"'
    for old, new in {**QUICK, BALANCER: ours}.items():
        assert old in text, old
        text = text.replace(old, new)
    data.write_text(text)
    return project


def at_release(release: str) -> Callable[[Data], None]:
    """A change of the lab's data: the bare node gets this release, and no storage."""

    def change(hosts: Data) -> None:
        for name in BareNode.names:
            hosts[name].pop("volume", None)
            hosts[name]["bbb"]["release"] = release

    return change


def rotate(project: Path, *names: str) -> None:
    """New secrets for these nodes, in the project's own file."""
    file = project / "lab/.state/env"
    lines = file.read_text().splitlines()
    wanted = [f"BBB_SECRET_{it.upper()}=" for it in names]
    new = [
        f"{it.partition('=')[0]}={secrets.token_hex(20)}" if it.startswith(tuple(wanted)) else it
        for it in lines
    ]
    assert sum(a != b for a, b in zip(lines, new, strict=True)) == len(names)
    file.write_text("\n".join(new) + "\n")


def secret_of(project: Path, variable: str) -> str:
    lines = (project / "lab/.state/env").read_text().splitlines()
    return dict(it.split("=", 1) for it in lines)[variable].strip("'")


def look(node: Machine) -> dict[str, Any]:
    """What the node's own program says."""
    return dict(json.loads(node.sh("coop-bbb look", timeout=300)))


@contextmanager
def rolling(project: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A roll that runs meanwhile; it is killed at the end of the block."""
    words = [str(ROOT / ".venv/bin/pyinfra"), "inventories/lab.py", "bbb_roll.py", "-y"]
    with subprocess.Popen(
        [*words, *arguments], cwd=project, stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "PYINFRA_PROGRESS": "off"},
    ) as run:  # fmt: skip
        try:
            yield run
        finally:
            run.kill()


def killed_at(project: Path, node: Machine, wanted: Step) -> None:
    """A roll of this node that is killed as soon as it is at this step."""

    def there() -> bool:
        if wanted in (Step.PLAN, Step.ASK):
            # No window is open yet. The roll only holds the node.
            return not step(node) and node.try_sh(f"[ -e {PLACE} ]").returncode == 0
        return step(node) == wanted

    with rolling(project, "--limit", node.name) as run:
        # Some steps take less than wait_for usually pauses.
        wait_for(
            lambda: there() or run.poll() is not None, f"the roll is at {wanted}", 900, LOOK_EVERY
        )
        assert run.poll() is None, run.stdout and run.stdout.read()
