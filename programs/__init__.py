"""What runs on the hosts by itself: whole programs, with Debian's Python and nothing else.

`roles.places.program` puts each on its host, and `program_in_parts` one that is a folder with a
`__main__.py`. No other code imports them, and they import none but parts of their own.
"""
