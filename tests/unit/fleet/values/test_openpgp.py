"""A repository's key is one key, and the one that the data pins."""

import base64

import pytest

from fleet.reading.problems import Invalid
from fleet.values.openpgp import fingerprint

# Made for these tests by gpg 2.2, as `gpg --list-keys` names them; nobody has the private keys.
ONE = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawnEVhYJKwYBBAHaRw8BAQdAZrJM9I26+C5IU1PFD8VJ9tLX3wrsmuprHSg/
knoD15S0FW9uZSA8b25lQGV4YW1wbGUub3JnPoiQBBMWCAA4FiEE2SLzAevJavkH
iI6PxJcEcJLoZSQFAmsJxFYCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQ
xJcEcJLoZSQvowEAvquoKxLeFqYVzAhWgyRl6T8uL4zsdL8yQlrJ/Gh7BUsBAOEB
s88XAW0Rn5cLXYMyqYEAVfmrwmLaaRlWjv4619gM
=LMc8
-----END PGP PUBLIC KEY BLOCK-----
"""
FINGERPRINT = "D922F301EBC96AF907888E8FC497047092E86524"
TWO = """\
-----BEGIN PGP PUBLIC KEY BLOCK-----

mDMEawnEVhYJKwYBBAHaRw8BAQdANE6DFG/JFJrPkhcRCE0Xcxi5n4VUxteu7ADF
nvlBVou0FXR3byA8dHdvQGV4YW1wbGUub3JnPoiQBBMWCAA4FiEE4Ja76zgCys0x
yA0sy3y5F0LHhVEFAmsJxFYCGwMFCwkIBwIGFQoJCAsCBBYCAwECHgECF4AACgkQ
y3y5F0LHhVGk5QEAzHlo4dOZmVwFWpLbR57RnoQ//g8Jq9hwNxZrd348dGkBAI9w
MWgQ7oFmdrWxmaftuFFxpjJUcD6ERTgyLoaooG0H
=aOdu
-----END PGP PUBLIC KEY BLOCK-----
"""


def packets(text: str) -> bytes:
    """What is within the armour."""
    lines = text.splitlines()
    return base64.b64decode("".join(lines[2:-2]))


def armoured(data: bytes) -> str:
    body = base64.b64encode(data).decode()
    begin, end = (f"-----{it} PGP PUBLIC KEY BLOCK-----" for it in ("BEGIN", "END"))
    return f"{begin}\n\n{body}\n{end}\n"


def test_the_fingerprint_is_that_of_gpg() -> None:
    assert fingerprint(ONE) == FINGERPRINT
    assert fingerprint(armoured(packets(ONE))) == FINGERPRINT
    assert fingerprint(TWO) == "E096BBEB3802CACD31C80D2CCB7CB91742C78551"


@pytest.mark.parametrize(
    "text",
    [
        ONE + TWO,
        armoured(packets(ONE) + packets(TWO)),
        f"# a word before\n{ONE}",
        ONE.replace("PUBLIC", "PRIVATE"),
        "",
        "<html>404</html>",
    ],
)
def test_a_second_key_and_whatever_is_no_key_are_refused(text: str) -> None:
    """apt would believe the second key just as well."""
    with pytest.raises(Invalid, match="public key"):
        fingerprint(text)


@pytest.mark.parametrize("cut", [1, 40, -1])
def test_a_key_that_is_cut_short_is_refused(cut: int) -> None:
    with pytest.raises(Invalid):
        fingerprint(armoured(packets(ONE)[:cut]))


def test_a_secret_key_in_public_armour_is_refused() -> None:
    # Tag 5 in the place of tag 6, in the old format: RFC 9580, 4.2.2.
    data = bytes([0x94]) + packets(ONE)[1:]
    with pytest.raises(Invalid, match="something else"):
        fingerprint(armoured(data))


def test_whatever_comes_with_the_key_and_is_no_part_of_it_is_refused() -> None:
    # A secret key, and data: tags 5 and 11 in the new format, of one byte each.
    for packet in (b"\xc5\x01\x04", b"\xcb\x01x"):
        with pytest.raises(Invalid, match="something else"):
            fingerprint(armoured(packets(ONE) + packet))


def test_another_key_has_another_fingerprint() -> None:
    data = packets(ONE)
    other = data[:20] + bytes([data[20] ^ 1]) + data[21:]
    assert fingerprint(armoured(other)) != FINGERPRINT
