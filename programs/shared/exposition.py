"""Metrics as Prometheus reads them: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from collections.abc import Mapping

Families = Mapping[str, tuple[str, Mapping[str, int]]]
"""By name, what a metric means, and its values by label: "" or such as '{kind="old"}'."""


def exposition(families: Families) -> str:
    lines: list[str] = []
    for name, (text, samples) in families.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{labels} {value:d}" for labels, value in samples.items()]
    return "\n".join(lines) + "\n"
