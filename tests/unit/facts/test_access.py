import base64
import io
import tarfile

import pytest
from pyinfra.api import FactProcessError

from engine.fact import END
from facts.access import KEYS, Access, AccountState
from facts.files import PathState
from tests.unit.host_here import ask, sh


def packed(**files: str) -> str:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            member.uname = member.gname = "root"
            archive.addfile(member, io.BytesIO(content.encode()))
    return base64.b64encode(buffer.getvalue()).decode()


CENTRAL, STRAY = f"{KEYS}/ops-hypha-1", "/root/.ssh/authorized_keys"


def output(**other: list[str]) -> list[str]:
    """A host's answer, with these lines in the sections that are named."""
    answer = {
        "login": ["vagrant"],
        "accounts": [
            "root:0:0:/root:/bin/bash",
            "www-data:33:33:/var/www:/usr/sbin/nologin",
            "vagrant:1000:1000:/home/vagrant:/bin/bash",
            "ops-meet-1:1001:994:/home/ops-meet-1:/usr/sbin/nologin",
            "vision:20001:20001:/nonexistent:/usr/sbin/nologin",
        ],
        "expires": ["ops-meet-1:1"],
        "ages": ["root:20000:99999", "vagrant:20000:60", "ops-meet-1:0:99999", "www-data::5"],
        "sudo": ["vagrant"],
        "rules\tvagrant": ["User vagrant may run the following commands on x:", "    (ALL) ALL"],
        "pam": ["vagrant\tPermission denied"],
        "homes": ["0 /", "1000 /home/vagrant"],
        "unusable shells": ["/bin/gone"],
        "groups": ["coop-people:x:995:vagrant,ops-hypha-1", "coop-admins:x:994:"],
        "files": [packed(**{CENTRAL: "a key\n"})],
        "strays": [packed(**{STRAY: "another\n"})],
        "starts": [
            "1001 /var/spool/cron/crontabs/ops-meet-1",
            "0 /var/lib/systemd/linger/vagrant",
            "1000 /var/spool/cron/atjobs/a00001019e8f5c",
            "1000 /home/vagrant/.config/systemd",
            "1 /var/spool/cron/atjobs/.SEQ",
        ],
        "settings\troot": ["permitrootlogin no", "AllowGroups a", "allowgroups b"],
        "settings\tvagrant": [],
        "includes": ['Include="others" sshd_config.d/*.conf  # all', "include /etc/x"],
        "matches": ["/etc/ssh/sshd_config:Match User x"],
        "reloaded": ["@1795595396", "@1795595400", "@1795595396", "@1795595390"],
        **other,
    }
    return [line for title, lines in answer.items() for line in (f"##{title}", *lines)] + [END]


def test_a_host_is_read_whole() -> None:
    found = Access().process(output())
    assert found.login == "vagrant"
    assert found.accounts["vagrant"] == AccountState(
        *(1000, "/home/vagrant", "/bin/bash", None, True),
        hurdle="it asks them for a password",
        ages=20061,
        pam="Permission denied",
    )
    assert [found.accounts[it].ages for it in ("root", "www-data")] == [None, 5]
    closed = AccountState(1001, "/home/ops-meet-1", "/usr/sbin/nologin", 1, ages=0)
    assert (found.accounts["vagrant"].until, closed.until) == (20061, 0)
    assert found.homes == {"/": 0, "/home/vagrant": 1000}
    assert found.unusable_shells == {"/bin/gone"}
    assert found.accounts["ops-meet-1"] == closed
    persons = [name for name, account in found.accounts.items() if account.is_persons]
    assert persons == ["vagrant", "ops-meet-1", "vision"]
    assert [name for name, account in found.accounts.items() if account.has_shell] == [
        "root",
        "vagrant",
    ]
    assert found.groups == {
        "coop-people": frozenset({"vagrant", "ops-hypha-1"}),
        # A member by the account's own entry in passwd(5), which group(5) does not list.
        "coop-admins": frozenset({"ops-meet-1"}),
    }
    assert found.files == {CENTRAL: PathState("file", 0o644, "root", "root", content=b"a key\n")}
    assert found.strays == {STRAY: "another\n"}
    assert found.starts == {
        "ops-meet-1": ("/var/spool/cron/crontabs/ops-meet-1",),
        "vagrant": (
            "/home/vagrant/.config/systemd",
            "/var/lib/systemd/linger/vagrant",
            "/var/spool/cron/atjobs/a00001019e8f5c",
        ),
    }
    assert found.settings == {
        "root": {"permitrootlogin": "no", "allowgroups": "a b"},
        "vagrant": {},
    }
    ours = ("/etc/ssh/others", "/etc/ssh/sshd_config.d/*.conf", "/etc/x")
    assert found.includes == ours
    assert found.matches == ("/etc/ssh/sshd_config:Match User x",)
    assert found.reloaded


@pytest.mark.parametrize(
    ("times", "reloaded"),
    [
        (["@1795595396", "@1795595400", "@1795595397"], False),
        (["@1795595396", "@1795595400", "@1795595396"], True),
        # ssh.socket starts an sshd for each connection, and never the service.
        (["", "@1795595400", "@1795595397"], True),
        # The clock was ahead: as sshd started, or as somebody wrote the file.
        (["@1795599999", "@1795595400", "@1795595397"], False),
        (["@1795595396", "@1795595400", "@1795599999"], False),
        (["n/a", "@1795595400", "@1795595397"], True),
    ],
)
def test_whether_sshd_has_read_its_files(times: list[str], reloaded: bool) -> None:
    assert Access().process(output(reloaded=times)).reloaded is reloaded


@pytest.mark.parametrize(
    "other", [{"files": []}, {"accounts": ["root:0"]}, {"reloaded": ["@x", "@1"]}, {"login": []}]
)
def test_an_answer_that_is_not_whole_fails_the_host(other: dict[str, list[str]]) -> None:
    with pytest.raises(FactProcessError):
        Access().process(output(**other))


def test_it_works_without_sshd_sudo_and_systemd() -> None:
    found = ask(Access, ["coop-people"], ["/no/such/file"], ["permitrootlogin", "usepam"])
    assert found.login == sh("id -un").stdout.strip()
    assert found.accounts["root"].uid == 0
    assert found.groups == {}
    assert "/no/such/file" not in found.files
