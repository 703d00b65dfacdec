"""Copies off-site.

pull, hold and status run on the host that keeps the copies; source and manifest run on the
storage server.
"""
