"""The repositories of the stand-in packages: what apt and gpg think of them."""

import os
import re
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from fleet import ROOT
from fleet.load import load
from lab.bbb import catalogue, third_parties
from lab.bbb.build import OURS, build, source
from lab.bbb.catalogue import PACKAGES, RELEASES, Release
from lab.bbb.repository import Key
from tests.unit.lab.bbb.conftest import Built

BY_NUMBER = {it.number: it for it in RELEASES}


def run(*words: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "LC_ALL": "C", **more}
    return subprocess.run(words, capture_output=True, text=True, check=False, env=env)


def apt(root: Path, built: Built, release: Release, *words: str) -> str:
    """Run apt-get on a throw-away root that knows no source but the release's and third parties'.

    Whatever the stand-ins need of Debian is there by a package that says so.
    """
    for directory in ("etc/apt/preferences.d", "lists/partial", "archives/partial", "dpkg"):
        (root / directory).mkdir(parents=True, exist_ok=True)
    needed = (
        {
            re.split(r"[ (]", it)[0]
            for package in catalogue.of_release(release)
            for it in package.depends
        }
        - {it.name for it in PACKAGES}
        - {"nodejs", "yq"}
    )
    (root / "dpkg/status").write_text(
        "Package: debian\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n"
        f"Maintainer: nobody\nDescription: all of Debian\nProvides: {', '.join(sorted(needed))}\n"
    )
    others = [(it.path, suite, it.component) for it in third_parties.REPOSITORIES
              for suite in it.suites]  # fmt: skip
    places = [(f"{OURS}/{release.directory}", release.suite, "main"), *others]
    lines = (f"deb [signed-by={built.key}] file:{built.www}/{place} {suite} {component}\n"
             for place, suite, component in places)  # fmt: skip
    (root / "sources.list").write_text("".join(lines))
    options = {
        "Dir": root, "Dir::Etc": root / "etc/apt", "Dir::Etc::sourcelist": root / "sources.list",
        "Dir::Etc::sourceparts": "-", "Dir::State::lists": root / "lists",
        "Dir::State::status": root / "dpkg/status", "Dir::Cache": root,
        "Dir::Cache::archives": root / "archives", "APT::Architecture": "amd64",
        "APT::Architectures::": "amd64", "APT::Sandbox::User": "root", "Debug::NoLocking": "1",
    }  # fmt: skip
    done = run("apt-get", *(f"-o{key}={value}" for key, value in options.items()), *words)
    assert done.returncode == 0 and "W:" not in done.stderr, done.stderr
    return done.stdout


def installs(output: str) -> dict[str, str]:
    """The packages that a simulated run would install, with their versions."""
    return dict(re.findall(r"^Inst (\S+) (?:\[[^]]*\] )?\((\S+)", output, re.M))


@pytest.mark.parametrize("release", RELEASES, ids=lambda it: it.number)
def test_apt_takes_each_release_and_finds_all_that_it_needs(
    built: Built, release: Release, tmp_path: Path
) -> None:
    apt(tmp_path, built, release, "update")
    found = installs(apt(tmp_path, built, release, "--simulate", "install", "bigbluebutton"))
    assert found["bigbluebutton"] == f"1:{release.line}-{release.build}"
    assert {"bbb-web", "bbb-config", "nodejs"} <= set(found)
    of_3, of_4 = {"bbb-etherpad", "bbb-pads", "yq"}, {"bbb-livekit", "bbb-yq-go", "bbb-file-upload"}
    there, absent = (of_3, of_4) if release.line == "3.0" else (of_4, of_3)
    assert there <= set(found) and not absent & set(found)
    assert not {"bbb-webhooks", "bbb-playback-video", "bbb-coturn"} & set(found)


def test_every_package_can_be_installed(built: Built, tmp_path: Path) -> None:
    for release in RELEASES:
        root = tmp_path / release.number
        apt(root, built, release, "update")
        names = [it.name for it in catalogue.of_release(release)]
        found = installs(apt(root, built, release, "--simulate", "install", *names))
        assert set(names) <= set(found)


def test_a_release_is_signed_as_a_whole_and_beside_it(built: Built, tmp_path: Path) -> None:
    keyring = tmp_path / "key.gpg"
    run("gpg", "--dearmor", "--output", keyring, built.key)
    for release in RELEASES:
        dists = built.www / OURS / release.directory / "dists" / release.suite
        assert (dists / "Release.gpg").exists()
        for words in ([dists / "Release.gpg", dists / "Release"], [dists / "InRelease"]):
            said = run("gpgv", "--keyring", keyring, "--status-fd", "1", *words)
            assert f"VALIDSIG {built.fingerprint}" in said.stdout, said.stderr


def test_a_package_that_was_changed_is_refused(built: Built, tmp_path: Path) -> None:
    changed = tmp_path / "www"
    run("cp", "-a", built.www, changed)
    release = BY_NUMBER["3.0.34"]
    index = changed / OURS / release.directory / "dists" / release.suite / "main/binary-amd64"
    for file in index.iterdir():
        file.write_bytes(file.read_bytes() + b"\n")
    other = Built(changed, built.key, built.fingerprint)
    with pytest.raises(AssertionError, match=r"Hash Sum|unexpected size|Some index files"):
        apt(tmp_path, other, release, "update")


def test_every_source_of_the_data_is_there_with_its_suite_and_components(built: Built) -> None:
    fleet = load(ROOT / "inventories/coop.yml")
    for release in RELEASES:
        line = fleet.bbb.lines[release.line]
        assert line.repository.format(release=release.number) == release.directory
        for each in line.sources:
            url = urlsplit(each.url.format(repository=release.directory))
            dists = built.www / url.netloc / url.path.lstrip("/") / "dists" / each.suite
            assert (dists / "InRelease").exists(), dists
            for component in each.components:
                assert (dists / component / "binary-amd64/Packages").exists()


def test_what_the_data_installs_by_name_is_a_stand_in_or_debian_s(built: Built) -> None:
    fleet = load(ROOT / "inventories/coop.yml")
    for release in RELEASES:
        named = {it for it in fleet.bbb.lines[release.line].packages if "bbb" in it}
        assert named <= {it.name for it in catalogue.of_release(release)}


def test_what_is_there_already_is_not_built_again(built: Built, tmp_path: Path) -> None:
    key = Key(tmp_path / "gnupg")
    try:
        key.make()
        www = tmp_path / "www"
        build(www, key)
        before = {it: it.stat().st_ino for it in www.rglob("*.deb")}
        build(www, key)
        assert {it: it.stat().st_ino for it in www.rglob("*.deb")} == before
        (www.with_name("made-from")).write_text("of other sources")
        build(www, key)
        after = {it: it.stat().st_ino for it in www.rglob("*.deb")}
        assert after.keys() == before.keys() and after != before
    finally:
        key.end()
    # Another time, another directory: the same bytes.
    for file in before:
        assert file.read_bytes() == (built.www / file.relative_to(www)).read_bytes()


@pytest.mark.parametrize("release", RELEASES, ids=lambda it: it.number)
def test_all_scripts_are_bash_and_no_word_is_left_to_fill_in(release: Release) -> None:
    for package in catalogue.of_release(release):
        made = source(package, release)
        for name, text in made.scripts.items():
            assert text.startswith("#!/bin/bash -e\n")
            checked = subprocess.run(["bash", "-n"], input=text, text=True, check=False)
            assert checked.returncode == 0, f"{package.name}.{name}"
            assert not re.search(r"@[A-Z_]+@", text), f"{package.name}.{name}"
        for path, (content, _) in made.files.items():
            assert not re.search(rb"@(RELEASE|LINE)@", content), path


def test_the_version_of_a_package_has_an_epoch_and_not_the_release() -> None:
    web = next(it for it in PACKAGES if it.name == "bbb-web")
    sounds = next(it for it in PACKAGES if it.name == "bbb-freeswitch-sounds")
    assert [web.version(it) for it in RELEASES] == ["1:3.0-47", "1:3.0-48", "1:4.0-3"]
    assert [sounds.version(it) for it in RELEASES] == ["1:3.0-47", "1:3.0-47", "1:4.0-3"]


def test_every_unit_stops_with_the_target_but_the_relay() -> None:
    for package in PACKAGES:
        files = source(package, BY_NUMBER["4.0.0"]).files
        for unit in package.units:
            text = files[f"usr/lib/systemd/system/{unit.name}.service"][0].decode()
            of_target = "PartOf=bigbluebutton.target\n" in text
            assert of_target == (" bigbluebutton.target\n" in text) == (unit.name != "coturn")


def test_every_stand_in_says_what_it_stands_for_and_from_where_that_is_known() -> None:
    page = (ROOT / "docs/bbb-stand-ins.md").read_text()
    for package in PACKAGES:
        assert package.stands_for and package.known_from
        assert f"`{package.name}`" in page, f"docs/bbb-stand-ins.md says nothing of {package.name}"
    folders = {it.name for it in (ROOT / "lab/bbb/packages").iterdir()}
    assert folders <= {it.name for it in PACKAGES}
