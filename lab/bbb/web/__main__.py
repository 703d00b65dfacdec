"""python3 -I /usr/share/bbb-web/standin.py: runs until SIGTERM. Exit 1 if it is not configured."""

import signal
import sys

from lab.bbb.web.daemon import Daemon
from lab.bbb.web.settings import NotConfigured


def main() -> None:
    # Before the threads, so that none of them takes the signal.
    awaited = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, awaited)
    try:
        daemon = Daemon()
        daemon.start()
    except (NotConfigured, OSError) as problem:
        sys.exit(f"bbb-web: {problem}")
    signal.sigwait(awaited)
    daemon.stop()


if __name__ == "__main__":
    main()
