"""What every part raises when it cannot do or find out what it was asked."""


class Failed(Exception):
    """Says in plain words what failed, why, and where it helps what to do. Holds no secret."""
