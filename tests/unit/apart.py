"""A small world of its own for shell that acts as root: it may change accounts and kill.

It has namespaces for processes and mounts. /etc, /home, /tmp and /var are empty but for what
programs need and "eve", an account of uid 5432 that may use the uids from 20100 to 20149.
"""

import os
import subprocess
from functools import cache
from tempfile import NamedTemporaryFile

import pytest

# Without root, newuidmap(1) gives the uids, if /etc/subuid has some for this user.
AS_ROOT = [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]
APART = ["unshare", *AS_ROOT, "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]

WORLD = """\
set -eu
mount -t tmpfs none /mnt; cd /etc
cp passwd group shadow login.defs nsswitch.conf ld.so.cache /mnt 2> /dev/null || true
ln -s "$(readlink -f "$(command -v awk)")" /mnt/awk; cd /
for place in /etc /home /var /tmp; do mount -t tmpfs none $place; done
mkdir /etc/alternatives; mv /mnt/awk /etc/alternatives; cp /mnt/* /etc; chmod 1777 /tmp
mkdir -p /home/eve /var/spool/cron/crontabs /var/spool/cron/atjobs /var/lib/systemd/linger
echo eve:x:5432:5432::/home/eve:/bin/sh >> /etc/passwd; echo eve:x:5432: >> /etc/group
echo 'eve:!:20000::::::' >> /etc/shadow; echo eve:20100:50 > /etc/subuid
chown 5432:5432 /home/eve; chmod 755 /home
"""


@cache
def _is_possible() -> bool:
    command = [*APART, "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


needs_a_world = pytest.mark.skipif(
    not _is_possible(), reason="no namespaces, or no uids for them in /etc/subuid"
)


def in_a_world(script: str) -> subprocess.CompletedProcess[str]:
    """Runs POSIX sh, which stops at the first command that fails, in a new world."""
    # No argument may be as long as a script with a program in it: MAX_ARG_STRLEN in execve(2).
    with NamedTemporaryFile("w", suffix=".sh") as file:
        file.write(f"{WORLD}{script}")
        file.flush()
        command = [*APART, "sh", file.name]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
