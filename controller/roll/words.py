"""What a person reads of meetings, and of what waits for a window."""

from collections.abc import Iterable, Sequence

from controller.roll.answers import Look, Meeting, Meetings, Spool

MOST_NAMES = 6


def counted(count: int, one: str, more: str = "") -> str:
    """Such as "1 meeting", "3 meetings", "41 people"."""
    return f"{count} {one if count == 1 else more or f'{one}s'}"


def people(meetings: Meetings) -> str:
    """Such as "3 meetings, 41 people"; without a list, why there is none."""
    if meetings.meetings is None:
        why = f": {meetings.why}" if meetings.why else ""
        return f"its meetings are not known ({meetings.answer}{why})"
    if not meetings.meetings:
        return "no meetings"
    count = counted(len(meetings.meetings), "meeting")
    return f"{count}, {counted(sum(it.people for it in meetings.meetings), 'person', 'people')}"


def named(meeting: Meeting, known: Iterable[Meeting]) -> str:
    """Such as "General assembly (12)"; a breakout room with the meeting that it belongs to."""
    parent = next((it.name for it in known if it.id == meeting.breakout_of), None)
    of = f", breakout of {parent}" if parent else ", breakout" if meeting.breakout_of else ""
    state = str(meeting.people) if meeting.begun else "nobody yet"
    return f"{meeting.name[:60]} ({state}{of})"


def names(meetings: Sequence[Meeting]) -> str:
    """The meetings by name, the largest first; not all of many."""
    ordered = sorted(meetings, key=lambda it: (-it.people, it.name))
    shown = [named(it, meetings) for it in ordered[:MOST_NAMES]]
    more = len(ordered) - len(shown)
    return ", ".join([*shown, *([f"{more} more"] if more else [])])


def reasons(look: Look) -> tuple[str, ...]:
    """What a window is for."""
    return tuple(it.what for it in look.waiting)


def waits(name: str, look: Look) -> str | None:
    """The one line of what waits for a window; None if nothing does.

    Such as "bbb2: 3.0.34 -> 3.0.35, secret; 3 meetings, 41 people".
    """
    parts = [*reasons(look)]
    if look.window:
        parts.append(f"a window is open, at the step {look.window.step}")
    return f"{name}: {', '.join(parts)}; {people(look.meetings)}" if parts else None


def left(look: Look) -> str:
    """What recordings have still to leave the node; "" if none, or if none ever leaves it."""
    spool = look.spool or Spool()
    parts = [
        (spool.waiting, "waits", "wait", "to be handed over"),
        (spool.queue, "is", "are", "still to be made"),
    ]
    said = [
        f"{counted(count, 'recording')} {one if count == 1 else more} {what}"
        for count, one, more, what in parts
        if count
    ]
    return ", ".join([*said, *([spool.problem] if spool.problem else [])])


def duration(seconds: float) -> str:
    """Such as "40 s", "12 min", "3 h 20 min"."""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{round(seconds)} s"
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h" + (f" {minutes % 60} min" if minutes % 60 else "")
