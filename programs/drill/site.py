"""The site of a volume, started on the copy and used as a visitor does."""

import html
import os
import re
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import quote

from programs.drill import Settings
from programs.drill.command import Failed, call, in_short
from programs.shared.plain import plain

# How much of an answer or of an upload is looked at, in bytes: a client makes these of any size.
MOST = 2**26
SOCKETS = Path("/run/php")
PAGE_SECONDS = 60
# The statuses of a site that still starts: no answer, or nginx has no PHP behind it yet.
NOT_YET = (0, 502)


def serve(site: Settings, after: ExitStack) -> None:
    """Start the site as in production, on this copy, and use it as a visitor. Raises Failed."""
    call("ip", "link", "set", "lo", "up")
    SOCKETS.mkdir(exist_ok=True)
    # Root's alone: nginx and PHP begin as root, and write here by name.
    call("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", str(SOCKETS))
    programs: dict[str, subprocess.Popen[bytes]] = {}
    for words in (
        [site["fpm"], "--nodaemonize", "--fpm-config", site["php"]],
        ["nginx", "-c", site["nginx"], "-g", "daemon off;"],
    ):
        program = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        after.callback(program.wait)
        after.callback(program.terminate)
        programs[words[0]] = program
    page = _page(site["name"], programs)
    names = [html.unescape(it) for it in re.findall(r'href="files/([^"]+)"', page)]
    if not names:
        if any(Path(site["uploads"]).iterdir()):
            raise Failed("the page lists no file, and there are some")
        return
    newest = max(names)
    try:
        with plain(Path(site["uploads"], newest)) as file:
            status, content = _get(site["name"], f"/files/{quote(os.fsencode(newest))}")
            is_served = status == 200 and content == file.read(MOST)
    except (OSError, HTTPException) as error:
        raise Failed(f"the file {in_short(newest)} is not served: {error}") from None
    if not is_served:
        raise Failed(f"the file {in_short(newest)} is not served as it is: status {status}")


def _page(name: str, programs: Mapping[str, subprocess.Popen[bytes]]) -> str:
    """The page, as soon as the programs serve it. Raises Failed."""
    end = time.monotonic() + PAGE_SECONDS
    while True:
        try:
            status, content = _get(name, "/")
        except (OSError, HTTPException) as error:
            status, content = 0, str(error).encode()
        if status == 200:
            return os.fsdecode(content)
        if ended := [program for program, it in programs.items() if it.poll() is not None]:
            raise Failed(f"{ended[0]} does not start: see the journal")
        if status not in NOT_YET or time.monotonic() > end:
            raise Failed(f"the page answers {status or in_short(content.decode(errors='replace'))}")
        time.sleep(0.5)


def _get(name: str, path: str) -> tuple[int, bytes]:
    """The status and the content of an answer, of which MOST bytes count."""
    connection = HTTPConnection("127.0.0.1", timeout=30)
    connection.request("GET", path, headers={"Host": name})
    answer = connection.getresponse()
    return answer.status, answer.read(MOST)
