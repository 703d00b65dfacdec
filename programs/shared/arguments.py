"""What a program is started with, if it has settings and secrets: two files of JSON."""

import json
import sys
from pathlib import Path
from typing import Any


def settings_and_secrets() -> tuple[Any, Any]:
    """What the two files of the command line say. Ends the program if there are not two."""
    match sys.argv[1:]:
        case [settings, secrets]:
            return json.loads(Path(settings).read_text()), json.loads(Path(secrets).read_text())
    sys.exit("say SETTINGS SECRETS")
