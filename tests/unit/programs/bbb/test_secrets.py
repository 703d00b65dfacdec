"""Secrets of the node: made once, never shown, and an old one stays in no place."""

import pytest

from programs.bbb import places, secrets
from programs.bbb.failed import Failed
from programs.bbb.root import STATE
from tests.unit.programs.bbb.node import NEW, OLD, PROPERTIES, Node

DEFAULT = "/usr/local/bigbluebutton/bbb-webhooks/config/default.yml"


def test_own_secrets_are_made_once_and_for_root_alone(node: Node) -> None:
    node.root.at(f"{STATE}/own.json").unlink()
    first = secrets.made(node.root)
    assert secrets.made(node.root) == first and len(set(first.values.values())) == 4
    assert node.root.at(f"{STATE}/own.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["{}", "", '{"values": {"ESL": ""}}'])
def test_own_secrets_that_are_damaged_are_not_made_anew(node: Node, text: str) -> None:
    node.put(f"{STATE}/own.json", text)
    with pytest.raises(Failed, match="damaged"):
        secrets.made(node.root)
    assert node.text(f"{STATE}/own.json") == text


@pytest.mark.parametrize("text", ["", "short", f"{NEW}!", f"{NEW} x"])
def test_a_wanted_secret_that_would_break_bbb_conf_is_refused(node: Node, text: str) -> None:
    node.put(f"{STATE}/secret", text)
    with pytest.raises(Failed, match="API secret is not staged") as error:
        secrets.wanted(node.root)
    assert NEW not in str(error.value)


def test_no_text_shows_a_secret(node: Node) -> None:
    node.put(PROPERTIES, f"securitySalt={OLD}\n")
    secrets.remember(node.root, "Older" * 8)
    own = secrets.made(node.root).values
    text = " ".join([NEW, OLD, "Older" * 8, *own.values()])
    assert set(secrets.mask(node.root, text).split()) == {"***"}


def _scatter(node: Node) -> list[str]:
    """The old secret in each kind of place."""
    texts = {
        "/etc/bigbluebutton/bbb-apps-akka.conf.bak": f'services {{ sharedSecret="{OLD}" }}\n',
        "/etc/bigbluebutton/bbb-webhooks/production.yml": f"bbb:\n  sharedSecret: {OLD}\n",
        DEFAULT: f"bbb:\n  sharedSecret: {OLD}\n",
        "/usr/local/bigbluebutton/bbb-webhooks/extra/post_catcher.js": f'sharedSecret = "{OLD}";\n',
        "/tmp/bigbluebutton.properties": f"securitySalt={OLD}\n",
        "/root/greenlight-v3/.env": f"BIGBLUEBUTTON_SECRET={OLD}\n",
        "/root/greenlight-v3/.env.old": f"BIGBLUEBUTTON_SECRET={OLD}\n",
        "/home/ops/bbb-lti/broker/.env": f"BIGBLUEBUTTON_SECRET={OLD}\n",
    }
    for path, text in texts.items():
        node.put(path, text, 0o640)
    node.root.at("/tmp").chmod(0o1777)
    return list(texts)


def test_an_old_secret_is_found_in_each_place_and_goes_from_there(node: Node) -> None:
    scattered = _scatter(node)
    secrets.remember(node.root, OLD)
    assert sorted(places.with_old(node.root)) == sorted(scattered)
    places.scrub(node.root)
    assert places.with_old(node.root) == [] and places.scrub(node.root) == []
    assert f"sharedSecret: {NEW}" in node.text(DEFAULT)
    assert node.root.at(DEFAULT).stat().st_mode & 0o777 == 0o640
    assert not node.root.at("/tmp/bigbluebutton.properties").exists()


def test_a_secret_of_an_earlier_rotation_is_found_by_its_digest(node: Node) -> None:
    secrets.remember(node.root, OLD)
    secrets.forget(node.root)
    assert OLD not in node.text(f"{STATE}/own.json") and not node.root.at(f"{STATE}/old").exists()
    node.put("/etc/bigbluebutton/copy.bak", f"x={OLD}\n")
    assert places.with_old(node.root) == ["/etc/bigbluebutton/copy.bak"]


def test_a_rotation_may_go_back_to_an_earlier_secret(node: Node) -> None:
    secrets.remember(node.root, OLD)
    node.put(f"{STATE}/secret", OLD)
    node.put(PROPERTIES, f"securitySalt={OLD}\n")
    assert places.with_old(node.root) == [] and secrets.before(node.root) == []


def test_what_bbb_web_s_preinst_leaves_in_tmp_goes_in_any_case(node: Node) -> None:
    node.put("/tmp/bigbluebutton.properties", "securitySalt=Random\n")
    node.root.at("/tmp/turn-stun-servers.xml").symlink_to("/etc/passwd")
    node.root.at("/tmp").chmod(0o1777)
    places.scrub(node.root)
    assert list(node.root.at("/tmp").iterdir()) == []


def test_places_are_told_without_a_secret(node: Node) -> None:
    _scatter(node)
    node.put("/usr/share/bbb-apps-akka/conf/application.conf", 'sharedSecret="changeme"\n')
    secrets.remember(node.root, OLD)
    found = places.summary(node.root, NEW)
    assert found[PROPERTIES] == "wanted" and found[DEFAULT] == "other"
    assert found["/usr/share/bbb-apps-akka/conf/application.conf"] == "none"
    assert OLD not in str(found) and NEW not in str(found)


def test_a_link_in_a_home_leads_nowhere_and_stops_nothing(node: Node) -> None:
    node.put("/root/greenlight-v3/.env", f"BIGBLUEBUTTON_SECRET={OLD}\n", 0o600)
    node.root.at("/home/ops").mkdir(parents=True)
    node.root.at("/home/ops/greenlight-v3").symlink_to("../../root/greenlight-v3")
    secrets.remember(node.root, OLD)
    assert places.scrub(node.root) == ["/root/greenlight-v3/.env"]
    assert node.root.at("/home/ops/greenlight-v3").is_symlink()


def test_what_somebody_has_put_into_tmp_is_passed_over(node: Node) -> None:
    node.put("/tmp/x.bak", "a" * 10)
    node.root.at("/tmp/y.bak").symlink_to(node.root.at(PROPERTIES))
    node.root.at("/tmp/bigbluebutton.properties").mkdir()
    assert "/tmp/y.bak" not in dict(places.places(node.root))
