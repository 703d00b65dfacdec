"""What all unit tests share."""

from hypothesis import settings

# How long an example takes is the machine's load, and no property of the code.
settings.register_profile("coop", deadline=None)
settings.load_profile("coop")
