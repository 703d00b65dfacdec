"""What a host should be: each operation reads one fact, compares, and yields only the difference.

None of them knows whose hosts these are. `operations.report` is how they all speak.
"""
