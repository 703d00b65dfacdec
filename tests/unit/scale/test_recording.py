from pathlib import Path

import pytest

from tests.scale.recording import Recording, Replay

SENT = ("vm1", "look", "")


@pytest.fixture
def replay(tmp_path: Path) -> Replay:
    recording = Recording()
    recording.add(SENT, ("before", 0))
    recording.add(SENT, ("after", 0))
    recording.add(("vm1", "sh -s", "{\nchange\n}\n"), ("", 1))
    recording.save(tmp_path / "recording")
    return Replay(Recording.load(tmp_path / "recording"))


def test_the_same_command_has_its_answers_in_their_order_and_then_the_last(replay: Replay) -> None:
    found = [replay.answer("vm1", "look") for _ in range(3)]
    assert found == [("before", 0), ("after", 0), ("after", 0)]


def test_what_comes_on_stdin_belongs_to_the_command(replay: Replay) -> None:
    assert replay.reads("vm1", "sh -s") and not replay.reads("vm1", "look")
    assert replay.answer("vm1", "sh -s", "{\nchange\n}\n") == ("", 1)


@pytest.mark.parametrize("sent", [("vm2", "look", ""), ("vm1", "other", ""), ("vm1", "sh -s", "x")])
def test_what_was_not_sent_to_that_host_has_no_answer(
    replay: Replay, sent: tuple[str, str, str]
) -> None:
    with pytest.raises(LookupError):
        replay.answer(*sent)
