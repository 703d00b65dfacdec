"""python -m tests.scale.controller FILE ...: pyinfra's own command line, with these arguments.

Then writes to FILE, as JSON: how many operations there were, how many of them changed something,
and which hosts failed.
"""

import json
import sys
from pathlib import Path

# pyinfra's command line patches the standard library for gevent, so its import comes first.
from pyinfra_cli.main import main as pyinfra  # isort: skip

from pyinfra import state


def main() -> None:
    file = Path(sys.argv.pop(1))
    sys.argv[0] = "pyinfra"
    status = 0
    try:
        pyinfra()
    except SystemExit as end:
        status = int(end.code or 0)
    done = [data.operation_meta for ops in state.ops.values() for data in ops.values()]
    changed = sum(meta.is_complete() and meta.did_change() for meta in done)
    failed = sorted(host.name for host in state.failed_hosts)
    told = {"operations": len(done), "changed": changed, "failed": failed}
    file.write_text(json.dumps(told))
    sys.exit(status)


if __name__ == "__main__":
    main()
