"""What a pair can recognise: its classes in their coarse groups, as a list to search."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from tinydrop.ui.kit.templates import draw


def class_list(classes: Sequence[str], groups: Mapping[str, Sequence[str]]) -> Markup:
    """Return the search field over the list.

    Args:
        classes: the pair's, in its order.
        groups: name -> classes in it; a class that is in none comes last, under no name.
    """
    known = set(classes)
    listed = [
        (name, sorted((one for one in members if one in known), key=str.lower))
        for name, members in sorted(groups.items())
    ]
    grouped = {one for _, members in listed for one in members}
    rest = sorted(known - grouped, key=str.lower)
    shown = [(name, members) for name, members in listed if members]
    if rest:
        shown.append(("others" if shown else "", rest))
    return draw("explore/classes.html", "classes", count=len(classes), groups=shown)
