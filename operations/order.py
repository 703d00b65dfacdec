"""The order of operations on different hosts."""

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import StringCommand, operation


@operation()
def barrier(before: str) -> Generator[StringCommand, None, None]:
    """All that stands above this line is done on every host before what stands below begins.

    To be called on every host. pyinfra puts operations of different hosts in a row only where they
    share one: without this a client would mount what the storage server does not export yet.
    Changes nothing.
    """
    host.noop(f"before {before}")
    yield from ()
