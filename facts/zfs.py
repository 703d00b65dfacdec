"""ZFS datasets.

Formats: zfs-get(8) of OpenZFS 2.1 and 2.3, proc(5).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from shlex import quote

from engine.fact import Fact, lines_of, unescaped, whole
from facts.pool_state import PoolState, pool_command, pool_state, with_zfs

COLUMNS = "-Hp -r -t filesystem,volume -o name,property,value,source"
ALWAYS_READ = ("type", "canmount", "mounted", "mountpoint")


@dataclass(frozen=True)
class Property:
    """A value in exact numbers, and where it is from: local, default, "inherited from X", - ..."""

    value: str
    source: str


@dataclass(frozen=True)
class DatasetState:
    """A filesystem or volume.

    owner, mode: (uid, gid) and permission bits of its root directory; known only while it is
        mounted
    """

    properties: Mapping[str, Property]
    owner: tuple[int, int] | None = None
    mode: int | None = None

    def value(self, name: str) -> str | None:
        return self.properties[name].value if name in self.properties else None


@dataclass(frozen=True)
class ZfsState:
    """A pool, and its datasets by name. While the pool is not imported, it has no datasets."""

    pool: PoolState = field(default_factory=PoolState)
    datasets: Mapping[str, DatasetState] = field(default_factory=dict)


class Zfs(Fact[ZfsState]):
    """A pool's state, and its datasets with the given properties and those of ALWAYS_READ."""

    def command(self, pool: str, properties: Sequence[str] = ()) -> str:
        names = ",".join(sorted({*ALWAYS_READ, *properties}))
        return whole("\n".join([pool_command(pool), _datasets_command(pool, names)]))

    @staticmethod
    def default() -> ZfsState:
        return ZfsState()

    def parse(self, output: list[str]) -> ZfsState:
        return ZfsState(pool_state(output), _datasets(output))


def _datasets_command(pool: str, properties: str) -> str:
    # The mount table says what is really mounted, and where. At any other mountpoint stat would see
    # the bare directory, and not the root of the dataset.
    return f"""\
printf '##version\\n%s\\n' "$(cat /sys/module/zfs/version 2>/dev/null)"
echo '##datasets'
{with_zfs(f"zfs get {COLUMNS} {properties} {quote(pool)}")} 2>/dev/null
echo '##roots'
# The kernel writes a space as \\040, and printf wants \\0040: else a digit behind would count.
# The last mount at a path is on top.
LC_ALL=C awk '
  {{source[NR] = $1; target[NR] = $2; type[NR] = $3; top[$2] = NR}}
  END {{
    for (n = 1; n <= NR; n++)
      if (type[n] == "zfs" && source[n] !~ /@/ && top[target[n]] == n) {{
        gsub(/\\\\/, "\\\\0", target[n])
        print source[n], target[n]
      }}
  }}' /proc/self/mounts | while read -r source target; do
  case "$source" in
    {quote(pool)} | {quote(pool)}/*)
      target=$(printf '%b.' "$target")
      printf '%s\\t%s\\n' "$source" "$(stat -c '%u %g %a' -- "${{target%.}}")" ;;
  esac
done"""


# OpenZFS up to 2.2 keeps attributes in a directory with xattr=on. From 2.3 on, "on" is the same as
# "sa", and `zfs get` prints "on" for both. Seen with 2.1.11 and 2.3.9.
ON_IS_SA = (2, 3)


def _datasets(output: list[str]) -> dict[str, DatasetState]:
    version = tuple(map(int, re.findall(r"\d+", "".join(lines_of(output, "version")))[:2]))
    properties: dict[str, dict[str, Property]] = {}
    for line in lines_of(output, "datasets"):
        fields = line.split("\t")
        if len(fields) >= 4:
            # The value of a user property may itself hold tabs.
            value = Property("\t".join(fields[2:-1]), fields[-1])
            if fields[1] == "xattr" and value.value == "on" and version >= ON_IS_SA:
                value = replace(value, value="sa")
            properties.setdefault(fields[0], {})[fields[1]] = value
    roots: dict[str, tuple[tuple[int, int] | None, int | None]] = {}
    for line in lines_of(output, "roots"):
        # A part of a dataset may be mounted elsewhere too, later: a bind mount of a directory.
        roots.setdefault(*_root(line))
    return {
        name: DatasetState(values, *roots.get(name, (None, None)))
        for name, values in properties.items()
    }


def _root(line: str) -> tuple[str, tuple[tuple[int, int] | None, int | None]]:
    source, _, stat = line.partition("\t")
    if match := re.fullmatch(r"(\d+) (\d+) ([0-7]+)", stat):
        return unescaped(source), ((int(match[1]), int(match[2])), int(match[3], 8))
    return unescaped(source), (None, None)
