"""How fresh the copies are."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass

from controller.audit import Finding
from facts.copies import CopiesState
from roles.templates import render


@dataclass(frozen=True)
class Copy:
    """The age of a dataset's newest snapshot in minutes, None if there is no snapshot.

    source: on the storage server, as of the last pull; offsite: on the host that keeps the copies
    """

    dataset: str
    source: int | None
    offsite: int | None


def judge(copies: CopiesState) -> Finding:
    ages = list(_ages(copies))
    return Finding(
        {"copies": [asdict(it) for it in ages]},
        render(__file__, "audit.md.j2", copies=ages),
        [f"copies: {it}" for it in copies.problems],
    )


def _ages(copies: CopiesState) -> Iterator[Copy]:
    for name in sorted({*copies.source, *copies.offsite}):
        there, here = copies.source.get(name), copies.offsite.get(name)
        yield Copy(name, _age(copies.seen_at, there), _age(copies.at, here))


def _age(at: int, taken: int | None) -> int | None:
    """In minutes; None if there is no snapshot."""
    return None if taken is None else (at - taken) // 60
