"""How BigBlueButton's API answers on a node of it, by coop-bbb.

`bbb_...` are the names of https://github.com/greenstatic/bigbluebutton-exporter, which public
dashboards have.
"""

import json
from collections.abc import Iterator

from programs.metrics import Failed, Found, Run, Settings
from programs.shared.exposition import labels

ANSWERS = ("known", "refused", "unreachable", "slow", "strange")

MEANINGS = {
    "bbb_api_up": "Whether the API tells which meetings there are: 1 or 0.",
    "coop_bbb_api_answer": "1 for what the API answers, 0 for all else.",
    "coop_bbb_api_seconds": "How long the API took.",
    "coop_bbb_changing": "Whether coop-bbb changes the node just now: 1 or 0.",
    "bbb_meetings": "How many meetings there are, breakout rooms included.",
    "bbb_meetings_participants": "How many people are in them.",
    "bbb_meetings_listeners": "How many of them only listen.",
    "bbb_meetings_voice_participants": "How many of them can speak.",
    "bbb_meetings_video_participants": "How many cameras are on.",
}
# By what coop-bbb tells. Not there while nobody knows: nobody would see that 0 is no count.
COUNTS = {
    "meetings": "bbb_meetings",
    "participants": "bbb_meetings_participants",
    "listeners": "bbb_meetings_listeners",
    "voice": "bbb_meetings_voice_participants",
    "video": "bbb_meetings_video_participants",
}


def expected(settings: Settings) -> Found | None:
    if settings.bbb is None:
        return None
    return {"bbb_api_up": {"": 0}, "coop_bbb_changing": {"": 0}, **_answer("")}


def look(settings: Settings, run: Run) -> Iterator[Found]:
    told = json.loads(run([str(settings.bbb), "probe"]))
    if told.get("answer") not in ANSWERS:
        raise Failed(f"coop-bbb tells of no answer: {str(told)[:200]}")
    yield {
        "bbb_api_up": {"": int(told["answer"] == "known")},
        "coop_bbb_api_seconds": {"": float(told["seconds"])},
        "coop_bbb_changing": {"": int(told["changing"])},
        **_answer(told["answer"]),
        **{name: {"": told[key]} for key, name in COUNTS.items() if key in told},
    }


def _answer(found: str) -> Found:
    return {"coop_bbb_api_answer": {labels(answer=it): int(it == found) for it in ANSWERS}}
