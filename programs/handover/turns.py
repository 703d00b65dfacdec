"""Who is on call, and when that changes."""

from collections.abc import Sequence

from programs.handover import Turn


def on(turns: Sequence[Turn], when: float) -> dict[str, int]:
    """The teams on call then, each with the end of its turn, in seconds since 1970."""
    found: dict[str, int] = {}
    for turn in turns:
        # Turns of a team that meet are one.
        if turn.since <= max(when, found.get(turn.team, 0)) and turn.until > when:
            found[turn.team] = max(turn.until, found.get(turn.team, 0))
    return found


def last_change(turns: Sequence[Turn], when: float) -> int | None:
    """The last moment until then at which other teams were on call than just before."""
    moments = sorted({at for it in turns for at in (it.since, it.until) if at <= when})
    changes = (it for it in reversed(moments) if {*on(turns, it)} != {*on(turns, it - 1)})
    return next(changes, None)
