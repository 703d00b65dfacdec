"""Scalelite on a host: the part `scalelite` of a host's record."""

from fleet.bbb import BalancerName
from fleet.values.fields import Record


class Scalelite(Record):
    """The Scalelite of a host. balancer: its name in group_data/bbb.py, which has its url."""

    balancer: BalancerName
