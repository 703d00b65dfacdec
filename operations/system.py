"""The system that a host runs. Nothing here changes a host."""

from pyinfra import host

from engine.operation import Commands, ask, operation
from engine.report import fail, warn
from facts.system import Kernels, KernelsState, System, SystemState


@operation()
def release(wanted: str) -> Commands:
    """The host runs this release of this system, or fails before anything on it is changed.

    Warns about a host that does not know its own name without DNS. While DNS does not answer there,
    the host fails, because a run would take minutes, and no change of access would be proven.

    wanted: ID and VERSION_ID as in os-release(5), "debian 12" or "ubuntu 22.04"

    Example::

        system.release(name="Release", wanted="debian 12")
    """
    now = yield from ask(System)
    if wrong := differs(now, wanted):
        yield fail(wrong)
        return
    if now.unknown_name:
        text = (
            f"only DNS knows this host's own name, {now.unknown_name}. While DNS does not answer, "
            "each sudo waits for it: a run takes minutes, and a change of access or of the "
            f"firewall is undone before it is proven. Write 127.0.1.1 {now.unknown_name} into "
            "/etc/hosts"
        )
        if now.waits_for_dns:
            yield fail(f"DNS does not answer on this host, and {text}")
            return
        warn(text)
    host.noop("the release is as declared")


@operation()
def kernels_have(module: str, tool: str) -> Commands:
    """Warns about each installed kernel without this module: the next boot may choose it.

    tool: the program that needs the module, and comes with it
    """
    now = yield from ask(Kernels, module=module, tool=tool)
    for text in lacking(now, module):
        warn(text)
    host.noop("kernels are looked at only")


def differs(now: SystemState, wanted: str) -> str | None:
    """What is wrong with the system, with the remedy; None if it is the declared one."""
    if now.system == wanted:
        return None
    name, _, number = wanted.partition(" ")
    return (
        f"the host runs {now.system or 'an unknown system'}, and its record says {name}: {number}; "
        "write the release into its record, or install that release: docs/move-to-debian-13.md"
    )


def lacking(now: KernelsState, module: str) -> list[str]:
    """A sentence for each kernel without the module; none before the module is installed at all."""
    if not now.has_tool:
        return []
    return [
        f"kernel {version} has no module {module}: do not boot into it; install "
        f"linux-headers-{version} and run: dkms autoinstall -k {version}"
        for version in now.without
    ]
