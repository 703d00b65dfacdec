"""A pull asks once for all datasets, starts syncoid only for what is new, and trusts nobody."""

import json
import time
from pathlib import Path

import pytest

from programs.offsite.pull import command, server
from programs.offsite.pull import main as pull
from programs.offsite.pull import snapshots as listed
from programs.offsite.pull.command import Failed
from tests.unit.operation_harness import Shell

COLUMNS = "-o name,guid,createtxg,creation -s createtxg"
LIST = f"zfs list -Hp -t snapshot {COLUMNS} -r keep/tank/prod keep/tank/staging"
TOKENS = (
    "zfs get -Hr -t filesystem,volume -o name,value receive_resume_token "
    "keep/tank/prod keep/tank/staging"
)


class Sides:
    """Both sides as files, which stand-ins of zfs, ssh and syncoid read."""

    def __init__(self, directory: Path) -> None:
        self.shell = Shell(directory)
        self.there, self.here, self.marks, self.token, self.written = (
            directory / name for name in ("there", "here", "marks", "token", "written")
        )
        self.seen, self.stale = (directory / f"{name}.json" for name in ("seen", "stale"))
        self.manifests = directory / "manifests"
        for file in (self.there, self.here, self.marks, self.token, self.written):
            file.touch()
        copy = f"sed -n 's#^tank/#keep/tank/#p' {self.there} > {self.here}"
        self.shell.stand_in("syncoid", copy)
        self.shell.stand_in("mbuffer", "cat")
        self.shell.stand_in(
            "ssh",
            f'case "$*" in *" list") cat {self.there} ;; *bookmarks*) cat {self.marks} ;; '
            f'*manifests) cat {self.written} ;; *manifest*) echo "of $3" ;; '
            "*send*) echo stream ;; esac",
        )
        self.shell.stand_in(
            "zfs",
            f'case "$1" in list) cat {self.here} ;; get) cat {self.token} ;; '
            "send) printf '\\ttoguid = 0x%s\\n' \"${3#1-}\" >&2; exit 1 ;; "
            f"receive) printf 'keep/tank/prod/www@%s\\n' \"$(cat)\" > /dev/null ;; esac",
        )

    @property
    def calls(self) -> list[str]:
        return self.shell.calls

    def pull(self) -> int:
        copies = {"tank/prod": "keep/tank/prod", "tank/staging": "keep/tank/staging"}
        settings = {"host": "storage1", "bandwidth": 1000, "copies": copies}
        files = {name: str(getattr(self, name)) for name in ("seen", "stale", "manifests")}
        return pull.main({**settings, **files})

    def manifest(self, name: str, content: str = "") -> Path:
        """A manifest that is here already."""
        file = self.manifests / f"{name}.gz"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
        return file


def snapshots(dataset: str, *guids: int, mark: str = "@") -> str:
    return "".join(
        f"{dataset}{mark}s{guid}\t{guid}\t{guid * 10}\t{guid * 3600}\n" for guid in guids
    )


@pytest.fixture
def sides(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sides:
    sides = Sides(tmp_path)
    monkeypatch.setenv("PATH", sides.shell.path)
    return sides


def test_nothing_new_is_one_question_to_the_source_and_two_here(sides: Sides) -> None:
    """The number of datasets does not matter."""
    names = [f"tank/{environment}/{n}" for environment in ("prod", "staging") for n in range(50)]
    sides.there.write_text("".join(snapshots(name, 1, 2) for name in names))
    sides.here.write_text("".join(snapshots(f"keep/{name}", 1, 2) for name in names))
    for name in names:
        sides.manifest(f"{name}/s2")
    assert sides.pull() == 0
    assert sides.calls == ["ssh storage1 list", TOKENS, LIST]


def test_what_is_new_is_syncoids(sides: Sides, capsys: pytest.CaptureFixture[str]) -> None:
    sides.there.write_text(snapshots("tank/prod/www", 1, 2))
    assert sides.pull() == 0
    (call,) = [call for call in sides.calls if call.startswith("syncoid")]
    assert call == (
        "syncoid --no-sync-snap --no-rollback --no-privilege-elevation --quiet --compress=none "
        "--target-bwlimit=1000 --sendoptions=Lce --recvoptions=u storage1:tank/prod/www "
        "keep/tank/prod/www"
    )
    assert capsys.readouterr().out == "tank/prod/www: tank/prod/www@s2 pulled\n"


def test_what_was_cut_off_is_gone_on_with_first(sides: Sides) -> None:
    sides.there.write_text(snapshots("tank/prod/www", 3, 4))
    sides.here.write_text(snapshots("keep/tank/prod/www", 1, 2))
    sides.token.write_text("keep/tank/prod\t-\nkeep/tank/prod/www\t1-3\n")
    assert sides.pull() == 0
    assert not [call for call in sides.calls if "bookmarks" in call]
    assert [call for call in sides.calls if call.startswith("syncoid")]
    assert json.loads(sides.stale.read_text()) == []


def test_what_was_cut_off_and_is_gone_from_the_source_is_for_root_to_give_up(
    sides: Sides, capsys: pytest.CaptureFixture[str]
) -> None:
    """syncoid would try to give it up, may not do so, and would end."""
    sides.there.write_text(snapshots("tank/prod/www", 0x1B) + snapshots("tank/prod/x", 0x1A))
    sides.here.write_text(snapshots("keep/tank/prod/www", 1))
    sides.token.write_text("keep/tank/prod/www\t1-1a\nkeep/tank/prod/x\t1-1a\n")
    assert sides.pull() == 1
    assert json.loads(sides.stale.read_text()) == ["keep/tank/prod/www"]
    assert "the next pull goes on from what is whole" in capsys.readouterr().err
    assert [call.split()[-1] for call in sides.calls if call.startswith("syncoid")] == [
        "keep/tank/prod/x"
    ]


def test_a_token_that_says_nothing_is_not_given_up(
    sides: Sides, capsys: pytest.CaptureFixture[str]
) -> None:
    sides.there.write_text(snapshots("tank/prod/www", 1))
    sides.token.write_text("keep/tank/prod/www\t1-\n")
    assert sides.pull() == 1
    assert json.loads(sides.stale.read_text()) == []
    assert "cannot be read: the token" in capsys.readouterr().err


def test_a_token_that_zfs_is_slow_to_read_keeps_no_other_dataset_back(
    sides: Sides, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(listed, "TOKEN_SECONDS", 0.2)
    sides.there.write_text(snapshots("tank/prod/www", 2) + snapshots("tank/prod/x", 1))
    sides.token.write_text("keep/tank/prod/www\t1-1\n")
    sides.shell.stand_in(
        "zfs",
        f'case "$1" in list) cat {sides.here} ;; get) cat {sides.token} ;; '
        "send) exec sleep 20 ;; receive) cat > /dev/null ;; esac",
    )
    sides.pull()
    assert "tank/prod/www: not pulled: zfs did not read the token" in capsys.readouterr().err
    assert [call.split()[-1] for call in sides.calls if call.startswith("syncoid")] == [
        "keep/tank/prod/x"
    ]
    assert json.loads(sides.stale.read_text()) == []


def test_a_question_that_has_no_end_is_a_failure(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command, "LIST_SECONDS", 0.2)
    sides.shell.stand_in("ssh", "exec sleep 20")
    with pytest.raises(Failed, match=r"did not end within 0\.2 s"):
        sides.pull()


def test_a_base_that_the_source_has_pruned_is_its_bookmark(sides: Sides) -> None:
    """An older snapshot that both sides have is no base: it would need a rollback here."""
    sides.there.write_text(snapshots("tank/prod/www", 1, 5, 6))
    sides.here.write_text(snapshots("keep/tank/prod/www", 1, 2, 3))
    sides.marks.write_text(snapshots("tank/prod/www", 1, 2, 3, 4, 5, 6, mark="#"))
    assert sides.pull() == 0
    calls = sides.calls
    send = "ssh storage1 zfs send -L -c -e -i tank/prod/www#s3 tank/prod/www@s5"
    receive = "zfs receive -s -u keep/tank/prod/www"
    assert send in calls and receive in calls and "mbuffer -q -m 16M -r 1000" in calls
    assert calls.index(send) < next(i for i, it in enumerate(calls) if it.startswith("syncoid"))


@pytest.mark.parametrize("marks", ["", snapshots("tank/prod/www", 1, mark="#")])
def test_without_a_base_what_is_here_is_kept_and_said(
    sides: Sides, capsys: pytest.CaptureFixture[str], marks: str
) -> None:
    sides.there.write_text(snapshots("tank/prod/www", 1, 5))
    sides.here.write_text(snapshots("keep/tank/prod/www", 1, 3))
    sides.marks.write_text(marks)
    assert sides.pull() == 1
    said = capsys.readouterr().err
    assert "neither a snapshot nor a bookmark of keep/tank/prod/www@s3" in said
    assert not [call for call in sides.calls if call.startswith("syncoid")]


@pytest.mark.parametrize("ends", [":", "exit 2"])
def test_what_has_not_arrived_is_a_failure_whatever_syncoid_says(sides: Sides, ends: str) -> None:
    """syncoid skips a dataset with syncoid:sync=false, without a word; the source may set that."""
    sides.shell.stand_in("syncoid", ends)
    sides.there.write_text(snapshots("tank/prod/www", 1))
    assert sides.pull() == 1


def test_one_dataset_that_fails_does_not_keep_the_next_from_being_pulled(sides: Sides) -> None:
    sides.shell.stand_in("syncoid", "exit 1")
    sides.there.write_text(snapshots("tank/prod/a", 1) + snapshots("tank/staging/b", 1))
    assert sides.pull() == 2
    assert len([call for call in sides.calls if call.startswith("syncoid")]) == 2


def test_a_snapshot_of_a_whole_source_hinders_nothing(sides: Sides) -> None:
    """`zfs snapshot -r` makes such a snapshot, there or here."""
    sides.there.write_text(snapshots("tank/prod", 1) + snapshots("tank/prod/www", 1))
    sides.written.write_text("tank/prod/www/s1.gz\n")
    assert sides.pull() == 0
    assert [file.name for file in sides.manifests.rglob("*.gz")] == ["s1.gz"]


@pytest.mark.parametrize(
    "answer",
    [
        "tank/prod/www@s1\tx\t1\t1\n",
        "tank/prod/www@s1\t1\n",
        "tank/prod/www\t1\t1\t1\n",
        "welcome\n",
        "rpool/ROOT@s1\t1\t1\t1\n",
        "tank/production/x@s1\t1\t1\t1\n",
    ],
)
def test_a_source_that_tells_of_anything_else_is_not_pulled_from(sides: Sides, answer: str) -> None:
    sides.there.write_text(answer)
    with pytest.raises(Failed):
        sides.pull()
    assert sides.calls == ["ssh storage1 list"]


@pytest.mark.parametrize("name", ["Anime Movies", "www:old", "$(id)", "../../x", "-x", "x/-y"])
def test_a_dataset_of_an_odd_name_is_told_and_keeps_no_other_back(
    sides: Sides, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    sides.there.write_text(snapshots(f"tank/prod/{name}", 1) + snapshots("tank/prod/www", 1))
    assert sides.pull() == 0
    assert [call.split()[-1] for call in sides.calls if call.startswith("syncoid")] == [
        "keep/tank/prod/www"
    ]
    assert f"'tank/prod/{name}': not pulled: no pull takes such a name" in capsys.readouterr().err
    assert json.loads(sides.seen.read_text())["newest"] == {"tank/prod/www": 3600}


def test_an_answer_that_is_no_text_is_a_failure(sides: Sides) -> None:
    sides.there.write_bytes(b"tank/prod/\xff\t1\n")
    with pytest.raises(Failed, match="cannot be read"):
        sides.pull()


def test_a_dataset_that_is_called_like_a_manifest_keeps_its_own(sides: Sides) -> None:
    names = ("tank/prod/www", "tank/prod/www/old.gz")
    sides.there.write_text("".join(snapshots(name, 1) for name in names))
    sides.written.write_text("".join(f"{name}/s1.gz\n" for name in names))
    for _ in range(2):
        assert sides.pull() == 0
    kept = sorted(it.relative_to(sides.manifests).as_posix() for it in sides.manifests.rglob("s1*"))
    assert kept == ["tank/prod/www/old.gz/s1.gz", "tank/prod/www/s1.gz"]


def test_a_snapshot_of_a_name_that_no_shell_may_see_is_passed_over(sides: Sides) -> None:
    sides.there.write_text(snapshots("tank/prod/www", 1) + "tank/prod/www@$(id)\t2\t20\t7200\n")
    assert sides.pull() == 0


def test_a_source_that_does_not_answer_is_a_failure(sides: Sides) -> None:
    sides.shell.stand_in("ssh", "exit 255")
    with pytest.raises(Failed, match="ended with 255"):
        sides.pull()


def test_each_part_of_a_pipe_counts(sides: Sides) -> None:
    command.pipe(["true"], ["cat"], ["cat"])
    for parts in (["false", "cat", "cat"], ["true", "false", "cat"], ["true", "cat", "false"]):
        with pytest.raises(Failed):
            command.pipe(*([part] for part in parts))


def test_what_the_source_had_is_written_down_whatever_comes_of_it(sides: Sides) -> None:
    sides.shell.stand_in("syncoid", "exit 1")
    sides.there.write_text(snapshots("tank/prod/www", 1, 2))
    before = int(time.time())
    assert sides.pull() == 1
    seen = json.loads(sides.seen.read_text())
    assert seen["newest"] == {"tank/prod/www": 7200}
    assert before <= seen["at"] <= time.time()


def test_the_newest_manifest_of_what_is_here_is_fetched_once(sides: Sides) -> None:
    sides.there.write_text(snapshots("tank/prod/www", 1, 2, 3))
    # The third snapshot has no manifest yet.
    names = ("tank/prod/www/s1.gz", "tank/prod/www/s2.gz", "tank/prod/other/s2.gz")
    sides.written.write_text("".join(f"{name}\n" for name in names))
    gone = sides.manifest("tank/prod/www/s0")
    for _ in range(2):
        assert sides.pull() == 0
    (file,) = sides.manifests.rglob("*.gz")
    assert file == sides.manifests / "tank/prod/www/s2.gz"
    assert file.read_text() == "of tank/prod/www@s2\n"
    assert not gone.exists()
    assert len([call for call in sides.calls if "manifest tank" in call]) == 1


def test_a_manifest_without_an_end_is_cut_off(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "FILE_BYTES", 4)
    sides.there.write_text(snapshots("tank/prod/www", 1))
    sides.written.write_text("tank/prod/www/s1.gz\n")
    with pytest.raises(Failed, match="manifest tank/prod/www@s1: it has no end"):
        sides.pull()
    assert not [file for file in sides.manifests.rglob("*") if file.is_file()]


def test_a_manifest_that_does_not_come_keeps_no_other_back(
    sides: Sides, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One client may make so many files that its manifest has no end."""
    monkeypatch.setattr(server, "FILE_BYTES", 25)
    names = ("a", "big-client", "c")
    sides.there.write_text("".join(snapshots(f"tank/prod/{name}", 1) for name in names))
    sides.written.write_text("".join(f"tank/prod/{name}/s1.gz\n" for name in names))
    (sides.manifests / "tank/prod").mkdir(parents=True)
    (sides.manifests / "tank/prod/a").touch()
    with pytest.raises(Failed, match=r"tank/prod/a'; manifest .*big-client@s1: it has no end"):
        sides.pull()
    assert [it.parent.name for it in sides.manifests.rglob("*.gz")] == ["c"]


def test_whatever_ends_one_dataset_does_not_keep_the_next_from_being_pulled(
    sides: Sides, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def dataset(self: server.Pull, source: str, *_: object) -> bool:
        if source.endswith("a"):
            raise OSError("too many open files")
        return False

    monkeypatch.setattr(server.Pull, "dataset", dataset)
    sides.there.write_text(snapshots("tank/prod/a", 1) + snapshots("tank/prod/b", 1))
    assert sides.pull() == 1
    said = capsys.readouterr()
    assert "tank/prod/a: not pulled: too many open files" in said.err and "prod/b" in said.out


def test_a_name_that_is_no_text_is_told_in_plain_characters(
    sides: Sides, capfd: pytest.CaptureFixture[str]
) -> None:
    sides.there.write_bytes(b"tank/prod/\xff\x1b[2J@s1\t1\t10\t3600\n")
    assert sides.pull() == 0
    (told,) = capfd.readouterr().err.splitlines()
    assert "no pull takes such a name" in told and told.isprintable()


def test_a_manifest_that_was_cut_off_is_none(sides: Sides) -> None:
    sides.there.write_text(snapshots("tank/prod/www", 1))
    sides.written.write_text("tank/prod/www/s1.gz\n")
    sides.shell.stand_in(
        "ssh",
        f'case "$*" in *" list") cat {sides.there} ;; *manifests) cat {sides.written} ;; '
        "*) echo half; exit 255 ;; esac",
    )
    with pytest.raises(
        Failed, match=r"manifest tank/prod/www@s1: ssh \| head ended with \[255, 0\]"
    ):
        sides.pull()
    assert not list(sides.manifests.rglob("*.gz"))
