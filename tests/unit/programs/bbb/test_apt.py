"""apt brings exactly the release, and takes nothing away that nobody named."""

import subprocess
import sys
from tempfile import TemporaryFile
from typing import IO, Any

import pytest

from programs.bbb import apt
from programs.bbb.failed import Failed
from programs.bbb.packages import Package, packages
from programs.bbb.root import STATE
from programs.bbb.steps import staged
from tests.unit.programs.bbb.node import Node, wanted


def log() -> IO[bytes]:
    return TemporaryFile()


def prepare(node: Node, **changes: Any) -> apt.Plan:
    node.want(apt={**wanted()["apt"], **changes})
    with log() as to:
        return apt.prepare(node.root, staged(node.root).apt, to)


def test_what_is_installed_and_wanted_gets_the_release_s_exact_versions(node: Node) -> None:
    node.put("/dpkg", "bbb-web\t1:3.0-47\tii \nredis\t7\tii \nbbb-webhooks\t1:3.0-47\trc \n")
    plan = prepare(node)
    assert plan.versions == {"bigbluebutton": "1:3.0-48", "bbb-web": "1:3.0-48"}
    assert sorted(plan.install) == ["bbb-web=1:3.0-48", "bigbluebutton=1:3.0-48"]


def test_what_is_there_already_is_not_installed_again(node: Node) -> None:
    plan = prepare(node)
    assert plan.install == ()
    apt.install(node.root, plan, log())
    assert not [it for it in node.calls("apt-get") if " install " in it]


def test_a_package_that_is_half_configured_is_installed_again(node: Node) -> None:
    node.put("/dpkg", "bigbluebutton\t1:3.0-48\tii \nbbb-web\t1:3.0-48\tiF \n")
    assert prepare(node).install == ("bbb-web=1:3.0-48",)


def test_the_newest_of_several_versions_in_the_directory_counts(node: Node) -> None:
    node.put(
        "/Packages",
        "Package: bigbluebutton\nVersion: 1:3.0-9\n\nPackage: bigbluebutton\nVersion: 1:3.0-48\n\n"
        "Package: bigbluebutton\nVersion: 1:3.0-47\n",
    )
    assert prepare(node).versions == {"bigbluebutton": "1:3.0-48"}


def test_apt_never_goes_back(node: Node) -> None:
    node.put("/dpkg", "bbb-web\t1:3.0-49\tii \n")
    with pytest.raises(Failed, match=r"bbb-web is 1:3\.0-49 .* does not go back"):
        prepare(node)


def test_a_removal_that_nobody_named_is_refused(node: Node) -> None:
    node.put("/dpkg", "")
    node.put("/simulated", "Inst bbb-web\nRemv bbb-etherpad [1]\nRemv redis [7]\n")
    with pytest.raises(Failed, match="remove redis:"):
        prepare(node, may_go=["bbb-etherpad"])
    assert not [it for it in node.calls("apt-get") if "-y" in it]


def test_a_package_that_no_source_has_is_refused(node: Node) -> None:
    with pytest.raises(Failed, match="no source has the packages bbb-gone"):
        prepare(node, packages=["bigbluebutton", "bbb-gone"])


def test_a_directory_without_packages_is_refused(node: Node) -> None:
    node.put("/Packages", "")
    with pytest.raises(Failed, match="is the release still there"):
        prepare(node)


def test_only_this_run_sees_the_node_s_pins_without_ours(node: Node) -> None:
    node.put("/etc/apt/sources.list", "deb https://deb.example.org d main\n")
    node.put("/etc/apt/preferences.d/coop-bbb", "Package: *\nPin: release l=B\nPin-Priority: 1\n")
    node.put("/etc/apt/preferences.d/docker", "Package: docker-ce\nPin: version 1\n")
    node.put("/etc/apt/preferences.d/old.bak", "Package: old\n")
    node.put("/dpkg", "")
    prepare(node)
    told = node.text(f"{STATE}/apt/preferences")
    assert "docker-ce" in told and "l=B" not in told and "old" not in told
    assert node.text(f"{STATE}/apt/sources.list").splitlines()[0].startswith("deb https://deb.")
    assert "https://m.example.org/d s main" in node.text(f"{STATE}/apt/sources.list")
    (fetched,) = [it for it in node.calls("apt-get") if " -d " in it]
    assert f"Dir::Etc::preferences={node.root.at(STATE)}/apt/preferences" in fetched
    assert "--force-confold" in fetched
    assert "Pin-Priority: 1" in node.text("/etc/apt/preferences.d/coop-bbb")


def test_needrestart_and_questions_are_kept_out() -> None:
    assert apt.QUIET["NEEDRESTART_SUSPEND"] and apt.QUIET["NEEDRESTART_MODE"] == "l"
    assert apt.QUIET["DEBIAN_FRONTEND"] == "noninteractive"


def test_an_installation_that_did_not_bring_the_version_is_a_failure(node: Node) -> None:
    node.put("/dpkg", "bbb-web\t1:3.0-47\tii \n")
    with pytest.raises(Failed, match=r"bigbluebutton is not 1:3\.0-48"):
        apt.install(node.root, prepare(node), log())


@pytest.mark.parametrize(
    ("status", "whole"),
    [("ii ", True), ("rc ", True), ("un ", True), ("hi ", True)]
    + [(it, False) for it in ("iF ", "iU ", "iH ", "iW ", "it ", "iiR", "")],
)
def test_whatever_waits_for_dpkg_is_not_whole(status: str, whole: bool) -> None:
    assert Package("1", status).is_whole == whole


def test_dpkg_s_list_is_read(node: Node) -> None:
    assert packages()["redis"] == Package("7", "ii ")


@pytest.mark.parametrize("path", apt.LOCKS)
def test_another_program_of_apt_is_waited_for_whichever_lock_it_has(
    node: Node, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """apt-get waits for dpkg's lock alone, and fails at once for the others."""
    monkeypatch.setattr(apt, "LOCK_SECONDS", 0.0)
    monkeypatch.setattr("time.sleep", lambda _: None)
    node.put(path, "")
    holds = "import fcntl, sys; f = open(sys.argv[1], 'r+b'); fcntl.lockf(f, fcntl.LOCK_EX); "
    holds += "print('held', flush=True); sys.stdin.read()"
    words = [sys.executable, "-c", holds, str(node.root.at(path))]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdin
        other.stdout.readline()
        with pytest.raises(Failed, match="another program of apt is at work"):
            prepare(node)
        other.stdin.close()
    prepare(node)
