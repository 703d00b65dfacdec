"""bbb-conf's stand-in: what it changes whatever the option is, its order, its exit codes."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.bbb import pack
from lab.bbb.build import HERE
from lab.bbb.conf.check import DEFAULT_SECRET

WEB = "etc/bigbluebutton/bbb-web.properties"
PACKAGE = "usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties"
PRODUCTION = "etc/bigbluebutton/bbb-webrtc-sfu/production.yml"
SECRET = "OldSecret0123456789OldSecret012345"


@dataclass(frozen=True)
class Host:
    """A root with the packages' files, and programs that write down how they are called."""

    root: Path

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": f"{self.root}/bin:{os.environ['PATH']}",
            "BBB_STANDIN_ROOT": str(self.root),
            "BBB_STANDIN_TRIES": "2",
        }
        program = ["python3", "-I", f"{self.root}/usr/bin/bbb-conf"]
        return subprocess.run(
            [*program, *words], capture_output=True, text=True, check=False, env=env
        )

    def calls(self) -> list[str]:
        log = self.root / "calls"
        return log.read_text().splitlines() if log.exists() else []

    def read(self, path: str) -> str:
        return (self.root / path).read_text()

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)


@pytest.fixture
def host(tmp_path: Path) -> Host:
    host = Host(tmp_path)
    for tree in (HERE / "packages").glob("*/tree"):
        subprocess.run(["cp", "-a", f"{tree}/.", tmp_path], check=True)
    host.write("usr/bin/bbb-conf", "")
    (tmp_path / "usr/bin/bbb-conf").write_bytes(pack.program("conf"))
    host.write("etc/bigbluebutton/bigbluebutton-release", "BIGBLUEBUTTON_RELEASE=3.0.35\n")
    host.write(WEB, f"bigbluebutton.web.serverURL=https://meet.lab.test\nsecuritySalt={SECRET}\n")
    for name, answers in {"systemctl": "active", "curl": "SUCCESS", "dpkg": "", "ufw": ""}.items():
        log = f'[ $1 = is-active ] || echo "{name} $@" >> {tmp_path}/calls'
        host.write(f"bin/{name}", f"#!/bin/sh\n{log}\necho {answers}\n")
        (tmp_path / f"bin/{name}").chmod(0o755)
    return host


def test_whatever_the_option_is_a_file_is_touched_and_a_line_added_once(host: Host) -> None:
    for _ in range(2):
        assert host.run("--nonsense").returncode == 1
        assert host.read(PRODUCTION) == ""
        assert host.read(WEB).count("bigbluebutton.web.logoutURL=default\n") == 1


def test_a_line_in_the_package_s_file_keeps_the_line_away(host: Host) -> None:
    host.write(PACKAGE, f"{host.read(PACKAGE)}bigbluebutton.web.logoutURL=/\n")
    host.run("--status")
    assert "logoutURL" not in host.read(WEB)


def test_without_an_option_or_bigbluebutton_it_exits_1(host: Host) -> None:
    assert host.run().returncode == 1
    (host.root / "etc/bigbluebutton/bigbluebutton-release").unlink()
    done = host.run("--status")
    assert (done.returncode, "not appear to be installed" in done.stdout) == (1, True)


def test_the_secret_is_printed_with_a_link_that_has_it_too(host: Host) -> None:
    done = host.run("--secret")
    assert done.returncode == 0
    assert done.stdout.count(SECRET) == 2


def test_a_key_twice_gives_two_lines(host: Host) -> None:
    host.write(WEB, f"{host.read(WEB)}securitySaltLonger=x\n")
    assert f"    Secret: {SECRET}\nx\n" in host.run("--secret").stdout


def test_a_new_secret_reaches_four_files_and_restarts_nothing(host: Host) -> None:
    apps = "etc/bigbluebutton/bbb-apps-akka.conf"
    host.write(apps, f'services {{\n  sharedSecret="{SECRET}"\n}}\n')
    hooks = "etc/bigbluebutton/bbb-webhooks/production.yml"
    host.write(hooks, f"bbb:\n  sharedSecret: {SECRET}\n")
    assert host.run("--setsecret", "New").returncode == 0
    assert "securitySalt=New\n" in host.read(WEB)
    assert 'sharedSecret="New"' in host.read(apps)
    webhooks = "usr/local/bigbluebutton/bbb-webhooks"
    assert "  sharedSecret: New\n" in host.read(f"{webhooks}/config/default.yml")
    assert 'var shared_secret = "New";' in host.read(f"{webhooks}/extra/post_catcher.js")
    assert SECRET in host.read(hooks)
    assert host.calls() == []


def test_a_restart_stops_applies_reloads_and_starts_in_this_order(host: Host) -> None:
    apply = "etc/bigbluebutton/bbb-conf/apply-config.sh"
    host.write(apply, f"#!/bin/sh\necho apply-config.sh >> {host.root}/calls\n")
    (host.root / apply).chmod(0o755)
    done = host.run("--restart")
    assert done.returncode == 0, done.stdout + done.stderr
    assert [it for it in host.calls() if not it.startswith("curl")] == [
        "systemctl stop bigbluebutton.target",
        "apply-config.sh",
        "systemctl reload-or-restart nginx",
        "systemctl restart bigbluebutton.target",
    ]


def test_the_script_is_not_run_by_a_check_or_if_it_is_no_program(host: Host) -> None:
    apply = "etc/bigbluebutton/bbb-conf/apply-config.sh"
    host.write(apply, f"#!/bin/sh\necho apply-config.sh >> {host.root}/calls\n")
    host.run("--start")
    (host.root / apply).chmod(0o755)
    host.run("--check")
    host.run("--stop")
    assert "apply-config.sh" not in host.calls()


def test_a_check_exits_0_whatever_it_finds_and_changes_nothing_more(host: Host) -> None:
    host.write("bin/curl", "#!/bin/sh\nexit 7\n")
    done = host.run("--check")
    assert done.returncode == 0
    assert "Could not connect to the configured hostname/IP address" in done.stdout
    # The override is not looked at: this warning is there for ever.
    assert "Detected FreeSWITCH is using default stun" in done.stdout
    assert [it for it in host.calls() if it.startswith("systemctl")] == []


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        ("etc/nginx/sites-available/bigbluebutton", "server_name  192.168.0.103;", ""),
        ("opt/freeswitch/etc/freeswitch/autoload_configs/event_socket.conf.xml", '"::"', '""'),
        (WEB, "https://meet.lab.test", "https://meet.lab.test/"),
    ],
)
def test_an_empty_value_makes_a_check_exit_1(host: Host, path: str, old: str, new: str) -> None:
    """The last one: a URL with a slash at its end has no host, as bbb-conf reads it."""
    host.write(path, host.read(path).replace(old, new))
    done = host.run("--check")
    assert (done.returncode, "but value is empty" in done.stdout) == (1, True)


def test_the_default_secret_stops_bbb_web_and_exits_1(host: Host) -> None:
    host.write(WEB, host.read(WEB).replace(SECRET, DEFAULT_SECRET))
    assert host.run("--check").returncode == 1
    assert "systemctl stop bbb-web" in host.calls()


def test_the_status_names_a_unit_only_if_its_file_is_there(host: Host) -> None:
    host.write("usr/lib/systemd/system/bbb-web.service", "")
    names = [line.split()[0] for line in host.run("--status").stdout.splitlines()]
    assert names == [
        *("nginx", "freeswitch", "redis-server", "bbb-apps-akka", "bbb-fsesl-akka", "bbb-web"),
    ]


def test_a_new_name_goes_everywhere_also_into_recordings_and_cuts_all(host: Host) -> None:
    metadata = "var/bigbluebutton/published/presentation/r1/metadata.xml"
    host.write(metadata, "<link>https://old.lab.test/playback/r1</link>")
    assert host.run("--setip", "new.lab.test").returncode == 0
    assert "bigbluebutton.web.serverURL=https://new.lab.test\n" in host.read(WEB)
    assert host.read(metadata) == "<link>https://new.lab.test/playback/r1</link>"
    recording = "usr/local/bigbluebutton/core/scripts/bigbluebutton.yml"
    assert "playback_host: new.lab.test\n" in host.read(recording)
    socket = host.read("opt/freeswitch/etc/freeswitch/autoload_configs/event_socket.conf.xml")
    password = host.read(PRODUCTION).partition("esl_password: ")[2].strip()
    assert len(password) == 16
    assert f'value="{password}"' in socket
    assert f'password="{password}"' in host.read("etc/bigbluebutton/bbb-fsesl-akka.conf")
    assert "systemctl restart bigbluebutton.target" in host.calls()


def test_a_clean_start_has_no_logs(host: Host) -> None:
    host.write("var/log/bigbluebutton/bbb-web.log", "x")
    host.write("var/log/nginx/access.log", "x")
    assert host.run("--clean").returncode == 0
    assert not list((host.root / "var/log").rglob("*.log"))
