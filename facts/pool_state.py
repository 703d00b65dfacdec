"""How a ZFS pool stands on a host.

Formats: zpool-get(8), zpool-import(8), zpool-features(7) of OpenZFS 2.1 and 2.3.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from shlex import quote

from engine.fact import Fact, sections, whole

BY_ID = "/dev/disk/by-id"
# It is there while the module is loaded.
MODULE = "/sys/module/zfs"
CACHE = "/etc/zfs/zpool.cache"


def with_zfs(command: str) -> str:
    """The command of zfs or zpool, on a host where ZFS works.

    Elsewhere the command would load the module, from OpenZFS 2.3 on, and a look changes nothing.
    """
    return f"[ -d {MODULE} ] && {command}"


@dataclass(frozen=True)
class PoolState:
    """How a pool stands on a host.

    ready: whether zpool works here (it is installed and the kernel module is loaded)
    health: ONLINE, DEGRADED, ...; None if the pool is not imported
    importable: the states of the pools of this name that `zpool import` finds. The fact looks for
        them only if none is imported. Two states are two different pools
    imported_at_boot: whether the pool is in the cache file that zfs-import-cache.service reads
    compatibility: the lists of features that the pool may have, "off" for no limit
    features: each feature that is not disabled, by its name: "enabled", which is not in use yet,
        "active", or "readonly", for which the pool is imported read-only here
    lacks: the active features for which this host's OpenZFS cannot import the pool; () if
        `zpool import` does not name them, None if they are no obstacle
    """

    ready: bool = False
    health: str | None = None
    importable: tuple[str, ...] = ()
    imported_at_boot: bool = False
    compatibility: str = "off"
    features: Mapping[str, str] = field(default_factory=dict)
    lacks: tuple[str, ...] | None = None


class Pool(Fact[PoolState]):
    """A pool by itself."""

    def command(self, pool: str) -> str:
        return whole(pool_command(pool))

    @staticmethod
    def default() -> PoolState:
        return PoolState()

    def parse(self, output: list[str]) -> PoolState:
        return pool_state(output)


_READ = "^(health|cachefile|compatibility|(feature|unsupported)@)"


def pool_command(pool: str) -> str:
    """POSIX sh that prints what `pool_state` reads."""
    # `zpool import` reads every disk, so it runs only if the pool is not imported.
    return f"""\
if {with_zfs("zpool list -H")} >/dev/null 2>&1; then
  printf '##pool\\t%s\\n' {quote(pool)}
  # zpool names a feature only among all properties, unless one knows its name already.
  if zpool get -Hp -o property,value all {quote(pool)} 2>/dev/null | grep -aE '{_READ}'; then
    # Whole words of the file, which is binary: tank is not tank2.
    if cat {CACHE} 2>/dev/null | LC_ALL=C tr -c 'A-Za-z0-9_.:/-' '\\n' |
      grep -qxF {quote(pool)}; then echo '##cached'; fi
  else
    echo '##import'
    zpool import -d {BY_ID} 2>/dev/null
  fi
fi"""


def pool_state(output: list[str]) -> PoolState:
    """The state of a pool, from an output that contains that of `pool_command`."""
    found = {section.title: section for section in sections(output)}
    if "pool" not in found:
        return PoolState()
    values = dict(line.split("\t", 1) for line in found["pool"].lines if "\t" in line)
    lines = found["import"].lines if "import" in found else []
    said = list(_said_of(found["pool"].fields[-1], lines))
    states = [match[1] for line in said if (match := re.match(r"\s*state:\s*(.*\S)", line))]
    return PoolState(
        True,
        values.get("health"),
        tuple(states),
        "cached" in found and values.get("cachefile") == "-",
        values.get("compatibility", "off"),
        dict(_features(values)),
        _lacks("\n".join(said)),
    )


def _features(values: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each feature that is not disabled. One that OpenZFS does not know has a name with a domain.

    An unsupported one is "inactive", which is enabled, or "readonly".
    """
    for name, value in values.items():
        kind, _, feature = name.partition("@")
        if kind == "feature" and value != "disabled":
            yield feature, value
        elif kind == "unsupported":
            yield _without_domain(feature), "enabled" if value == "inactive" else value


def _without_domain(feature: str) -> str:
    return feature.rpartition(":")[2]


def _said_of(pool: str, lines: list[str]) -> Iterator[str]:
    """What `zpool import` says of all pools of this name."""
    name = ""
    for line in lines:
        if match := re.match(r"\s*pool:\s*(.*\S)", line):
            name = match[1]
        if name == pool:
            yield line


def _lacks(said: str) -> tuple[str, ...] | None:
    if "unsupported feature(s)" not in said:
        return None
    # Of a pool that another machine had last, `zpool import` says that alone.
    match = re.search(r"not supported on this system:\n(.*?)\n\s*action:", said, re.DOTALL)
    named = match[1].splitlines() if match else []
    return tuple(_without_domain(line.split()[0]) for line in named if line.strip())
