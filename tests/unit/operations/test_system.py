import pytest

from facts.system import Kernels, KernelsState, System, SystemState
from operations.system import kernels_have, release
from tests.unit.operation_harness import run


def test_the_declared_release_is_nothing_to_do() -> None:
    done = run(release, "debian 12", facts={System: SystemState("debian 12")})
    assert (done.commands, done.noops) == ([], ["the release is as declared"])


def test_a_name_that_only_dns_knows_is_warned_of_with_the_line_that_helps() -> None:
    done = run(release, "debian 12", facts={System: SystemState("debian 12", "own-name")})
    assert done.commands == []
    (text,) = done.warned
    assert "Write 127.0.1.1 own-name into /etc/hosts" in text


def test_a_host_that_waits_for_dns_fails_before_anything_is_changed() -> None:
    done = run(release, "debian 12", facts={System: SystemState("debian 12", "own-name", True)})
    assert done.failure.startswith("DNS does not answer on this host, and only DNS knows")
    assert "Write 127.0.1.1 own-name into /etc/hosts" in done.failure


@pytest.mark.parametrize(
    ("system", "says"),
    [
        ("debian 13", "the host runs debian 13, and its record says debian: 12"),
        ("debian", "the host runs debian, and"),
        ("ubuntu 12", "the host runs ubuntu 12, and"),
        ("", "the host runs an unknown system, and"),
    ],
)
def test_another_system_fails_the_host_and_names_the_remedy(system: str, says: str) -> None:
    done = run(release, "debian 12", facts={System: SystemState(system)})
    assert says in done.failure
    assert "write the release into its record" in done.failure
    assert len(done.commands) == 1


def test_a_host_of_ubuntu_is_held_to_its_release_too() -> None:
    right = run(release, "ubuntu 22.04", facts={System: SystemState("ubuntu 22.04")})
    assert right.commands == []
    wrong = run(release, "ubuntu 22.04", facts={System: SystemState("ubuntu 24.04")})
    assert "runs ubuntu 24.04, and its record says ubuntu: 22.04" in wrong.failure


def test_a_kernel_without_the_module_is_told_and_nothing_is_changed() -> None:
    state = KernelsState(("6.1.0-1", "6.1.0-2"), ("6.1.0-2",), has_tool=True)
    done = run(kernels_have, "zfs", "zpool", facts={Kernels: state})
    assert done.commands == []
    (text,) = done.warned
    assert "kernel 6.1.0-2 has no module zfs: do not boot into it" in text
    assert "linux-headers-6.1.0-2" in text


@pytest.mark.parametrize(
    "state",
    [
        KernelsState(),
        KernelsState(("6.1.0-1",), ("6.1.0-1",)),
        KernelsState(("6.1.0-1",), (), has_tool=True),
    ],
)
def test_where_it_is_not_installed_yet_or_all_have_it_nothing_is_told(state: KernelsState) -> None:
    assert run(kernels_have, "zfs", "zpool", facts={Kernels: state}).warned == []


def test_the_only_kernel_without_the_module_is_told_too() -> None:
    state = KernelsState(("6.1.0-1",), ("6.1.0-1",), has_tool=True)
    (text,) = run(kernels_have, "zfs", "zpool", facts={Kernels: state}).warned
    assert "kernel 6.1.0-1 has no module zfs" in text
