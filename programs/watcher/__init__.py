"""Listens for each monitor, and calls everybody when it hears of none any more.

    coop-watcher SETTINGS SECRETS

Each monitor's Alertmanager sends its Watchdog each minute: the word gets through only while
Prometheus evaluates rules, and Alertmanager sends messages. The program keeps nothing on
disk. After a start each monitor has the whole limit to be heard.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from programs.shared.messages import Mail


@dataclass(frozen=True)
class Settings:
    """address, port: where it listens; monitors: the names of those to hear of

    seconds: how long all of them may be silent; page: the URL of what to do then
    """

    address: str
    port: int
    monitors: tuple[str, ...]
    seconds: int
    page: str
    mail: Mail


def settings_of(told: Mapping[str, Any], secrets: Mapping[str, Any]) -> Settings:
    """told: the role's settings; secrets: the mail server and all addresses"""
    values = {**told, "monitors": tuple(told["monitors"])}
    return Settings(**values, mail=Mail(**secrets["mail"]))
