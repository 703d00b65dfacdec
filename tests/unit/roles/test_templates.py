from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, TemplateNotFound, UndefinedError

from roles.templates import render


@pytest.fixture
def module(tmp_path: Path) -> str:
    """The __file__ of a module whose folder has templates."""
    templates = {
        "plain.j2": "[Unit]\nDescription={{ what }}\n",
        "blocks.j2": "a\n{% for name in names %}\n{{ name }}\n{% endfor %}\nz\n",
        "attribute.j2": "{{ site.name }}",
        "report.md.j2": "| {{ what }} | {{ number }} |\n",
        "condition.j2": "{% if what %}x{% endif %}",
    }
    for name, text in templates.items():
        (tmp_path / name).write_text(text)
    return str(tmp_path / "__init__.py")


def test_values_are_put_in_as_they_are_with_the_newline_at_the_end(module: str) -> None:
    text = render(module, "plain.j2", what="<a> & 'b' \"c\" {{ d }}")
    assert text == "[Unit]\nDescription=<a> & 'b' \"c\" {{ d }}\n"


def test_a_value_is_one_printable_line_of_a_report(module: str) -> None:
    text = render(module, "report.md.j2", what="a\x1b[2J\n| b |\u202e", number=7)
    assert text == r"| a\x1b[2J\n| b |\u202e | 7 |" + "\n"
    assert render(module, "plain.j2", what="two\nlines") == "[Unit]\nDescription=two\nlines\n"


def test_a_line_with_a_block_only_leaves_no_line(module: str) -> None:
    assert render(module, "blocks.j2", names=["b", "c"]) == "a\nb\nc\nz\n"
    assert render(module, "blocks.j2", names=[]) == "a\nz\n"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("plain.j2", {}),
        ("plain.j2", {"What": "x"}),
        ("blocks.j2", {}),
        ("condition.j2", {}),
        ("attribute.j2", {"site": {"title": "x"}}),
    ],
)
def test_a_value_that_is_missing_is_an_error(
    module: str, name: str, values: dict[str, object]
) -> None:
    with pytest.raises(UndefinedError):
        render(module, name, **values)


def test_a_template_lies_beside_its_module_and_nowhere_else(module: str) -> None:
    for name in ("none.j2", "../plain.j2", "/etc/passwd"):
        with pytest.raises(TemplateNotFound):
            render(module, name)


def test_each_template_is_compiled_once(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled: list[str] = []

    def compiling(self: Environment, source: str, name: str, *rest: Any) -> Any:
        compiled.append(name)
        return compile_one(self, source, name, *rest)

    compile_one = Environment.compile
    monkeypatch.setattr(Environment, "compile", compiling)
    texts = [render(module, "plain.j2", what=what) for what in ("one", "two")]
    assert texts == ["[Unit]\nDescription=one\n", "[Unit]\nDescription=two\n"]
    assert compiled == ["plain.j2"]


def test_a_template_of_the_same_name_in_another_folder_is_another(
    module: str, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "plain.j2").write_text("other {{ what }}")
    assert render(module, "plain.j2", what="x") == "[Unit]\nDescription=x\n"
    assert render(str(other / "__init__.py"), "plain.j2", what="x") == "other x"
