"""What the data and the operator want of the nodes in a run."""

from pathlib import Path
from typing import Any

import pytest

from controller.roll.wishes import Asked, Unfit, asked, balancers_of, nodes_in, wish
from tests.unit.controller.roll.samples import nodes, secrets

BOTH = ["bbb1", "bbb2", "prod1"]


def test_nodes_come_in_the_order_of_the_data(tmp_path: Path) -> None:
    found = nodes_in(nodes(tmp_path), BOTH)
    assert [host.name for host, _ in found] == ["bbb2", "bbb1"]
    assert [host.name for host, _ in nodes_in(nodes(tmp_path), ["bbb1", "prod1"])] == ["bbb1"]


def test_a_wish_has_what_the_data_says(tmp_path: Path) -> None:
    fleet = nodes(tmp_path, weight=2, tag="large")
    node = nodes_in(fleet, ["bbb2"])[0]
    found = wish(fleet, node, secrets(tmp_path), Asked(60, "bbb2"))
    assert (found.hostname, found.secret) == ("bbb2.example.org", "b" * 40)
    assert (found.weight, found.tag, found.min_serving) == (2.0, "large", 1)
    assert (found.patience, found.look, found.change) == (60, 20, 5400)
    assert found.force and found.online == 300
    assert "bbbb" not in repr(found)


def test_a_node_without_a_balancer_needs_nobody_beside_it(tmp_path: Path) -> None:
    fleet = nodes(tmp_path, balancer=None)
    its = nodes_in(fleet, ["bbb2"])
    assert wish(fleet, its[0], secrets(tmp_path), Asked(60, None)).min_serving == 0
    # Whoever could send meetings there is asked all the same.
    assert list(balancers_of(fleet, its, secrets(tmp_path))) == ["meet"]


def test_the_nodes_balancers_are_made_once_each(tmp_path: Path) -> None:
    fleet = nodes(tmp_path)
    found = balancers_of(fleet, nodes_in(fleet, BOTH), secrets(tmp_path))
    assert [(name, it.name) for name, it in found.items()] == [("meet", "meet")]


@pytest.mark.parametrize(("given", "seconds"), [(None, 14400), ("30m", 1800), ("2h", 7200)])
def test_patience_is_the_operator_s_or_the_data_s(tmp_path: Path, given: Any, seconds: int) -> None:
    fleet = nodes(tmp_path)
    assert asked(fleet, nodes_in(fleet, BOTH), given, None) == Asked(seconds, None)


@pytest.mark.parametrize("given", [4, "4", "4 h", "", "-1h", "for ever", True, "\x1b[2J"])
def test_a_patience_without_its_unit_is_refused(tmp_path: Path, given: Any) -> None:
    fleet = nodes(tmp_path)
    with pytest.raises(Unfit, match="patience"):
        asked(fleet, nodes_in(fleet, BOTH), given, None)


def test_force_is_for_the_one_node_of_that_name(tmp_path: Path) -> None:
    fleet = nodes(tmp_path)
    found = asked(fleet, nodes_in(fleet, BOTH), None, "bbb2")
    assert found.force == "bbb2"
    forced = [wish(fleet, it, secrets(tmp_path), found).force for it in nodes_in(fleet, BOTH)]
    assert forced == [True, False]


@pytest.mark.parametrize("given", ["bbb*", "bbb", "bbb1,bbb2", "all", "prod1", "", 2, True, "BBB2"])
def test_force_takes_no_pattern_and_no_other_host(tmp_path: Path, given: Any) -> None:
    fleet = nodes(tmp_path)
    with pytest.raises(Unfit, match="bbb_force"):
        asked(fleet, nodes_in(fleet, BOTH), None, given)


def test_force_takes_no_node_that_the_limit_leaves_out(tmp_path: Path) -> None:
    fleet = nodes(tmp_path)
    with pytest.raises(Unfit, match="not the name of a node in this run: bbb1"):
        asked(fleet, nodes_in(fleet, ["bbb1"]), None, "bbb2")


def test_nobody_is_cut_to_drain_a_node(tmp_path: Path) -> None:
    fleet = nodes(tmp_path, wanted="drained")
    with pytest.raises(Unfit, match="is to be drained"):
        asked(fleet, nodes_in(fleet, BOTH), None, "bbb2")
