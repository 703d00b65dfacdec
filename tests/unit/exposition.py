"""A strict reader of Prometheus' text format, for what programs write.

https://prometheus.io/docs/instrumenting/exposition_formats/#text-format-details
"""

import re

NAME = "[a-z][a-z0-9_]*"
LABEL = rf'{NAME}="(?:[^"\\\n]|\\[\\"n])*"'
SAMPLE = re.compile(rf"({NAME})(?:\{{({LABEL}(?:,{LABEL})*)\}})? ([0-9]+)")
UNESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}

Labels = tuple[tuple[str, str], ...]


def read(text: str) -> dict[str, dict[Labels, int]]:
    """The value of each sample, by name and labels, in their order.

    Fails on all that is not the format, and on parts of the format that the programs do not need:
    each name is a gauge with a HELP and a TYPE line, then its samples, none twice or with a time.
    """
    assert text.endswith("\n")
    found: dict[str, dict[Labels, int]] = {}
    # Only this line end counts, and none of Unicode's others.
    lines = iter(text[:-1].split("\n"))
    for line in lines:
        if line.startswith("#"):
            helped = re.fullmatch(rf"# HELP ({NAME}) \S[^\\]*", line)
            assert helped and helped[1] not in found, line
            name = helped[1]
            assert next(lines) == f"# TYPE {name} gauge"
            found[name] = {}
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample and sample[1] == name, line
        labels = tuple(map(_label, re.findall(LABEL, sample[2] or "")))
        assert labels not in found[name], line
        found[name][labels] = int(sample[3])
    return found


def _label(pair: str) -> tuple[str, str]:
    name, _, value = pair.partition("=")
    return name, re.sub(r"\\.", lambda it: UNESCAPED[it[0]], value[1:-1])


def documented(page: str) -> set[str]:
    """The names in the first column of the tables of the page's section on metrics."""
    section = page.partition("\n## Metrics\n")[2].partition("\n## ")[0]
    return set(re.findall(rf"^\| `({NAME})", section, re.MULTILINE))
