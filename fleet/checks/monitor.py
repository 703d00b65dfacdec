"""Problems of a monitor with those whom it calls."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from fleet.derived.intervals import shortest_time_off
from fleet.groups.monitor import MonitorGroup
from fleet.oncall import OnCall
from fleet.reading.problems import Problem

HOUR = timedelta(hours=1)


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
