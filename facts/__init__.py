"""What a host is: one subject a file, one remote command a fact, plain data.

A fact is an `engine.fact.Fact`. It also works on a host where its program is not installed yet.
"""
