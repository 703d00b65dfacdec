"""What is not as the data says on a node of BigBlueButton."""

import json
from collections.abc import Iterator
from typing import Any

from controller.audit import Finding
from controller.roll import words
from controller.roll.answers import Look, Unreadable, read
from facts.bbb import BbbState


def judge(now: BbbState) -> Finding:
    """By the node's own program: meetings as they are, and what is otherwise than wanted."""
    if now.is_bare:
        return Finding({"release": None}, drift=["BigBlueButton is not installed"])
    if now.look is None:
        data = {"release": now.release}
        return Finding(data, drift=[f"BigBlueButton {now.release}: {now.why}"])
    try:
        look = read(Look, json.dumps(now.look))
    except Unreadable as error:
        return Finding({"release": now.release}, drift=[f"BigBlueButton: {error}"])
    told: dict[str, Any] = {
        "release": look.release,
        "wanted": look.wanted,
        "meetings": look.meetings.answer,
        "gate": look.gate,
        "waiting": [it.what for it in look.waiting],
    }
    text = f"BigBlueButton {look.release}: {words.people(look.meetings)}, gate {look.gate}"
    return Finding(told, text, list(_drift(look, now.begun)))


def _drift(look: Look, begun: bool) -> Iterator[str]:
    if begun:
        yield "the first install was not seen whole: run deploy.py again"
    if look.meetings.answer != "known":
        yield words.people(look.meetings)
    if look.dpkg:
        yield f"packages that are not whole: {', '.join(look.dpkg)}"
    for it in look.waiting:
        yield f"waits for a window: {it.what}"
    for path, found in sorted(look.places.items()):
        if found == "other":
            yield f"{path} has another API secret"
    for name, unit in sorted(look.units.items()):
        if unit.active != "active":
            yield f"{name} does not run ({unit.active})"
    if look.gate == "closed" and look.window is None:
        yield "the gate is closed, and no window is open: new meetings are refused"
    if look.window:
        yield f"a window is open, at the step {look.window.step}: run bbb_roll.py"
    yield from look.drift
