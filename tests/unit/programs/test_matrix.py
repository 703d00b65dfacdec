"""Each alert is said in the room once, in words for people."""

from datetime import UTC, datetime
from typing import Any

import pytest

from programs.matrix.main import Keys, text_of


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


BEGAN = datetime(2026, 11, 28, 5, tzinfo=UTC).timestamp()


def test_what_is_sent_again_is_the_same_and_what_is_repeated_is_not() -> None:
    one, two = alert("A"), alert("B")
    keys = Keys()
    key = keys.key_of(message(one, two), BEGAN + 30)
    assert keys.key_of(message(two, one), BEGAN + 60) == key
    keys.sent(key)
    assert keys.key_of(message(one, two), BEGAN + 90) == key
    keys.sent(key)
    assert keys.key_of(message(one), BEGAN + 90) != key
    over = {**two, "status": "resolved", "endsAt": "2026-11-28T05:01:00Z"}
    assert keys.key_of(message(one, over), BEGAN + 90) != key
    assert keys.key_of(message(one, two), BEGAN + 4 * 3600 + 30) != key


@pytest.mark.parametrize("since", range(0, 4 * 3600, 601))
def test_what_is_tried_again_is_the_same_at_any_time(since: int) -> None:
    """Over each hour of the clock, and each hour of the alert, however long the room is away."""
    keys = Keys()
    first = keys.key_of(message(alert()), BEGAN + since)
    tries = range(60, 12 * 3600, 60)
    assert {keys.key_of(message(alert()), BEGAN + since + it) for it in tries} == {first}
    # The homeserver took it, and its answer was lost on the way to Alertmanager.
    keys.sent(first)
    assert keys.key_of(message(alert()), BEGAN + since + tries[-1] + 3000) == first


def test_each_repeat_has_a_key_of_its_own() -> None:
    keys, found = Keys(), []
    for hour in range(0, 48, 4):
        found.append(keys.key_of(message(alert()), BEGAN + hour * 3600 + hour + 30))
        keys.sent(found[-1])
    assert len({*found}) == len(found)


@pytest.mark.parametrize(
    ("starts", "ends"),
    [
        ("2026-11-28T05:59:50Z", None),
        ("2026-11-28T05:59:50.123456789Z", None),
        ("2026-11-28T06:59:50+01:00", None),
        ("2026-11-28T06:00:00Z", None),
        ("2026-11-27T05:00:00Z", "2026-11-28T05:59:50.5Z"),
    ],
)
def test_two_alertmanagers_send_the_same_over_the_full_hour(starts: str, ends: str | None) -> None:
    """Each tells the program of its own monitor, and the room has it once."""
    its = alert(startsAt=starts, **({"status": "resolved", "endsAt": ends} if ends else {}))
    hour = datetime(2026, 11, 28, 6, tzinfo=UTC).timestamp()
    assert Keys().key_of(message(its), hour - 5) == Keys().key_of(message(its), hour + 5)


def test_what_is_long_over_is_forgotten() -> None:
    keys = Keys()
    for it in range(1000):
        keys.key_of(message(alert(f"A{it}")), BEGAN + it * 600)
    assert len(keys._tried) <= 145


@pytest.mark.parametrize("odd", [{}, {"alerts": [{}]}, {"alerts": [7]}, []])
def test_what_alertmanager_never_sends_is_no_message(odd: Any) -> None:
    with pytest.raises((KeyError, TypeError, AttributeError)):
        text_of(odd)
