"""Debian itself: its release, and the kernels that a host may boot next."""

from dataclasses import dataclass
from shlex import quote

from engine.fact import Fact, lines_of, whole


@dataclass(frozen=True)
class DebianState:
    """system: ID and VERSION_ID of os-release(5), "debian 12"; "debian" alone for testing."""

    system: str = ""


class Debian(Fact[DebianState]):
    """Which system the host runs."""

    def command(self) -> str:
        return whole('(. /etc/os-release && printf "%s %s\\n" "$ID" "${VERSION_ID:-}")')

    @staticmethod
    def default() -> DebianState:
        return DebianState()

    def parse(self, output: list[str]) -> DebianState:
        (system,) = output
        return DebianState(system.strip())


@dataclass(frozen=True)
class KernelsState:
    """bootable: kernel versions with an image in /boot; without: those that lack the module."""

    bootable: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


class Kernels(Fact[KernelsState]):
    """The installed kernels, and which of them lack the module of that name."""

    def command(self, module: str) -> str:
        return whole(
            f"""\
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
        return KernelsState(tuple(lines_of(output, "bootable")), tuple(lines_of(output, "without")))
