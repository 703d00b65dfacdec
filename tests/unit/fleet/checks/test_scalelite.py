"""A host runs Scalelite only if its image is chosen, and kills no meetings."""

from pathlib import Path

import pytest

from fleet.derived.ports import ports_of
from fleet.secrets import required
from tests.unit.fleet_samples import places, problems_of, sample
from tests.unit.scalelite_samples import LB, fleet_with_scalelite, group_data


def test_an_image_that_nobody_chose_is_refused_with_the_way_to_choose_one(tmp_path: Path) -> None:
    (problem,) = problems_of(tmp_path, sample(lb1=LB))
    assert (problem.file, problem.record) == ("group_data/scalelite.py", "digest")
    assert "no image of Scalelite is chosen, and lb1 is to run one" in problem.message
    assert problem.remedy.startswith(
        "look up the digest of docker.io/blindsidenetwks/scalelite:v1.8.5"
    )


def test_without_such_a_host_no_image_need_be_chosen(tmp_path: Path) -> None:
    assert problems_of(tmp_path, sample()) == []


@pytest.mark.parametrize("polls", [0, 1, 2, 4])
def test_a_poller_that_ends_meetings_early_is_refused(tmp_path: Path, polls: int) -> None:
    data = group_data(tmp_path, ("unhealthy_polls = 5", f"unhealthy_polls = {polls}"))
    (problem,) = problems_of(tmp_path, sample(lb1=LB), data)
    assert f"after {polls} failed polls Scalelite ends every meeting" in problem.message
    assert "write 5 or more" in problem.remedy


@pytest.mark.parametrize(
    ("old", "new", "what"),
    [
        ("0123456789abcdef0123", "", "is not the digest of an image"),
        ("sha256:", "v1.8.5@sha256:", "is not the digest of an image"),
        ("/scalelite", "/scalelite:v1.8.5", "is not the name of an image"),
    ],
)
def test_an_image_that_is_no_digest_is_refused(
    tmp_path: Path, old: str, new: str, what: str
) -> None:
    data = group_data(tmp_path)
    file = data / "scalelite.py"
    head, _, rest = file.read_text().partition("image = ")
    file.write_text(f"{head}image = {rest.replace(old, new, 1)}")
    assert what in problems_of(tmp_path, sample(lb1=LB), data)[0].message


def test_a_balancer_that_nobody_knows_is_refused(tmp_path: Path) -> None:
    lb = {**LB, "scalelite": {"balancer": "other"}}
    problems = problems_of(tmp_path, sample(lb1=lb), group_data(tmp_path))
    assert places(problems) == [("lb1", "scalelite.balancer")]
    assert "there is no balancer other that is Scalelite" in problems[0].message


def test_one_balancer_on_two_hosts_is_refused(tmp_path: Path) -> None:
    second = {**LB, "address": "192.0.2.52", "vpn": {"addresses": ["10.66.0.52", "fd66::52"]}}
    problems = problems_of(tmp_path, sample(lb1=LB, lb2=second), group_data(tmp_path))
    assert {it.field for it in problems} == {"scalelite.balancer"}


def test_a_url_with_a_port_is_refused(tmp_path: Path) -> None:
    change = ("https://meet.example.org", "https://meet.example.org:8443")
    data = group_data(tmp_path, change, file="bbb")
    problems = problems_of(tmp_path, sample(lb1=LB), data)
    assert places(problems) == [("balancers", "meet.url")]


@pytest.mark.parametrize("certificate", [None, {"name": "other.example.org"}])
def test_a_certificate_for_another_name_is_refused(
    tmp_path: Path, certificate: dict[str, str] | None
) -> None:
    lb = {key: it for key, it in LB.items() if key != "certificate"}
    if certificate:
        lb["certificate"] = certificate
    problems = problems_of(tmp_path, sample(lb1=lb), group_data(tmp_path))
    assert places(problems) == [("lb1", "certificate")]
    assert problems[0].remedy == "add certificate: {name: meet.example.org}"


def test_role_and_record_come_together(tmp_path: Path) -> None:
    without = {key: it for key, it in LB.items() if key != "scalelite"}
    data = group_data(tmp_path)
    assert "needs a record scalelite" in problems_of(tmp_path, sample(lb1=without), data)[0].message
    other = sample(stg1__scalelite={"balancer": "meet"})
    assert "for role scalelite only" in problems_of(tmp_path, other, data)[0].message


def test_only_the_web_is_open(tmp_path: Path) -> None:
    fleet = fleet_with_scalelite(tmp_path)
    opened = {str(it) for it in ports_of(fleet, fleet.host("lb1")) if it.to == "all"}
    assert opened <= {"tcp 22", "tcp 80", "tcp 443", "udp 51820"}


def test_its_secrets_are_wanted(tmp_path: Path) -> None:
    fleet = fleet_with_scalelite(tmp_path)
    wanted = required(fleet, [fleet.host("lb1")])
    assert set(wanted) == {"BALANCER_SECRET_MEET", "SCALELITE_KEY_LB1"}
