"""The file that a host starts. On a host its parts lie beside it, in programs/drill."""

import sys
from pathlib import Path

# With -I Python does not look for modules beside the file that it runs.
sys.path.insert(0, str(Path(__file__).parent))
# Nobody would take away the bytecode that Python keeps beside the parts.
sys.dont_write_bytecode = True

from programs.drill.main import start  # noqa: E402

start()
