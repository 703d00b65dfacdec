"""A machine without a kernel of its own: Debian's systemd in a container of systemd-nspawn.

A container boots in two seconds where an emulated guest takes a minute. Its kernel is this
machine's, so a container is for hosts that need no ZFS, no NFS and no kernel module.

Below CONTAINERS/NAME:

    layers/N    what was written until a snapshot: a directory of overlayfs for each snapshot
    upper/      what has been written since the last restore
    stack       the numbers of the layers below upper, one a line, the newest first
    kept/NAME   the stack of the snapshot of that name

The box's tree lies below all layers. Nothing ever writes to a layer.
"""

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fleet import LAB_STATE
from lab.command import CommandFailed, run, wait_for

CONTAINERS = LAB_STATE / "containers"
# lab/namespace has mounted the cgroup of all containers here.
CGROUP = LAB_STATE / "cgroup"
BRIDGE = "coop0"

# The shell joins the cgroup first, so that all that it starts is in the cgroup too. systemd-nspawn
# looks for its cgroup at /sys/fs/cgroup. Each container has its own /run/systemd/nspawn, because
# all labs on this machine would share one. systemd-nspawn ends with 133 for a container that wants
# to boot again. The last argument tells journald in the container to write to the console too.
START = """\
echo $$ > "$2/cgroup.procs"
setsid --fork unshare --mount sh -ec '
mount -t cgroup2 cgroup2 /sys/fs/cgroup
mkdir -p /run/systemd/nspawn
mount -t tmpfs tmpfs /run/systemd/nspawn
status=133
while [ "$status" = 133 ]; do
  status=0
  systemd-nspawn --quiet --boot --machine "$1" --directory "$2" --network-bridge "$3" \\
    --register no --keep-unit --bind /dev/net/tun --bind /dev/fuse --console read-only \\
    --link-journal no --resolv-conf off --timezone off \\
    systemd.journald.forward_to_console=yes || status=$?
done
' sh "$1" "$3" "$4" < /dev/null >> "$5" 2>&1"""

HOSTS = "127.0.0.1 localhost\n::1 localhost\n127.0.1.1 {name}\n"
NETWORK = """\
[Match]
Name=host0

[Network]
Address={address}/24
Gateway=10.78.0.1
LinkLocalAddressing=ipv6
"""
# These units ask for what only a kernel's owner may do, and fail.
MASKED = ("systemd-modules-load.service", "systemd-network-generator.service")


def is_container(name: str) -> bool:
    """Whether lab/up has made this host a container."""
    return (CONTAINERS / name).is_dir()


@dataclass(frozen=True)
class Container:
    """The power of a container. A restore of a snapshot boots the container anew."""

    name: str
    own_clock = False

    def make(self, tree: Path, address: str) -> None:
        """Make the container, which does not run yet.

        tree: the box's tree, which many containers share and none writes to
        """
        for directory in ("layers", "kept", "upper", "work", "root"):
            (self._home / directory).mkdir(parents=True)
        (self._home / "tree").symlink_to(tree)
        self._write("stack", [])
        self._mount()
        etc = self._home / "root/etc"
        (etc / "hostname").write_text(f"{self.name}\n")
        (etc / "hosts").write_text(HOSTS.format(name=self.name))
        (etc / "fstab").write_text("")
        (etc / "systemd/network/00-lab.network").write_text(NETWORK.format(address=address))
        for unit in MASKED:
            (etc / "systemd/system" / unit).symlink_to("/dev/null")

    def on(self) -> None:
        if self._is_running():
            return
        self._mount()
        self._cgroup.mkdir(exist_ok=True)
        console = LAB_STATE / f"console/{self.name}.log"
        root = self._home / "root"
        run("sh", "-ec", START, "sh", self.name, str(self._cgroup), str(root), BRIDGE, str(console))

    def off(self) -> None:
        if not self._cgroup.exists():
            return
        (self._cgroup / "cgroup.kill").write_text("1")
        # The processes are killed, and not yet gone.
        self._wait(lambda: not self._is_running(), "has ended")
        for directory, _, _ in os.walk(self._cgroup, topdown=False):
            Path(directory).rmdir()
        # The kernel takes the link away too, some time later, so the link may be gone by now.
        with suppress(CommandFailed):
            run("ip", "link", "del", f"vb-{self.name}")

    def reset(self) -> None:
        self.off()
        self.on()

    def suspend(self) -> None:
        self._freeze("1")

    def resume(self) -> None:
        self._freeze("0")

    def has_snapshot(self, name: str) -> bool:
        return (self._home / "kept" / name).exists()

    def snapshot(self, name: str) -> None:
        was_frozen = self._is("frozen 1")
        self.suspend()
        stack = self._stack("stack")
        number = max(map(int, self._layers()), default=0) + 1
        run("cp", "-a", str(self._home / "upper"), str(self._home / f"layers/{number}"))
        self._write(f"kept/{name}", [str(number), *stack])
        self._drop_layers()
        if not was_frozen:
            self.resume()

    def restore(self, name: str) -> None:
        kept = self._stack(f"kept/{name}")
        self.off()
        self._unmount()
        for directory in ("upper", "work"):
            shutil.rmtree(self._home / directory)
            (self._home / directory).mkdir()
        self._write("stack", kept)
        self.on()

    def end(self) -> None:
        """Throw the container away, with its snapshots."""
        self.off()
        self._unmount()
        shutil.rmtree(self._home)

    def _mount(self) -> None:
        if (self._home / "root").is_mount():
            return
        layers = [str(self._home / "layers" / number) for number in self._stack("stack")]
        lower = ":".join([*layers, str((self._home / "tree").readlink())])
        upper, work, root = (self._home / name for name in ("upper", "work", "root"))
        options = f"lowerdir={lower},upperdir={upper},workdir={work}"
        run("mount", "-t", "overlay", "overlay", "-o", options, str(root))

    def _unmount(self) -> None:
        if (self._home / "root").is_mount():
            run("umount", str(self._home / "root"))

    def _freeze(self, frozen: str) -> None:
        if self._is_running():
            (self._cgroup / "cgroup.freeze").write_text(frozen)
            self._wait(lambda: self._is(f"frozen {frozen}"), f"has the state frozen {frozen}")

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        wait_for(condition, f"{self.name} {what}", 60, every=0.02)

    def _is_running(self) -> bool:
        return self._is("populated 1")

    def _is(self, event: str) -> bool:
        try:
            return event in (self._cgroup / "cgroup.events").read_text().splitlines()
        except FileNotFoundError:
            return False

    def _stack(self, file: str) -> list[str]:
        return (self._home / file).read_text().split()

    def _write(self, file: str, stack: list[str]) -> None:
        (self._home / file).write_text("".join(f"{it}\n" for it in stack))

    def _layers(self) -> list[str]:
        return [each.name for each in (self._home / "layers").iterdir()]

    def _drop_layers(self) -> None:
        """Remove the layers that no snapshot stands on any more."""
        kept = [self._stack(f"kept/{it.name}") for it in (self._home / "kept").iterdir()]
        used = {number for stack in [*kept, self._stack("stack")] for number in stack}
        for number in set(self._layers()) - used:
            shutil.rmtree(self._home / "layers" / number)

    @property
    def _home(self) -> Path:
        return CONTAINERS / self.name

    @property
    def _cgroup(self) -> Path:
        return CGROUP / self.name
