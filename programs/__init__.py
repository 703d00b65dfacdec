"""What runs on the hosts by itself: whole programs, with Debian's Python and nothing else.

`roles.places.program` puts each on its host. No other code imports them, and they import none.
"""
