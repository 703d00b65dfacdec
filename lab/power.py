"""What a test may do to a machine of the lab from outside: its power, and its snapshots.

Two classes do this: lab/guest.py (a kernel of its own), lab/container.py (this machine's kernel).
"""

from typing import Protocol


class Power(Protocol):
    """The power and the snapshots of one machine."""

    @property
    def own_clock(self) -> bool:
        """Whether the machine's clock may differ from this machine's."""

    def on(self) -> None:
        """Start the machine, unless it runs."""

    def off(self) -> None:
        """Pull the plug."""

    def reset(self) -> None:
        """Press the reset button: no program gets a chance to write anything."""

    def suspend(self) -> None:
        """Stop the machine's processor, so that the machine takes no time from the others."""

    def resume(self) -> None:
        """Let a suspended machine go on."""

    def has_snapshot(self, name: str) -> bool:
        """Whether a state is kept under this name."""

    def snapshot(self, name: str) -> None:
        """Keep the state under this name, in place of an older snapshot of that name."""

    def restore(self, name: str) -> None:
        """Go back to the snapshot, running. The machine may have to boot first."""
