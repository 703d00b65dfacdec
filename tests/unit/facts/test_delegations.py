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
