"""Stands in for Scalelite 1.8, whose images and gems the lab has not.

From where this is known: blindsidenetworks/scalelite, docs/api-README.md and the files of its
source that each module here names. All of this is our own. A Scalelite keeps its records in Redis;
this one keeps them in memory, and in a file if it is told one.

    python -m lab.bbb.scalelite --listen 127.0.0.1:3000 --secret FILE [--second 0.05]
"""
