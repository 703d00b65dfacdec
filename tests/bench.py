"""Counts the remote commands of a run with no change, by host, and measures the run's time.

python -m tests.bench [audit.py] [--limit HOST], inside the lab, on a fleet that has converged.
Without audit.py this is a run of deploy.py. Fails if a host takes too many commands.
"""

import sys
import time
from collections import Counter
from typing import Any

# pyinfra's command line patches the standard library for gevent, so its import comes first.
from pyinfra_cli.main import main as pyinfra  # isort: skip

from pyinfra import state
from pyinfra.connectors.ssh import SSHConnector

# Remote commands on any host in a run with no change. The audit may take one.
MOST = 3


def main() -> None:
    commands: Counter[str] = Counter()
    run_shell_command = SSHConnector.run_shell_command

    def counted(self: Any, *arguments: Any, **options: Any) -> Any:
        commands[self.host.name] += 1
        return run_shell_command(self, *arguments, **options)

    SSHConnector.run_shell_command = counted
    file = sys.argv.pop(1) if sys.argv[1:2] == ["audit.py"] else "deploy.py"
    sys.argv = ["pyinfra", "inventories/lab.py", file, "-y", *sys.argv[1:]]
    start = time.monotonic()
    status = 0
    try:
        pyinfra()
    except SystemExit as end:
        status = int(end.code or 0)
    seconds = time.monotonic() - start
    print("\n| host | remote commands |\n|---|---|")
    for host, count in sorted(commands.items()):
        print(f"| {host} | {count} |")
    print(f"\nwall time {seconds:.1f} s, exit {status}")
    done = [data.operation_meta for ops in state.ops.values() for data in ops.values()]
    if status == 0 and any(meta.did_change() for meta in done):
        sys.exit("the run had changes to make, so this says nothing: run it again")
    most = 1 if file == "audit.py" else MOST
    over = [f"{name}: {count}" for name, count in commands.items() if count > most]
    if over:
        sys.exit(f"too many commands on {', '.join(over)}")
    sys.exit(status)


if __name__ == "__main__":
    main()
