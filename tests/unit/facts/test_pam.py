"""PAM itself is asked, with its modules: pam_nologin(8), pam_access(8), pam_unix(8)."""

from pathlib import Path

import pytest

from facts.pam import ASK_PAM, PYTHON
from tests.unit.apart import in_a_world, needs_a_world

MODULES = "pam_nologin.so pam_access.so pam_unix.so"
CONFIGURE = f"""\
mkdir /etc/pam.d /etc/security; touch /etc/security/access.conf
for module in {MODULES}; do echo "account required $module"; done > /etc/pam.d/sshd
echo root:*:20000:0:99999:7::: > /etc/shadow; echo eve:!:20000:0:99999:7::: >> /etc/shadow
"""


@needs_a_world
@pytest.mark.skipif(not Path(PYTHON).exists(), reason="no Python of Debian's")
@pytest.mark.parametrize(
    ("harm", "answer"),
    [
        ("true", ""),
        ("touch /etc/nologin", "eve\tAuthentication failure\n"),
        ("echo '-:eve:ALL' > /etc/security/access.conf", "eve\tPermission denied\n"),
        ("sed -i s/20000:0:99999/20000:0:60/ /etc/shadow", "one required\n"),
        ("sed -i s/eve:!:20000/eve:!:0/ /etc/shadow", "one required\n"),
        ("sed -i 's/:::$/::1:/' /etc/shadow", "expired\n"),
        # Whoever comes from where the run came gets in.
        (
            "export SSH_CONNECTION='10.66.1.1 1 2 3'\n"
            "echo '-:ALL EXCEPT root:ALL EXCEPT 10.66.1.1' > /etc/security/access.conf",
            "",
        ),
    ],
)
def test_pam_refuses_whom_sshd_would_refuse(harm: str, answer: str) -> None:
    quoted = ASK_PAM.replace("'", "'\\''")
    done = in_a_world(f"{CONFIGURE}{harm}\n{PYTHON} -I -c '{quoted}' eve")
    assert done.returncode == 0 and done.stderr == ""
    assert done.stdout.endswith(answer) and bool(done.stdout) == bool(answer)
