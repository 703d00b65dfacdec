"""The address of a balancer is one that its driver can use, and gives no secret away."""

import pytest
from pydantic import ValidationError

from fleet.groups.bbb import Balancer


@pytest.mark.parametrize(
    ("driver", "url"),
    [
        ("scalelite", "https://meet.example.org"),
        ("scalelite", "https://meet.example.org:8443"),
        ("scalelite", "http://127.0.0.1:3000"),
        ("bbblb", "command:/home/ops/bin/lb-command"),
    ],
)
def test_an_address_that_is_fit(driver: str, url: str) -> None:
    data = {"driver": driver, "url": url, "min_serving": 1}
    assert Balancer.model_validate(data).url == url


@pytest.mark.parametrize(
    ("driver", "url"),
    [
        ("scalelite", "http://meet.example.org"),
        ("scalelite", "https://meet.example.org/"),
        ("scalelite", "https://meet.example.org/scalelite/api"),
        ("scalelite", "https://ops@meet.example.org"),
        ("scalelite", "command:/home/ops/bin/lb-command"),
        ("bbblb", "https://meet.example.org"),
        ("bbblb", "command:lb-command"),
        ("bbblb", "command:/bin/sh -c id"),
    ],
)
def test_an_address_that_is_not(driver: str, url: str) -> None:
    with pytest.raises(ValidationError, match=f"is not the address of a balancer that is {driver}"):
        Balancer.model_validate({"driver": driver, "url": url, "min_serving": 1})
