"""The one table of all pages: a head, rows of cells, and a hint below it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from markupsafe import Markup

from tinydrop.ui.kit.templates import draw

Attributes = Mapping[str, str | int | bool]
"""Name -> value; True for one that has none, such as ``hidden``."""


@dataclass(frozen=True)
class Cell:
    """What stands in one place of a table.

    Attributes:
        text: its words or figure; escaped, unless it is ``Markup``.
        small: what stands behind it, set smaller.
        gap: what parts the two.
        strong: whether the text is bold.
        after: what follows a bold text in plain words.
        attributes: of the element.
    """

    text: str
    small: str = ""
    gap: str = ""
    strong: bool = False
    after: str = ""
    attributes: Attributes = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """One line; its first cell is its heading, unless it is not ``headed``."""

    cells: tuple[str | Cell, ...]
    attributes: Attributes = field(default_factory=dict)
    headed: bool = True


def table(
    head: Iterable[str | Cell],
    rows: Iterable[Row],
    *,
    kind: str = "",
    scroll: str = "",
    region: str = "",
    note: str = "",
) -> Markup:
    """Return a table that scrolls where it is wider than the page.

    Args:
        head: the columns' headings.
        rows: the lines, in order.
        kind: more css classes of the table.
        scroll: more css classes of what it scrolls in.
        region: names a table that scrolls up and down too, so that the keyboard reaches it.
        note: the hint below it.
    """
    values = {"kind": kind, "scroll": scroll, "region": region, "note": note}
    return draw("kit/table.html", "table", head=head, rows=rows, **values)
