"""Which of a pair's classes a picture shows: one way to tell it, for samples and for people."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.results import Truth
from tinydrop.models.pairs import Pair


def find_truth(names: Collection[str], pair: Pair) -> Truth:
    """Return the truth of a picture that goes by these names; the pair may have no class for it.

    A class has several names: those between its commas, and those of its members.
    """
    wanted = set(names)
    for name in pair.classes:
        if wanted & _names(name, pair):
            return Truth(name)
    return Truth(None)


def named_truth(name: str, pair: Pair) -> Truth:
    """Return the truth that a person names.

    Raises:
        SettingError: if the pair has no class of that name; the text has the nearest ones.
    """
    found = find_truth({name}, pair)
    if found.name is None:
        known = sorted(set().union(*(_names(one, pair) for one in pair.classes)))
        near = get_close_matches(name, known, n=3, cutoff=0.5) or known[:3]
        raise SettingError(
            f"The pair {pair.name} has no class {quoted(name)}; name one of its "
            f"{len(pair.classes)}, such as {', '.join(near)}."
        )
    return found


def _names(class_name: str, pair: Pair) -> set[str]:
    members = pair.info.get("members", {}).get(class_name, ())
    return {class_name, *(part.strip() for part in class_name.split(",")), *members}
