"""Serves the repositories within the lab: python -m lab.bbb.serve ADDRESS PORT

Returns as soon as they are served. The server goes on in the background, and ends with the lab.
"""

import errno
import os
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

from lab.bbb.build import DIRECTORY


class Quiet(SimpleHTTPRequestHandler):
    """Serves files, and writes no line for each."""

    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        pass


def server(address: str, port: int) -> ThreadingHTTPServer:
    """Raises OSError."""
    return ThreadingHTTPServer((address, port), partial(Quiet, directory=str(DIRECTORY)))


def main(address: str, port: int) -> None:
    try:
        serving = server(address, port)
    except OSError as error:
        # Within the lab's network nobody else is at this address.
        if error.errno == errno.EADDRINUSE:
            return
        raise
    if os.fork() == 0:
        os.setsid()
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        serving.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
