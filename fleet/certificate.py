"""The certificate of a host: for which name, from where, and which web server shows it."""

from typing import Literal

from fleet.values.fields import DnsName, Record

Source = Literal["acme", "own"]
"""acme: an ACME server such as Let's Encrypt; own: files that a person puts on the host."""


class Certificate(Record):
    """What a host shows on port 443. server: the web server, which listens on port 80 too."""

    name: DnsName
    source: Source = "acme"
    server: Literal["nginx", "haproxy"] = "nginx"
