"""Copies off-site: each program here is a folder, or a file, of its own.

pull, hold and status run on the host that keeps the copies, and source on the storage server.
manifest runs on both: the storage server writes manifests, and drills show a copy in the same form.
"""
