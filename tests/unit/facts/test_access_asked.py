"""For whom a host asks sshd and sudo: each question is a process, and 200 people may be there."""

from pathlib import Path
from shlex import quote

import pytest

import facts.access
from facts.access import Access, AccessState
from tests.unit.host_here import ask
from tests.unit.operation_harness import Shell

PASSWD = """\
root:x:0:0::/root:/bin/bash
ops-1:x:1000:1000::/home/ops-1:/bin/bash
web-1:x:1001:1001::/home/web-1:/bin/bash
gone-1:x:1002:1002::/home/gone-1:/usr/sbin/nologin
"""
DEBIANS = "Include {config}.d/*.conf\n#Match User anoncvs\n  #\tmatch all\nUsePAM yes\n"
ALL = ["root", "ops-1", "web-1", "gone-1"]
# Stands in for sshd: prints, as the value of a setting, the user for whom it is asked.
PRINT_USER = 'for last; do :; done; echo "$last" | sed "s/user=/permitrootlogin /;s/,.*//"'


class Host:
    """A host with three people, and sshd with Debian's configuration."""

    def __init__(self, directory: Path) -> None:
        self.shell, self.config = Shell(directory), directory / "sshd_config"
        self.keys, self.others = directory / "keys", directory / "sshd_config.d"
        self.keys.mkdir()
        self.others.mkdir()
        self.config.write_text(DEBIANS.format(config=self.config))
        (self.others / "00-coop-infra.conf").write_text("permitrootlogin no\n")
        self.shell.stand_in("getent", f"[ $1 != passwd ] || printf '%s' '{PASSWD}'")
        self.shell.stand_in("sshd", PRINT_USER)
        self.shell.stand_in("systemctl")
        self.may("ops-1")

    def may(self, *users: str) -> None:
        """From now on only these users may use sudo."""
        which = "|".join(users)
        self.shell.stand_in(
            "sudo", f'case "$4" in {which}) echo "User $4 may run:" ;; *) echo no ;; esac'
        )

    def look(self, *groups: str) -> AccessState:
        options = ["permitrootlogin"]
        found: AccessState = ask(Access, groups, [], options, shell=self.shell)
        return found


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    monkeypatch.setattr(facts.access, "KEYS", str(tmp_path / "keys"))
    monkeypatch.setattr(facts.access, "SSHD", "sshd")
    monkeypatch.setattr(facts.access, "SSHD_CONFIG", str(tmp_path / "sshd_config"))
    return Host(tmp_path)


def test_where_nothing_depends_on_who_comes_sshd_is_asked_once(host: Host) -> None:
    assert host.look().settings == {"root": {"permitrootlogin": "root"}}
    host.config.write_text("UsePAM yes\n")
    assert list(host.look().settings) == ["root"]


MATCH = "Match User web-1\n"


@pytest.mark.parametrize(
    "line",
    [
        MATCH,
        "match user web-1\n",
        "\t MATCH User web-1\n",
        '"Match" User web-1\n',
        "Match=User web-1\n",
        "UsePAM yes\r\nMatch User web-1\r\n",
        "Include /etc/ssh/others\n",
        "include others\n",
        'Include="others"\n',
    ],
)
@pytest.mark.parametrize("place", ["sshd_config", "sshd_config.d/50-cloud-init.conf"])
def test_where_it_may_depend_on_that_sshd_is_asked_for_each(
    host: Host, tmp_path: Path, line: str, place: str
) -> None:
    with (tmp_path / place).open("a") as file:
        file.write(line)
    assert host.look().settings == {user: {"permitrootlogin": user} for user in ALL}


@pytest.mark.parametrize(
    "include", ["Include {}.d/*.conf others", "Include {}.d/*", "include {}.d/*.conf", "Include x"]
)
def test_another_include_than_debians_own_is_not_followed(host: Host, include: str) -> None:
    host.config.write_text(include.format(host.config))
    assert list(host.look().settings) == ALL


def test_where_a_file_cannot_be_read_sshd_is_asked_for_each(host: Host) -> None:
    (host.others / "directory.conf").mkdir()
    assert list(host.look().settings) == ALL
    (host.others / "directory.conf").rmdir()
    (host.others / "00-coop-infra.conf").unlink()
    assert list(host.look().settings) == ALL
    host.config.unlink()
    assert list(host.look().settings) == ALL


def test_what_is_included_for_everybody_is_found(host: Host) -> None:
    included = (f"{host.config}.d/*.conf",)
    assert host.look().includes == included
    host.config.write_text("# Include a\n'Include' c\nINCLUDE /b\nMatch User x\nInclude /c\n")
    assert host.look().includes == ("/b",)
    host.config.unlink()
    assert host.look().includes == ()


def test_sudo_is_asked_of_who_can_log_in_or_should(host: Host) -> None:
    (host.keys / "ops-1").touch()
    host.may("ops-1", "web-1", "gone-1")

    def asked() -> set[str]:
        return {call.split()[-1] for call in host.shell.calls if call.startswith("sudo")}

    found = host.look("coop-people")
    assert asked() == {"ops-1"}
    assert [name for name, it in found.accounts.items() if it.sudo] == ["ops-1"]
    found = host.look("coop-people", "web-1")
    assert asked() == {"ops-1", "web-1"}
    assert [name for name, it in found.accounts.items() if it.sudo] == ["ops-1", "web-1"]


def test_pam_is_asked_of_the_same_and_homes_and_shells_are_looked_at(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    host.shell.stand_in("python", "shift 3; printf '%s\\trefused\\n' \"$@\"")
    monkeypatch.setattr(facts.access, "PYTHON", "python")
    assert host.look("coop-people", "web-1").accounts["web-1"].pam == "refused"
    (host.keys / "ops-1").touch()
    pam = {name: it.pam for name, it in host.look().accounts.items()}
    assert pam == {"root": "", "ops-1": "refused", "web-1": "", "gone-1": ""}
    line = f"web-1:x:1001:1001::{tmp_path}:/bin/none\nx:x:1:1::/:\ny:x:2:1::/:/bin/sh"
    host.shell.stand_in("getent", f"[ $1 != passwd ] || printf '%s\\n' '{line}'")
    found = host.look("coop-people")
    assert found.homes == {"/": 0, str(tmp_path): tmp_path.stat().st_uid}
    assert found.unusable_shells == {"/bin/none"}


def test_what_starts_without_a_login_is_found(
    host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts.access, "CRON", str(tmp_path / "cron"))
    monkeypatch.setattr(facts.access, "LINGER", str(tmp_path / "linger"))
    home = tmp_path / "home of web"
    line = f"web-1:x:1001:1001::{home}:/bin/bash"
    host.shell.stand_in("getent", f"[ $1 != passwd ] || printf '%s\\n' '{line}'")
    paths = ("cron/crontabs/web-1", "linger/web-1", "home of web/.config/systemd/user/x.service")
    for path in paths:
        (tmp_path / path).parent.mkdir(parents=True)
        (tmp_path / path).touch()
    (home / ".local/share/systemd").mkdir(parents=True)
    found = (f"{home}/.config/systemd", str(tmp_path / paths[0]), str(tmp_path / paths[1]))
    assert host.look().starts == {"web-1": tuple(sorted(found))}


def test_who_may_run_nothing_has_no_sudo(host: Host) -> None:
    (host.keys / "web-1").touch()
    assert not any(it.sudo for it in host.look().accounts.values())


def test_a_home_leads_to_no_other_file_and_has_no_size(host: Host, tmp_path: Path) -> None:
    """Whoever has a home chooses what lies in it, and root looks there."""
    for name in ("plain", "link", "huge"):
        (tmp_path / name / ".ssh").mkdir(parents=True)
    secret = tmp_path / "secret"
    secret.write_text("the password")
    keys = {name: tmp_path / name / ".ssh/authorized_keys" for name in ("plain", "link", "huge")}
    keys["plain"].write_text("a key\n")
    keys["link"].symlink_to(secret)
    with keys["huge"].open("w") as huge:
        huge.truncate(2**43)
    homes = "".join(f"{name}:x:2000:2000::{tmp_path / name}:/bin/sh\n" for name in keys)
    host.shell.stand_in("getent", f"[ $1 != passwd ] || printf '%s' '{homes}'")
    found = host.look()
    assert found.strays == {
        str(keys["plain"]): "a key\n",
        str(keys["link"]): "",
        str(keys["huge"]): "",
    }
    assert found.unread == {
        str(keys["link"]): f"a link to {secret}, which is not followed",
        str(keys["huge"]): f"{2**43} bytes, which is too much to read",
    }


def test_a_stray_that_grows_while_it_is_read_hides_only_those_after_it(
    host: Host, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name / ".ssh").mkdir(parents=True)
        (tmp_path / name / ".ssh/authorized_keys").write_text("a key\n")
    homes = "".join(f"{name}:x:2000:2000::{tmp_path / name}:/bin/sh\n" for name in ("a", "b"))
    host.shell.stand_in("getent", f"[ $1 != passwd ] || printf '%s' '{homes}'")
    grows = tmp_path / "a/.ssh/authorized_keys"
    seen = [f"f|1|644|root|root|{tmp_path}/{name}/.ssh/authorized_keys" for name in ("a", "b")]
    told = f"printf '%s\\n' {' '.join(map(quote, seen))}"
    host.shell.stand_in("find", f'case "$*" in *.ssh*) {told} ;; esac')
    with grows.open("w") as file:
        file.truncate(2**43)
    assert host.look().unread == {str(grows): f"{2**43} bytes, which is too much to read"}
