"""All measured runs once, on a fleet of one client VM: by the real pyinfra, over real SSH."""

import json
import subprocess
import sys
from typing import Any

import pytest

from fleet import ROOT

_CODE = """\
import json, sys
from dataclasses import asdict
from pathlib import Path
from tests.scale.fleet import Size
from tests.scale.runs import Fleet
runs = Fleet(Size(1, 5), Path(sys.argv[1])).measure((1,), one_host=1)
print(json.dumps([asdict(it) for it in runs]))
"""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What the runs took, by run."""
    directory = tmp_path_factory.mktemp("runs") / "fleet"
    command = [str(ROOT / "tests/scale/alone"), sys.executable, "-c", _CODE, str(directory)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return {it["what"]: it for it in json.loads(done.stdout)}


def test_a_first_run_changes_what_a_run_after_it_finds_unchanged(
    runs: dict[str, dict[str, Any]],
) -> None:
    assert list(runs) == ["first", "no change", "one host", "a VM added"]
    assert runs["first"]["changed"] > 50
    assert runs["no change"]["changed"] == 0
    assert runs["no change"]["operations"] == runs["first"]["operations"]
    assert runs["first"]["commands"] > 5 * runs["no change"]["commands"]


def test_one_host_is_asked_alone(runs: dict[str, dict[str, Any]]) -> None:
    assert runs["one host"]["commands"] == runs["one host"]["most"]
    assert runs["one host"]["changed"] == 0


def test_a_vm_that_is_added_changes_all_hosts(runs: dict[str, dict[str, Any]]) -> None:
    added = runs["a VM added"]
    assert added["hosts"] == runs["first"]["hosts"] + 1
    # The run changes all of the new host, and little of the others.
    assert runs["first"]["changed"] > added["changed"] > 20


def test_what_each_took_is_measured(runs: dict[str, dict[str, Any]]) -> None:
    for it in runs.values():
        assert it["used"]["wall"] > it["used"]["cpu"] > 0.1
        assert it["used"]["memory"] > 20e6
        assert it["received"] > 10_000
