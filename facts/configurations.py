"""The configuration of a program that reads it at a reload, and what the program says of that.

https://prometheus.io/docs/prometheus/latest/configuration/configuration/: a program that cannot use
a new configuration goes on with the one before, and `systemctl reload` succeeds all the same.
"""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from shlex import quote

from engine.fact import Fact, lines_of, whole

SECONDS = 10


@dataclass(frozen=True)
class ConfigurationState:
    """files: by name, what lies in the configuration's directory: as `stamp` has it

    linked: when the directory became the present one, in seconds since 1970; None if there is none
    reloaded: when the program last read a configuration that it could use; None if it does not say
    usable: whether what the program read last was one
    """

    files: Mapping[str, str] = field(default_factory=dict)
    linked: float | None = None
    reloaded: float | None = None
    usable: bool = False

    @property
    def in_force(self) -> bool:
        """Whether the program runs on the present directory."""
        if self.linked is None or self.reloaded is None:
            return False
        return self.usable and self.reloaded >= self.linked


def stamp(text: str, group: str) -> str:
    """Mode, owner and SHA-256 of a file of the configuration that has this text."""
    return f"640 root:{group} {hashlib.sha256(text.encode()).hexdigest()}"


def metrics_of(url: str) -> str:
    """POSIX sh that prints the program's metrics about its reloads.

    url: where the program shows its metrics
    """
    asked = f"curl -q --silent --noproxy '*' --max-time {SECONDS} {quote(url)}"
    return f"{asked} | grep -E '^[a-z_]+_config_last_reload_success'"


class Configuration(Fact[ConfigurationState]):
    """What lies in the directory to which the link `place` leads, and whether it is in force."""

    def command(self, place: str, url: str) -> str:
        return whole(f"""\
if [ -d {quote(place)} ]; then
  echo '##linked'; stat -c %.9Y -- {quote(place)}
  echo '##files'
  (cd {quote(place)} && find . -type f -printf '%m %u:%g ' -exec sha256sum -- {{}} \\;)
fi
echo '##metrics'
{metrics_of(url)}""")

    @staticmethod
    def default() -> ConfigurationState:
        return ConfigurationState()

    def parse(self, output: list[str]) -> ConfigurationState:
        linked = lines_of(output, "linked")
        told = _told(lines_of(output, "metrics"))
        return ConfigurationState(
            dict(_stamped(it) for it in lines_of(output, "files")),
            float(linked[0]) if linked else None,
            told.get("timestamp_seconds"),
            told.get("successful") == 1,
        )


def _stamped(line: str) -> tuple[str, str]:
    stamped, _, name = line.partition("  ./")
    return name, stamped


def _told(lines: list[str]) -> Mapping[str, float]:
    """By the end of its name, such as "successful", the value of each metric."""
    found = (
        re.fullmatch(
            r"[a-z]+_config_last_reload_success(?:_(timestamp_seconds)|(?:ful))? (\S+)", it
        )
        for it in lines
    )
    return {it[1] or "successful": float(it[2]) for it in found if it}
