"""Work on a host that its alerts would only disturb."""

from fleet.values.clock import Moment
from fleet.values.fields import Record, Text


class Maintenance(Record):
    """until: the moment from which the host's alerts are told again; why: what is done there"""

    until: Moment
    why: Text
