"""The kinds of values that a field can have, each with its own check."""
