"""What the roll notes of its window, so that a roll that was cut off goes on."""

import json
from typing import Any

from programs.bbb import files, secrets
from programs.bbb.failed import Failed
from programs.bbb.root import Root
from programs.bbb.strict import Part

STEPS = (
    "plan", "ask", "cordon", "wait", "gate", "look", "change", "verify", "secret", "open",
    "restore",
)  # fmt: skip


def read(root: Root) -> dict[str, Any] | None:
    """The window, or None if none is open. Raises Failed if the file is damaged."""
    found = files.read(root, root.own("window.json"))
    return checked(found.data) if found else None


def write(root: Root, data: bytes) -> dict[str, Any]:
    window = checked(data)
    secrets.put(root, "window.json", json.dumps(window))
    return window


def clear(root: Root) -> dict[str, Any]:
    files.remove(root, root.own("window.json"))
    return {"window": None}


def checked(data: bytes) -> dict[str, Any]:
    """A window as the roll writes it. Raises Failed."""
    try:
        window = json.loads(data)
    except ValueError:
        raise Failed("the window is no JSON") from None
    it = Part(window, "window")
    it.text("step", "|".join(STEPS))
    it.whole("since", 0, 2**40)
    it.texts("reason", r"[^\0]*")
    balancer = it.maybe("balancer", it.part)
    if balancer:
        balancer.text("state")
        balancer.any("weight")
        balancer.end()
    it.end()
    return dict(window)
