import pytest

from facts.sudo_rules import hurdle

OURS = "    (ALL : ALL) NOPASSWD: ALL"
LATER = "    (ALL) ALL"
PASSWORD = "it asks them for a password"
SOME = "it lets them do some things only"


def said(*rules: str, defaults: str = "env_reset, mail_badpass, use_pty") -> list[str]:
    """What sudo 1.9.13 prints."""
    return [
        "Matching Defaults entries for ops-hypha-1 on bbb1:",
        f"    {defaults}",
        "",
        "User ops-hypha-1 may run the following commands on bbb1:",
        *rules,
    ]


@pytest.mark.parametrize(
    ("rules", "why"),
    [
        ([OURS], ""),
        ([LATER, OURS], ""),
        (["    (root) NOPASSWD: ALL"], ""),
        (["    (ALL : ALL) NOPASSWD: SETENV: ALL"], ""),
        (["    (ALL) CWD=/ NOPASSWD: ALL"], ""),
        ([OURS, "    (root) PASSWD: /usr/bin/apt"], ""),
        ([OURS, LATER], PASSWORD),
        ([OURS, "    (ALL) PASSWD: ALL"], PASSWORD),
        ([OURS, "    (www-data) ALL"], ""),
        ([OURS, "    (ALL, !root) ALL"], ""),
        ([OURS, "    (ALL) NOPASSWD: ALL, !/bin/sh"], "it does not let them run /bin/sh"),
        (["    (ALL) NOPASSWD: /usr/bin/apt, /usr/bin/apt-get,", "        ALL"], ""),
        (["    (ALL) NOPASSWD: /usr/bin/apt"], SOME),
        (["    (www-data) NOPASSWD: ALL"], SOME),
        ([], SOME),
    ],
)
def test_whether_everything_is_allowed_without_a_password(rules: list[str], why: str) -> None:
    assert hurdle(said(*rules)) == why


def test_defaults_count_too() -> None:
    assert hurdle(said(LATER, defaults="env_reset, !authenticate")) == ""
    assert hurdle(said(OURS, defaults="requiretty")) == "sudo wants a terminal"
    assert hurdle(said(OURS, defaults="env_reset, !requiretty")) == ""
