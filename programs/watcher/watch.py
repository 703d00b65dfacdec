"""Which monitors are silent, and whether people know of it."""

import math
import sys
import threading
import time
from collections.abc import Callable, Iterable
from datetime import datetime, timezone

from programs.shared.messages import NotSent
from programs.watcher import Settings

# While a monitor is silent, people are told again.
AGAIN_SECONDS = 4 * 3600
# The way to people is tried, so that it is known to work before it is needed.
TRY_SECONDS = 3600
# A mail server that refuses a password shuts out whoever tries too often.
RETRY_SECONDS = 60

TEXT = """\
{monitors}: not heard of for {minutes} minutes. Prometheus or Alertmanager stands still there, or
the host or its tunnel is down. Whatever is wrong elsewhere is told by nobody now.

First:   On the monitor, systemctl status prometheus prometheus-alertmanager
Page:    {page}
"""


class Watch:
    """For the threads of a server and of a loop.

    People are called while no monitor is heard: of two, each tells that the other one is silent.
    """

    def __init__(self, settings: Settings, now: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._now, self._lock = settings, now, threading.Lock()
        # By a clock that nobody sets.
        self._heard = dict.fromkeys(settings.monitors, now())
        self._told: float | None = None
        self._tried: float | None = None
        self.usable = True
        """Whether the mail server took this program and all recipients when it was last tried."""

    def hear(self, monitors: Iterable[str]) -> None:
        """These were heard of now. Others than those of the settings are passed over."""
        with self._lock:
            for it in monitors:
                if it in self._heard:
                    self._heard[it] = self._now()

    def silences(self) -> dict[str, float]:
        """By monitor, for how many seconds nothing was heard."""
        with self._lock:
            return {name: self._now() - at for name, at in self._heard.items()}

    def look(self) -> None:
        """Tell people what they do not know. What cannot be sent is tried again at the next."""
        silences, told = self.silences(), self._told
        silence, names = min(silences.values(), default=0), " and ".join(silences)
        if silence <= self._settings.seconds:
            if told is not None and self._send(f"over: {names} heard again", f"{_now()}\n"):
                self._told = None
        elif told is None or self._now() - told >= AGAIN_SECONDS:
            text = TEXT.format(monitors=names, minutes=int(silence // 60), page=self._settings.page)
            if self._send(f"CRITICAL: {names} silent", text):
                self._told = self._now()
        self._try()

    def _send(self, subject: str, text: str) -> bool:
        return self._well(lambda: self._settings.mail.send(subject, text))

    def _try(self) -> None:
        if self._since_tried() >= TRY_SECONDS or not self.usable:
            self._well(self._settings.mail.check)

    def _since_tried(self) -> float:
        return math.inf if self._tried is None else self._now() - self._tried

    def _well(self, way: Callable[[], int | None]) -> bool:
        if not self.usable and self._since_tried() < RETRY_SECONDS:
            return False
        try:
            refused = way()
            self.usable = True
            if refused:
                print(f"{refused} recipients were refused", file=sys.stderr, flush=True)
        except NotSent as error:
            print(f"not everybody can be called: {error}", file=sys.stderr, flush=True)
            self.usable = False
        self._tried = self._now()
        return self.usable


def _now() -> str:
    return datetime.now(timezone.utc).strftime("%a %d %b %Y %H:%M UTC")
