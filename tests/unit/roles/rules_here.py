"""The alerts as Debian's promtool tries them."""

import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from roles.monitor import alerts

needs_promtool = pytest.mark.skipif(
    not shutil.which("promtool"), reason="needs Debian's prometheus"
)
ESCALATE_MINUTES = 15


def count(
    names: str, at: str, expected: int, *, since: str = "", more: str = ""
) -> Mapping[str, Any]:
    """How many of these alerts fire at this time.

    names: a regular expression; more: matchers
    since: how often one of them fired at an evaluation within this time, instead
    """
    selected = f'ALERTS{{alertname=~"{names}",alertstate="firing"{more}}}'
    expr = f"sum(count_over_time({selected}[{since}]))" if since else f"count({selected})"
    samples = [{"labels": "{}", "value": expected}] if expected else []
    return {"expr": expr, "eval_time": at, "exp_samples": samples}


def case(
    series: Mapping[str, str], asked: Sequence[Mapping[str, Any]], interval: str = "15s"
) -> Mapping[str, Any]:
    return {
        "interval": interval,
        "input_series": [{"series": name, "values": it} for name, it in series.items()],
        "promql_expr_test": [*asked],
    }


def tried(directory: Path, cases: Sequence[Mapping[str, Any]] | None = None) -> str:
    """What promtool says against the alerts; cases: None for those of the alerts themselves"""
    files = directory / "alerts.yml", directory / "tests.yml"
    told: Mapping[str, Any] = alerts.tests("alerts.yml", ESCALATE_MINUTES)
    if cases is not None:
        told = {"rule_files": ["alerts.yml"], "evaluation_interval": "15s", "tests": [*cases]}
    for file, content in zip(
        files, (alerts.rules("https://x/", ESCALATE_MINUTES), told), strict=True
    ):
        file.write_text(yaml.safe_dump(content, width=1000))
    done = subprocess.run(
        ["promtool", "test", "rules", files[1].name],
        cwd=directory, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert (done.returncode == 0) == ("FAILED" not in done.stdout + done.stderr)
    return "" if done.returncode == 0 else done.stdout + done.stderr
