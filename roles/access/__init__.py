"""Who gets in by SSH: people of people.yml and hosts that pull copies, by their keys alone."""

from datetime import UTC, datetime
from functools import partial

from pyinfra.api import deploy

from controller.audit import Look
from controller.connection import key_of_login, log_in_anew
from controller.preflight import refuse
from controller.this_run import this_fleet, this_host
from facts.access import KEYS, Access
from fleet.derived.access import accounts_on, lockout, owner
from fleet.people import end_of
from operations import access
from operations.access.steps import number
from operations.access.wanted import Account, Wanted
from roles import offsite
from roles.access.found import judge

# Names and values are as `sshd -T` prints them: sshd_config(5). Debian chooses the ciphers.
SSHD = {
    # Only the keys that root has put into this directory count.
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
    # A file that is named here and missing would make sshd refuse every key.
    "revokedkeys": "none",
    "permitrootlogin": "no",
    # Whoever logs in runs the command that they asked for, and sees the whole host.
    "forcecommand": "none",
    "chrootdirectory": "none",
    "strictmodes": "yes",
    # PAM makes the sessions that a run can end. And without PAM sshd would refuse everybody whose
    # password is locked, which is everybody: sshd_config(5), auth.c.
    "usepam": "yes",
    "permituserenvironment": "no",
    "permituserrc": "no",
    "permittunnel": "no",
    "x11forwarding": "no",
    "allowagentforwarding": "no",
    "gatewayports": "no",
    "logingracetime": "30",
    # The session of a machine that went away without a word ends, here after three minutes.
    "clientaliveinterval": "60",
    "clientalivecountmax": "3",
    # The log also has the fingerprints of keys that sshd refused, and the line of authorized_keys
    # with the one that it accepted. INFO has the accepted one's fingerprint alone: auth.c.
    "loglevel": "VERBOSE",
}

# Lists of whom sshd lets in at all. In another file, such a list could shut out everybody but the
# operator, and nothing in this project's file could take the list back.
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
    """Who gets in to the host now."""
    want = wanted()
    return Look("access", [(Access, want.question)], partial(judge, wanted=want))


def wanted() -> Wanted:
    """Who should get in to the host, and sshd's settings there."""
    people = tuple(
        Account(
            it.name, it.admin, it.keys, number(end_of(it.expires).date()) if it.expires else None
        )
        for it in accounts_on(this_fleet().people.values(), this_host(), datetime.now(UTC))
    )
    return Wanted(people, SSHD, _others(), offsite.accepted())


def operator() -> str:
    """The person by whose key this run logged in to the host; in a dry run "" if it is nobody's."""
    person = owner(this_fleet().people.values(), key_of_login())
    return person.name if person else ""


def _others() -> dict[str, str]:
    """What sshd must have and a run does not set. The firewall closes SSH by the port's number."""
    here = this_host()
    port = {"port": str(here.ssh_port)} if here.only_by_vpn else {}
    return dict.fromkeys(LISTS, "") | port
