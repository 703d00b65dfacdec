import subprocess
from pathlib import Path

import pytest

from fleet import ROOT
from fleet.reading.problems import FleetError
from fleet.secret_kinds import KINDS, kind_of
from fleet.secret_kinds.volumes import PASSWORD as PASSWORDS
from fleet.secrets import Secrets, file_for, required
from tests.unit.fleet.bbb_samples import node
from tests.unit.fleet_samples import OFFSITE, fleet_of, sample

ESCROW = "ESCROW_DIRECTORY"
NAME = "GOCRYPTFS_PASSWORD_PROD1"
PASSWORD = "correct horse battery ${staple}"


def secrets_of(directory: Path, text: str, **environ: str) -> Secrets:
    file = directory / "env"
    file.touch(mode=0o600)
    file.write_text(text)
    return Secrets.load(file, environ)


def messages(secrets: Secrets, name: str) -> list[str]:
    return [problem.message for problem in secrets.problems(name)]


def test_only_hosts_with_an_encrypted_volume_need_secrets(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    assert required(fleet, list(fleet.hosts.values())) == (NAME, ESCROW)
    assert required(fleet, [fleet.host("stg1"), fleet.storage_host]) == ()


def test_a_host_that_is_backed_up_needs_escrow(tmp_path: Path) -> None:
    backup = {"store": "a.example.org:/b", "directories": ["/etc"], "quiesce": []}
    fleet = fleet_of(tmp_path, sample(stg1__backup=backup))
    assert required(fleet, [fleet.host("stg1")]) == (ESCROW,)


def test_a_host_that_restores_encrypted_copies_needs_escrow(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample(offsite1=OFFSITE))
    assert required(fleet, [fleet.host("offsite1")]) == (ESCROW,)


def test_a_node_needs_its_secret_and_those_it_shares(tmp_path: Path) -> None:
    nodes = {
        "bbb1": node(1),
        "bbb-2": node(2, bbb__turn="local", bbb__wanted="drained"),
        "bbb3": node(3, bbb__turn="local", bbb__wanted="retired"),
    }
    fleet = fleet_of(tmp_path, sample(**nodes))
    of = {name: required(fleet, [fleet.host(name)]) for name in nodes}
    assert of["bbb1"] == ("BBB_SECRET_BBB1", "TURN_SECRET_BBB1", "BALANCER_SECRET_MEET")
    assert of["bbb-2"] == ("BBB_SECRET_BBB_2", "BALANCER_SECRET_MEET")
    assert of["bbb3"] == ("BALANCER_SECRET_MEET",)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("BBB_SECRET_BBB1", None, "is not set"),
        ("BBB_SECRET_BBB1", "a" * 31, "is not 32 to 128 letters and digits"),
        ("BBB_SECRET_BBB1", "a" * 31 + "/", "is not 32 to 128 letters and digits"),
        ("BBB_SECRET_BBB1", "a" * 31 + "=", "is not 32 to 128 letters and digits"),
        ("TURN_SECRET_BBB1", "a" * 31 + "+", "is not 32 to 128 letters and digits"),
        ("BALANCER_SECRET_MEET", None, "is not set"),
        ("BALANCER_SECRET_MEET", "a" * 19, "is not 20 or more characters"),
        ("BALANCER_SECRET_MEET", "a" * 20 + " b", "is not 20 or more characters"),
    ],
)
def test_a_secret_of_nodes_and_balancers_fits_their_files(
    name: str, value: str | None, says: str
) -> None:
    wrong = kind_of(name).wrong(value)
    assert wrong is not None and says in wrong[0]
    assert value is None or value not in " ".join(wrong)


@pytest.mark.parametrize("name", ["BBB_SECRET_A", "TURN_SECRET_A", "BALANCER_SECRET_A"])
def test_what_their_commands_make_is_fit(name: str) -> None:
    kind = kind_of(name)
    made = subprocess.run(["sh", "-c", kind.make], capture_output=True, text=True, check=True)
    assert kind.wrong(made.stdout.strip()) is None


def test_the_variable_is_named_for_the_host(tmp_path: Path) -> None:
    data = sample()
    data["hosts"]["vision-prod1"] = data["hosts"].pop("prod1")
    fleet = fleet_of(tmp_path, data)
    assert required(fleet, [fleet.host("vision-prod1")])[0] == "GOCRYPTFS_PASSWORD_VISION_PROD1"


def test_each_kind_is_told_in_the_example() -> None:
    text = (ROOT / ".env.example").read_text()
    for kind in KINDS:
        assert kind.variable in text and kind.make in text


def test_what_its_command_makes_is_a_fit_password() -> None:
    made = subprocess.run(["sh", "-c", PASSWORDS.make], capture_output=True, text=True, check=True)
    assert PASSWORDS.wrong(made.stdout.strip()) is None


def test_each_variable_is_of_one_kind() -> None:
    assert kind_of("WIREGUARD_PSK_OPS_HYPHA_1").variable == "WIREGUARD_PSK_"
    for name in ("ESCROW_DIRECTORY_2", "PATH"):
        with pytest.raises(KeyError):
            kind_of(name)


def test_the_lab_has_a_file_of_its_own(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample())
    assert file_for(fleet) == ROOT / ".env"
    lab = fleet.model_copy(update={"file": ROOT / "inventories/lab.yml"})
    assert file_for(lab) == ROOT / "lab/.state/env"


def test_a_password_is_read_as_it_stands(tmp_path: Path) -> None:
    secrets = secrets_of(tmp_path, f"{NAME}='{PASSWORD}'\n", staple="x")
    assert secrets.get(NAME) == PASSWORD
    assert secrets.problems(NAME) == []


@pytest.mark.parametrize(
    "value", ["correct horse battery #1 of 2026", "correct-horse-battery-staple  #"]
)
def test_what_was_taken_for_a_comment_is_told(tmp_path: Path, value: str) -> None:
    secrets = secrets_of(tmp_path, f"{NAME}={value}\n")
    (problem,) = secrets.problems(NAME)
    assert "what follows was taken for a comment" in problem.message
    assert "in single quotes" in problem.remedy and "horse" not in str(problem)
    assert secrets_of(tmp_path, f"{NAME}='{value}' # of 2026\n").problems(NAME) == []
    assert secrets_of(tmp_path, f"{NAME}={value}\n", **{NAME: PASSWORD}).problems(NAME) == []


def test_a_comment_behind_nothing_is_told_too(tmp_path: Path) -> None:
    found = messages(secrets_of(tmp_path, f"{NAME}= #correct-horse-battery\n"), NAME)
    assert found == ["ends at a #: what follows was taken for a comment"]


def test_a_number_sign_within_a_word_is_of_the_value(tmp_path: Path) -> None:
    value = "correct#horse#battery#staple"
    secrets = secrets_of(tmp_path, f"export {NAME}={value}\n")
    assert (secrets.get(NAME), secrets.problems(NAME)) == (value, [])


@pytest.mark.parametrize("line", [f"{NAME}='correct", f"export {NAME}='a'b", f"{NAME} 'x'"])
def test_a_line_that_cannot_be_read_is_told_as_one(tmp_path: Path, line: str) -> None:
    (problem,) = secrets_of(tmp_path, f"{line}\nOTHER=1\n").problems(NAME)
    assert (problem.record, problem.message) == (NAME, "is on a line that cannot be read")
    assert "correct" not in str(problem)


def test_the_environment_goes_before_the_file(tmp_path: Path) -> None:
    other = "another password that is long enough"
    assert secrets_of(tmp_path, f"{NAME}='{PASSWORD}'\n", **{NAME: other}).get(NAME) == other


def test_a_missing_file_is_an_empty_one(tmp_path: Path) -> None:
    (problem,) = Secrets.load(tmp_path / "none", {}).problems(NAME)
    assert (problem.record, problem.message) == (NAME, "is not set")
    assert "openssl rand -base64 32" in problem.remedy


def test_a_file_that_is_not_text_is_a_problem(tmp_path: Path) -> None:
    file = tmp_path / "env"
    file.write_bytes(b"A=\xff\xfe")
    with pytest.raises(FleetError, match="cannot be read"):
        Secrets.load(file, {})


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "is not set"),
        (f"{NAME}=", "is not set"),
        (NAME, "is not set"),
        (f"{NAME}=too-short", "is shorter than 20 characters"),
        (f'{NAME}="two lines\nof twenty characters"', "is not a single line"),
        (f"{NAME}=not-printable-\x07-character", "is not a single line"),
    ],
)
def test_an_unfit_password_is_refused(tmp_path: Path, line: str, message: str) -> None:
    (found,) = messages(secrets_of(tmp_path, f"{line}\n"), NAME)
    assert found.startswith(message)


@pytest.mark.parametrize(
    ("directory", "message"),
    [
        ("escrow", "is not an absolute path"),
        ("~nobody-of-that-name/escrow", "is not an absolute path"),
        ("/srv/\x07/escrow", "has a character that cannot be printed"),
        (str(ROOT / "escrow"), "lies in this repository"),
        (str(ROOT / "lab/../../") + f"/{ROOT.name}", "lies in this repository"),
        (str(ROOT), "lies in this repository"),
    ],
)
def test_an_unfit_escrow_directory_is_refused(tmp_path: Path, directory: str, message: str) -> None:
    assert messages(secrets_of(tmp_path, f"{ESCROW}={directory}\n"), ESCROW) == [message]


def test_a_link_into_the_repository_is_refused(tmp_path: Path) -> None:
    link = tmp_path / "escrow"
    link.symlink_to(ROOT)
    secrets = secrets_of(tmp_path, f"{ESCROW}={link}\n")
    assert messages(secrets, ESCROW) == ["lies in this repository"]


def test_the_escrow_directory_may_be_below_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "coop-escrow").mkdir(mode=0o700)
    secrets = secrets_of(tmp_path, f"{ESCROW}=~/coop-escrow\n")
    assert secrets.problems(ESCROW) == []
    assert secrets.escrow_directory == tmp_path / "coop-escrow"


def test_an_escrow_directory_that_is_not_there_may_be_on_a_disk_that_is_not_plugged_in(
    tmp_path: Path,
) -> None:
    secrets = secrets_of(tmp_path, f"{ESCROW}={tmp_path}/stick/escrow\n")
    assert messages(secrets, ESCROW) == ["is no directory"]
    assert "stick" not in secrets.problems(ESCROW)[0].remedy  # it could be a password
    assert not (tmp_path / "stick").exists()
    (tmp_path / "stick").touch()
    assert messages(secrets, ESCROW) == ["is no directory"]


@pytest.mark.parametrize("mode", [0o750, 0o701, 0o777])
def test_an_escrow_directory_of_others_is_refused(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "escrow"
    directory.mkdir()
    directory.chmod(mode)
    secrets = secrets_of(tmp_path, f"{ESCROW}={directory}\n")
    assert messages(secrets, ESCROW) == ["can be used by others than you"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o622])
def test_a_file_of_secrets_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    secrets = secrets_of(tmp_path, f"{NAME}='{PASSWORD}'\n")
    secrets.file.chmod(mode)
    (problem,) = secrets.problems(NAME)
    assert problem.message.startswith("can be used by others than you")
    assert problem.remedy == f"run chmod 600 {secrets.file}"
    assert secrets.problems() == []


def test_nothing_that_prints_shows_a_value(tmp_path: Path) -> None:
    short = "hunter2"
    secrets = secrets_of(tmp_path, f"{NAME}={short}\n")
    shown = [repr(secrets), str(secrets), str(vars(secrets)), *map(str, secrets.problems(NAME))]
    assert NAME in shown[0]
    assert short not in "".join(shown)
