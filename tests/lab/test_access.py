"""People log in by the keys of their record; nobody else does, and nobody is locked out."""

import subprocess
import time
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest

from lab.command import wait_for
from lab.machines import ROOT, STATE, Machine, pyinfra
from tests.lab.fleets import VpnFleet, converge_alone, counts, edit, killed_run, people_of
from tests.lab.logins import ALONE, command, gets_in, key_of, new_key, public

pytestmark = pytest.mark.access

OPERATOR_KEY = STATE / "id_ed25519"
SSHD = "/etc/ssh/sshd_config.d/00-coop-infra.conf"
UNDO = "/var/lib/coop-infra/undo/access"


@pytest.fixture
def one(vpn_fleet: VpnFleet) -> Machine:
    """The machine that most of these tests change."""
    return vpn_fleet["bbb1"]


def refused(project: Path) -> str:
    """Make a run on bbb1 that has to fail; returns its output."""
    done = pyinfra("deploy.py", "-y", "--limit", "bbb1", directory=project)
    assert done.returncode != 0, done.stderr[-4000:]
    return done.stderr


@pytest.mark.core
def test_people_log_in_by_their_keys_and_rights(vpn_fleet: VpnFleet) -> None:
    for each in vpn_fleet.all:
        assert gets_in(each, "ops-hypha-1", key_of("ops-hypha-1"), "sudo -n true")
        assert not gets_in(each, "ops-hypha-1", key_of("ops-meet-1"))
        assert not gets_in(each, "web-hypha-1", key_of("web-hypha-1"))
        assert not gets_in(each, "root", OPERATOR_KEY)


def test_who_may_only_log_in_is_no_admin(one: Machine, project: Path) -> None:
    def demote(data: dict[str, dict[str, dict[str, object]]]) -> None:
        data["people"]["ops-meet-1"]["access"] = {"all": "login"}

    # The group sudo by the group's entry, the group disk by the account's entry.
    one.sh("gpasswd --add ops-meet-1 sudo; usermod --gid disk ops-meet-1")
    edit(people_of(project), demote)
    # An open session would keep the groups that it began with.
    words = [*command(key_of("ops-meet-1"), "ops-meet-1", one.address, *ALONE), "exec sleep 7001"]
    with subprocess.Popen(words) as session:
        wait_for(partial(runs, one, "sleep 7001"), "the session is at work", 60)
        converge_alone("bbb1", project)
        assert session.wait(timeout=20) != 0
    assert gets_in(one, "ops-meet-1", key_of("ops-meet-1"))
    assert not gets_in(one, "ops-meet-1", key_of("ops-meet-1"), "sudo -n true")
    assert one.sh("id -nG ops-meet-1").split() == ["ops-meet-1", "coop-people"]


def test_rogue_keys_are_of_no_use_reported_and_removed(one: Machine, tmp_path: Path) -> None:
    rogue = new_key(tmp_path)
    one.sh("useradd --create-home --shell /bin/bash mallory")
    places = [
        "/home/vagrant/.ssh/authorized_keys",
        "/home/ops-hypha-1/.ssh/authorized_keys2",
        "/root/.ssh/authorized_keys",
        "/etc/ssh/authorized_keys/ops-meet-1",
        "/etc/ssh/authorized_keys/mallory",
    ]
    for place in places:
        one.sh(f"mkdir -p $(dirname {place}); cat >> {place}", stdin=public(rogue).encode() + b"\n")
    # A directory in the place of a file of keys opens nothing, and must not stop a run.
    one.sh("mkdir -p /root/.ssh/authorized_keys2/x")
    one.sh("chown -R vagrant: /home/vagrant; chown -R ops-hypha-1: /home/ops-hypha-1")
    for account in ("vagrant", "ops-hypha-1", "root"):
        assert not gets_in(one, account, rogue)
    assert gets_in(one, "mallory", rogue), "no test otherwise"
    assert gets_in(one, "ops-meet-1", rogue), "no test otherwise"

    dry = pyinfra("deploy.py", "--dry", "--diff", "--limit", "bbb1")
    missing = [place for place in places if place not in dry.stderr]
    assert missing == [], dry.stderr[-4000:]
    assert public(rogue)[-12:] in dry.stderr

    converge_alone("bbb1")
    assert converge_alone("bbb1") == (0, 0)
    for account in ("vagrant", "ops-hypha-1", "root", "ops-meet-1", "mallory"):
        assert not gets_in(one, account, rogue)
    found = one.try_sh(f"grep -r -l '{public(rogue)}' /etc/ssh /root /home").stdout.decode()
    assert found == ""
    assert one.sh("getent passwd mallory").endswith(":/home/mallory:/usr/sbin/nologin")
    assert gets_in(one, "ops-meet-1", key_of("ops-meet-1"))


HARM = (
    ("chown ops-hypha-1 /etc/ssh/authorized_keys/ops-hypha-1", "ops-hypha-1:root 0644 -> root"),
    ("chmod 600 /etc/ssh/authorized_keys/ops-meet-1", "root:root 0600 -> root:root 0644"),
    # With a wider or a narrower mode sshd would accept nobody, the test included.
    ("chmod 711 /etc/ssh/authorized_keys", "root:root 0711 -> root:root 0755"),
    (f"sed -i s/^permitrootlogin.*/permitrootlogin\\ yes/ {SSHD}", "-permitrootlogin yes"),
    ("echo 'vagrant ALL=(ALL) ALL' >> /etc/sudoers.d/coop-infra", "-vagrant ALL=(ALL) ALL"),
    ("gpasswd --delete ops-meet-1 coop-admins", "ops-meet-1: not in coop-admins -> in it"),
    ("usermod --expiredate 1 ops-hypha-1", "account ops-hypha-1: closed -> open"),
)  # fmt: skip


def test_what_was_changed_by_hand_is_shown_and_mended(one: Machine) -> None:
    for harm, _ in HARM:
        one.sh(harm)
    dry = pyinfra("deploy.py", "--dry", "--diff", "--limit", "bbb1")
    missing = [shown for _, shown in HARM if shown not in dry.stderr]
    assert missing == [], dry.stderr[-4000:]
    converge_alone("bbb1")
    assert converge_alone("bbb1") == (0, 0)
    for name in ("ops-hypha-1", "ops-meet-1"):
        assert gets_in(one, name, key_of(name), "sudo -n true")


def test_another_file_that_overrides_sshd_fails_the_run(one: Machine, project: Path) -> None:
    one.sh("echo 'PermitRootLogin yes' > /etc/ssh/sshd_config.d/00-a.conf")
    assert "permitrootlogin yes -> no" in refused(project)
    one.sh("printf 'Match User vagrant\\nX11Forwarding yes\\n' > /etc/ssh/sshd_config.d/00-a.conf")
    output = refused(project)
    assert "for vagrant: x11forwarding yes -> no" in output
    assert "00-a.conf:Match User vagrant" in output
    # After a reload only the operator would get in.
    one.sh("echo 'AllowUsers vagrant' > /etc/ssh/sshd_config.d/00-a.conf")
    assert "for everybody: allowusers vagrant" in refused(project)
    assert gets_in(one, "ops-meet-1", key_of("ops-meet-1"))
    audit = pyinfra("audit.py", "-y", "--limit", "bbb1")
    assert audit.returncode == 1 and "allowusers vagrant" in audit.stdout + audit.stderr


def test_whoever_is_removed_is_cut_off(one: Machine, project: Path, tmp_path: Path) -> None:
    key, master = key_of("ops-meet-1"), tmp_path / "master"
    shared = ("-o", f"ControlPath={master}")
    words = command(key, "ops-meet-1", one.address, *shared, "-M", "-N", "-f")
    subprocess.run(words, check=True, timeout=60)
    mux = [*command(key, "ops-meet-1", one.address, *shared)]
    run_there = "sudo -n sleep 7001 & nohup sleep 7002 > /dev/null 2>&1 & exec sleep 7003"
    with subprocess.Popen([*mux, run_there]) as session:
        wait_for(partial(runs, one, "sleep 7003"), "the session is at work", 60)
        one.sh("systemd-run -q --uid=ops-meet-1 sleep 7004")
        one.sh("sudo -u ops-meet-1 touch /home/ops-meet-1/notes")
        edit(people_of(project), lambda data: data["people"].pop("ops-meet-1"))
        converge_alone("bbb1", project)
        assert session.wait(timeout=20) != 0
    assert not master.exists() or subprocess.run([*mux, "true"], check=False).returncode != 0
    for number in range(7001, 7005):
        assert not runs(one, f"sleep {number}")
    assert not gets_in(one, "ops-meet-1", key)
    assert one.sh("stat -c %U /home/ops-meet-1/notes") == "ops-meet-1"
    assert converge_alone("bbb1", project) == (0, 0)

    converge_alone("bbb1")
    assert gets_in(one, "ops-meet-1", key, "sudo -n true")


def test_what_sudo_and_pam_really_say_counts(one: Machine) -> None:
    one.sh("echo 'vagrant ALL=(ALL) NOPASSWD: ALL' >> /etc/sudoers")
    one.sh("sed -i '/^@includedir/d' /etc/sudoers; visudo -cq")
    one.sh("chage -M 60 -d 2026-01-01 ops-meet-1")
    assert not gets_in(one, "ops-meet-1", key_of("ops-meet-1"))
    audit = pyinfra("audit.py", "-y", "--limit", "bbb1")
    said = (
        "ops-hypha-1 is an admin, and sudo does not let them do everything",
        "account ops-meet-1: has to change its password after 2026-03-02 -> never",
    )
    assert audit.returncode == 1 and all(text in audit.stdout for text in said), audit.stdout
    failed = pyinfra("deploy.py", "-y", "--limit", "bbb1")
    assert failed.returncode != 0 and all(text in failed.stderr for text in said), failed.stderr
    assert gets_in(one, "ops-meet-1", key_of("ops-meet-1"))
    one.sh("echo '@includedir /etc/sudoers.d' >> /etc/sudoers")
    assert converge_alone("bbb1") == (0, 0)
    assert gets_in(one, "ops-meet-1", key_of("ops-meet-1"), "sudo -n true")
    one.sh("echo 'account required pam_access.so' >> /etc/pam.d/sshd")
    one.sh("echo '-:ops-meet-1:ALL' >> /etc/security/access.conf")
    failed = pyinfra("deploy.py", "-y", "--limit", "bbb1")
    assert failed.returncode != 0 and "PAM lets nobody in as ops-meet-1" in failed.stderr


# Each process forks and exits, so that no list of processes has it.
CHAIN = """#!/usr/bin/perl
$SIG{CHLD} = "IGNORE";
while (1) { exit 0 if fork(); open F, ">/tmp/beats-of-" . $>; print F "$$\n"; close F; }
"""


@pytest.mark.parametrize("then", ["removed", "a key is gone"])
def test_a_chain_from_cron_ends_and_does_not_start_again(
    one: Machine, project: Path, tmp_path: Path, then: str
) -> None:
    """Containers have no cron: what cron would start, and where, is made by hand."""
    new, crontab = new_key(tmp_path), "/var/spool/cron/crontabs/ops-meet-1"
    one.sh(f"mkdir -p /var/spool/cron/crontabs; echo '* * * * * true' > {crontab}")
    one.sh(f"chown ops-meet-1 {crontab}; chmod 600 {crontab}")
    one.sh("mkdir -p /var/lib/systemd/linger; touch /var/lib/systemd/linger/ops-meet-1")
    one.sh("sudo -u ops-meet-1 mkdir -p /home/ops-meet-1/.config/systemd/user")
    uid = start_chain(one, "ops-meet-1")

    def change(data: dict[str, dict[str, dict[str, object]]]) -> None:
        if then == "removed":
            del data["people"]["ops-meet-1"]
        else:
            data["people"]["ops-meet-1"]["ssh_keys"] = [{"key": public(new)}]

    edit(people_of(project), change)
    dry = pyinfra("deploy.py", "--dry", "--diff", "--limit", "bbb1", directory=project)
    assert f"{crontab}: present -> taken away" in dry.stderr, dry.stderr[-4000:]
    converge_alone("bbb1", project)
    assert not beats(one, uid)
    taken = "/var/lib/coop-infra/taken-away/ops-meet-1"
    assert one.sh(f"cat {taken}/ops-meet-1") == "* * * * * true"
    assert one.sh("ls -A /var/spool/cron/crontabs /var/lib/systemd/linger").split() == [
        "/var/lib/systemd/linger:",
        "/var/spool/cron/crontabs:",
    ]
    assert one.sh("ls /home/ops-meet-1/.config").startswith("systemd.taken-away-")
    assert gets_in(one, "ops-meet-1", new, "sudo -n true") == (then != "removed")
    assert converge_alone("bbb1", project) == (0, 0)


def test_a_chain_by_an_old_key_of_the_operator_ends_and_the_run_goes_on(
    one: Machine, tmp_path: Path
) -> None:
    one.sh("cat >> /etc/ssh/authorized_keys/vagrant", stdin=public(new_key(tmp_path)).encode())
    # What cron starts is in the control group of this service.
    uid = start_chain(one, "vagrant", "cron")
    converge_alone("bbb1")
    assert not beats(one, uid)
    assert runs(one, "sleep 7001"), "this one is root's"
    assert converge_alone("bbb1") == (0, 0)


def start_chain(machine: Machine, account: str, unit: str = "chains") -> str:
    """Start CHAIN as that account, in a service of root's as cron would; returns the uid."""
    machine.sh("cat > /usr/local/bin/chain; chmod 755 /usr/local/bin/chain", stdin=CHAIN.encode())
    uid = machine.sh(f"id -u {account}")
    start = f"setpriv --reuid {uid} --clear-groups chain & exec sleep 7001"
    machine.sh(f"systemd-run -q --unit={unit} sh -c '{start}'")
    wait_for(partial(beats, machine, uid), "the chain lives", 30)
    return uid


def beats(machine: Machine, uid: str) -> bool:
    """Whether the chain of that uid lives."""
    look = f"for time in 1 2 3; do cat /tmp/beats-of-{uid}; sleep 0.2; done"
    return len(set(machine.try_sh(look).stdout.split())) > 1


def runs(machine: Machine, what: str) -> bool:
    return machine.try_sh(f"pgrep -x -f '{what}'").returncode == 0


def test_a_key_that_is_replaced_ends_what_came_by_it(
    one: Machine, project: Path, tmp_path: Path
) -> None:
    new, old = new_key(tmp_path), key_of("ops-meet-1")

    def rotate(data: dict[str, dict[str, dict[str, object]]]) -> None:
        data["people"]["ops-meet-1"]["ssh_keys"] = [{"key": public(new)}]

    words = [*command(old, "ops-meet-1", one.address, *ALONE), "exec sleep 7001"]
    with subprocess.Popen(words) as session:
        wait_for(partial(runs, one, "sleep 7001"), "the session is at work", 60)
        edit(people_of(project), rotate)
        converge_alone("bbb1", project)
        assert session.wait(timeout=20) != 0
    assert gets_in(one, "ops-meet-1", new, "sudo -n true")
    assert not gets_in(one, "ops-meet-1", old)


def test_a_key_that_has_expired_is_refused(one: Machine, project: Path) -> None:
    yesterday = time.strftime("%Y-%m-%d", time.gmtime(time.time() - 86400))
    text = people_of(project).read_text()
    kept = public(key_of("ops-meet-1"))
    people_of(project).write_text(
        text.replace(f"- key: {kept}", f"- expires: {yesterday}\n      key: {kept}")
    )
    converge_alone("bbb1", project)
    assert "expiry-time" in one.sh("cat /etc/ssh/authorized_keys/ops-meet-1")
    assert not gets_in(one, "ops-meet-1", key_of("ops-meet-1"))
    assert gets_in(one, "ops-hypha-1", key_of("ops-hypha-1"))


def test_a_host_knows_itself_when_an_account_ends(one: Machine, project: Path) -> None:
    def ends(data: dict[str, dict[str, dict[str, object]]]) -> None:
        data["people"]["ops-meet-1"]["expires"] = datetime.now(UTC).date()

    edit(people_of(project), ends)
    converge_alone("bbb1", project)
    tomorrow = int(time.time()) // 86400 + 1
    last = "getent shadow ops-meet-1 | cut -d : -f 8"
    assert one.sh(last).strip() == str(tomorrow)
    assert gets_in(one, "ops-meet-1", key_of("ops-meet-1"), "sudo -n true")
    assert converge_alone("bbb1", project)[0] == 0
    # What a clock does tomorrow, without one of the container's own.
    one.sh(f"usermod --expiredate {tomorrow - 1} ops-meet-1")
    assert not gets_in(one, "ops-meet-1", key_of("ops-meet-1"))


@pytest.mark.parametrize("access", [None, {"all": "login"}], ids=["removed", "no admin"])
def test_a_run_that_would_lock_its_operator_out_is_refused(
    vpn_fleet: VpnFleet, project: Path, access: dict[str, str] | None
) -> None:
    def change(data: dict[str, dict[str, dict[str, object]]]) -> None:
        if access is None:
            del data["people"]["vagrant"]
        else:
            data["people"]["vagrant"]["access"] = access

    before = {each.name: everything_of_access(each) for each in vpn_fleet.all}
    edit(people_of(project), change)
    output = vpn_fleet.refused(project)
    assert "you are logged in" in output and "people.yml" in output
    assert {each.name: everything_of_access(each) for each in vpn_fleet.all} == before


def everything_of_access(machine: Machine) -> str:
    """What decides who gets in: files with their times, accounts, groups, units."""
    return machine.sh(
        "find /etc/ssh /etc/sudoers.d /var/lib/coop-infra -printf '%p %m %u %g %s %T@\\n' | sort; "
        "cat /etc/passwd /etc/shadow /etc/group; ls /etc/systemd/system"
    )


def with_settings(project: Path, **settings: str) -> None:
    """Give sshd further settings in this copy of the project."""
    file = project / "roles/access/__init__.py"
    text = "".join(f'    "{name}": "{value}",\n' for name, value in settings.items())
    file.write_text(file.read_text().replace("SSHD = {\n", f"SSHD = {{\n{text}"))


def test_a_change_that_shuts_the_operator_out_undoes_itself(one: Machine, project: Path) -> None:
    before = one.sh(f"cat {SSHD}")
    with_settings(project, denyusers="vagrant")
    assert "not proven" in refused(project)
    assert "denyusers" in one.sh(f"cat {SSHD}")
    wait_for(partial(nothing_waits, one), "the change has undone itself", 90)
    assert one.sh(f"cat {SSHD}") == before
    wait_for(lambda: gets_in(one, "vagrant", OPERATOR_KEY), "the operator gets in again", 20)
    assert converge_alone("bbb1") == (0, 0)


def nothing_waits(machine: Machine) -> bool:
    """Whether no change waits for its proof, and none has left a trace."""
    return machine.try_sh(f"ls {UNDO} /etc/systemd/system/coop-undo-*").stdout == b""


@pytest.mark.parametrize("then", ["waits", "resets", "runs again"])
def test_a_run_that_is_killed_before_its_proof(one: Machine, project: Path, then: str) -> None:
    before = one.sh(f"cat {SSHD}")
    with_settings(project, banner="/etc/issue")
    killed_run(one, f"grep -q banner {SSHD}", project)
    assert one.try_sh(f"test -d {UNDO}").returncode == 0, "no test otherwise"
    if then == "resets":
        # A reset loses what is not on the disk yet, and all running timers.
        one.reset()
        one.wait_until_up()
    if then == "runs again":
        changed, failed = converge_alone("bbb1", project)
        assert changed == 1 and failed == 0
        assert nothing_waits(one)
        assert "banner" in one.sh(f"cat {SSHD}")
    else:
        wait_for(partial(nothing_waits, one), "the change has undone itself", 90)
        assert one.sh(f"cat {SSHD}") == before


def test_nothing_is_applied_if_it_could_not_be_undone(one: Machine, project: Path) -> None:
    one.sh("ln -s /dev/null /run/systemd/system/coop-undo@access.timer; systemctl daemon-reload")
    before = one.sh(f"cat {SSHD}")
    with_settings(project, banner="/etc/issue")
    refused(project)
    assert one.sh(f"cat {SSHD}") == before


def test_a_unit_that_an_earlier_change_left_is_no_obstacle(one: Machine, project: Path) -> None:
    unit = "/etc/systemd/system/coop-undo-access"
    one.sh(f"printf '[Service]\\nType=oneshot\\nExecStart=/bin/false\\n' > {unit}.service")
    one.sh(f"printf '[Timer]\\nOnActiveSec=1h\\n' > {unit}.timer; systemctl daemon-reload")
    one.try_sh("systemctl start coop-undo-access.service; systemctl start coop-undo-access.timer")
    with_settings(project, banner="/etc/issue")
    converge_alone("bbb1", project)
    assert "banner" in one.sh("sshd -T")
    assert nothing_waits(one)
    assert one.sh("systemctl --failed --no-legend") == ""


def test_what_a_full_disk_has_left_is_no_obstacle(one: Machine, project: Path) -> None:
    """The run that meets the full disk fails with nothing changed, and the next one does it all."""
    before = one.sh(f"cat {SSHD}")
    with_settings(project, banner="/etc/issue")
    small = "mount -t tmpfs -o size=8k,mode=700 full /var/lib/coop-infra/undo"
    one.sh(f"mkdir -p -m 700 /var/lib/coop-infra/undo; {small}")
    refused(project)
    assert one.sh(f"cat {SSHD}") == before
    one.sh(f"umount /var/lib/coop-infra/undo; mkdir -m 700 {UNDO}; touch {UNDO}/there")
    assert converge_alone("bbb1", project) == (1, 0)
    assert "banner" in one.sh("sshd -T")
    assert nothing_waits(one)


def test_a_host_that_waits_for_dns_is_told_so_at_once(one: Machine) -> None:
    """Its own name is in no file: each sudo waits for name servers that are away."""
    one.sh(
        "sed -i /bbb1/d /etc/hosts; "
        "printf 'nameserver 10.78.0.250\\nnameserver 10.78.0.251\\n' > /etc/resolv.conf"
    )
    begun = time.monotonic()
    said = refused(ROOT)
    assert time.monotonic() - begun < 120
    assert "DNS does not answer on this host, and only DNS knows" in said
    assert "Write 127.0.1.1 bbb1 into /etc/hosts" in said
    one.sh("echo 127.0.1.1 bbb1 >> /etc/hosts")
    assert converge_alone("bbb1") == (0, 0)


def test_on_day_zero_the_operator_comes_by_the_providers_account(
    vpn_fleet: VpnFleet, project: Path
) -> None:
    """On a fresh machine the account vagrant stands in for the provider's account."""
    vpn_fleet.restore("fresh")
    one = vpn_fleet["bbb1"]

    def rename(data: dict[str, dict[str, object]]) -> None:
        data["people"]["ops-lab-1"] = data["people"].pop("vagrant")

    edit(people_of(project), rename)
    edit(project / "lab/.state/vpn-keys.yml", lambda data: data["hosts"].pop("bbb1"))
    words = ("deploy.py", "-y", "--limit", "bbb1")
    first = pyinfra(*words, directory=project)
    assert first.returncode == 0, first.stderr[-4000:]
    assert "come as yourself" in first.stderr
    one.disconnect()
    assert not gets_in(one, "vagrant", OPERATOR_KEY)
    assert gets_in(one, "ops-lab-1", OPERATOR_KEY, "sudo -n true")

    for expected in (1, 0):
        again = pyinfra(*words, "--ssh-user", "ops-lab-1", directory=project)
        assert again.returncode == 0, again.stderr[-4000:]
        assert counts(again.stderr)[:2] == (expected, 0)
    closed = (
        "getent passwd vagrant | grep -q nologin && sudo -n sed -n 's/^vagrant:.*:1:$/closed/p'"
    )
    assert gets_in(one, "ops-lab-1", OPERATOR_KEY, f"{closed} /etc/shadow | grep -q closed")
