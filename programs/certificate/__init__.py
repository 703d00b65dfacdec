"""Keeps the certificate of a host's web server: gets it, puts it in force, sees that it is served.

    certificate FILE ready           let the web server start: a certificate that browsers trust if
                                     there is a way to one already, else a placeholder
    certificate FILE renew           get a certificate if none is there or the present one is due,
                                     put it in force by a reload, and see that the port shows it
    certificate FILE deploy          put in force what is there already: certbot's deploy hook
    certificate FILE look [--write]  print as JSON what is there, what the port shows and what is
                                     wrong; --write: write the metrics too, and exit 1 if anything
                                     is wrong

FILE is JSON:

    name       the DNS name that the certificate is for
    source     "acme", or "own" for files that a person puts into the directory `own`
    unit       the web server's unit, which is reloaded and never restarted
    group      the group that may read the bundle
    bundle     the file that the web server reads: certificates, the host's own first, and the key
    own        a directory with fullchain.pem and privkey.pem
    webroot    the directory below which the web server finds ACME's challenges
    directory, email   the ACME server's directory, and whom the server may write to; "" for nobody
    ca         a file of certificates to trust beside the system's; "" for none
    metrics    the file to write: textfile collector of prometheus-node-exporter(1)

The bundle is one file with certificates and key, so that one rename replaces both: nginx's
ssl_certificate_key may name the same file as ssl_certificate, and haproxy wants it so (crt).
https://nginx.org/en/docs/http/configuring_https_servers.html
https://docs.haproxy.org/2.6/configuration.html#5.1-crt

Beside the bundle lies BUNDLE.placeholder as long as the bundle is a placeholder.
"""

from typing import Any

Settings = dict[str, Any]


class Failed(Exception):
    """Says what failed and what to do, in words for a person."""
