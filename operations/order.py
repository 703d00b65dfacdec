"""The order of operations on different hosts."""

from collections.abc import Generator

from pyinfra import host, state
from pyinfra.api import StringCommand

from operations.report import fail, operation


@operation()
def barrier(before: str, needs: str) -> Generator[StringCommand, None, None]:
    """All that stands above this line is done on every host before what stands below begins.

    needs: a group; if one of its hosts has failed in this run, every other host fails here

    To be called on every host. pyinfra puts operations of different hosts in a row only where they
    share one: without this a client would mount what the storage server does not export yet.
    Changes nothing.
    """
    failed = sorted(other.name for other in state.failed_hosts if needs in other.groups)
    if failed:
        yield fail(
            f"{', '.join(failed)} failed, which comes before {before}. Put that right and run "
            "again, or leave it out on purpose with --limit"
        )
        return
    host.noop(f"before {before}")
