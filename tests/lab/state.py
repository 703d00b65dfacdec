"""What a run could change on a machine, as text, so that tests can compare two moments."""

from difflib import unified_diff

from lab.machines import Machine

# Where runs write. This leaves out logs, times of access, and what timers do on their own.
METRICS = "/var/lib/coop-infra/metrics"
TREES = "/etc /usr/local /var/www /var/lib/dpkg/info /var/lib/coop-infra /media /root"
VOLATILE = (
    "used|available|referenced|written|usedby.*|logical.*|.*ratio|creation|guid|objsetid|createtxg"
    "|snapshots_changed|version|filesystem_count|snapshot_count"
)

# Units that come and go with a login or a timer, and units that D-Bus starts on demand and that end
# when they are idle: hostnamed still runs for a while after Vagrant has set the name.
SHORT_LIVED = (
    "user@|user-runtime-dir|run-user|session-|sanoid|coop-storage-retry.service"
    "|systemd-(hostnamed|timedated|localed).service"
)

LOOK = f"""
look() {{
  find "$@" -path {METRICS} -prune -o -printf '%p %y %m %u %g %s %T@ %l\\n' 2>/dev/null | sort
}}
look {TREES} -xdev
echo '== data'
look /storage
echo '== mounts'
findmnt -l -n -o TARGET,SOURCE,FSTYPE --real | sort
if command -v exportfs >/dev/null; then echo '== exports'; exportfs -s | sort; fi
if [ -d /sys/module/zfs ]; then
  echo '== zfs'
  zpool list -H -o name,health
  zfs get -H -p -t filesystem,volume -o name,property,value,source all |
    grep -v -E '\\s({VOLATILE})\\s'
fi
lsattr -d /media/* 2>/dev/null
true
"""


def everything(machine: Machine) -> str:
    """Files with mode, owner, size and time; mounts; exports; ZFS properties; what runs since when.

    The links below /etc/systemd show which units are enabled.
    """
    return machine.sh(LOOK, timeout=300) + "\n== started\n" + started(machine)


def difference(before: dict[str, str], after: dict[str, str]) -> list[str]:
    """The differences between two looks at the machines, a line each; empty if there are none."""
    return [
        f"{name} {line}"
        for name in before
        for line in unified_diff(
            before[name].splitlines(), after[name].splitlines(), lineterm="", n=0
        )
        if not line.startswith(("---", "+++", "@@"))
    ]


def started(machine: Machine) -> str:
    """The invocation of each long-running unit: it changes when the unit is restarted."""
    return machine.sh(
        "systemctl show -p Id -p InvocationID -p ActiveState '*.service' '*.mount' '*.timer' | "
        "awk -v RS= '/ActiveState=active/ {print $1, $2, $3}' | "
        f"grep -v -E '{SHORT_LIVED}' | sort"
    )


def bare_entries(machine: Machine, path: str) -> int:
    """How many names lie in the directory under the mount at this path."""
    parent, _, name = path.rpartition("/")
    look = f"mount --bind {parent} /mnt; find /mnt/{name} -mindepth 1 | wc -l"
    return int(machine.sh(f'unshare -m sh -c "{look}"'))
