"""The small pieces of HTML that every page is made of; their templates are in ``pieces.html``."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup

from tinydrop.ui.kit.templates import draw

FILE = "kit/pieces.html"


def note(text: str, kind: str = "td-hint") -> Markup:
    """Return one paragraph of a css class: a hint, an honest word, something that is waited for."""
    return draw(FILE, "note", text=text, kind=kind)


def header(words: str) -> Markup:
    """Return a page's head: the app's name and what the page is for."""
    return draw(FILE, "header", words=words)


def paragraphs(texts: Iterable[str]) -> Markup:
    """Return paragraphs, one per text."""
    return draw(FILE, "paragraphs", texts=texts)


def foot(text: str, command: str = "") -> Markup:
    """Return where figures come from; the command that measured them stands at the end."""
    return draw(FILE, "foot", text=text, command=command)


def script(text: str) -> Markup:
    """Return a script of ours for the page's head; its names stay its own."""
    return draw(FILE, "script", text=Markup(text))  # noqa: S704 - our own file
