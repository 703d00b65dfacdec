"""The kinds of values that records are made of, each with its own check."""
