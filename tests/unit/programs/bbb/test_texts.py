"""Marks, keys of settings, and what bbb-conf would read wrong."""

import pytest

from programs.bbb.failed import Failed
from programs.bbb.keys import faults, properties
from programs.bbb.render import render


def test_each_mark_gets_its_value() -> None:
    assert render("a=@ESL@ b@x.org @TURN@@ESL@", {"ESL": "e1", "TURN": "t2"}) == "a=e1 b@x.org t2e1"


@pytest.mark.parametrize("value", ['a"b', "a b", "", "@SECRET@", "a\nb", "a'b", "a/b"])
def test_a_value_that_would_need_quotes_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(Failed, match="ESL") as error:
        render("@ESL@", {"ESL": value})
    assert len(value) < 3 or value not in str(error.value)


def test_a_mark_without_value_is_refused() -> None:
    with pytest.raises(Failed, match="TURN"):
        render("@TURN@", {"ESL": "e"})


def test_the_last_of_two_lines_counts_as_in_java() -> None:
    text = "#securitySalt=no\n! securitySalt=no\n securitySalt = a=b \na : c\nsecuritySalt=last"
    assert properties(text) == {"securitySalt": "last", "a": "c"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("securitySalt=1\nsecuritySalt=1\n", "twice"),
        ("securitySalt=1\nsecuritySalt2=1\n", "takes securitySalt2 for securitySalt"),
        ("bigbluebutton.web.serverURL=https://b.example.org/\n", "ends with /"),
    ],
)
def test_what_bbb_conf_would_read_wrong_is_told(text: str, told: str) -> None:
    assert [it for it in faults("/f", text) if told in it]
    assert not faults("/f", "securitySalt=1\n#securitySalt=2\n")
