"""The record of a node of BigBlueButton, and the host that it is in."""

from pathlib import Path
from typing import Any

import pytest

from fleet.bbb import OWNED, Recordings
from fleet.groups import GROUPS, ROLES
from tests.unit.fleet.bbb_samples import node, problems
from tests.unit.fleet_samples import REMOVED, fleet_of, places, sample


def test_a_node_is_read(tmp_path: Path) -> None:
    host = fleet_of(tmp_path, sample(bbb1=node())).host("bbb1")
    assert host.bbb is not None
    assert (host.bbb.line, host.bbb.local_ipv4) == ("3.0", "192.0.2.41")
    assert (host.debian, host.release.system) == (None, "ubuntu 22.04")
    assert "bbb" in host.groups


def test_what_a_record_does_not_say_is_the_usual(tmp_path: Path) -> None:
    record = node()
    record["bbb"] = {it: record["bbb"][it] for it in ("hostname", "release", "public")}
    bbb = fleet_of(tmp_path, sample(bbb1=record)).host("bbb1").bbb
    assert bbb is not None
    assert (bbb.certificate, bbb.turn, bbb.notes, bbb.wanted) == (
        "acme", "local", "blocknote", "serving",
    )  # fmt: skip
    assert bbb.recordings.formats == ("presentation",)
    assert bbb.recordings.volume_days is None


def test_a_host_without_a_word_of_its_system_has_debian_13(tmp_path: Path) -> None:
    host = fleet_of(tmp_path, sample()).host("prod1")
    assert (host.debian, host.release.system) == (13, "debian 13")


def test_behind_nat_the_node_has_an_address_of_its_own(tmp_path: Path) -> None:
    bbb = fleet_of(tmp_path, sample(bbb1=node(bbb__bind="10.0.0.5"))).host("bbb1").bbb
    assert bbb is not None and bbb.local_ipv4 == "10.0.0.5"


WRONG: list[tuple[dict[str, Any], str, str, str]] = [
    # The host.
    ({"roles": []}, "ubuntu", "no role but bbb", "take it out"),
    ({"bbb": REMOVED}, "bbb", "needs a record bbb", "hostname, release, public"),
    ({"ubuntu": REMOVED}, "ubuntu", "on Ubuntu alone", 'ubuntu: "22.04"'),
    ({"ubuntu": "22.10"}, "ubuntu", "not accepted", "'24.04'"),
    ({"debian": 12}, "debian", "has Ubuntu 22.04 already", "keep one"),
    ({"vpn": REMOVED}, "vpn", "it is watched through", "add vpn"),
    (
        {"volume": {"quota": "9G", "uid": 20009, "encrypted": True}},
        "volume",
        "no run has met the gocryptfs of ubuntu 22.04",
        "encrypted: false",
    ),
    # The hostname.
    (
        {"bbb__hostname": "https://a.example.org"},
        "bbb.hostname",
        "more than",
        "a.example.org alone",
    ),
    ({"bbb__hostname": "a.example.org/"}, "bbb.hostname", "more than", "a.example.org alone"),
    ({"bbb__hostname": "a.example.org:443"}, "bbb.hostname", "more than", "without scheme, port"),
    ({"bbb__hostname": "a.example.org/b"}, "bbb.hostname", "not a DNS name", "full name"),
    ({"bbb__hostname": "A.example.org"}, "bbb.hostname", "small letters", "full name"),
    ({"bbb__hostname": "192.0.2.41"}, "bbb.hostname", "not a DNS name", "full name"),
    ({"bbb__hostname": 5}, "bbb.hostname", "not text", "quotes"),
    # The release.
    ({"bbb__release": 3.0}, "bbb.release", "no whole release", "3.0.35"),
    ({"bbb__release": "3.0"}, "bbb.release", "not a release", "3.0.35"),
    ({"bbb__release": "jammy-300"}, "bbb.release", "not a release", "3.0.35"),
    ({"bbb__release": "3.0.35/../x"}, "bbb.release", "not a release", "3.0.35"),
    # Addresses.
    ({"bbb__public": {"ipv4": "2001:db8::1"}}, "bbb.public.ipv4", "no IPv4", "as ipv6"),
    ({"bbb__public__ipv6": "192.0.2.1"}, "bbb.public.ipv6", "no IPv6", "take it out"),
    ({"bbb__bind": "192.0.2.41"}, "bbb.bind", "no private IPv4", "take it out"),
    ({"bbb__bind": "fd00::1"}, "bbb.bind", "no private IPv4", "take it out"),
    (
        {"bbb__bind": "10.0.0.5", "bbb__public": {"ipv4": "10.0.0.5"}},
        "bbb.bind",
        "the public address too",
        "there is no NAT",
    ),
    # A mirror.
    ({"bbb__mirror__url": "https://a.example.org/"}, "bbb.mirror.url", "a mirror", "without /"),
    ({"bbb__mirror__url": "ftp://a.example.org"}, "bbb.mirror.url", "a mirror", "https"),
    ({"bbb__mirror__key": REMOVED}, "bbb.mirror.key", "missing", "add it"),
    # TURN.
    ({"bbb__turn": "turn.example.org"}, "bbb.turn", "neither local nor a list", "turns:"),
    ({"bbb__turn": []}, "bbb.turn", "", ""),
    ({"bbb__turn": ["turn.example.org"]}, "bbb.turn", "not the address of a TURN", "turns:"),
    ({"bbb__turn": ["turn://a.example.org"]}, "bbb.turn", "not the address of a TURN", "turns:"),
    ({"bbb__turn": ["turn:a.example.org:0"]}, "bbb.turn", "not the address of a TURN", "3478"),
    ({"bbb__turn": ["turn:a.example.org:70000"]}, "bbb.turn", "not the address", "3478"),
    ({"bbb__turn": ["turn:a.example.org?x=1"]}, "bbb.turn", "not the address", "transport"),
    ({"bbb__turn": ["turns:a.example.org:443"]}, "bbb.turn", "as TLS does", "?transport=tcp"),
    (
        {"bbb__turn": ["turns:a.example.org:443?transport=udp"]},
        "bbb.turn",
        "as TLS does",
        "?transport=tcp",
    ),
    # The rest.
    ({"bbb__certificate": "none"}, "bbb.certificate", "not accepted", "'acme' or 'own'"),
    ({"bbb__notes": "word"}, "bbb.notes", "not accepted", "'blocknote' or 'etherpad'"),
    ({"bbb__wanted": "gone"}, "bbb.wanted", "not accepted", "'drained' or 'retired'"),
    ({"bbb__weight": 0}, "bbb.weight", "not accepted", "greater than or equal to 1"),
    ({"bbb__balancer": "Meet"}, "bbb.balancer", "name of a balancer", "small letters"),
    ({"bbb__balancer": REMOVED}, "bbb.tag", "for a balancer only", "name one"),
    ({"bbb__tag": "a b"}, "bbb.tag", "not a tag", "such as large"),
    ({"bbb__recordings__formats": []}, "bbb.recordings.formats", "", ""),
    ({"bbb__recordings__formats": ["mp4"]}, "bbb.recordings.formats.0", "not accepted", "video"),
    ({"bbb__recordings__raw_days": 0}, "bbb.recordings.raw_days", "not accepted", "equal to 1"),
    ({"bbb__secret": "x"}, "bbb.secret", "no such field", ""),
]


@pytest.mark.parametrize(("changes", "field", "says", "remedy"), WRONG)
def test_a_mistake_names_field_and_remedy(
    tmp_path: Path, changes: dict[str, Any], field: str, says: str, remedy: str
) -> None:
    found = [it for it in problems(tmp_path, node(**changes)) if it.field.startswith(field)]
    assert found, problems(tmp_path, node(**changes))
    assert {it.record for it in found} == {"bbb1"}
    assert any(says in it.message and remedy in it.remedy for it in found), found


def test_a_record_bbb_is_for_its_role_alone(tmp_path: Path) -> None:
    record = node(roles=[], ubuntu=REMOVED)
    (problem,) = problems(tmp_path, record)
    assert (problem.record, problem.field) == ("bbb1", "bbb")
    assert "take it out or add the role" in problem.remedy


@pytest.mark.parametrize("role", [it for it in ROLES if it != "bbb"])
def test_a_node_has_no_other_role(tmp_path: Path, role: str) -> None:
    """Its packages give themselves what is below /var, and restart what they like."""
    found = problems(tmp_path, node(roles=["bbb", role]))
    assert ("bbb1", "roles") in places(found)
    assert any("give the roles to two hosts" in it.remedy for it in found)


def overrides(which: str, values: Any) -> dict[str, Any]:
    return node(**{f"bbb__overrides__{which}": values})


def nested(path: str) -> dict[str, Any]:
    """{"a": {"b": 1}} for "a.b"."""
    first, _, rest = path.partition(".")
    return {first: nested(rest) if rest else 1}


@pytest.mark.parametrize(
    ("which", "values"),
    [
        *(("web", {key: "x"}) for key in OWNED["web"]),
        ("web", {"securitySaltBefore": "x"}),
        *(
            (which, nested(path))
            for which, paths in OWNED.items()
            for path in paths
            if which != "web"
        ),
        ("sfu", {"freeswitch": None}),
        ("sfu", {"livekit": {"key": "x"}}),
        ("sfu", {"mediasoup": []}),
        ("html5", {"public": {}}),
        ("recording", {"steps": {"a": "b"}}),
    ],
)
def test_what_the_role_writes_nobody_overrides(
    tmp_path: Path, which: str, values: dict[str, Any]
) -> None:
    found = problems(tmp_path, overrides(which, values))
    assert places(found) == [("bbb1", f"bbb.overrides.{which}")]
    assert "is for the role to write" in found[0].message


@pytest.mark.parametrize(
    ("which", "values"),
    [
        ("sfu", {"freeswitch": {"port": 1}, "mediasoup": {"workers": 2}}),
        ("html5", {"public": {"media": {"audio": {"a": True}}}}),
        ("recording", {"stepsize": 1}),
        ("web", {"bigbluebutton.web.logoutURL": "https://example.org"}),
    ],
)
def test_what_lies_beside_is_free(tmp_path: Path, which: str, values: dict[str, Any]) -> None:
    assert problems(tmp_path, overrides(which, values)) == []


def test_no_person_has_the_name_of_an_account_of_bigbluebutton(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample(bbb1=node()))
    made = {it.name for line in fleet.bbb.lines.values() for it in line.accounts}
    groups = {it.group for line in fleet.bbb.lines.values() for it in line.files}
    assert made | groups - {"root"} == set(GROUPS["bbb"].accounts)


def test_an_account_has_one_number_in_all_lines(tmp_path: Path) -> None:
    fleet = fleet_of(tmp_path, sample(bbb1=node()))
    pairs = {(it.name, it.uid) for line in fleet.bbb.lines.values() for it in line.accounts}
    numbers = [uid for _, uid in pairs if uid is not None]
    assert len(pairs) == len(dict(pairs)) and len(numbers) == len(set(numbers)) > 2


@pytest.mark.parametrize(
    ("days", "fits"),
    [
        ({"volume_days": 30}, False),
        ({"volume_days": 30, "published_days": 30}, False),
        ({"volume_days": 30, "published_days": 29}, True),
        ({"published_days": 60}, True),
    ],
)
def test_a_recording_is_gone_from_the_node_before_it_goes_from_the_volume(
    days: dict[str, int], fits: bool
) -> None:
    """The node would take it for lost, and copy it anew, for ever."""
    if fits:
        Recordings.model_validate(days)
    else:
        with pytest.raises(ValueError, match="after 30 days the node would still have it"):
            Recordings.model_validate(days)
