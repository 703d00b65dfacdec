"""One roll at a time on a node: each command of a roll renews its lease, on the node itself.

A lease that nobody has renewed for SECONDS is over: its roll was killed, or has lost the node. A
command keeps the lease for as long as it runs, also if its connection is lost meanwhile. The lease
lies in /run and counts the seconds since the boot, so no clock that is set confuses it, and a boot
ends it.
"""

import getpass
import re
import secrets
import socket

from controller.roll.steps import Taken

SECONDS = 60
PLACE = "/run/coop-bbb-roll"
TAKEN = 75
"""The exit status of a command that another roll has kept from running: EX_TEMPFAIL, sysexits.h."""

# $1: the holder; what follows is the command. The lock is for the shell alone: a command may leave
# something running. Whoever can open the lock's file could hold the lock: flock(2).
SCRIPT = f"""\
place={PLACE} me=$1; shift
taken() {{ echo "taken ${{holder:-by-nobody}} ${{age:-0}}"; exit {TAKEN}; }}
known() {{
  holder= at=
  [ ! -f $place ] || read -r holder at < $place || :
  case $at in '' | *[!0-9]*) at=0 ;; esac
  read -r now rest < /proc/uptime
  age=$((${{now%%.*}} - at))
}}
renew() {{
  read -r now rest < /proc/uptime
  echo "$me ${{now%%.*}}" > $place.new && mv $place.new $place
}}
before=$(umask); umask 077
exec 9>> $place.lock
umask "$before"
flock -n 9 || {{ known; [ "$holder" = "$me" ] && flock -w 300 9; }} || taken
known
[ -z "$holder" ] || [ "$holder" = "$me" ] || [ $age -lt 0 ] || [ $age -ge {SECONDS} ] || taken
renew
"$@" 9>&-
code=$?
renew
exit $code
"""

# $1: the holder.
RELEASE = f"""\
umask 077
exec 9>> {PLACE}.lock
flock -n 9 && [ -f {PLACE} ] && read -r holder rest < {PLACE} && [ "$holder" = "$1" ] || exit 0
rm -f {PLACE}
"""


def holder() -> str:
    """A name for this roll: the operator and their machine, and what tells it from another roll."""
    who = re.sub(r"[^A-Za-z0-9._-]", "_", f"{getpass.getuser()}@{socket.gethostname()}"[:80])
    return f"{who}/{secrets.token_hex(4)}".replace("@", "_")


def taken(node: str, line: str) -> Taken:
    """What to say of a node's answer "taken HOLDER SECONDS"."""
    found = re.fullmatch(r"taken ([A-Za-z0-9._/-]{1,100}) ([0-9]{1,9})", line)
    if not found:
        return Taken(f"another roll is at work on {node}")
    return Taken(f"the roll of {found[1]} is at work on {node}: {found[2]} s ago it was there")
