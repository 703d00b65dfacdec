"""Each alert is said in the room once, in words for people."""

from typing import Any

import pytest

from programs.matrix.main import key_of, text_of


def alert(name: str = "HostDown", **values: Any) -> dict[str, Any]:
    return {
        "status": "firing", "fingerprint": name, "startsAt": "2026-11-28T05:00:00Z",
        "labels": {"alertname": name, "severity": "critical", "host": "bbb1"},
        "annotations": {"summary": f"{name} of bbb1", "mend": "look", "runbook_url": "https://p"},
        **values,
    }  # fmt: skip


def message(*alerts: dict[str, Any]) -> dict[str, Any]:
    return {"groupKey": "{}:{host=bbb1}", "alerts": [*alerts]}


def test_what_is_wrong_is_said_with_what_to_do() -> None:
    assert text_of(message(alert())) == (
        "CRITICAL: HostDown of bbb1\n  First: look\n  Page: https://p"
    )
    assert text_of(message(alert(status="resolved"))) == "over: HostDown of bbb1"


def test_a_flood_is_one_message_that_can_be_read() -> None:
    many = [alert(f"A{it}", annotations={"summary": "x" * 9000}) for it in range(400)]
    text = text_of(message(*many))
    assert text.endswith("\nand 380 more")
    # What Matrix takes at most: 65,536 bytes.
    assert len(text.encode()) < 20000


def test_what_is_sent_again_is_the_same_and_what_is_repeated_is_not() -> None:
    one, two = alert("A"), alert("B")
    key = key_of(message(one, two), 7200.0)
    assert key_of(message(two, one), 7260.0) == key
    assert key_of(message(one, two), 7200.0 + 4 * 3600) != key
    assert key_of(message(one), 7200.0) != key
    assert key_of(message(one, {**two, "status": "resolved"}), 7200.0) != key


@pytest.mark.parametrize("odd", [{}, {"alerts": [{}]}, {"alerts": [7]}, []])
def test_what_alertmanager_never_sends_is_no_message(odd: Any) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError)):
        text_of(odd)
