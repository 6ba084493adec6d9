"""Templates escape what they print, and a misspelt name is an error, not an empty place."""

import pytest
from jinja2 import DictLoader, UndefinedError
from markupsafe import Markup

from tinydrop.ui.kit import templates
from tinydrop.ui.kit.templates import draw

FILES = {
    "a.html": (
        '{% macro line(text, title="") %}<p title="{{ title }}">{{ text }}</p>{% endmacro %}'
        "{% macro broken() %}{{ missing }}{% endmacro %}"
        "{% macro wrapped(text) %}<b>{{ line(text) }}</b>{% endmacro %}"
    )
}


@pytest.fixture(autouse=True)
def _own_files(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = templates._environment.__wrapped__()
    environment.loader = DictLoader(FILES)
    monkeypatch.setattr(templates, "_environment", lambda: environment)


def test_values_are_escaped_in_text_and_attributes():
    got = draw("a.html", "line", text="<i>&`${x}", title='"onload="')
    assert got == ('<p title="&quot;onload=&quot;">&lt;i&gt;&amp;&#96;&#36;&#123;x&#125;</p>')


def test_numbers_and_none_are_printed_as_python_does():
    assert draw("a.html", "line", text=0.5) == '<p title="">0.5</p>'


def test_pieces_are_not_escaped_twice():
    inner = draw("a.html", "line", text="a<b")
    assert isinstance(inner, Markup)
    assert draw("a.html", "line", text=inner) == f'<p title="">{inner}</p>'
    assert draw("a.html", "wrapped", text="a<b") == f"<b>{inner}</b>"


@pytest.mark.parametrize(
    ("macro", "values", "error"),
    [
        ("line", {"texts": "x"}, TypeError),
        ("line", {}, UndefinedError),
        ("broken", {}, UndefinedError),
        ("none", {}, AttributeError),
    ],
)
def test_a_misspelt_name_is_an_error(macro: str, values: dict[str, str], error: type[Exception]):
    with pytest.raises(error):
        draw("a.html", macro, **values)
