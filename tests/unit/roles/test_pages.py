"""The pages of the fleet say only what Prometheus knows, and fetch nothing from elsewhere."""

import re

import pytest

from roles.monitor import alerts, pages

BASE = "https://git.example.org/runbooks/"


@pytest.mark.parametrize("name", pages.ALL)
def test_a_page_has_no_script_and_fetches_nothing(name: str) -> None:
    text = pages.pages(BASE)[name]
    assert "<script" not in text and "@" not in text.replace("@media", "")
    assert not re.search(r"\b(src|@import|url\()", text)
    links = re.findall(r'href="([^"]*)', text)
    assert links and all(it.startswith((BASE, "host.html?", "fleet.html")) for it in links)
    assert text.count("{{ if") + text.count("{{ range") + text.count("{{ with") + text.count(
        "{{ else if"
    ) == text.count("{{ end }}")


def test_each_alert_of_a_column_is_one() -> None:
    known = {it.name for it in alerts.alerts()}
    named = {name for it in (*pages.HOSTS, *pages.NODES) for name in it.alerts}
    assert named and named <= known


def test_a_host_of_the_address_is_no_query() -> None:
    text = pages.pages(BASE)[pages.HOST]
    assert text.count(".Params.host") == 2
    assert '{{ $host := reReplaceAll "[^a-z0-9-]" "" .Params.host }}' in text
