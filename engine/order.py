"""The order of operations on different hosts."""

from pyinfra import host, state

from engine.operation import Commands, operation
from engine.questions import forget_what_others_changed
from engine.report import fail


@operation()
def barrier(before: str, needs: str | None = None) -> Commands:
    """Every host does all that stands above this line before any host begins what stands below.

    before: what begins below, in words for the run's output
    needs: a group; if one of its hosts has failed in this run, every other host fails here

    Call it on every host. pyinfra puts operations of different hosts in a row only where the hosts
    share an operation. Without a barrier a client would mount what the storage server does not
    export yet. Changes nothing.
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
