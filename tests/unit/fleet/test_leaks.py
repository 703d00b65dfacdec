"""A secret is refused in whatever field it stands, is not shown, and the remedy is another one."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from fleet.reading.leaks import leaks
from fleet.reading.private import MAKE_NEW, may_be_secret, secret_in
from fleet.reading.problems import Problem, shown
from fleet.values.fields import NfsExport, Repository
from fleet.values.keys import SshKey, WireGuardKey
from tests.unit.fleet_samples import (
    GROUP_DATA,
    HUB,
    KEY,
    OFFSITE,
    PEOPLE,
    SITE,
    places,
    problems_of,
    sample,
)
from tests.unit.secret_samples import ADDRESSES, PRIVATE_KEYS, SECRETS, parts


def only_refuses(problems: list[Problem], secret: str) -> None:
    assert problems
    said = "\n".join(map(str, problems))
    assert [part for part in parts(secret) if part in said] == []
    assert "make a new one" in said


@pytest.mark.parametrize("secret", SECRETS, ids=lambda it: it[:24])
def test_a_secret_is_known_in_any_field_and_not_shown(tmp_path: Path, secret: str) -> None:
    person = {
        "coop": secret,
        "access": {secret: "login"},
        "ssh_keys": [{"key": secret}, secret],
        "vpn": {"public_key": secret, "addresses": [secret]},
        "note": secret,
    }
    people = {"people": {**PEOPLE["people"], "web-1": person, "web-2": secret, secret: {}}}
    data = sample(
        prod1__address=secret,
        prod1__environment=secret,
        prod1__note=secret,
        prod1__ssh={"key": secret},
        prod1__disks=[secret],
        prod1__roles={secret: secret},
        prod1__volume__quota=secret,
        prod1__site__repository=secret,
        prod1__site__name=secret,
        stg1__site__name=secret,
        stg1__ssh=secret,
    )
    problems = problems_of(tmp_path, data, people=people)
    only_refuses(problems, secret)
    told = places([it for it in problems if it.remedy == MAKE_NEW])
    assert {
        ("web-1", "coop"),
        ("web-1", "access"),
        ("web-1", "ssh_keys.0.key"),
        ("web-1", "ssh_keys.1"),
        ("web-1", "vpn.public_key"),
        ("web-1", "vpn.addresses.0"),
        ("web-1", "note"),
        ("web-2", ""),
        ("prod1", "address"),
        ("prod1", "environment"),
        ("prod1", "note"),
        ("prod1", "ssh.key"),
        ("prod1", "disks.0"),
        ("prod1", "roles"),
        ("prod1", "volume.quota"),
        ("prod1", "site.repository"),
        ("prod1", "site.name"),
        ("stg1", "site.name"),
        ("stg1", "ssh"),
    } <= set(told)


@pytest.mark.parametrize("secret", PRIVATE_KEYS, ids=lambda it: it[:24])
def test_a_key_s_field_says_what_it_got(secret: str) -> None:
    for kind in (SshKey, WireGuardKey):
        with pytest.raises(ValidationError) as caught:
            TypeAdapter(kind).validate_python(secret)
        (error,) = caught.value.errors()
        assert "private key" in error["msg"] or "preshared key" in error["msg"]


@pytest.mark.parametrize("way", ADDRESSES)
@pytest.mark.parametrize("token", ["0123456789abcdef0123456789abcdef01234567", "x" * 52])
def test_a_token_that_nobody_knows_as_one_is_not_shown_either(way: str, token: str) -> None:
    address = way.format(token)
    try:
        TypeAdapter(Repository).validate_python(address)
    except ValidationError as error:
        (found,) = error.errors()
        assert token not in found["msg"] + str(found["ctx"]["error"].remedy)
    else:
        # In a path it may be anything.
        assert way == "https://example.org/{}/a.git"


@pytest.mark.parametrize("store", ["me:hunter2@nas:/x", "hunter2@nas:/x", "me:hunter2@nas:x y:/"])
def test_what_stands_before_an_export_s_server_is_not_shown(store: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(NfsExport).validate_python(store)
    (found,) = caught.value.errors()
    assert "hunter2" not in found["msg"] + str(found["ctx"]["error"].remedy)


@pytest.mark.parametrize("secret", PRIVATE_KEYS[:6], ids=lambda it: it[:24])
@pytest.mark.parametrize(
    "text",
    [
        "people:\n  web-1:\n    ssh_keys:\n      - key: {}",
        "people: [\n{}",
        "people: {{}}\n{}: x",
        "{}",
        "people:\n  - {}",
    ],
)
def test_a_file_that_is_no_yaml_is_looked_through(tmp_path: Path, secret: str, text: str) -> None:
    only_refuses(problems_of(tmp_path, sample(), people=text.format(secret)), secret)


def test_what_yaml_takes_for_its_own_is_not_shown(tmp_path: Path) -> None:
    text = "people:\n  web-1:\n    coop: {}hunter2hunter2\n"
    for sign in ("!", "!a!", "*", "&a *"):
        problems = problems_of(tmp_path, sample(), people=text.format(sign))
        assert "hunter2" not in "\n".join(map(str, problems))


@pytest.mark.parametrize("secret", ["ghp_0000000000000000000000000000000000", "a" * 20 + "b1" * 10])
@pytest.mark.parametrize(
    "line", ["packages = {}", "packages = ['_{}']", "pool = '{}' +", "x = '{}'"]
)
def test_group_data_is_looked_through_too(tmp_path: Path, secret: str, line: str) -> None:
    copy = tmp_path / "group_data"
    shutil.copytree(GROUP_DATA, copy, ignore=shutil.ignore_patterns("__pycache__"))
    with (copy / "storage.py").open("a") as file:
        file.write(f"\n{line.format(secret)}\n")
    problems = problems_of(tmp_path, sample(), copy)
    assert problems and secret not in "\n".join(map(str, problems))


def test_a_field_for_a_secret_is_told_as_one(tmp_path: Path) -> None:
    """The names are close, and "did you mean public_key?" would leave the key in the history."""
    vpn = {"private_key": "x", "addresses": ["10.66.1.21", "fd66:0:0:1::21"]}
    data = {"people": {"ops-hypha-1": {**PEOPLE["people"]["ops-hypha-1"], "vpn": vpn}}}
    problems = problems_of(tmp_path, sample(vpn1=HUB), people=data)
    (problem,) = (it for it in problems if it.field == "vpn.private_key")
    assert "no secret may stand here" in problem.message
    assert "make a new one" in problem.remedy and "did you mean" not in problem.remedy


def test_what_looks_like_chance_is_not_shown() -> None:
    for value in (
        "v0Z7jnyZ3AAKzAewf4vpKbkWatWN++lBd8kgJ5OYlxU=",
        "0123456789abcdef0123456789abcdef01234567",
        ["q7" * 20],
    ):
        assert "not shown" in shown(value)
    place = "/export/ftpbackup/ns1.ip-192-0-2-1.net"
    for value in (place, "ata-WDC_WD40EFRX-68N32N0_WD-WCC7K0000001", "0" * 40):
        assert shown(value) == repr(value)


@pytest.mark.parametrize(
    "text",
    [
        KEY,
        f"{KEY} private-key-laptop",
        f"{KEY} token of the office",
        SITE["repository"],
        SITE["commit"],
        "ssh://git@example.org:2222/a@b/c.git",
        "ssh://[2001:db8::1]/a@b.git",
        "https://example.org:8443/a@b",
        "git@example.org:org/repo.git",
        "hNL7sfL9FohXEKepD1VOykWFsexp71lhDrIbbgdihyQ=",
        "~/.ssh/id_ed25519",
        "sk-ssh-ed25519@openssh.com",
        "/srv/disk-0123456789abcdefghijklmn",
        "-----BEGIN PUBLIC KEY-----",
        "---- BEGIN SSH2 PUBLIC KEY ----",
    ],
)
def test_what_is_public_is_not_taken_for_a_secret(text: str) -> None:
    assert secret_in(text) is None


def test_the_samples_and_the_repository_s_data_hold_none() -> None:
    assert leaks([sample(vpn1=HUB, offsite1=OFFSITE), PEOPLE], "x.yml", "") == []
    for file in (*GROUP_DATA.iterdir(), *(GROUP_DATA.parent / "inventories").iterdir()):
        if file.is_file():
            assert secret_in(file.read_text()) is None
            assert not may_be_secret(file.name)


def test_a_list_that_holds_itself_ends() -> None:
    values: list[Any] = ["x"]
    values.append(values)
    assert leaks(values, "x.py", "") == []
