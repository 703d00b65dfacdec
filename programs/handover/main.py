"""Looks each minute whether a hand-over was that nobody has told of."""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from programs.handover import Settings, Ways, settings_of, ways_of
from programs.handover.asked import Unknown, taken, told
from programs.handover.note import note
from programs.handover.turns import last_change, on
from programs.shared.arguments import settings_and_secrets
from programs.shared.exposition import exposition, labels
from programs.shared.messages import NotSent
from programs.shared.whole import replace

# For so long the second of two monitors waits for the first to tell.
FIRST_SECONDS = 180

MEANINGS = {
    "coop_oncall": "Whether the team is on call: 1 or 0.",
    "coop_oncall_until_timestamp_seconds": "The end of the team's present turn; 0 between turns.",
    "coop_handover_told_timestamp_seconds": "The last hand-over that was told, by whomever.",
    "coop_handover_pending": "Whether a note of a hand-over could not be sent yet: 1 or 0.",
    "coop_taken_known": "Whether Alertmanager says what somebody has taken: 1 or 0.",
    "coop_taken_until_timestamp_seconds": (
        "Until when nobody is told of an alert of a host, because somebody has taken it."
    ),
    "coop_handover_status_timestamp_seconds": "When this was last looked at.",
}


def start() -> None:
    """Run the program with the arguments of its command line."""
    settings, secrets = settings_and_secrets()
    sys.exit(main(settings_of(settings), ways_of(secrets), time.time()))


def main(settings: Settings, ways: Ways, now: float) -> int:
    """Send what is due, and write the metrics; returns the exit status."""
    pending = False
    try:
        _tell(settings, ways, now)
    except NotSent as error:
        print(f"the note could not be sent: {error}", file=sys.stderr)
        pending = True
    replace(Path(settings.metrics), text_of(settings, pending, now))
    return int(pending)


def _tell(settings: Settings, ways: Ways, now: float) -> None:
    """Raises NotSent if one of the ways did not take the note. The others are not tried again.

    A note is due until it is sent, or another one is, which then tells of all that was.
    """
    change, state = last_change(settings.turns, now), _told(settings)
    if change is None or change == state.get("change"):
        return
    # What the other monitor has told of was looked at after the hand-over: rather twice than never.
    looked: float = change
    if state and not _others_told(settings, change):
        if settings.first and now < change + FIRST_SECONDS:
            return
        done = state.get("done", []) if state.get("at") == change else []
        # Whoever has the note by one way hears in the next one of what ended since.
        looked = state.get("looking", change) if done else now
        said = note(settings, change, (state.get("looked", state["change"]), looked), now)
        sent, failed = _send(settings, ways, change, said, done)
        if failed:
            due = {"at": change, "looking": looked, "done": sent}
            replace(Path(settings.state), json.dumps({**state, **due}))
            raise NotSent("; ".join(failed))
    replace(Path(settings.state), json.dumps({"change": change, "looked": looked}))


def _others_told(settings: Settings, change: int) -> bool:
    """Whether the first of two monitors has sent the note. Rather twice than never."""
    try:
        return bool(settings.first) and told(settings.prometheus, settings.first) >= change
    except Unknown as error:
        print(f"nobody knows what {settings.first[0]} has told: {error}", file=sys.stderr)
        return False


def _send(
    settings: Settings, ways: Ways, change: int, said: tuple[str, str], done: Sequence[str]
) -> tuple[list[str], list[str]]:
    """By which ways the note has gone out, and why it has not by others.

    said: subject and text; done: the ways of before
    """
    subject, text = said
    teams = [*on(settings.turns, change - 1), *on(settings.turns, change)]
    people = dict.fromkeys(person for team in teams for person in settings.people[team])
    calls: dict[str, Callable[[], object]] = {}
    if people:
        calls["mail"] = lambda: ways.mail_to([*people]).send(subject, text)
    if room := ways.room:
        calls["room"] = lambda: room.send(f"{subject}\n\n{text}", f"hand-over {change}")
    sent, failed = [*done], []
    for name, call in calls.items():
        if name in done:
            continue
        try:
            call()
            sent.append(name)
        except NotSent as error:
            failed.append(f"{name}: {error}")
    return sent, failed


def _told(settings: Settings) -> dict[str, Any]:
    """Up to when hand-overs were told; empty before the first look."""
    try:
        found = json.loads(Path(settings.state).read_text())
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def text_of(settings: Settings, pending: bool, now: float) -> str:
    """The text for Prometheus."""
    its, takes = on(settings.turns, now), _takes(settings)
    teams = sorted(settings.people)
    found: dict[str, dict[str, float]] = {
        "coop_oncall": {labels(team=it): int(it in its) for it in teams},
        "coop_oncall_until_timestamp_seconds": {labels(team=it): its.get(it, 0) for it in teams},
        "coop_handover_told_timestamp_seconds": {"": _told(settings).get("change", 0)},
        "coop_handover_pending": {"": int(pending)},
        "coop_taken_known": {"": int(takes is not None)},
        "coop_taken_until_timestamp_seconds": takes or {},
        "coop_handover_status_timestamp_seconds": {"": int(now)},
    }
    return exposition({name: (MEANINGS[name], values) for name, values in found.items()})


def _takes(settings: Settings) -> dict[str, float] | None:
    """By alert, its host and who has taken it: until when; None if Alertmanager does not say."""
    try:
        found = taken(settings.alertmanager)
    except Unknown as error:
        print(f"nobody knows what is taken: {error}", file=sys.stderr)
        return None
    # The label `host` would be that of the monitor.
    return {
        labels(alert=name, of=host, by=it.by): int(it.until) for (name, host), it in found.items()
    }
