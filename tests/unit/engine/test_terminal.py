"""No text of a host is a command to the operator's terminal."""

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyinfra import logger
from pyinfra.api import output

from engine import terminal
from engine.terminal import lines, printable

# The operator's clipboard becomes a command, where the terminal allows this.
CLIPBOARD = "\x1b]52;c;cm0gLXJmIH4K\x07 AAAA"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("tank/www: quota 1G -> 2G, größer é 日本", "tank/www: quota 1G -> 2G, größer é 日本"),
        (CLIPBOARD, r"\x1b]52;c;cm0gLXJmIH4K\x07 AAAA"),
        ("a\rb\x08\x7f\x9b2J", r"a\rb\x08\x7f\x9b2J"),
        ("\u202egnp.exe\u2066", r"\u202egnp.exe\u2066"),
        ("line\u2028line\u2029\x85", r"line\u2028line\u2029\x85"),
        ("name-\udcff", r"name-\udcff"),
        ("two\nlines\tand a tab", "two\\nlines\tand a tab"),
        (r"a \x1b that is text", r"a \x1b that is text"),
    ],
)
def test_what_a_terminal_would_obey_is_written_out(text: str, shown: str) -> None:
    assert printable(text) == shown


@given(st.text())
def test_whatever_a_host_says_is_printable(text: str) -> None:
    assert printable(text, "").isprintable()
    assert printable(printable(text)) == printable(text)


def test_lines_and_styles_of_a_whole_output_stay() -> None:
    text = f"{click.style('Error', 'red', bold=True)}: one\ntwo"
    assert lines(text) == text
    for obeyed in ("\x1b[8mhidden", "\x1b[2J", "\x1b[1;1H", "\x1b[31;8m", CLIPBOARD):
        assert lines(obeyed).isprintable()


def test_pyinfra_s_own_output_is_guarded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Such as the lines that a command has printed on a host, with -v or when it fails."""
    said: list[str] = []
    monkeypatch.setattr(output, "_echo", output._echo)
    monkeypatch.setattr(click, "echo", lambda message, **_: said.append(message))
    monkeypatch.setattr(logger, "filters", [])
    monkeypatch.setattr(logger, "propagate", True)
    terminal.guard()
    terminal.guard()
    output.echo(f"[host1] {CLIPBOARD}", err=True)
    logger.error("[host1] %s", CLIPBOARD)
    assert said == [rf"[host1] {printable(CLIPBOARD)}"]
    assert caplog.messages == said
