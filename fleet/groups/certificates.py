"""group_data/certificates.py: a host that shows a certificate on port 443."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, StrictInt

from fleet.groups.base import Group
from fleet.values.fields import MAIL_ADDRESS, FilePath, Record, Text, matching

DirectoryUrl = Annotated[
    Text,
    matching(
        r"https://[A-Za-z0-9.-]+(?::[0-9]{1,5})?/[A-Za-z0-9._/~-]*",
        "the URL of an ACME server's directory",
        "write one such as https://acme-v02.api.letsencrypt.org/directory",
    ),
]
Email = Annotated[
    Text,
    matching(
        f"|{MAIL_ADDRESS}",
        "an email address",
        'write one that several people read, or "" for none',
    ),
]


class AcmeServer(Record):
    """An ACME server. ca: a file of certificates that hosts trust for it, beside the system's."""

    directory: DirectoryUrl
    ca: FilePath | None = None


class AcmeServers(Record):
    """The servers to choose from. lab: the lab's own, which its hosts use whatever is chosen."""

    production: AcmeServer
    staging: AcmeServer
    lab: AcmeServer


class CertificatesGroup(Group):
    """Where certificates come from.

    chosen: the server of all hosts but the lab's
    email: whom the server may write to, or "" for nobody
    hsts_seconds: for how long a browser that was here comes by HTTPS alone: RFC 6797; 0 for not
    """

    member_by: ClassVar = "shows"
    looks: ClassVar = {"coop_certificate_status_timestamp_seconds": 3 * 3600}

    acme: AcmeServers
    chosen: Literal["production", "staging"]
    email: Email
    hsts_seconds: Annotated[StrictInt, Field(ge=0, le=2 * 366 * 86400)]

    @property
    def hsts(self) -> str:
        """The value of Strict-Transport-Security; "" for no such header. RFC 6797, 6.1."""
        return f"max-age={self.hsts_seconds}" if self.hsts_seconds else ""
