"""Programs that run on the hosts by themselves, with Debian's Python and nothing else.

`roles.places.program` puts a program on its host; `program_in_parts` does so for a program that is
a folder with a `__main__.py`. No other code imports a program, and a program imports no code of the
project but its own parts, and what is in `shared`.
"""
