"""The one door to jinja2: HTML is written in template files, values are escaped by themselves.

A template file lies beside the Python file whose values it shows and holds one macro per piece of
HTML; ``draw`` calls one of them.
"""

from __future__ import annotations

from functools import cache

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from tinydrop.ui.kit.markup import escape


def draw(file: str, macro: str, /, **values: object) -> Markup:
    """Return one piece of HTML, in which every value is escaped unless it is ``Markup`` itself.

    Args:
        file: the template file, from the folder ``ui`` on, such as ``explore/cards.html``.
        macro: which of its macros.
        values: the macro's arguments.

    Raises:
        jinja2.TemplateNotFound: if there is no such file.
        AttributeError: if the file has no such macro.
        TypeError: if the macro has no argument of a given name.
        jinja2.UndefinedError: if a value that the macro reads was not given.
    """
    piece = getattr(_environment().get_template(file).module, macro)
    return Markup(piece(**values))  # noqa: S704 - the environment escapes


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("tinydrop", "ui"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_safe,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _safe(value: object) -> object:
    """Return what a template prints; see ``escape`` for the signs that jinja2 would leave."""
    if hasattr(value, "__html__"):
        return value
    return Markup(escape(str(value)))  # noqa: S704 - just escaped
