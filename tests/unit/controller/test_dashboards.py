"""Dashboards ask for metrics that there are, and the files are those of the code."""

import json
import re
from typing import Any

import pytest

from controller import dashboards
from fleet import ROOT
from tests.unit.exposition import documented

OTHERS = r"node_[a-zA-Z0-9_]+|up|ALERTS|probe_\w+"
NAME = r"\b(?:coop|bbb)_[a-z0-9_]+\b"


@pytest.mark.parametrize("name", dashboards.texts())
def test_the_files_are_those_of_the_code(name: str) -> None:
    assert (ROOT / "docs/dashboards" / name).read_text() == dashboards.texts()[name]
    assert {it.name for it in (ROOT / "docs/dashboards").iterdir()} == {*dashboards.texts()}


def test_each_metric_is_on_a_page() -> None:
    pages = (ROOT / "docs").glob("*.md")
    known = set().union(*(documented(it.read_text()) for it in pages))
    asked = {name for it in dashboards.expressions() for name in re.findall(NAME, it)}
    assert asked and asked <= known
    assert all(re.search(f"{NAME}|{OTHERS}", it) for it in dashboards.expressions())


@pytest.mark.parametrize("name", dashboards.texts())
def test_a_dashboard_is_of_the_model_that_grafana_provisions(name: str) -> None:
    found: dict[str, Any] = json.loads(dashboards.texts()[name])
    assert found["schemaVersion"] >= 36 and f"{found['uid']}.json" == name
    variables = {it["name"]: it for it in found["templating"]["list"]}
    assert variables["datasource"]["query"] == "prometheus"
    for panel in found["panels"]:
        assert panel["datasource"]["uid"] == "${datasource}"
        assert ("$host" in panel["targets"][0]["expr"]) <= ("host" in variables)
    titles = [it["title"] for it in found["panels"]]
    assert len(titles) == len({*titles})
