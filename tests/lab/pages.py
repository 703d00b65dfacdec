"""The blocks of code in the pages of docs/."""

import re

from lab.machines import ROOT


def blocks(page: str) -> list[str]:
    """The indented or plain blocks of code in docs/PAGE.md, in their order."""
    text = (ROOT / f"docs/{page}.md").read_text()
    return [block for _, block in re.findall(r"^ *```(\w*)\n(.*?)^ *```$", text, re.M | re.S)]


def block(page: str, words: str) -> str:
    """The only block of the page that has these words in it."""
    (found,) = [it for it in blocks(page) if words in it]
    return found
