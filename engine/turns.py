"""Which host may change now: the first of a kind alone, then more at a time the more are proven."""

from collections import Counter

from gevent.event import Event

PATIENCE_SECONDS = 300
"""How long a host waits for news of those at work. By then each change is proven or undone."""


class Turns:
    """The turns of hosts that change what could shut everybody out: a mistake hits few of them.

    Hosts of one kind run the same risk. While the first of a kind changes, no other host at all
    does. From then on as many of that kind may be at work as were proven before, and one more. As
    soon as one host has failed, no other host begins.

    A host that waits holds a place in pyinfra's pool of greenlets. The hosts that it waits for have
    begun, so they have a place too. So a pool of any size lets all of them through.
    """

    def __init__(self) -> None:
        self._at_work: dict[str, str] = {}
        self._proven: Counter[str] = Counter()
        self._failed: list[str] = []
        self._news = Event()

    def begin(self, host: str, kind: str) -> str | None:
        """Waits for the host's turn, and gives None; the caller has to call `end` after the change.

        Gives the reason instead if the host gets no turn.
        """
        while not self._failed:
            if self._may_begin(kind):
                self._at_work[host] = kind
                return None
            if not self._news.wait(PATIENCE_SECONDS):
                return f"{', '.join(self._at_work)} did not end within {PATIENCE_SECONDS} s"
        return f"{', '.join(self._failed)} failed"

    def end(self, host: str, proven: bool) -> None:
        """Notes that the change of a host that has begun is proven, or has failed."""
        kind = self._at_work.pop(host)
        if proven:
            self._proven[kind] += 1
        else:
            self._failed.append(host)
        news, self._news = self._news, Event()
        news.set()

    def _may_begin(self, kind: str) -> bool:
        kinds = list(self._at_work.values())
        if not self._proven[kind]:
            return not kinds
        return all(self._proven[it] for it in kinds) and kinds.count(kind) <= self._proven[kind]
