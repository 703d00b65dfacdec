from operations.order import barrier
from tests.unit.operation_harness import run


def test_a_barrier_asks_nothing_and_does_nothing() -> None:
    done = run(barrier, "the clients mount it", facts={})
    assert (done.asked, done.commands, done.said) == ([], [], [])
    assert done.noops == ["before the clients mount it"]
