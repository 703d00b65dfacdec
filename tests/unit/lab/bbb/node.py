"""A node of the lab on loopback: the daemon that plays bbb-web, below a root of its own."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.bbb.door import Door
from lab.bbb.web.carriers import UNITS
from lab.bbb.web.daemon import DATABASE, STATE, Daemon
from lab.bbb.web.settings import OVERRIDE, PACKAGE, RELEASE

SECRET = "s" * 40
LOOPBACK = "127.0.0.1"
# The seconds after which a test's participants take a flow for broken: other tests may run beside.
GAP = 2.0


class Node:
    """root: where its files are"""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.write(PACKAGE, "securitySalt=random\nbigbluebutton.web.serverURL=http://192.0.2.1\n")
        self.write(
            OVERRIDE, f"securitySalt={SECRET}\nbigbluebutton.web.serverURL=http://{LOOPBACK}\n"
        )
        self.write(RELEASE, "BIGBLUEBUTTON_RELEASE=3.0.35\n")
        self.write(DATABASE, "")
        self.daemon: Daemon

    @contextmanager
    def runs(self) -> Iterator["Node"]:
        """The daemon runs during the block. It reads its files at the beginning."""
        self.daemon = Daemon(self.root, (LOOPBACK, 0), (LOOPBACK, 0))
        self.daemon.start()
        try:
            yield self
        finally:
            self.daemon.stop()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.daemon.port}/bigbluebutton/api"

    @property
    def door(self) -> Door:
        return Door(self.url, SECRET)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def switch(self, name: str, value: str = "") -> None:
        self.write(f"{STATE}/switches/{name}", value)

    def switch_off(self, name: str) -> None:
        (self.root / STATE / "switches" / name).unlink()

    def unit(self, name: str, invocation: str) -> None:
        """The unit is active, by this invocation."""
        link = self.root / UNITS / f"invocation:{name}.service"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(invocation)


def wait(condition: Callable[[], bool], what: str, seconds: float = 10) -> None:
    """Raises AssertionError if the condition does not hold within these seconds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(0.01)
