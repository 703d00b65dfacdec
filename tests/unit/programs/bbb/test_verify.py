"""After a change the node proves that it is what the data says."""

import json
import subprocess
import time
from dataclasses import replace
from pathlib import Path

import pytest

from programs.bbb import front, meetings, places, secrets, steps, verify
from programs.bbb.change import UNIT
from programs.bbb.failed import Failed
from programs.bbb.look import look
from programs.bbb.root import STATE
from programs.bbb.wanted import Front
from roles import bbb
from tests.unit.programs.bbb.node import HOST, NEW, OLD, PROPERTIES, Node, meeting


def faults(node: Node) -> list[str]:
    return list(verify.verify(node.root)["faults"])


def test_a_node_that_is_as_wanted_has_no_fault_and_its_probe_is_gone(node: Node) -> None:
    node.live = [meeting()]
    assert faults(node) == []
    assert [it["meetingID"] for it in node.live] == ["m1"]


def test_the_first_install_has_ended_once_the_node_was_seen_whole(node: Node) -> None:
    """Also if a roll has finished it: else the next run would go on with it, at an open gate."""
    mark = f"{STATE}/{verify.FIRST}"
    assert mark == bbb.FIRST
    node.put(mark, "")
    node.secret = OLD
    assert faults(node) and node.root.at(mark).exists()
    node.secret = NEW
    assert faults(node) == [] and not node.root.at(mark).exists()


def test_the_old_secret_is_forgotten_once_it_is_refused_and_nowhere(node: Node) -> None:
    secrets.remember(node.root, OLD)
    assert faults(node) == [] and secrets.before(node.root) == []


def test_an_old_secret_that_lies_somewhere_is_a_fault_and_stays_known(node: Node) -> None:
    secrets.remember(node.root, OLD)
    node.put("/etc/bigbluebutton/x.bak", f"securitySalt={OLD}\n")
    found = faults(node)
    assert "an old API secret is still in /etc/bigbluebutton/x.bak" in found
    assert secrets.before(node.root) == [OLD] and OLD not in str(found)


def test_a_bbb_web_that_still_has_the_old_secret_is_a_fault(node: Node) -> None:
    secrets.remember(node.root, OLD)
    node.secret = OLD
    found = " ".join(faults(node))
    assert "does not take the new secret: refused" in found
    assert "takes another secret than the wanted one" in found


def test_a_bbb_web_that_takes_any_secret_is_a_fault(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(meetings, "call", lambda *_, **__: None)
    assert "bbb-web takes another secret than the wanted one" in faults(node)


@pytest.mark.parametrize("mode", ["slow", "page", "html"])
def test_an_api_that_does_not_answer_is_a_fault(
    node: Node, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    monkeypatch.setattr(meetings, "SECONDS", 0.5)
    node.mode = mode
    assert faults(node)


def test_a_unit_that_does_not_run_or_restarts_is_a_fault(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.unit("bbb-web.service", "failed")
    assert "bbb-web.service is failed: journalctl -u bbb-web.service" in faults(node)
    node.root.at("/units/bbb-web.service").unlink()
    assert "bbb-web.service is missing" in faults(node)[0]
    node.unit("bbb-web.service", restarts=3)
    monkeypatch.setattr(time, "sleep", lambda _: node.unit("bbb-web.service", restarts=5))
    assert any("restarted 2 times" in it for it in faults(node))


def test_what_waits_or_dpkg_has_not_finished_is_a_fault(node: Node) -> None:
    node.put("/dpkg", "bigbluebutton\t1:3.0-48\tiF \n")
    found = faults(node)
    assert "dpkg has not finished bigbluebutton" in found
    node.put("/etc/turnserver.conf", "other\n", 0o640)
    assert "not as wanted: /etc/turnserver.conf" in faults(node)


def test_ufw_beside_iptables_persistent_is_a_fault(node: Node) -> None:
    node.put("/dpkg", node.text("/dpkg") + "ufw\t1\tii \niptables-persistent\t1\tii \n")
    assert any("iptables-persistent" in it for it in faults(node))


def test_a_meeting_that_cannot_begin_is_a_fault(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = node.answers
    monkeypatch.setattr(
        node, "answers", lambda call, values: b"" if call == "create" else real(call, values)
    )
    assert any("no meeting can begin" in it for it in faults(node))


def test_a_meeting_that_does_not_end_is_a_fault(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = node.answers
    monkeypatch.setattr(
        node,
        "answers",
        lambda call, values: real("getMeetings" if call == "end" else call, values),
    )
    assert faults(node) == ["a meeting that was ended is still live"]


def test_nothing_is_proved_while_a_change_is_at_work(node: Node) -> None:
    node.unit(UNIT)
    with pytest.raises(Failed, match="at work"):
        faults(node)


def test_bbb_s_own_check_is_told_without_what_is_known_to_mean_nothing(node: Node) -> None:
    node.put(
        "/checked",
        f"x\n# Warning: one\n#    of /a {NEW}\n\n# plain\n# Error: two\n"
        "# Warning: three\n#  known to mean nothing\n",
    )
    assert verify.verify(node.root)["remarks"] == ["# Warning: one of /a ***", "# Error: two"]


def test_no_noise_hides_the_problem_that_follows_it() -> None:
    """bbb-conf calls only some of its problems errors or warnings."""
    said = """\
/etc/nginx/sites-available/bigbluebutton
# a remark above the heading

# Potential problems described below

# Warning: No firewall detected.  Recommend using setting up a firewall for your server
#
#     https://docs.bigbluebutton.org/administration/firewall-configuration
#
# bbb-webrtc-sfu will try to connect to 10.0.0.9 but FreeSWITCH is listening on 203.0.113.5
#

# Not running:  Nginx
"""
    firewall, media, nginx = verify.complaints(said)
    assert firewall.startswith("# Warning: No firewall detected.") and "bbb-webrtc" not in firewall
    assert media.startswith("# bbb-webrtc-sfu will try") and nginx == "# Not running: Nginx"


def test_the_check_is_not_made_for_a_certificate_that_nobody_trusts(node: Node) -> None:
    """It asks by HTTPS, and would try for minutes."""
    at = Front("127.0.0.1", node.port, "/etc/haproxy/certbundle.pem")
    assert not front.is_placeholder(node.root, at)
    node.put("/etc/haproxy/certbundle.pem.placeholder", "")
    assert front.is_placeholder(node.root, at)
    wanted = replace(steps.staged(node.root), front=at)
    node.put("/checked", "# Error: one\n")
    assert verify._remarks(node.root, wanted) == []
    node.root.at("/etc/haproxy/certbundle.pem.placeholder").unlink()
    assert verify._remarks(node.root, wanted) == ["# Error: one"]


def _certificate(directory: Path, name: str, days: str = "2") -> str:
    """A bundle: certificate and key."""
    subprocess.run(
        ["/usr/bin/openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", days,
         "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
         "-keyout", directory / "key", "-out", directory / "certificate"],
        check=True, capture_output=True,
    )  # fmt: skip
    return (directory / "certificate").read_text() + (directory / "key").read_text()


@pytest.fixture
def served(node: Node, tmp_path: Path) -> Front:
    """A front with a certificate of the node, which it serves."""
    import ssl  # noqa: PLC0415

    node.put("/etc/haproxy/certbundle.pem", _certificate(tmp_path, HOST))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(node.root.at("/etc/haproxy/certbundle.pem"))
    node.server.socket = context.wrap_socket(node.server.socket, server_side=True)
    return Front("127.0.0.1", node.port, "/etc/haproxy/certbundle.pem")


def test_the_certificate_that_is_served_is_the_one_of_the_file(node: Node, served: Front) -> None:
    assert front.certificate_faults(node.root, served, HOST) == []
    assert not front.refuses_meetings(served, HOST)


def test_another_certificate_than_the_file_s_is_a_fault(
    node: Node, served: Front, tmp_path: Path
) -> None:
    node.put("/etc/haproxy/certbundle.pem", _certificate(tmp_path, HOST))
    assert "reload haproxy" in front.certificate_faults(node.root, served, HOST)[0]


@pytest.mark.parametrize(
    ("does", "told"),
    [
        ('case "$*" in *checkend*) exit 1 ;; *) echo "does match" ;; esac', "has expired"),
        ('echo "Hostname does NOT match certificate"', "is not for bbb2.example.org"),
    ],
)
def test_a_certificate_that_is_no_good_is_a_fault(
    node: Node, served: Front, tmp_path: Path, does: str, told: str
) -> None:
    (tmp_path / "bin/openssl").write_text(f"#!/bin/sh\n{does}\n")
    assert [it for it in front.certificate_faults(node.root, served, HOST) if told in it]


def test_a_bundle_that_is_missing_or_empty_is_a_fault(node: Node) -> None:
    at = Front("127.0.0.1", node.port, "/etc/haproxy/certbundle.pem")
    assert front.certificate_faults(node.root, at, HOST) == [f"{at.bundle} is not there"]
    node.put("/etc/haproxy/certbundle.pem", "-----BEGIN CERTIFICATE-----\n")
    assert front.certificate_faults(node.root, at, HOST) == [f"{at.bundle} has no certificate"]


def test_a_front_that_serves_none_is_a_fault(node: Node, tmp_path: Path) -> None:
    node.put("/etc/haproxy/certbundle.pem", _certificate(tmp_path, HOST))
    at = Front("127.0.0.1", node.port, "/etc/haproxy/certbundle.pem")
    assert "no certificate is served" in front.certificate_faults(node.root, at, HOST)[0]


def test_a_look_at_a_node_that_is_as_wanted(node: Node) -> None:
    found = look(node.root)
    assert found == {
        "release": "3.0.35", "wanted": "3.0.35", "dpkg": [], "waiting": [],
        "meetings": {"answer": "known", "meetings": [], "making": 0},
        "units": {"bbb-web.service": {"active": "active", "restarts": 0}},
        "gate": "open", "window": None, "places": {PROPERTIES: "wanted"}, "drift": [],
        "spool": None,
    }  # fmt: skip
    assert NEW not in json.dumps(found)


def test_a_look_where_nothing_is_staged_tells_what_can_be_known(node: Node) -> None:
    for name in ("wanted.json", "secret", "own.json"):
        node.root.at(f"{STATE}/{name}").unlink()
    found = look(node.root)
    assert found["wanted"] is None and found["waiting"] == [] and found["release"] == "3.0.35"
    assert found["meetings"]["answer"] == "known" and found["places"] == {PROPERTIES: "other"}


def test_a_look_changes_nothing(node: Node) -> None:
    node.root.at(f"{STATE}/own.json").unlink()
    before = {it: it.stat().st_mtime_ns for it in node.top.rglob("*") if it.name != "calls"}
    found = look(node.root)
    after = {it: it.stat().st_mtime_ns for it in node.top.rglob("*") if it.name != "calls"}
    assert {k: v for k, v in after.items() if k != node.top} == {
        k: v for k, v in before.items() if k != node.top
    }
    assert found["waiting"] == [{"what": "/etc/turnserver.conf", "class": "B"}]


def test_a_secret_that_differs_is_told_once_and_not_for_each_file(node: Node) -> None:
    node.put(PROPERTIES, node.text(PROPERTIES).replace(NEW, OLD), 0o640)
    assert look(node.root)["waiting"] == [{"what": "secret", "class": "C"}]
    node.put(PROPERTIES, f"{node.text(PROPERTIES)}more=1\n", 0o640)
    assert [it["what"] for it in look(node.root)["waiting"]] == ["secret", PROPERTIES]


def test_what_a_change_does_not_put_right_is_drift(node: Node) -> None:
    node.put("/etc/systemd/system/bbb-web.service.d/override.conf", "")
    for version in ("14", "16"):
        node.root.at(f"/etc/postgresql/{version}/main").mkdir(parents=True)
    node.put("/run/reboot-required", "")
    node.put("/usr/share/bigbluebutton/nginx/sip.nginx", "changed by the package\n")
    found = " ".join(look(node.root)["drift"])
    for told in ("override.conf", "2 clusters", "a reboot waits", "no line matches"):
        assert told in found


def test_packages_of_the_release_that_are_older_than_installed_once_wait(node: Node) -> None:
    from programs.bbb import state  # noqa: PLC0415

    state.write(
        node.root, state.State(), state="done", release="3.0.35", versions={"bbb-web": "1:3.0-49"}
    )
    assert look(node.root)["waiting"] == [{"what": "packages of 3.0.35", "class": "C"}]


def test_recordings_that_wait_are_counted(node: Node) -> None:
    command = "/usr/local/sbin/coop-recordings"
    node.want(recordings=command)
    said = '{"waiting": 2, "spooled": 1, "queue": 3, "oldest": 5, "problems": ["it is full"]}'
    node.put(command, f"#!/bin/sh\n[ \"$*\" = look ] && echo '{said}'; exit 1\n", 0o755)
    assert look(node.root)["spool"] == {
        "waiting": 2, "oldest": 5, "queue": 3, "problem": "it is full"
    }  # fmt: skip


def test_recordings_of_which_nobody_knows_are_not_taken_for_none(node: Node) -> None:
    node.want(recordings="/usr/local/sbin/coop-recordings")
    assert "No such file" in look(node.root)["spool"]["problem"]
    node.put("/usr/local/sbin/coop-recordings", "#!/bin/sh\necho '{}'\n", 0o755)
    assert "tells nothing that can be read" in look(node.root)["spool"]["problem"]


def test_places_are_read_as_a_whole_or_not_at_all(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places, "MOST_FILES", 1)
    node.put("/etc/bigbluebutton/more", "")
    with pytest.raises(Failed, match="more than 1 files"):
        look(replace(node.root))


def test_a_reboot_that_the_system_asks_for_is_no_fault_of_a_change(node: Node) -> None:
    """Ubuntu asks for one in its first night, and after any update of a library."""
    node.want(reboot=True)
    node.put("/run/reboot-required", "")
    assert "reboot" in [it["what"] for it in look(node.root)["waiting"]]
    assert [
        it for it in verify._as_wanted(node.root, steps.staged(node.root)) if "reboot" in it
    ] == []
