"""The options of bbb-conf."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

from lab.bbb.conf import system
from lab.bbb.conf.change import set_ip, set_secret
from lab.bbb.conf.check import check_configuration, check_state

USAGE = """\
BigBlueButton Configuration Utility (stand-in)

   --version --setip <IP/hostname> --setsecret <secret>
   --check --secret
   --restart --stop --start --clean --status"""


def main(words: list[str]) -> int:
    if not system.RELEASE.exists():
        print("# BigBlueButton does not appear to be installed.")
        return 1
    try:
        before_options()
    except PermissionError as error:
        print(error)
        return 1
    if not words:
        print(USAGE)
        return 1
    option, value = words[0].lstrip("-"), words[1] if len(words) > 1 else ""
    if not words[0].startswith("-") or option not in OPTIONS:
        print(USAGE)
        return 1
    return OPTIONS[option](value)


def before_options() -> None:
    """Whatever the option is: a file is touched, and a line without which --check would warn."""
    system.SFU_ETC.parent.mkdir(parents=True, exist_ok=True)
    system.SFU_ETC.touch()
    if system.WEB.exists() and not system.web("bigbluebutton.web.logoutURL"):
        system.append(system.WEB_ETC, "bigbluebutton.web.logoutURL=default")


def version(_: str) -> int:
    print(f"BigBlueButton Server {system.values('BIGBLUEBUTTON_RELEASE', system.RELEASE)}")
    print(system.run("sh", "-c", "dpkg -l | grep bbb").stdout)
    return 0


def status(_: str) -> int:
    for unit, state in system.states():
        mark = "✔" if state == "active" else "✘"
        print(f"{unit} {'—' * (30 - len(unit))}► [{mark} - {state}]")
    return 0


def secret(value: str) -> int:
    """Without a value, prints the secret and a link with it."""
    if value:
        return set_secret(value)
    url, now = system.web("bigbluebutton.web.serverURL"), system.web("securitySalt")
    mate = f"https://mconf.github.io/api-mate/#server={url}/bigbluebutton/&sharedSecret={now}"
    print(f"\n    URL: {url}/bigbluebutton/\n    Secret: {now}\n")
    print(f"    Link to the API-Mate:\n    {mate}\n")
    return 0


def stop(_: str = "") -> int:
    system.need_root()
    print("Stopping BigBlueButton")
    system.run("systemctl", "stop", "bigbluebutton.target")
    return 0


def start(_: str = "") -> int:
    system.need_root()
    if os.access(system.APPLY, os.X_OK) and system.APPLY.is_file():
        print(f"\nApplying updates in {system.APPLY}: ", flush=True)
        subprocess.run([system.APPLY], check=False)
    if "Failure to connect to CORE_DB" in system.read(system.FREESWITCH_LOG):
        print("Clearing the FreeSWITCH database.")
        shutil.rmtree(system.FREESWITCH / "var/lib/freeswitch/db", ignore_errors=True)
    print("Reloading NginX configuration")
    # #21689: nginx may not run, as the target stops it too.
    system.run("systemctl", "reload-or-restart", "nginx")
    print("Starting BigBlueButton")
    system.run("systemctl", "restart", "bigbluebutton.target")
    return 0


def restart(_: str) -> int:
    system.need_root()
    check_configuration()
    print("Restarting BigBlueButton ...")
    stop()
    start()
    return check_state()


def clean(_: str) -> int:
    """--restart, and all logs are gone."""
    system.need_root()
    check_configuration()
    stop()
    print(" ... cleaning log files")
    logs = system.ROOT / "var/log"
    found = [*(logs / "bigbluebutton").glob("*.log*"), *system.FREESWITCH_LOG.parent.glob("*.log*")]
    for name in ("nginx", "bbb-fsesl-akka", "bbb-apps-akka", "bbb-webrtc-sfu", "redis"):
        found += (logs / name).glob("*")
    for each in found:
        if each.is_file():
            each.unlink()
    start()
    return check_state()


def check(_: str) -> int:
    system.need_root()
    version("")
    print(f"       bigbluebutton.web.serverURL: {system.web('bigbluebutton.web.serverURL')}")
    return check_state()


def rename(host: str) -> int:
    """Cuts all: the name everywhere, then a restart."""
    if not host:
        print(USAGE)
        return 1
    set_ip(host.partition(":")[0])
    stop()
    return start()


OPTIONS: Mapping[str, Callable[[str], int]] = {
    "check": check, "c": check, "version": version, "status": status,
    "secret": secret, "setsecret": secret, "setsalt": secret, "salt": secret,
    "stop": stop, "start": start, "restart": restart, "clean": clean, "setip": rename,
}  # fmt: skip

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
