"""The program of a node, sent through the connection: nothing is written on the node.

So a node that this project has never touched tells what it is, by the code that reads it later too.
"""

import json
from pathlib import Path

from fleet import ROOT

OLDEST = (3, 10)
"""The Python of Ubuntu 22.04. That of Ubuntu 20.04, as of BigBlueButton 2.7, is too old."""

# -I: no modules of users; -B: Python keeps no bytecode; -: the program comes on stdin.
COMMAND = ("/usr/bin/python3", "-I", "-B", "-", "look")

_TEXT = """\
import sys
if sys.version_info < {oldest!r}:
    print('{{"problem": "the Python of this node is older than {dotted}"}}')
    sys.exit(1)
import json
from importlib.util import spec_from_loader
SOURCES = json.loads({sources!r})
PACKAGES = {packages!r}
class Sent:
    def find_spec(self, name, path=None, target=None):
        if name in SOURCES:
            return spec_from_loader(name, self, is_package=name in PACKAGES)
    def create_module(self, spec):
        return None
    def exec_module(self, module):
        exec(compile(SOURCES[module.__name__], "sent/" + module.__name__, "exec"), vars(module))
sys.meta_path.insert(0, Sent())
from programs.bbb.main import main
from programs.bbb.root import Root
sys.exit(main(Root(), sys.argv[1:], sys.stdin.buffer, sys.stdout))
"""


def program() -> str:
    """The whole program as one text for the standard input of COMMAND."""
    packages = ["programs", "programs.bbb", "programs.shared"]
    sources = {it: (_directory(it) / "__init__.py").read_text() for it in packages}
    for package in packages[1:]:
        for file in sorted(_directory(package).glob("*.py")):
            if not file.stem.startswith("__"):
                sources[f"{package}.{file.stem}"] = file.read_text()
    return _TEXT.format(
        oldest=OLDEST,
        dotted=".".join(map(str, OLDEST)),
        sources=json.dumps(sources),
        packages=packages,
    )


def _directory(package: str) -> Path:
    return ROOT / package.replace(".", "/")
