"""What changes files: --setsecret and --setip."""

import os
import re

from lab.bbb.conf import system
from lab.bbb.conf.system import APPS, FSESL, SFU_ETC, WEB_ETC, WEBHOOKS, append, substitute

SECRET_IN_HOCON = r'sharedSecret *= *"[^"]*"'


def set_secret(value: str) -> int:
    """Four files, and no restart. Webhooks' override and all that is elsewhere keep the old one."""
    system.need_root()
    print(f"Assigning secret in {WEB_ETC}")
    _assign("securitySalt", value)
    substitute(WEBHOOKS, r"^  sharedSecret: .*", f"  sharedSecret: {value}")
    substitute(system.CATCHER, r"^var shared_secret[^;]*", f'var shared_secret = "{value}"')
    substitute(APPS, SECRET_IN_HOCON, f'sharedSecret="{value}"')
    print(f"\nBigBlueButton's shared secret is now {value}")
    print("\nYou must restart BigBlueButton for the changes to take effect\n")
    return 0


def set_ip(host: str) -> None:
    """The name everywhere, also in each published recording."""
    system.need_root()
    protocol = "https" if "https" in system.web("bigbluebutton.web.serverURL") else "http"
    url = f"{protocol}://{host}"
    _assign("bigbluebutton.web.serverURL", url)
    secret = system.web("securitySalt")
    if not system.values("securitySalt", WEB_ETC):
        append(WEB_ETC, f"securitySalt={secret}")
    substitute(APPS, r'bbbWebAPI *= *"[^"]*"', f'bbbWebAPI="{url}/bigbluebutton/api"')
    substitute(APPS, SECRET_IN_HOCON, f'sharedSecret="{secret}"')
    substitute(system.RECORDING, r"^playback_host: .*", f"playback_host: {host}")
    substitute(WEBHOOKS, r"^  serverDomain: .*", f"  serverDomain: {host}")
    for part in ("published", "unpublished"):
        for metadata in (system.ROOT / "var/bigbluebutton" / part).glob("**/metadata.xml"):
            substitute(metadata, r"://[^/<]*/", f"://{host}/")
    substitute(system.HTML5, r"^    wsUrl: .*", f"    wsUrl: wss://{host}/bbb-webrtc-sfu")
    _set_event_socket_password()


def _assign(key: str, value: str) -> None:
    if system.values(key, WEB_ETC):
        substitute(WEB_ETC, rf"^[ \t#]*{re.escape(key)}.*", f"{key}={value}")
    else:
        append(WEB_ETC, f"{key}={value}")


def _set_event_socket_password() -> None:
    """The same in three files; a new random one in the place of the default."""
    password = system.first(r'password *= *"([^"]*)"', FSESL)
    if password == "ClueCon":
        password = os.urandom(8).hex()
        substitute(FSESL, "ClueCon", password)
    line = f"  esl_password: {password}"
    if system.first(r"^(  esl_password: )", SFU_ETC):
        substitute(SFU_ETC, r"^  esl_password: .*", line)
    elif system.first(r"^(freeswitch:)$", SFU_ETC):
        substitute(SFU_ETC, r"^freeswitch:$", f"freeswitch:\n{line}")
    else:
        append(SFU_ETC, f"freeswitch:\n{line}")
    substitute(
        system.EVENT_SOCKET, r'name="password" value="[^"]*"', f'name="password" value="{password}"'
    )
