"""Load balancers for BBB: one interface, a driver for each kind."""

from controller.balancers.bbblb import Bbblb
from controller.balancers.interface import Balancer
from controller.balancers.scalelite import Scalelite


def balancer(name: str, driver: str, url: str, secret: str) -> Balancer:
    """The balancer of that name, as group_data/bbb.py has it. Asks nothing yet.

    driver: "scalelite" or "bbblb"; url: as the driver's class says
    secret: Scalelite's LOADBALANCER_SECRET; bbblb needs none
    Raises BalancerError for a url that is not fit, and KeyError for another driver.
    """
    made: Balancer
    match driver:
        case "scalelite":
            made = Scalelite(name, url, secret)
        case "bbblb":
            made = Bbblb(name, url)
        case _:
            raise KeyError(driver)
    return made
