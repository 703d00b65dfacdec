"""Metrics as Prometheus reads them: https://prometheus.io/docs/instrumenting/exposition_formats/"""

from collections.abc import Mapping

Samples = Mapping[str, float]
"""The values of a metric by `labels`, "" for none."""

Families = Mapping[str, tuple[str, Samples]]
"""By name, what a metric means, and its values."""


def exposition(families: Families) -> str:
    lines: list[str] = []
    for name, (text, samples) in families.items():
        lines += [f"# HELP {name} {text}", f"# TYPE {name} gauge"]
        lines += [f"{name}{which} {_number(value)}" for which, value in samples.items()]
    return "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """Whole numbers without a point or an exponent: some of those who read them are programs."""
    return f"{value:d}" if isinstance(value, int) else repr(value)


def labels(**values: str) -> str:
    """The labels of a sample, such as {kind="old"}. A value may have any character."""
    return "{" + ",".join(f'{name}="{_escaped(it)}"' for name, it in values.items()) + "}"


def _escaped(text: str) -> str:
    # A name of a file may be no UTF-8, and Prometheus would refuse the whole answer.
    plain = text.encode(errors="surrogateescape").decode(errors="backslashreplace")
    return plain.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
