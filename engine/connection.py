"""What pyinfra's SSH connection to a host is: paramiko's transport, and whether it has ended."""

from typing import Any

LOST = "the connection was lost"


def transport(connector: Any) -> Any:
    """paramiko's Transport behind a connector of pyinfra; None before it connects."""
    client = getattr(connector, "client", None)
    return client.get_transport() if client else None


def is_lost(host: Any) -> bool:
    """Whether the connection to this host of pyinfra has ended, though nothing closed it."""
    used = transport(getattr(host, "connector", None))
    return used is not None and not used.is_active()
