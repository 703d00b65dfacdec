"""What all unit tests share."""

import os
import sys
from pathlib import Path

from hypothesis import settings

# How long an example takes is the machine's load, and no property of the code.
settings.register_profile("coop", deadline=None)
settings.load_profile("coop")

# Programs of Debian's packages, which lab/unpack has put beside this Python.
os.environ["PATH"] += f":{Path(sys.prefix) / 'debian/usr/bin'}"
