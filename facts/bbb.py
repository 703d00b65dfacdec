"""A node of BigBlueButton: what its own program tells, or what there is without that program."""

from collections.abc import Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any

from engine.fact import Fact, lines_of, whole
from facts.told import telling, told

RELEASE = "/etc/bigbluebutton/bigbluebutton-release"
# The package's own file names any address at each configure; this one goes before it.
WEB = "/etc/bigbluebutton/bbb-web.properties"


@dataclass(frozen=True)
class BbbState:
    """What a node is.

    look: what the program told with `look`; None for nothing
    why: why it told nothing; "" if it did
    release: as the host's file has it; None if there is none
    packages: those of BigBlueButton that dpkg knows, also half-installed ones
    begun: whether a first install has begun and was not seen whole
    url: where people reach it, such as https://bbb1.example.org; "" if its own files do not say
    has_haproxy: whether haproxy starts at a boot, to take port 443
    """

    look: Mapping[str, Any] | None = None
    why: str = "was this host converged?"
    release: str | None = None
    packages: tuple[str, ...] = ()
    begun: bool = False
    url: str = ""
    has_haproxy: bool = False

    @property
    def is_bare(self) -> bool:
        """Whether nothing of BigBlueButton is there, so that no meeting can be."""
        return self.release is None and not self.packages


class Bbb(Fact[BbbState]):
    """What the node is.

    program: the command line of coop-bbb; first: a file that a first install leaves until its end
    """

    def command(self, program: str, first: str) -> str:
        # "un": unknown to dpkg but by name; "rc": only settings are left.
        packages = (
            "dpkg-query -W -f '${db:Status-Abbrev}|${Package}\\n' bigbluebutton 'bbb-*' 2>/dev/null"
            " | grep -v -e '^un' -e '^rc' | cut -d '|' -f 2"
        )
        return whole(
            f"{telling(f'{program} look')}\n"
            f"printf '##release\\n'; sed -n 's/^BIGBLUEBUTTON_RELEASE=//p' {RELEASE} 2>/dev/null\n"
            f"printf '##packages\\n'; {packages}\n"
            f"printf '##begun\\n'; [ ! -e {quote(first)} ] || echo yes\n"
            f"printf '##url\\n'; sed -n 's/^bigbluebutton.web.serverURL=//p' {WEB} 2>/dev/null\n"
            "printf '##haproxy\\n'; systemctl is-enabled haproxy.service 2>/dev/null"
        )

    @staticmethod
    def default() -> BbbState:
        return BbbState()

    def parse(self, output: list[str]) -> BbbState:
        look, why = told(output)
        if look is not None and "problem" in look:
            why = str(look["problem"])
            look = None
        release = lines_of(output, "release")
        return BbbState(
            look,
            why,
            release[-1].strip().strip('"') if release else None,
            tuple(lines_of(output, "packages")),
            bool(lines_of(output, "begun")),
            "".join(lines_of(output, "url")[-1:]).strip(),
            lines_of(output, "haproxy") == ["enabled"],
        )
