"""What coop-bbb tells of the API, as metrics."""

import json
from dataclasses import replace
from typing import Any

import pytest

from programs.metrics import Failed, bbb
from tests.unit.programs.metrics.stage import Stage

COMMAND = "/usr/local/sbin/coop-bbb"
WELL = {
    "answer": "known", "seconds": 0.012, "changing": False,
    "meetings": 2, "participants": 7, "listeners": 4, "voice": 3, "video": 1,
}  # fmt: skip


def told(host: Stage, text: str | None) -> dict[str, Any]:
    host.told[f"{COMMAND} probe"] = text
    settings = replace(host.settings, bbb=COMMAND)
    found: dict[str, Any] = dict(bbb.expected(settings) or {})
    for piece in bbb.look(settings, host):
        found.update(piece)
    return found


def test_a_node_that_is_well(host: Stage) -> None:
    found = told(host, json.dumps(WELL))
    assert found["bbb_api_up"] == {"": 1}
    assert found["coop_bbb_api_seconds"] == {"": 0.012}
    assert found["bbb_meetings_participants"] == {"": 7}
    assert found["coop_bbb_api_answer"]['{answer="known"}'] == 1
    assert found.keys() == bbb.MEANINGS.keys()


@pytest.mark.parametrize("answer", ["refused", "unreachable", "slow", "strange"])
def test_an_api_that_does_not_tell_has_no_count(host: Stage, answer: str) -> None:
    found = told(host, json.dumps({"answer": answer, "seconds": 0.1, "changing": True}))
    assert found["bbb_api_up"] == {"": 0} and found["coop_bbb_changing"] == {"": 1}
    assert [it for it, value in found["coop_bbb_api_answer"].items() if value] == [
        f'{{answer="{answer}"}}'
    ]
    assert not any(it.startswith("bbb_meetings") for it in found)


@pytest.mark.parametrize("text", [None, '{"problem": "no"}', '{"answer": "new"}'])
def test_what_tells_nothing_is_a_failure(host: Stage, text: str | None) -> None:
    with pytest.raises(Failed):
        told(host, text)


def test_another_host_has_no_series(host: Stage) -> None:
    assert bbb.expected(host.settings) is None
