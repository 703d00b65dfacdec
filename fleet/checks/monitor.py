"""Problems of a monitor with those whom it calls, and with the hosts that it watches over."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from fleet.derived.intervals import shortest_time_off
from fleet.groups.monitor import MonitorGroup
from fleet.hosts import Host
from fleet.oncall import OnCall
from fleet.reading.problems import Problem

HOUR = timedelta(hours=1)
LONGEST_MAINTENANCE = timedelta(days=92)


def check_monitor(
    file: str, monitor: MonitorGroup, oncall: OnCall, now: datetime
) -> Iterator[Problem]:
    """Every problem of the group's data with that of who is on call. file: the group's"""
    shortest, team = shortest_time_off(oncall, now)
    if monitor.repeat_hours * HOUR >= shortest:
        # What ended while the team was off, and comes again in its next turn, would not be sent:
        # https://github.com/prometheus/alertmanager/issues/3617
        message = f"{team} is off for {shortest / HOUR:g} hours, and would miss what comes again"
        remedy = f"write less than {shortest / HOUR:g}"
        yield Problem(file, "repeat_hours", "", message, remedy)


def check_maintenance(file: str, hosts: Mapping[str, Host], now: datetime) -> Iterator[Problem]:
    """A problem for each maintenance that would hide for months what is wrong with a host.

    file: the hosts'
    """
    for name, host in hosts.items():
        if host.maintenance and host.maintenance.until > now + LONGEST_MAINTENANCE:
            message = f"ends more than {LONGEST_MAINTENANCE.days} days from now"
            remedy = "write an earlier moment, and move it on while the work goes on"
            yield Problem(file, name, "maintenance.until", message, remedy)
