"""What settings of the form key=value say: to Java, and to bbb-conf."""

import re

# By key, what bbb-conf looks for with `grep ^KEY`: bigbluebutton bin/bbb-conf.
BBB_CONF = ("bigbluebutton.web.serverURL", "securitySalt", "bigbluebutton.web.logoutURL")
LINE = re.compile(r"\s*([A-Za-z0-9_.-]+)\s*[=:]\s*(.*?)\s*")


def properties(text: str) -> dict[str, str]:
    """By key, the value that counts: the last one, as for java.util.Properties."""
    found = {}
    for line in text.splitlines():
        if not line.lstrip().startswith(("#", "!")) and (match := LINE.fullmatch(line)):
            found[match[1]] = match[2]
    return found


def faults(path: str, text: str) -> list[str]:
    """What bbb-conf would read wrong in a .properties file.

    A key twice, or a key that another begins with, gives bbb-conf two lines for one value, and a
    server's URL that ends with / an empty host.
    """
    keys = [
        match[1]
        for line in text.splitlines()
        if not line.lstrip().startswith(("#", "!")) and (match := LINE.fullmatch(line))
    ]
    found = [f"{path}: {key} is there twice" for key in sorted(set(keys)) if keys.count(key) > 1]
    for key in BBB_CONF:
        longer = {it for it in keys if it.startswith(key) and it != key}
        found += [f"{path}: bbb-conf takes {it} for {key}" for it in sorted(longer)]
    if properties(text).get("bigbluebutton.web.serverURL", "").endswith("/"):
        found.append(f"{path}: bigbluebutton.web.serverURL ends with /")
    return found
