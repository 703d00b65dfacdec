from facts.delegations import BELOW_TOO, Delegations

# As OpenZFS 2.1 prints it.
OUTPUT = """\
##of\ttank/prod
---- Permissions on tank/prod ----------------------------------------
Permission sets:
\t@backup send
Local permissions:
\tuser web mount
Local+Descendent permissions:
\tuser pull hold,send
\tgroup staff snapshot
---- Permissions on tank ---------------------------------------------
Local+Descendent permissions:
\tuser pull destroy
##of\ttank/staging
"""


def test_what_is_allowed_on_the_dataset_itself_by_user() -> None:
    assert Delegations().parse(OUTPUT.splitlines()) == {
        "tank/prod": {
            "web": frozenset({("Local", "mount")}),
            "pull": frozenset({(BELOW_TOO, "hold"), (BELOW_TOO, "send")}),
        },
        "tank/staging": {},
    }


def test_behind_a_long_name_zfs_has_no_room_for_a_line() -> None:
    long = "storage-toronto-basement-rack3-encrypted/staging-2"
    allowed = "Local+Descendent permissions:\n\tuser pull hold,send\n"
    text = f"##of\t{long}\n---- Permissions on {long} \n{allowed}"
    expected = {"pull": frozenset({(BELOW_TOO, "hold"), (BELOW_TOO, "send")})}
    assert Delegations().parse(text.splitlines()) == {long: expected}
    # What is allowed above is not allowed here.
    for other in (f"{long}-", f"{long} -", long[:-2]):
        text = f"##of\t{long}\n---- Permissions on {other} ---\n{allowed}"
        assert Delegations().parse(text.splitlines()) == {long: {}}


def test_a_user_who_is_gone_has_a_name_of_several_words() -> None:
    text = OUTPUT.replace("user web mount", "user (unknown: 1234) mount")
    assert Delegations().parse(text.splitlines())["tank/prod"]["(unknown: 1234)"] == frozenset(
        {("Local", "mount")}
    )
