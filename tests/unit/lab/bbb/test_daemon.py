"""The daemon that plays most services."""

import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.bbb.build import HERE

DAEMON = HERE / "programs/daemon.py"


@contextmanager
def running(*words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-I", DAEMON, *words],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as daemon:  # fmt: skip
        try:
            yield daemon
        finally:
            daemon.kill()


def test_whoever_connects_is_held_until_the_daemon_ends() -> None:
    with running("bbb-webrtc-sfu", "--tcp", "0") as daemon:
        assert daemon.stdout is not None
        port = int(daemon.stdout.readline())
        first, second = (socket.create_connection(("127.0.0.1", port), 5) for _ in range(2))
        first.sendall(b"hello")
        first.close()
        second.settimeout(0.2)
        try:
            heard = second.recv(1)
        except TimeoutError:
            heard = None
        assert heard is None
        daemon.kill()
        second.settimeout(5)
        assert second.recv(1) == b""
        second.close()


def test_settings_that_cannot_be_read_end_the_daemon_at_once(tmp_path: Path) -> None:
    missing = tmp_path / "production.yml"
    with running("bbb-webrtc-sfu", "--reads", str(missing)) as daemon:
        assert daemon.wait(10) == 1
        assert daemon.stderr is not None
        assert str(missing) in daemon.stderr.read()
