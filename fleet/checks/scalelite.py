"""Problems of hosts with Scalelite: between each other, and with the balancers of group_data."""

from collections.abc import Iterator, Mapping
from urllib.parse import urlsplit

from fleet.groups.bbb import BbbGroup
from fleet.groups.scalelite import ScaleliteGroup
from fleet.hosts import Host
from fleet.reading.problems import Problem
from fleet.reading.records import shared_values

GROUP_FILE = "group_data/scalelite.py"
BALANCERS = "group_data/bbb.py"


def check_scalelite(
    file: str, hosts: Mapping[str, Host], group: ScaleliteGroup, bbb: BbbGroup
) -> Iterator[Problem]:
    """Every problem of the hosts with Scalelite. hosts: by name"""
    its = {name: host.scalelite for name, host in hosts.items() if host.scalelite}
    if its and not group.digest:
        message = f"no image of Scalelite is chosen, and {', '.join(its)} is to run one"
        remedy = f"look up the digest of {group.image}:{group.release} as the file says"
        yield Problem(GROUP_FILE, "digest", "", message, remedy)
    names = {name: [each.balancer] for name, each in its.items()}
    yield from shared_values(file, "scalelite.balancer", names)
    for name, each in its.items():
        balancer = bbb.balancers.get(each.balancer)
        if balancer is None or balancer.driver != "scalelite":
            message = f"there is no balancer {each.balancer} that is Scalelite"
            remedy = f"add it to balancers in {BALANCERS}, with driver scalelite and its url"
            yield Problem(file, name, "scalelite.balancer", message, remedy)
            continue
        url = urlsplit(balancer.url)
        if url.scheme != "https" or url.port not in (None, 443):
            message = f"{balancer.url} is not where a host with the role scalelite answers"
            remedy = "write https:// and its DNS name, without a port"
            yield Problem(BALANCERS, "balancers", f"{each.balancer}.url", message, remedy)
        elif (shows := hosts[name].shows) is None or shows.name != url.hostname:
            message = f"the host shows no certificate for {url.hostname}, where it is to answer"
            remedy = f"add certificate: {{name: {url.hostname}}}"
            yield Problem(file, name, "certificate", message, remedy)
