"""The directories of one directory."""

import base64
from shlex import quote

from engine.fact import STORAGE_SECONDS, Fact, whole

# Whoever owns the directory may have made any number of names, with any bytes.
MOST_BYTES = 2**16


class Directories(Fact[tuple[str, ...]]):
    """The names in a directory that begin so and are directories, in order, MOST_BYTES at most.

    path: of the directory; start: how the names begin. It is no pattern of find(1)
    If storage does not answer within STORAGE_SECONDS, no name is known.
    """

    def command(self, path: str, start: str) -> str:
        return whole(
            f"timeout -s KILL {STORAGE_SECONDS} find {quote(path)} -mindepth 1 -maxdepth 1 -type d "
            f"-name {quote(f'{start}*')} -printf '%f\\0' 2> /dev/null | head -c {MOST_BYTES} |"
            " base64 -w 0; echo"
        )

    @staticmethod
    def default() -> tuple[str, ...]:
        return ()

    def parse(self, output: list[str]) -> tuple[str, ...]:
        # What is behind the last zero is nothing, or a name that was cut off.
        *names, _ = base64.b64decode("".join(output)).decode(errors="replace").split("\0")
        return tuple(sorted(names))
