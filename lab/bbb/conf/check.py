"""What only reads: --check, and what --restart says before and after."""

import os
import shutil
import time
from pathlib import Path

from lab.bbb.conf import system
from lab.bbb.conf.system import EVENT_SOCKET, FREESWITCH, SITE

DEFAULT_SECRET = "330a8b08c3b4c61533e1d0c5ce1ac88f"
OWNERS = {"var/freeswitch/meetings": "freeswitch", "var/bigbluebutton": "bigbluebutton"}
# The CA of the lab's certificates. A real node's system trusts those of its own certificate.
CA = system.ROOT / "etc/coop-infra/acme-ca.pem"
TRIES = int(os.environ.get("BBB_STANDIN_TRIES", "80"))


def check_configuration() -> None:
    """Raises SystemExit(1) for an empty value that counts."""
    system.need_value("event_socket", EVENT_SOCKET, _parameter("listen-ip"))
    if not system.SITE_ENABLED.is_symlink():
        print("# Nginx: BigBlueButton appears to be disabled")
    name = system.first(r"^\s*server_name\s+([^\s;]+)", SITE)
    system.need_value("server_name", SITE, name)
    if (system.UNITS / "bbb-webhooks.service").exists():
        # The override is not looked at.
        secret = system.first(r"^  sharedSecret: (.*)", system.WEBHOOKS)
        if secret != system.web("securitySalt"):
            print("# Warning: Webhooks API Shared Secret mismatch:")
    for place, owner in OWNERS.items():
        directory = system.ROOT / place
        if not directory.exists() or directory.owner() != owner:
            print(f"# Warning: Detected the directory\n#    /{place}\n# is not owned by {owner}")
    if "stun:stun.freeswitch.org" in system.read(FREESWITCH / "etc/freeswitch/vars.xml"):
        print("# Warning: Detected FreeSWITCH is using default stun.freeswitch.org server.")
    if shutil.which("ufw") is None:
        print("# Warning: No firewall detected.")


def check_state() -> int:
    """0 whatever is found; 1 for an empty value and for the default secret."""
    print("\n# Potential problems described below")
    check_configuration()
    if "Thread ended for mod_event_socket" in system.read(system.FREESWITCH_LOG):
        print("# Error: Found text in freeswitch.log")
    if _fails(str(FREESWITCH / "bin/fs_cli"), "-p", _parameter("password")):
        print("# Error: Unable to connect to the FreeSWITCH Event Socket Layer on port 8021")
    url = system.web("bigbluebutton.web.serverURL")
    system.need_value("server_name", SITE, url.rpartition("/")[2])
    api = f"{url}/bigbluebutton/api"
    if not any(answers(api, attempt) for attempt in range(TRIES)):
        print(f"# Error: Could not connect to the configured hostname/IP address\n#    {url}/")
    if 'sharedSecret="changeme"' in system.read(system.APPS):
        print(f"# Error: Detected that {system.APPS} has the default configuration values.")
    for unit, state in system.states():
        if state == "inactive":
            print(f"# Error: Detected some processes have not started correctly\n#   {unit}")
    if system.web("securitySalt") == DEFAULT_SECRET:
        print("# Warning: Detected you have the default shared secret.")
        system.run("systemctl", "stop", "bbb-web")
        return 1
    return 0


def _parameter(name: str) -> str:
    """Of FreeSWITCH's event socket."""
    return system.first(rf'name="{name}" value="([^"]*)"', EVENT_SOCKET)


def _fails(*words: str) -> bool:
    return not Path(words[0]).exists() or system.run(*words).returncode != 0


def answers(api: str, attempt: int) -> bool:
    """Whether the API says SUCCESS within a second, by the DNS name; a dot if not."""
    if attempt:
        time.sleep(1)
    trusts = ["--cacert", str(CA)] if CA.exists() else []
    if "SUCCESS" in system.run("timeout", "1", "curl", "-sS", *trusts, api).stdout:
        return True
    print(".", end="", flush=True)
    return False
