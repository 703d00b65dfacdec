"""Changes places in files of packages that have no override in /etc.

A patch whose place is not there, or is there twice, is a fault: the package has changed, and a
person has to look.
"""

import json
import re
from collections.abc import Mapping
from xml.etree import ElementTree

from programs.bbb import files
from programs.bbb.failed import Failed
from programs.bbb.render import render
from programs.bbb.root import Root
from programs.bbb.wanted import Line, Off, Patch, Properties, Xml, Yaml

ATTRIBUTE = r"""([A-Za-z_:][\w:.-]*)\s*=\s*("[^"<]*"|'[^'<]*')"""


def waits(root: Root, patch: Patch, values: Mapping[str, str]) -> bool:
    """Whether the patch would change anything. Raises Failed, also if its place is not there."""
    if isinstance(patch, Off):
        return _off(root, patch) is not None
    found, text = _patched(root, patch, values)
    return files.encoded(text) != found.data


def apply(root: Root, patch: Patch, values: Mapping[str, str]) -> bool:
    """Make the file what the patch says; returns whether that changed it. Raises Failed."""
    if isinstance(patch, Off):
        if names := _off(root, patch):
            files.rename(root, *names)
        return names is not None
    found, text = _patched(root, patch, values)
    data = files.encoded(text)
    if data == found.data:
        return False
    files.write(root, patch.path, data, found.rights)
    return True


def _off(root: Root, patch: Off) -> tuple[str, str] | None:
    """From what to what the file has to be renamed. Raises Failed."""
    here, aside = patch.path, f"{patch.path}.off"
    is_here, is_aside = files.read(root, here) is not None, files.read(root, aside) is not None
    if patch.off:
        # A package puts its file back at each upgrade.
        return (here, aside) if is_here else None
    if not is_here and not is_aside:
        raise Failed(f"{here}: neither the file nor its copy {aside} is there")
    return None if is_here else (aside, here)


def _patched(
    root: Root, patch: Xml | Line | Yaml | Properties, values: Mapping[str, str]
) -> tuple[files.Found, str]:
    found = files.read(root, patch.path)
    if found is None:
        raise Failed(f"{patch.path} is to be patched, and is not there")
    match patch:
        case Xml():
            text = xml(found.text, patch, values)
        case Line():
            text = line(found.text, patch, values)
        case Yaml():
            text = yaml(found.text, patch, values)
        case Properties():
            text = properties(found.text, patch, values)
    return found, text


def xml(text: str, patch: Xml, values: Mapping[str, str]) -> str:
    """The one element outside comments whose attributes match gets other values.

    As text, because Python's XML would drop what FreeSWITCH's own preprocessor reads.
    """
    # Comments keep their length, so that places in `bare` are places in `text`.
    bare = re.sub(r"<!--.*?-->", lambda it: " " * len(it[0]), text, flags=re.DOTALL)
    tag = re.compile(rf"<{re.escape(patch.element)}(?=[\s/>])((?:\s+{ATTRIBUTE})*)\s*/?>")
    hits = [
        it
        for it in tag.finditer(bare)
        if _matches({name: value[1:-1] for name, value in re.findall(ATTRIBUTE, it[1])}, patch)
    ]
    start, end = _one(hits, patch.path, f"an element {patch.element} with {dict(patch.where)}")
    part = text[start:end]
    for name, value in patch.set.items():
        part = _set(part, name, render(value, values), patch)
    new = text[:start] + part + text[end:]
    _well_formed(new, patch.path)
    return new


def _matches(attributes: Mapping[str, str], patch: Xml) -> bool:
    return all(
        re.fullmatch(pattern, attributes.get(name, "")) for name, pattern in patch.where.items()
    )


def _set(part: str, name: str, value: str, patch: Xml) -> str:
    if re.search(r"""[<&"]""", value):
        raise Failed(f"{patch.path}: the value for {name} would need quotes")
    place = re.compile(rf"""(\s{re.escape(name)}\s*=\s*)("[^"<]*"|'[^'<]*')""")
    new, count = place.subn(lambda it: f'{it[1]}"{value}"', part)
    if count != 1:
        raise Failed(f"{patch.path}: the element {patch.element} has no attribute {name}")
    return new


def _well_formed(text: str, path: str) -> None:
    # Files that FreeSWITCH includes may have several elements at the top.
    bare = re.sub(r"^\s*<\?xml[^>]*\?>", "", text)
    try:
        ElementTree.fromstring(f"<top>{bare}</top>")
    except ElementTree.ParseError as error:
        raise Failed(f"{path}: would be no XML after the patch: {error}") from None


def line(text: str, patch: Line, values: Mapping[str, str]) -> str:
    """The one line that matches becomes another."""
    new = render(patch.line, values)
    pattern = re.compile(patch.match)
    if not pattern.fullmatch(new):
        raise Failed(f"{patch.path}: a second change would not find the line again: {patch.match}")
    lines = text.split("\n")
    hits = [i for i, it in enumerate(lines) if pattern.fullmatch(it)]
    if len(hits) != 1:
        raise Failed(f"{patch.path}: {_count(len(hits))} matches {patch.match}")
    lines[hits[0]] = new
    return "\n".join(lines)


def properties(text: str, patch: Properties, values: Mapping[str, str]) -> str:
    """The one line of the key gets another value."""
    place = re.compile(rf"^({re.escape(patch.key)}[ \t]*=[ \t]*)(.*)$", re.MULTILINE)
    hits = list(place.finditer(text))
    start, end = _one(hits, patch.path, f"a line of {patch.key}")
    return f"{text[:start]}{hits[0][1]}{render(patch.value, values)}{text[end:]}"


def yaml(text: str, patch: Yaml, values: Mapping[str, str]) -> str:
    """The one scalar at this path of keys gets another value, in double quotes if it is a text.

    Only block mappings lead to the place: no lists, no {}, no anchors. Comments stay.
    """
    lines = text.split("\n")
    at: list[tuple[int, str]] = []
    hits = []
    for number, it in enumerate(lines):
        key = re.match(
            r"""( *)(["']?)([^\s"':#{}\[\]&*-][^\s"':#]*)\2[ \t]*:(?:[ \t]+(.*))?$""", it
        )
        if not key:
            continue
        while at and at[-1][0] >= len(key[1]):
            at.pop()
        at.append((len(key[1]), key[3]))
        if tuple(name for _, name in at) == patch.key:
            hits.append(number)
    if len(hits) != 1:
        raise Failed(f"{patch.path}: {_count(len(hits))} has the key {'.'.join(patch.key)}")
    place = re.fullmatch(
        r"""([^:]+:)[ \t]*("(?:[^"\\]|\\.)*"|'[^']*'|[^\s#|>&*{\["'][^#]*?)?([ \t]+#.*)?[ \t]*""",
        lines[hits[0]],
    )
    if not place or (place[2] is None and _has_block(lines, hits[0])):
        raise Failed(f"{patch.path}: {'.'.join(patch.key)} has no scalar on its line")
    value = render(patch.value, values) if isinstance(patch.value, str) else patch.value
    # What JSON writes is YAML too.
    lines[hits[0]] = f"{place[1]} {json.dumps(value, ensure_ascii=False)}{place[3] or ''}"
    return "\n".join(lines)


def _has_block(lines: list[str], number: int) -> bool:
    """Whether a block follows that belongs to the key in this line."""
    own = len(lines[number]) - len(lines[number].lstrip())
    for it in lines[number + 1 :]:
        if it.strip() and not it.lstrip().startswith("#"):
            deep = len(it) - len(it.lstrip())
            return deep > own or (deep == own and it.lstrip().startswith("- "))
    return False


def _one(hits: list[re.Match[str]], path: str, what: str) -> tuple[int, int]:
    if len(hits) != 1:
        raise Failed(f"{path}: {what} is there {len(hits)} times, and not once")
    return hits[0].span()


def _count(number: int) -> str:
    return "no line" if not number else f"not one line but {number}"
