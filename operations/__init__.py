"""What a host should be: each operation reads one fact, compares, and yields only the difference.

None of them knows whose hosts these are. `engine.operation` makes them, `engine.report` is how they
all speak.
"""
