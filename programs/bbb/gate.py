"""Refuses new meetings while the node changes, and takes them again.

An exact match beats every other location of nginx, so one file is enough, and upgrades leave the
file alone. The gate closes only when no meeting is live: front-ends call `create` before each join,
so a gate would keep people from coming back to a meeting.
"""

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from programs.bbb import files, meetings, state
from programs.bbb.command import call
from programs.bbb.failed import Failed
from programs.bbb.front import CLOSED, CREATE, refuses_meetings
from programs.bbb.root import Root
from programs.bbb.wanted import Wanted

FILE = "/etc/bigbluebutton/nginx/coop-gate.nginx"
PID = "/run/nginx.pid"
TEXT = f"""\
# New meetings are refused while this node changes: coop-bbb gate open.
location = {CREATE} {{
    default_type text/xml;
    return 200 "<response><returncode>FAILED</returncode><messageKey>{CLOSED}</messageKey><message>This server is being maintained. Please try again in some minutes.</message></response>";
}}
"""  # noqa: E501
# How long the workers before a reload may take to end their requests: proxy_read_timeout is 60 s.
WORKERS_SECONDS = 90.0
SEEN_SECONDS = 30.0


def now(root: Root, wanted: Wanted) -> str:
    """open or closed, as people would find it; by the file alone if nobody answers."""
    if files.read(root, FILE) is None:
        return "open"
    try:
        return "closed" if refuses_meetings(wanted.front, wanted.hostname) else "open"
    except Failed:
        return "closed"


def is_shut(root: Root) -> bool:
    """Whether the gate's file is there as it should be: nginx comes up with it after a reboot."""
    found = files.read(root, FILE)
    return found is not None and found.text == TEXT


def shut(root: Root) -> None:
    """Write the gate's file, which counts once nginx reads its files."""
    if not is_shut(root):
        files.write(root, FILE, TEXT.encode(), files.Rights(root.uid, -1, 0o644))


def close(root: Root, wanted: Wanted) -> None:
    """Refuse new meetings; returns once no worker is left that takes them. Raises Failed."""
    shut(root)
    try:
        call("nginx", "-t")
    except Failed as error:
        files.remove(root, FILE)
        raise Failed(f"the gate stays open, because nginx refuses its settings: {error}") from None
    _reload(root, workers_end=True)
    _seen(lambda: refuses_meetings(wanted.front, wanted.hostname), "a create still reaches BBB")


def open_(root: Root, wanted: Wanted) -> None:
    """Take new meetings again, and see that BBB answers. Raises Failed."""
    before = files.read(root, FILE)
    files.remove(root, FILE)
    try:
        call("nginx", "-t")
    except Failed as error:
        # nginx goes on with the gate that it has, so the file should say so.
        if before:
            files.write(root, FILE, TEXT.encode(), files.Rights(root.uid, -1, 0o644))
        raise Failed(
            f"the gate stays closed, because nginx refuses its settings: {error}"
        ) from None
    # From now on a meeting may begin, whatever the last change left undone.
    state.write(root, state.read(root), may_have_people=True)
    _reload(root, workers_end=False)
    _seen(lambda: not refuses_meetings(wanted.front, wanted.hostname), "the gate still answers")


def _reload(root: Root, workers_end: bool) -> None:
    """Let nginx take its files in.

    workers_end: whether to wait for the end of the workers before. A worker that was told to end
    takes no connection more; it goes on with requests that it has, and with WebSockets.
    """
    before = workers(root)
    call("systemctl", "reload-or-restart", "nginx.service", timeout=120)
    if workers_end and (left := _after(root, before, WORKERS_SECONDS)):
        _end(root, left)


def _after(root: Root, before: set[tuple[int, str]], seconds: float) -> set[tuple[int, str]]:
    """Those of the workers that are still there at the end of the time."""
    end = time.monotonic() + seconds
    while (left := before & workers(root)) and time.monotonic() < end:
        time.sleep(0.2)
    return left


def _end(root: Root, left: set[tuple[int, str]]) -> None:
    """End old workers that stay, if no meeting is live. Raises Failed.

    With a live meeting they may have the WebSockets of its people: the roll sees the meeting when
    it looks again, and opens the gate. Without, they have pages that somebody left open, such as
    Greenlight's, and would keep a node from its window for hours.
    """
    found = meetings.answer(root)
    if found["answer"] != "known":
        raise Failed(
            f"{len(left)} workers of nginx from before the gate still have connections, and "
            f"nobody knows whether a meeting is live: {found['why']}. Try again, or open the "
            "gate: coop-bbb gate open"
        )
    if found["meetings"]:
        return
    for pid, _ in left & workers(root):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGTERM)
    if stay := _after(root, left, 10):
        raise Failed(f"{len(stay)} workers of nginx from before the gate do not end")


def workers(root: Root) -> set[tuple[int, str]]:
    """The workers that run, each by pid and start, so that no new process is taken for an old one.

    Raises Failed if nginx does not run.
    """
    found = files.read(root, PID)
    if found is None or not found.text.strip().isdecimal():
        raise Failed("nginx does not run: systemctl start nginx")
    master = found.text.strip()
    known = set()
    for file in root.at("/proc").glob("[0-9]*/stat"):
        fields = _stat(file)
        # Fields of proc(5) after the name: 0 is the state, 1 the parent, 19 the start.
        if fields and fields[1] == master:
            known.add((int(file.parent.name), fields[19]))
    return known


def _stat(file: Path) -> list[str]:
    try:
        return file.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        # The process has ended meanwhile.
        return []


def _seen(is_so: Callable[[], bool], otherwise: str) -> None:
    """Wait until the public side says so. Raises Failed, with the last reason."""
    end = time.monotonic() + SEEN_SECONDS
    while True:
        try:
            if is_so():
                return
            why = otherwise
        except Failed as error:
            why = str(error)
        if time.monotonic() > end:
            raise Failed(why)
        time.sleep(1)
