"""Tells how old the newest snapshots and drills are, as the host that keeps the copies sees it.

`status FILE [--look]` runs on that host. It prints JSON, and without --look writes metrics for
Prometheus. It exits with 1 if anything is older than it may be, or wrong otherwise. So somebody
notices a pull that has silently stopped, and a source that no longer takes snapshots. FILE is JSON:

    copies    {source: target}
    expected  the datasets of the source that have to be fresh
    rpo       {"source": seconds, "offsite": seconds}: how old the newest snapshot may be
    seen, stale  files that a pull writes
    evidence  the record of drills: programs/drill
    proof_seconds  how long a drill that went well counts
    metrics   the file to write: textfile collector of prometheus-node-exporter(1)

The program judges the source as of the last pull, because nobody has looked at it since. A file
that cannot be read, or holds something else than it should, is a problem that is told, and counts
as a file that says nothing.

docs/offsite.md lists the metrics. Their names and text are as in
https://prometheus.io/docs/practices/naming/ and .../docs/instrumenting/exposition_formats/.
"""
