"""What waits on a node, and since when."""

from controller.audit import Finding
from facts.recordings import RecordingsState
from roles.templates import render


def judge(now: RecordingsState) -> Finding:
    """waiting, queue, copied: as in the fact; since: for how many hours the oldest has waited."""
    since = (now.at - now.oldest) // 3600 if now.oldest else None
    figures = {"waiting": now.waiting, "queue": now.queue, "copied": now.copied, "since": since}
    return Finding(
        figures,
        render(__file__, "audit.md.j2", **figures),
        [f"recordings: {it}" for it in now.problems],
    )
