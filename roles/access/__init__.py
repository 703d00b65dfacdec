"""Who gets in by SSH: the people of people.yml, by their keys, and nobody else."""

from datetime import UTC, datetime
from functools import partial

from pyinfra.api import deploy

from controller.audit import Look
from controller.connection import key_of_login, log_in_anew
from controller.preflight import refuse
from controller.this_run import this_fleet, this_host
from facts.access import KEYS, Access
from fleet.derived.access import accounts_on, lockout, owner
from operations import access
from operations.access.wanted import Account, Wanted
from roles import offsite
from roles.access.found import judge

# In sshd's own words, as `sshd -T` prints them: sshd_config(5). Its ciphers are left to Debian.
SSHD = {
    # The only keys that count are those that root has put there.
    "authorizedkeysfile": f"{KEYS}/%u",
    "authenticationmethods": "publickey",
    "pubkeyauthentication": "yes",
    "passwordauthentication": "no",
    "kbdinteractiveauthentication": "no",
    "hostbasedauthentication": "no",
    "gssapiauthentication": "no",
    "kerberosauthentication": "no",
    "permitemptypasswords": "no",
    "authorizedkeyscommand": "none",
    "authorizedprincipalscommand": "none",
    "authorizedprincipalsfile": "none",
    "trustedusercakeys": "none",
    # A file that is missing would refuse every key.
    "revokedkeys": "none",
    "permitrootlogin": "no",
    # Of whoever logs in: what they asked for is run, and they see the whole host.
    "forcecommand": "none",
    "chrootdirectory": "none",
    "strictmodes": "yes",
    # Without it an account that has expired could be used, and nothing would end its sessions.
    "usepam": "yes",
    "permituserenvironment": "no",
    "permituserrc": "no",
    "permittunnel": "no",
    "x11forwarding": "no",
    "allowagentforwarding": "no",
    "gatewayports": "no",
    "logingracetime": "30",
    # A machine that went away without a word keeps no session.
    "clientaliveinterval": "60",
    "clientalivecountmax": "3",
    # With the fingerprint of the key that was used.
    "loglevel": "VERBOSE",
}

# Lists of whom sshd lets in at all: others than the operator would be shut out, and no file of here
# takes back what another one says there.
LISTS = ("allowusers", "denyusers", "allowgroups", "denygroups")


def preflight() -> None:
    """Refuse a run whose operator would not get in again."""
    reason = lockout(this_fleet().people.values(), this_host(), key_of_login(), datetime.now(UTC))
    if reason:
        remedy = "give a person of people.yml that key and the access admin, and come by it"
        refuse(reason, remedy)


@deploy("Access")
def converge() -> None:
    access.people(
        name="People, keys and sshd", wanted=wanted, prove=partial(log_in_anew, operator())
    )


def audit() -> Look:
    """Who gets in, as it is."""
    want = wanted()
    return Look("access", [(Access, want.question)], partial(judge, wanted=want))


def wanted() -> Wanted:
    """Who should get in to the host, and sshd's settings there."""
    people = tuple(
        Account(it.name, it.admin, it.keys)
        for it in accounts_on(this_fleet().people.values(), this_host(), datetime.now(UTC))
    )
    return Wanted(people, SSHD, _others(), offsite.accepted())


def operator() -> str:
    """The person by whose key this run is logged in to the host; "" for nobody's, in a dry run."""
    person = owner(this_fleet().people.values(), key_of_login())
    return person.name if person else ""


def _others() -> dict[str, str]:
    """What sshd must have and is not given here: where it listens is closed by its number."""
    here = this_host()
    port = {"port": str(here.ssh_port)} if here.only_by_vpn else {}
    return dict.fromkeys(LISTS, "") | port
