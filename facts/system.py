"""The system that a host runs: its release, and the kernels that a host may boot next."""

from dataclasses import dataclass
from shlex import quote

from engine.fact import Fact, lines_of, sections, whole


@dataclass(frozen=True)
class SystemState:
    """What system the host is, and whether the host knows its own name.

    system: ID and VERSION_ID of os-release(5), "debian 12", "ubuntu 22.04"; "debian"
        alone for testing
    unknown_name: the host's own name if nothing but DNS tells its address; "" if the host does
    waits_for_dns: whether DNS, asked for that name, does not answer for some seconds
    """

    system: str = ""
    unknown_name: str = ""
    waits_for_dns: bool = False


SOON = "RES_OPTIONS='timeout:1 attempts:2'"
"""Before a command of root's: it waits for DNS no longer than that, resolv.conf(5)."""

PATIENCE = 3
"""Seconds after which DNS counts as dead. Of IPv4 and IPv6, each takes 2 s if no server answers."""

# sudo looks for the address of the host's own name, each time: sudoers(5), fqdn. nss-myhostname(8)
# knows the address without a file.
_OWN_NAME = f"""\
name=$(uname -n)
getent -s files hosts "$name" > /dev/null ||
  {{ grep -q '^hosts:.*myhostname' /etc/nsswitch.conf &&
    getent -s myhostname hosts "$name" > /dev/null; }} ||
  {{
    printf '%s\\n' "$name"
    read -r begun rest < /proc/uptime
    {SOON} getent hosts "$name" > /dev/null
    read -r ended rest < /proc/uptime
    [ $((${{ended%.*}} - ${{begun%.*}})) -lt {PATIENCE} ] || echo waits
  }}
"""


class System(Fact[SystemState]):
    """Which system the host runs, and whether the host knows its own name without DNS."""

    def command(self) -> str:
        system = '(. /etc/os-release && printf "%s %s\\n" "$ID" "${VERSION_ID:-}") || echo'
        return whole(f"{system}\n{_OWN_NAME}")

    @staticmethod
    def default() -> SystemState:
        return SystemState()

    def parse(self, output: list[str]) -> SystemState:
        system, *unknown = output
        return SystemState(system.strip(), "".join(unknown[:1]), unknown[1:] == ["waits"])


@dataclass(frozen=True)
class KernelsState:
    """bootable: kernel versions with an image in /boot; without: those that lack the module

    has_tool: whether the program is there that needs the module
    """

    bootable: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    has_tool: bool = False


class Kernels(Fact[KernelsState]):
    """The installed kernels, and which of them lack the module of that name.

    tool: the program that needs it
    """

    def command(self, module: str, tool: str) -> str:
        return whole(
            f"""\
! command -v {quote(tool)} > /dev/null || echo '##tool'
for image in /boot/vmlinuz-*; do
  [ -e "$image" ] || continue
  version=${{image#/boot/vmlinuz-}}
  printf '##bootable\\n%s\\n' "$version"
  find "/lib/modules/$version" -name {quote(module)}.ko\\* 2>/dev/null | grep -q . ||
    printf '##without\\n%s\\n' "$version"
done"""
        )

    @staticmethod
    def default() -> KernelsState:
        return KernelsState()

    def parse(self, output: list[str]) -> KernelsState:
        return KernelsState(
            tuple(lines_of(output, "bootable")),
            tuple(lines_of(output, "without")),
            any(it.title == "tool" for it in sections(output)),
        )
