"""The order of operations on different hosts."""

from pyinfra import host, state

from engine.operation import Commands, operation
from engine.questions import forget_what_others_changed
from engine.report import fail


@operation()
def barrier(before: str, needs: str | None = None) -> Commands:
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
    forget_what_others_changed()
    host.noop(f"before {before}")
