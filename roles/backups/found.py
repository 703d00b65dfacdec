"""How many sets there are in the provider's store, and how fresh the newest is."""

from controller.audit import Finding
from facts.sets import SetsState
from roles.templates import render


def judge(sets: SetsState) -> Finding:
    """The number of sets, and the age of the newest set in minutes, None if there is none."""
    newest = (sets.at - sets.newest) // 60 if sets.newest else None
    return Finding(
        {"sets": sets.sets, "newest": newest},
        render(__file__, "audit.md.j2", sets=sets.sets, newest=newest),
        [f"backup: {it}" for it in sets.problems],
    )
