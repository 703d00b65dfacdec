"""The stand-ins of BigBlueButton's packages have its dangers. No run of ours is in here."""

from functools import partial

import pytest

from lab.command import wait_for
from lab.machines import Machine
from tests.lab.fleets import StandinHost
from tests.lab.standins import (
    APT,
    call,
    end_again,
    has_said,
    install,
    invocations,
    meetings,
    not_whole,
    setting,
    start_again,
    upgrade,
)

pytestmark = pytest.mark.bbb

PROPERTIES = "/usr/share/bbb-web/WEB-INF/classes/bigbluebutton.properties"
SECRET = "TheSecretOfTheseTests0123456789abc"
APPLY_LIB = "/etc/bigbluebutton/bbb-conf/apply-lib.sh"
APPS = "/etc/bigbluebutton/bbb-apps-akka.conf"
PRODUCTION = "/etc/bigbluebutton/bbb-webrtc-sfu/production.yml"
FREESWITCH = "/opt/freeswitch/etc/freeswitch"
SWITCH = f"{FREESWITCH}/autoload_configs/switch.conf.xml"
SIP = "/usr/share/bigbluebutton/nginx/sip.nginx"
MEDIA = ("freeswitch", "bbb-webrtc-sfu", "bbb-graphql-server", "bbb-web", "livekit-server")
CONFIGURE = f"{APT} install --reinstall"


@pytest.fixture
def node(standins: StandinHost) -> Machine:
    """A node with 3.0.34 and a secret of its own, and one meeting."""
    node = standins.all[0]
    text = f"bigbluebutton.web.serverURL=http://{node.address}\nsecuritySalt={SECRET}\n"
    node.sh("cat >> /etc/bigbluebutton/bbb-web.properties", text.encode())
    node.sh("systemctl restart bbb-web")
    assert call(node, "create", SECRET, meetingID="m1", name="one").findtext("meetingID") == "m1"
    return node


def test_a_node_calls_itself_ubuntu_and_all_of_its_units_run(standins: StandinHost) -> None:
    node = standins.all[0]
    assert node.sh('. /etc/os-release && echo "$ID $VERSION_ID"') == "ubuntu 22.04"
    assert node.sh(". /etc/lsb-release && echo $DISTRIB_CODENAME") == "jammy"
    listed = node.sh("bbb-conf --status").splitlines()
    assert len(listed) == 18
    assert all(line.endswith("[✔ - active]") for line in listed), listed
    assert node.try_sh("systemctl --failed --quiet --no-legend").stdout == b""
    answer = node.sh(f"curl -sS http://{node.address}/bigbluebutton/api")
    assert "SUCCESS" in answer


def test_a_check_writes_two_files_once_and_exits_0_whatever_it_finds(
    standins: StandinHost,
) -> None:
    node = standins.all[0]
    found = "find /etc/bigbluebutton -type f -printf '%p ' -exec sha256sum {} +"
    node.sh(f"rm {PRODUCTION}")
    first = node.sh("bbb-conf --check", timeout=250)
    assert "# Warning: Detected FreeSWITCH is using default stun" in first
    assert node.sh(f"stat -c %s {PRODUCTION}") == "0"
    line = setting(node, "bigbluebutton.web.logoutURL", "/etc/bigbluebutton/bbb-web.properties")
    assert line == "default"
    before = node.sh(found)
    node.sh("bbb-conf --check", timeout=250)
    assert node.sh(found) == before


def test_an_upgrade_by_apt_alone_cuts_meetings_and_takes_back_what_no_file_in_etc_has(
    node: Machine,
) -> None:
    salt = setting(node, "securitySalt", PROPERTIES)
    node.sh(
        f"sed -i s/16384/20000/ {SWITCH} && sed -i 's|proxy_pass .*|proxy_pass https://x;|' {SIP}"
    )
    node.sh(f"rm {APPLY_LIB} && touch {APPLY_LIB}")
    started = invocations(node, *MEDIA)
    assert meetings(node, SECRET) == ["m1"]

    upgrade(node, "3.0.35")

    assert node.sh("cat /etc/bigbluebutton/bigbluebutton-release") == "BIGBLUEBUTTON_RELEASE=3.0.35"
    assert node.sh("dpkg-query -W -f '${Version}' bbb-web") == "1:3.0-48"
    assert meetings(node, SECRET) == []
    assert not set(started) & set(invocations(node, *MEDIA))
    assert setting(node, "securitySalt", PROPERTIES) not in (salt, SECRET, "")
    url = setting(node, "bigbluebutton.web.serverURL", PROPERTIES)
    assert url == f"http://{node.address}"
    assert setting(node, "securitySalt", "/tmp/bigbluebutton.properties") == salt
    assert "ClueCon" in node.sh("cat /tmp/event_socket.conf.xml_")
    assert "16384" in node.sh(f"cat {SWITCH}")
    assert f"http://{node.address}:5066" in node.sh(f"cat {SIP}")
    link = node.sh(f"readlink {APPLY_LIB}")
    assert link == "/usr/lib/bbb-conf/apply-lib.sh"
    nginx = node.sh("cat /etc/nginx/nginx.conf")
    assert "worker_connections 10000;" in nginx
    assert "worker_rlimit_nofile 10000;" in nginx


def test_a_database_made_anew_ends_meetings_while_bbb_web_runs_on(node: Machine) -> None:
    row = "runuser -u postgres -- psql -tA bbb_graphql -c"
    node.sh(f"""{row} "insert into meeting values ('m1')" """)
    started = invocations(node, "bbb-web")
    node.sh(f"{CONFIGURE} bbb-graphql-server", timeout=300)
    wait_for(lambda: meetings(node, SECRET) == [], "no meeting runs", 20)
    assert invocations(node, "bbb-web") == started
    assert node.sh(f"{row} 'select count(*) from meeting'") == "0"


def test_recordings_where_root_may_not_change_the_owner_leave_dpkg_half_configured(
    node: Machine,
) -> None:
    """As on NFS that squashes root. A container has no NFS: what refuses here is a mount `ro`."""
    node.sh("mount -t tmpfs -o ro none /var/bigbluebutton/published")
    done = node.try_sh(f"{CONFIGURE} bbb-config", timeout=300)
    assert done.returncode != 0
    assert (
        b"chown: changing ownership of '/var/bigbluebutton/published'" in done.stderr + done.stdout
    )
    assert not_whole(node) == ["bbb-config"]
    node.sh("umount /var/bigbluebutton/published && dpkg --configure -a")
    assert not_whole(node) == []


def test_a_switch_lets_a_postinst_fail_or_hang(node: Machine) -> None:
    for package, how in (("bbb-web", "fail"), ("bbb-config", "hang")):
        switch = f"/etc/bbb-standin/{package}.postinst"
        node.sh(f"mkdir -p /etc/bbb-standin && echo {how} > {switch}")
        start_again(node, package)
        said = f"{switch}: {how}"
        wait_for(partial(has_said, node, said), said, 300)
        end_again(node)
        assert not_whole(node) == [package]
        node.sh(f"rm {switch} && dpkg --configure -a", timeout=300)
        assert not_whole(node) == []


def test_a_hasura_that_does_not_listen_keeps_dpkg_for_ever(node: Machine) -> None:
    node.sh("mkdir /etc/bbb-standin && echo mute > /etc/bbb-standin/bbb-graphql-server.daemon")
    start_again(node, "bbb-graphql-server")
    wait_for(lambda: has_said(node, "Waiting for Hasura's", times=10), "it waits", 300)
    assert not_whole(node) == ["bbb-graphql-server"]
    node.sh("rm -r /etc/bbb-standin && systemctl restart bbb-graphql-server")
    wait_for(lambda: not_whole(node) == [], "dpkg is whole again", 120)


def test_livekit_writes_its_keys_into_the_files_of_two_other_packages(node: Machine) -> None:
    key = node.sh("sed -n 's/^  api_key: //p' /etc/bigbluebutton/livekit.yaml")
    secret = node.sh(f"sed -n 's/^  {key}: //p' /etc/bigbluebutton/livekit.yaml")
    assert len(secret) == 44
    node.sh(f"printf 'freeswitch:\\n  ip: 1.2.3.4\\n' > {PRODUCTION}")
    node.sh(f"{CONFIGURE} bbb-livekit", timeout=300)
    livekit = f"livekit:\n  key: {key}\n  secret: {secret}"
    assert node.sh(f"cat {PRODUCTION}") == f"freeswitch:\n  ip: 1.2.3.4\n{livekit}"
    recorder = "/etc/default/bbb-webrtc-recorder"
    assert setting(node, "BBBRECORDER_LIVEKIT_APISECRET", recorder) == secret
    assert node.sh("runuser -u bigbluebutton -- cat " + PRODUCTION)


def test_a_restart_by_hand_ends_meetings_applies_the_script_and_opens_ssh(node: Machine) -> None:
    script = "/etc/bigbluebutton/bbb-conf/apply-config.sh"
    text = f"#!/bin/bash\nsource {APPLY_LIB}\nenableUFWRules\n"
    node.sh(f"cat > {script} && chmod +x {script}", text.encode())
    started = invocations(node, "nginx", "postgresql", "haproxy", "bbb-web")
    node.sh("bbb-conf --restart", timeout=250)
    again = invocations(node, "nginx", "postgresql", "haproxy", "bbb-web")
    # The drop-ins of bbb-config: whoever stops the target stops nginx and the database too.
    assert [old == new for old, new in zip(started, again, strict=True)] == [
        *(False, False),
        *(True, False),
    ]
    assert meetings(node, SECRET) == []
    assert "OpenSSH                    ALLOW       Anywhere" in node.sh("ufw status")


def test_the_target_alone_stops_nginx_and_does_not_start_it(node: Machine) -> None:
    node.sh("systemctl stop bigbluebutton.target")
    units = "nginx redis-server bbb-web freeswitch"
    assert node.try_sh(f"systemctl is-active {units}").stdout.split() == [b"inactive"] * 4
    node.sh("systemctl start bigbluebutton.target")
    states = node.try_sh(f"systemctl is-active {units}").stdout.split()
    assert states == [b"inactive", *[b"active"] * 3]


def test_a_new_secret_by_bbb_conf_reaches_four_files_and_no_service(node: Machine) -> None:
    override = "/etc/bigbluebutton/bbb-webhooks/production.yml"
    node.sh(
        f"mkdir -p {override.rpartition('/')[0]} && echo '  sharedSecret: {SECRET}' > {override}"
    )
    node.sh(f"cat >> {APPS}", f'services {{\n  sharedSecret="{SECRET}"\n}}\n'.encode())
    node.sh("bbb-conf --setsecret Another0123456789Another0123456789")
    having = node.sh("grep -rl Another0123456789 /etc/bigbluebutton /usr/local/bigbluebutton")
    assert sorted(having.splitlines()) == [
        "/etc/bigbluebutton/bbb-apps-akka.conf",
        "/etc/bigbluebutton/bbb-web.properties",
        "/usr/local/bigbluebutton/bbb-webhooks/config/default.yml",
        "/usr/local/bigbluebutton/bbb-webhooks/extra/post_catcher.js",
    ]
    assert SECRET in node.sh(f"cat {override}")
    assert meetings(node, SECRET) == ["m1"]


def test_the_next_line_takes_etherpad_away_and_starts_no_relay(node: Machine) -> None:
    """3.0 to 4.0 on one machine is not what anybody does: the packages alone are looked at."""
    node.sh("apt-get -y -q purge coturn && rm -f /etc/turnserver.conf", timeout=120)
    upgrade(node, "4.0.0")
    install(node, "bbb-coturn")
    assert node.sh("cat /etc/bigbluebutton/bigbluebutton-release") == "BIGBLUEBUTTON_RELEASE=4.0.0"
    assert node.try_sh("id etherpad").returncode != 0
    listed = node.sh("dpkg-query -W -f '${Package} ${db:Status-Status}\\n'").splitlines()
    assert not {"bbb-etherpad installed", "bbb-pads installed"} & set(listed)
    assert {"bbb-yq-go installed", "livekit-server installed"} <= set(listed)
    assert node.try_sh("systemctl is-active coturn").stdout.strip() == b"inactive"
    node.sh("systemctl start coturn")
    started = invocations(node, "coturn")
    node.sh(f"{CONFIGURE} bbb-coturn", timeout=120)
    assert invocations(node, "coturn") != started
