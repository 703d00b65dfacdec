"""How pyinfra itself works here, in every run."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from fleet import ROOT

LOOK = """
import sys
from pyinfra import state
order = sys.modules["pyinfra.api.operation"].get_operation_order_from_stack
print("hosts at a time:", state.config.PARALLEL, "order by", order.__module__)
"""


def look(tmp_path: Path, open_files: int) -> str:
    """What a run finds, with this limit of open files."""
    (tmp_path / "look.py").write_text(LOOK)
    done = subprocess.run(
        [sys.executable, "-m", "pyinfra", "@local", str(tmp_path / "look.py"), "--dry"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (open_files, open_files)),
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(("open_files", "hosts"), [(1024, 250), (256, 82), (64, 18)])
def test_a_run_takes_as_many_hosts_at_a_time_as_it_may_open_files(
    tmp_path: Path, open_files: int, hosts: int
) -> None:
    said = look(tmp_path, open_files)
    assert f"hosts at a time: {hosts} order by engine.upstream" in said
    assert "open files limit" not in said
