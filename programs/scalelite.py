"""Scalelite's database on its host, and whether Scalelite works.

    coop-scalelite prepare    role and database of PostgreSQL, with the password of the settings
    coop-scalelite look       prints JSON: what API and poller tell of themselves
    coop-scalelite check      exit 1, and the reason, if the API is not well

Settings: the environment file of the containers, which root alone can read.
"""

import http.client
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import urlsplit

SETTINGS = Path("/etc/coop-infra/scalelite.env")
POLLER = "coop-scalelite-poller.service"
# What Scalelite's health_check answers if Redis and database do, and no migration waits.
WELL = "success"
SECONDS = 10

# psql(1): \\gexec runs what the query gives. CREATE DATABASE has no IF NOT EXISTS.
SQL = """\
SELECT 'CREATE ROLE {account} LOGIN'
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{account}')\\gexec
ALTER ROLE {account} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD '{password}';
SELECT 'CREATE DATABASE {account} OWNER {account} ENCODING ''UTF8'' TEMPLATE template0'
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = '{account}')\\gexec
REVOKE ALL ON DATABASE {account} FROM PUBLIC;
"""


class Unwell(Exception):
    """What is wrong, for a person."""


def settings() -> dict[str, str]:
    """Raises OSError."""
    lines = SETTINGS.read_text().splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def prepare() -> None:
    """Raises Unwell. The password comes to psql on stdin, and is in no argument and no log."""
    url = urlsplit(settings()["DATABASE_URL"])
    account, password = url.username or "", url.password or ""
    if not re.fullmatch("[a-z]+", account) or not re.fullmatch("[0-9a-f]{32,128}", password):
        raise Unwell(f"{SETTINGS} has no account and password for the database")
    words = ["runuser", "-u", "postgres", "--", "psql", "-X", "-q", "-v", "ON_ERROR_STOP=1"]
    # PostgreSQL logs a statement that fails, with the password in it.
    sql = "SET log_min_error_statement = panic;\n" + SQL.format(account=account, password=password)
    done = subprocess.run(
        [*words, "-d", "postgres"], input=sql, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or ["psql failed"]
        raise Unwell(lines[0].replace(password, "..."))


def api() -> str:
    """WELL, or why the API is not well."""
    try:
        values = settings()
        bind = urlsplit(values["BIND"])
        connection = http.client.HTTPConnection(bind.hostname or "", bind.port, timeout=SECONDS)
        # Rails refuses other names: URL_HOST.
        connection.request("GET", "/health_check", headers={"Host": values["URL_HOST"]})
        text = connection.getresponse().read(500).decode("utf-8", "replace")
        connection.close()
    except (OSError, KeyError, http.client.HTTPException) as error:
        return f"no answer: {type(error).__name__}"
    return text.strip().splitlines()[0] if text.strip() else "an empty answer"


def quiet() -> float | None:
    """For how many seconds the poller has said nothing; None if it never said anything."""
    words = ["journalctl", "-u", POLLER, "-n", "1", "-o", "json", "--no-pager", "-q"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    lines = done.stdout.splitlines()
    if not lines:
        return None
    return max(0.0, time.time() - int(json.loads(lines[-1])["__REALTIME_TIMESTAMP"]) / 1e6)


def main(words: list[str]) -> int:
    try:
        if words == ["prepare"]:
            prepare()
        elif words == ["look"]:
            json.dump({"api": api(), "quiet": quiet()}, sys.stdout)
        elif words == ["check"]:
            if (why := api()) != WELL:
                raise Unwell(f"Scalelite's API: {why}")
        else:
            raise Unwell("say prepare, look or check")
    except (Unwell, OSError, KeyError, subprocess.TimeoutExpired) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
