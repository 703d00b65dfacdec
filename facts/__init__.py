"""What a host is: one subject a file, one remote command a fact, plain data.

A fact is an `engine.fact.Fact`. It works where the program that it asks is not installed yet.
"""
