"""Each valid spelling is taken, in one form; a message never says what is not so."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from fleet.groups.pool import PoolName
from fleet.groups.vpn import VpnGroup
from fleet.reading.problems import Invalid
from fleet.values.fields import (
    AbsolutePath,
    Address,
    Commit,
    DnsName,
    LoginName,
    NfsExport,
    Repository,
    SshHostname,
    UnitName,
    UserName,
    ZfsName,
)
from fleet.values.networks import Prefix

COMMIT = "0123456789abcdef0123456789abcdef01234567"


def taken(kind: Any, value: str) -> str:
    return str(TypeAdapter(kind).validate_python(value))


def refusal(kind: Any, value: str) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(value)
    error = caught.value.errors()[0]["ctx"]["error"]
    assert isinstance(error, Invalid) and error.remedy
    return f"{error.message}; {error.remedy}"


@pytest.mark.parametrize(
    ("kind", "value", "form"),
    [
        (AbsolutePath, "/srv/", "/srv"),
        (AbsolutePath, "//srv//my-data/./x/", "/srv/my-data/x"),
        (AbsolutePath, "/srv\n", "/srv"),
        (NfsExport, "fs-0.efs.us-east-1.example.com:/", None),
        (NfsExport, "192.0.2.10:/volume1/NetBackup/", "192.0.2.10:/volume1/NetBackup"),
        (NfsExport, "my_nas:/volume1//x", "my_nas:/volume1/x"),
        (NfsExport, "[2001:DB8::1]:/export/x", "[2001:db8::1]:/export/x"),
        (NfsExport, "nas:/home/ops@example.org", None),
        (Repository, "git@example.org:org/repo.git", None),
        (Repository, "git@[2001:db8::1]:org/repo.git", None),
        (Repository, "https://example.org/org/My%20Project/_git/repo", None),
        (Repository, "https://org@example.org/org/repo", None),
        (Repository, "ssh://git@example.org:2222/~me/repo.git", None),
        (Commit, f"{COMMIT}\n", COMMIT),
        (LoginName, "first.last", None),
        (LoginName, "Ops", None),
        (SshHostname, "my_server", None),
        (SshHostname, "192.0.2.1", None),
        (SshHostname, "127.0.0.1", None),
        (SshHostname, "[2001:DB8::1]", "2001:db8::1"),
        (SshHostname, "server.example.org.", None),
        (Address, "2001:DB8:0::1", "2001:db8::1"),
        (Address, "100.64.0.1", None),
        (Prefix, "10.66.0.0/255.255.255.0", "10.66.0.0/24"),
        (Prefix, "FD66:0::/64", "fd66::/64"),
        (Prefix, "127.0.0.1/32", None),
        (Prefix, "::1/128", None),
        (Prefix, "0.0.0.0/0", None),
        (Prefix, "::/0", None),
        (PoolName, "logs", None),
        (PoolName, "log-2", None),
        (UnitName, r"app@srv-my\x2dapp.service", None),
        (UnitName, "app@one.service", None),
        (ZfsName, "tank/vm:1/_x/-y", None),
    ],
)
def test_each_valid_spelling_is_taken_in_one_form(kind: Any, value: str, form: str | None) -> None:
    assert taken(kind, value) == (form or value)


@pytest.mark.parametrize(
    ("kind", "value", "says"),
    [
        (AbsolutePath, "/srv/my data", "use letters, digits, _ . - and /"),
        (AbsolutePath, "/var/vmail/ops@example.org", "or name the directory above"),
        (AbsolutePath, "/srv/büro", "has a character"),
        (AbsolutePath, "/srv/../x", "has .. in it"),
        (AbsolutePath, "/", "name the directories in it"),
        (AbsolutePath, "srv", "write the whole path"),
        (AbsolutePath, "~/x", "write the whole path"),
        (NfsExport, "2001:db8::1:/x", "an IPv6 address in brackets"),
        (NfsExport, "nas:/my data", "letters, digits and"),
        (NfsExport, "nas:/a/../b", "not an NFS export"),
        (NfsExport, "nas:/%h", "not an NFS export"),
        (NfsExport, "nfs://nas/x", "not an NFS export"),
        (NfsExport, "nas:x", "not an NFS export"),
        (NfsExport, "192.0.2.256:/x", "not an NFS export"),
        (NfsExport, "255.255.255.255:/x", "not a host's address"),
        (NfsExport, "[192.0.2.1]:/x", "not an NFS export"),
        (Repository, "http://example.org/a.git", "by https, ssh or git"),
        (Repository, "https://example.org/a b.git", "%20 for a space"),
        (Repository, "https://example.org/a%2.git", "not the address"),
        (Repository, "https://example.org:99999/a.git", "not the address"),
        (Repository, "https://@example.org/a.git", "not the address"),
        (Repository, "ext::sh -c x", "not the address"),
        (Repository, "git@example.org::x", "not the address"),
        (Repository, "git@example.org:-x", "not the address"),
        (Repository, "-u@example.org:x", "may be a token"),
        (Repository, "ssh://-oProxyCommand/x", "not the address"),
        (Repository, "https://example.org/a.git#main", "means nothing to git"),
        (Commit, "0" * 64, "repository with SHA-256"),
        (Commit, COMMIT.upper(), "in small letters"),
        (UserName, "first.last", "use small letters, digits, - and _"),
        (UserName, "ops ", "use small letters, digits, - and _"),
        (LoginName, "a b", "use letters, digits"),
        (SshHostname, "ssh.example.org:2222", "port: 2222"),
        (SshHostname, "192.0.2.1:2222", "port: 2222"),
        (SshHostname, "[2001:db8::1]:22", "port: 22"),
        (SshHostname, "ops@example.org", "the field user"),
        # The key of an encrypted dataset, in hex digits: RFC 1035, 2.3.4, has at most 63.
        (SshHostname, "0123456789abcdef" * 4, "more than 63 characters; write"),
        (NfsExport, f"{'0123456789abcdef' * 4}:/backup", "more than 63 characters; write"),
        (SshHostname, "192.0.2.256", "not a name or address"),
        (SshHostname, "192.0.2", "not a name or address"),
        (SshHostname, "a..b", "not a name or address"),
        (SshHostname, "fe80::1%eth0", "without a zone"),
        (SshHostname, "0.0.0.0", "not a host's address"),
        (SshHostname, "::ffff:192.0.2.1", "write 192.0.2.1"),
        (Address, "255.255.255.255", "not a host's address"),
        (Address, "::ffff:192.0.2.1", "write 192.0.2.1"),
        (Address, "::192.0.2.1", "not a host's address"),
        (Address, "0.1.2.3", "not a host's address"),
        (Address, "240.0.0.1", "not a host's address"),
        (Address, "224.0.0.1", "not a host's address"),
        (Address, "ff02::1", "not a host's address"),
        (Address, "169.254.1.1", "not a host's address"),
        (Address, "fe80::1", "not a host's address"),
        (Address, "fd66::1%wg0", "not a host's address"),
        (Address, "100::1", "not a host's address"),
        (Address, "192.0.2.1/24", "without length"),
        (Prefix, "10.0.0.211", "write 10.0.0.211/32"),
        (Prefix, "fd66::1", "write fd66::1/128"),
        (Prefix, "::ffff:192.0.2.0/120", "addresses that no host has"),
        (Prefix, "224.0.0.0/4", "addresses that no host has"),
        (Prefix, "255.255.255.255", "addresses that no host has"),
        (Prefix, "0.0.0.0/8", "addresses that no host has"),
        (Prefix, "fe80::%eth0/64", "not an IP prefix"),
        (DnsName, "192.0.2.1", "not a DNS name"),
        (DnsName, "example.org:8080", "without port"),
        (PoolName, "log", "ZFS's own words"),
        (PoolName, "mirrors", "ZFS's own words"),
        (PoolName, "c0t0", "ZFS's own words"),
        (UnitName, "app@.service", "not a unit of systemd that can be stopped"),
        (UnitName, r"app\y.service", "not a unit of systemd"),
        (UnitName, "a" * 250 + ".service", "not a unit of systemd"),
        (ZfsName, "data/videos/Anime Movies", "no space"),
        (ZfsName, "/tank/srv", "as `zfs list` prints it"),
        (ZfsName, "tank/..", "not a ZFS dataset"),
    ],
)
def test_what_is_refused_gets_a_message_that_is_true(kind: Any, value: str, says: str) -> None:
    said = refusal(kind, value)
    assert says in said
    assert not (value.startswith("/") and "is not an absolute path" in said)


@pytest.mark.parametrize("name", ["wg-coop", "wg_coop", "WG0", "a" * 15])
def test_an_interface_has_any_name_that_its_files_and_units_can_have(name: str) -> None:
    assert taken(VpnGroup.model_fields["interface"].rebuild_annotation(), name) == name


@pytest.mark.parametrize("name", ["all", "interfaces", "lo", "default", "-wg", "wg.1", "a" * 16])
def test_an_interface_has_no_name_that_means_something_else(name: str) -> None:
    said = refusal(VpnGroup.model_fields["interface"].rebuild_annotation(), name)
    assert "letters, digits, - and _" in said
