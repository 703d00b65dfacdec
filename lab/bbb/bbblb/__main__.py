"""python -m lab.bbb.bbblb: see the package."""

import argparse
import sys
from pathlib import Path

from lab.bbb.bbblb.installed import environment
from lab.bbb.bbblb.real import Real


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.bbb.bbblb")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--listen", default="127.0.0.1:8000", metavar="HOST:PORT")
    parser.add_argument("--authority", type=Path, help="PEM by which the nodes are trusted")
    parser.add_argument("--interval", default="10", help="seconds between two polls")
    options = parser.parse_args()
    settings = {"POLL_INTERVAL": options.interval, "POLL_RECOVER": "1"}
    directory = options.directory.absolute()
    real = Real(environment(), directory, options.listen, options.authority, settings)
    real.prepare()
    return real.serve().wait()


if __name__ == "__main__":
    sys.exit(main())
