"""The media of each meeting: a UDP port that echoes what its participants send."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

from lab.bbb.web.carriers import MEDIA, RELAY, Carriers
from lab.bbb.web.people import Flow, User

# BigBlueButton's range, which a firewall has to open: docs, "Configure firewall".
FIRST, LAST = 16384, 32768


class Media:
    """One meeting's port. A packet is `TOKEN NUMBER`; what no participant sent is not echoed.

    user: who has this token, or None
    """

    def __init__(
        self,
        address: tuple[str, int],
        carriers: Carriers,
        user: Callable[[str], User | None],
    ) -> None:
        self._user, self._carriers = user, carriers
        self._socket = _bound(*address)
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._echo, daemon=True).start()

    def close(self) -> None:
        # A close alone leaves a thread that reads from the socket where it is.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _echo(self) -> None:
        with suppress(OSError):
            while True:
                packet, sender = self._socket.recvfrom(2048)
                # shutdown(2) of a UDP socket wakes its reader with nothing.
                if not packet:
                    return
                user = self._user(packet.split(b" ")[0].decode(errors="replace"))
                if user is not None and self._carries(user):
                    self._socket.sendto(packet, sender)

    def _carries(self, user: User) -> bool:
        if user.media is None:
            units = MEDIA + (RELAY if user.relayed else ())
            user.media = Flow(self._carriers.active(units))
        return user.media.broken is None


def _bound(host: str, first: int) -> socket.socket:
    """A socket at the first free port from `first` up; 0 lets the kernel choose. Raises OSError."""
    bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    for port in range(first, LAST + 1):
        try:
            bound.bind((host, port))
        except OSError:
            continue
        return bound
    bound.close()
    raise OSError(f"no UDP port from {first} to {LAST} is free")
