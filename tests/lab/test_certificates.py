"""Certificates: got from an ACME server, renewed while people are there, and seen at the port."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from fleet.load import load
from lab.acme import CA_FILE
from lab.command import wait_for
from lab.machines import INVENTORY, ROOT, Machine, pyinfra
from roles.templates import render
from tests.lab import web_server
from tests.lab.fleets import Data, WebMachine, changed_project, counts
from tests.lab.web_server import HERE, LARGE, NAME, flow, names_of, shown, visit

pytestmark = pytest.mark.access

# Where roles/certificates puts it. That role is not imported here: with it comes pyinfra's command
# line, which changes the threads and sockets of this process.
CA = "/etc/coop-infra/acme-ca.pem"
# As an operator would, who has to say where the lab's CA is: certbot keeps no such setting.
ANEW = (
    f"REQUESTS_CA_BUNDLE={CA} certbot renew -q --cert-name {NAME} --force-renewal "
    "--no-random-sleep-on-renew"
)
# As if a program had been killed between certbot and the web server.
ANEW_ALONE = f"COOP_CERTIFICATE=1 {ANEW}"
# certbot knows nothing of the name any more.
FORGET = "mv /etc/letsencrypt /root/letsencrypt"
KEY = f"sha256sum < /etc/letsencrypt/live/{NAME}/privkey.pem"
RUNS = "systemctl show -P InvocationID -P MainPID -P NRestarts"


def certificate_of(data: Data, **fields: str) -> None:
    data["web1"]["certificate"].update(fields)


@contextmanager
def closed(host: Machine, rule: str) -> Iterator[None]:
    """While this is going on, the host has a rule of nftables."""
    chains = "".join(
        f"add chain inet trial {name} {{ type filter hook {name}put priority 0; }}; "
        for name in ("in", "out")
    )
    host.sh(f"nft 'add table inet trial; {chains} add rule inet trial {rule}'")
    try:
        yield
    finally:
        host.sh("nft delete table inet trial")


def test_without_its_web_server_the_run_says_what_is_missing(
    web_first_run: tuple[WebMachine, str],
) -> None:
    assert "nothing answers on port 80 of this host" in web_first_run[1]


def test_the_port_shows_a_certificate_and_the_next_run_changes_nothing(web: WebMachine) -> None:
    assert visit(web.host) == HERE
    before = shown(web.host)
    changed, failed, _ = counts(web.converge())
    assert (changed, failed) == (0, 0)
    assert shown(web.host) == before
    timers = web.host.sh("systemctl is-enabled coop-certificate.timer certbot.timer || true")
    assert timers.splitlines() == ["enabled", "masked"]


def test_a_certificate_is_renewed_while_somebody_downloads(web: WebMachine) -> None:
    before, key = shown(web.host), web.host.sh(KEY)
    is_running = web.host.sh(f"{RUNS} nginx")
    with flow(web.host) as download:
        web.host.sh(ANEW, timeout=300)
        assert shown(web.host) != before and visit(web.host) == HERE
        assert download.hurry() > LARGE
    assert web.host.sh(f"{RUNS} nginx") == is_running
    assert web.host.sh(KEY) != key


def test_haproxy_gets_its_bundle_and_old_connections_go_on(web: WebMachine, tmp_path: Path) -> None:
    project = changed_project(tmp_path / "p", lambda it: certificate_of(it, server="haproxy"))
    host = web.host
    # The run makes the bundle, without which haproxy does not start, and then waits for haproxy.
    host.sh("systemctl stop nginx")
    assert "haproxy.service does not run" in web.refused(project)
    web_server.haproxy(host)
    web.converge(directory=project)
    assert visit(host) == HERE
    assert host.sh("stat -c '%a %U:%G' /etc/haproxy/certbundle.pem") == "640 root:haproxy"
    before, is_running = shown(host), host.sh(f"{RUNS} haproxy")
    with flow(host) as download:
        host.sh(ANEW, timeout=300)
        assert shown(host) != before and visit(host) == HERE
        assert download.hurry() > LARGE
    assert host.sh(f"{RUNS} haproxy") == is_running


def test_another_certificate_at_the_port_is_noticed_and_put_right(web: WebMachine) -> None:
    host, before = web.host, shown(web.host)
    host.sh(
        "cd /etc/coop-infra/certificates && openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=x "
        f"-keyout k -out c 2> /dev/null && cat c k > {NAME}.pem && rm c k && systemctl reload nginx"
    )
    wait_for(lambda: shown(host) != before, "nginx has another one", 30)
    assert host.try_sh("systemctl start coop-certificate-status").returncode != 0
    metrics = host.sh("cat /var/lib/coop-infra/metrics/coop-certificate.prom")
    assert f'coop_certificate_problem{{name="{NAME}",kind="waiting"}} 1' in metrics
    audit = pyinfra("audit.py", "--limit", "web1")
    assert audit.returncode == 1 and "certificate: " in audit.stdout
    web.converge()
    assert shown(host) == before
    host.sh("systemctl start coop-certificate-status")
    metrics = host.sh("cat /var/lib/coop-infra/metrics/coop-certificate.prom")
    assert f'coop_certificate_served_matches{{name="{NAME}"}} 1' in metrics


def test_a_server_that_is_told_of_another_file_fails_the_run(web: WebMachine) -> None:
    other = "cat /etc/ssl/other.pem > /dev/null && sed 's,/etc/coop-infra.*pem,/etc/ssl/other.pem,'"
    web.host.sh(
        "openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=x -keyout - -out /tmp/c > /tmp/k "
        "2> /dev/null && cat /tmp/c /tmp/k > /etc/ssl/other.pem && "
        f"{other} /etc/nginx/snippets/coop-tls.conf > /etc/nginx/snippets/other.conf && "
        "sed -i s,coop-tls,other, /etc/nginx/sites-enabled/web && systemctl reload nginx"
    )
    assert "which certificate does its configuration name?" in web.refused()


def test_with_the_acme_server_away_what_is_served_stays(web: WebMachine) -> None:
    before = shown(web.host)
    web.host.sh(FORGET)
    with closed(web.host, "out tcp dport 14000 reject"):
        assert "the ACME server https://10.78.0.1:14000/dir does not answer" in web.refused()
        assert shown(web.host) == before and visit(web.host) == HERE
    web.converge()
    assert shown(web.host) != before and visit(web.host) == HERE


def test_with_port_80_closed_what_is_served_stays_and_the_cause_is_named(web: WebMachine) -> None:
    before = shown(web.host)
    web.host.sh(FORGET)
    with closed(web.host, "in iifname != lo tcp dport 80 reject with tcp reset"):
        assert "port 80 has to be open to everybody" in web.refused()
    assert shown(web.host) == before


def test_a_clock_that_is_ahead_asks_for_no_certificate(web: WebMachine) -> None:
    """A container has the clock of the lab's machine, so the ACME server's looks wrong here."""
    before = shown(web.host)
    web.host.sh(FORGET)
    place = "/usr/local/lib/coop-infra/programs/certificate/acme.py"
    web.host.sh(
        f"cp {place} /root; sed -i 's/time.time() - there/time.time() + 9e6 - there/' {place}"
    )
    done = web.host.try_sh("coop-certificate renew")
    assert b"the clock of this host is" in done.stderr and b"ahead" in done.stderr
    assert shown(web.host) == before


def test_another_name_waits_for_dns_and_takes_nothing_away_before(
    web: WebMachine, tmp_path: Path
) -> None:
    other, before = "web-two.lab.test", shown(web.host)
    project = changed_project(tmp_path / "p", lambda it: certificate_of(it, name=other))
    assert f"{other} is no name that DNS knows here" in web.refused(project)
    assert shown(web.host) == before and visit(web.host) == HERE
    # Also after a boot.
    web.host.reboot()
    wait_for(lambda: shown(web.host) == before, "nginx is back", 60)
    names_of(web.host, NAME, other)
    try:
        web.converge(directory=project)
        assert visit(web.host, other) == HERE
        # The files of the name that is gone stay, and are told.
        output = web.converge(directory=project)
        assert f"certbot's {NAME}" in output
        web.host.sh(f"test -s /etc/coop-infra/certificates/{NAME}.pem")
    finally:
        names_of(web.host, NAME)


def test_a_renewal_that_was_killed_anywhere_is_finished_by_the_next_run(web: WebMachine) -> None:
    host, before = web.host, shown(web.host)
    host.sh(ANEW_ALONE, timeout=300)
    assert shown(host) == before
    web.converge()
    assert shown(host) != before
    host.sh(FORGET)
    killed = (
        "systemd-run -q --unit=trial coop-certificate renew; "
        "until pgrep -x certbot > /dev/null; do sleep 0.05; done; systemctl kill -s KILL trial"
    )
    host.sh(killed, timeout=120)
    assert visit(host) == HERE
    web.converge()
    assert visit(host) == HERE
    changed, failed, _ = counts(web.converge())
    assert (changed, failed) == (0, 0)


def test_ones_own_certificate_is_taken_once_it_is_whole(web: WebMachine, tmp_path: Path) -> None:
    host, own = web.host, "/etc/coop-infra/own-certificate"
    project = changed_project(tmp_path / "p", lambda it: certificate_of(it, source="own"))
    before = shown(host)
    assert f"{own} needs fullchain.pem and privkey.pem" in web.refused(project)
    host.sh(
        f"cd {own} && openssl req -x509 -nodes -newkey rsa:2048 -subj /CN=x -keyout privkey.pem "
        f"-addext subjectAltName=DNS:{NAME} -out fullchain.pem 2> /dev/null"
    )
    assert "browsers do not trust its chain" in web.refused(project)
    host.sh(ANEW_ALONE, timeout=300)
    host.sh(f"cp /etc/letsencrypt/live/{NAME}/fullchain.pem {own}")
    assert "is not the key" in web.refused(project)
    assert shown(host) == before
    host.sh(f"cp -L /etc/letsencrypt/live/{NAME}/*.pem {own}")
    output = web.converge(directory=project)
    assert shown(host) != before and visit(host) == HERE
    assert "PRIVATE KEY" not in output


def test_a_host_whose_certificate_is_gone_from_the_data_goes_on_and_says_so(
    web: WebMachine, tmp_path: Path
) -> None:
    before = shown(web.host)
    project = changed_project(tmp_path / "p", lambda it: it["web1"].pop("certificate"))
    assert "Nobody renews it from now on" in web.converge(directory=project)
    assert shown(web.host) == before
    changed, failed, _ = counts(web.converge(directory=project))
    assert (changed, failed) == (0, 0)


def test_a_board_leads_to_https_as_soon_as_browsers_trust_its_certificate(web: WebMachine) -> None:
    """The board's own configuration of nginx, on a machine without storage."""
    host, fleet = web.host, load(Path(INVENTORY))
    site = fleet.host("vision-prod1").site
    assert site is not None
    bundle = f"/etc/coop-infra/certificates/{NAME}.pem"
    text = render(
        str(ROOT / "roles/vision/__init__.py"), "nginx.conf.j2",
        site=site.model_copy(update={"name": NAME}), vision=fleet.vision, https=True,
        root="/var/www/html", socket="/run/none.sock", bundle=bundle, hsts="max-age=1000",
        placeholder=f"{bundle}.placeholder", tls="/etc/nginx/snippets/coop-tls.conf",
        challenge="/etc/nginx/snippets/coop-acme-challenge.conf",
    )  # fmt: skip
    host.sh("cd /var/www/html; echo there > page; mkdir files; echo up > files/x")
    web_server.nginx(host, text)
    plain = f"http://{host.address}/page?a=b"
    answer = requests.get(plain, headers={"Host": NAME}, allow_redirects=False, timeout=20)
    assert (answer.status_code, answer.headers["Location"]) == (301, f"https://{NAME}/page?a=b")
    assert "Strict-Transport-Security" not in answer.headers
    challenge = f"http://{host.address}/.well-known/acme-challenge/none"
    assert requests.get(challenge, allow_redirects=False, timeout=20).status_code == 404
    for path in ("page", "files/x", "none"):
        words = ["curl", "-s", "-o", "/dev/null", "-D", "-", "--cacert", str(CA_FILE)]
        words += ["--resolve", f"{NAME}:443:{host.address}", f"https://{NAME}/{path}"]
        head = subprocess.run(words, capture_output=True, text=True, check=True).stdout
        assert head.count("Strict-Transport-Security: max-age=1000") == 1, head
    # A run looks for what it needs itself: the same command as in a first run.
    host.sh(f"rm {bundle}; {FORGET}; sed -i s/14000/14001/ /etc/coop-infra/certificate.json")
    host.sh("systemctl stop nginx; coop-certificate ready; systemctl start nginx")
    answer = requests.get(plain, headers={"Host": NAME}, allow_redirects=False, timeout=20)
    assert (answer.status_code, answer.text) == (200, "there\n")
    assert b"does not answer" in host.try_sh("coop-certificate renew").stderr
    host.sh("sed -i s/14001/14000/ /etc/coop-infra/certificate.json; coop-certificate renew")
    answer = requests.get(plain, headers={"Host": NAME}, allow_redirects=False, timeout=20)
    assert answer.status_code == 301
    assert json.loads(host.sh("coop-certificate look"))["found"] == {}
