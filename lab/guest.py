"""A machine with a kernel of its own: a virtual machine of libvirt, made by Vagrant."""

from dataclasses import dataclass

from lab.command import run


@dataclass(frozen=True)
class Guest:
    """The power of a guest. A snapshot has the guest's memory too, so a restore needs no boot."""

    name: str
    own_clock = True

    def on(self) -> None:
        if self._state() != "running":
            _virsh("start", self._domain)

    def off(self) -> None:
        _virsh("destroy", self._domain)

    def reset(self) -> None:
        _virsh("reset", self._domain)

    def suspend(self) -> None:
        if self._state() == "running":
            _virsh("suspend", self._domain)

    def resume(self) -> None:
        if self._state() == "paused":
            _virsh("resume", self._domain)

    def has_snapshot(self, name: str) -> bool:
        return name in _virsh("snapshot-list", "--name", self._domain).split()

    def snapshot(self, name: str) -> None:
        if self.has_snapshot(name):
            _virsh("snapshot-delete", self._domain, name)
        _virsh("snapshot-create-as", self._domain, name)

    def restore(self, name: str) -> None:
        _virsh("snapshot-revert", self._domain, name, "--running", "--force")

    def _state(self) -> str:
        return _virsh("domstate", self._domain).strip()

    @property
    def _domain(self) -> str:
        return f"lab_{self.name}"


def _virsh(*arguments: str) -> str:
    return run("virsh", "-q", *arguments)
