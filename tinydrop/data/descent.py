"""The way from a folder's top to the folders that are its classes, past wrappers and splits.

Only folders that hold pictures count, so that what else lies about changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace

from tinydrop.data.splits import (
    choose_config,
    choose_split,
    family_of,
    is_split_name,
    used_of,
    wanted_config,
    wanted_split,
)

Parts = tuple[str, ...]
"""A folder's path inside the whole, folder by folder."""

_BUCKETS = frozenset(
    "images image imgs img pictures photos jpegimages jpeg jpegs jpg png pngs".split()
)
"""Folders that hold pictures of whatever the folder above them says."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where the search for class folders stands.

    Attributes:
        here: the folder whose folders may be the classes.
        folders: those that hold pictures themselves, below ``here`` or ``here`` itself.
        notes: what was chosen on the way.
        split: chosen on the way.
        config: chosen on the way.
    """

    here: Parts
    folders: frozenset[Parts]
    notes: tuple[str, ...] = ()
    split: str | None = None
    config: str | None = None

    def inside(self, head: str) -> Place:
        """Return the place one folder further."""
        here = (*self.here, head)
        below = frozenset(f for f in self.folders if f[: len(here)] == here)
        return replace(self, here=here, folders=below)

    @property
    def heads(self) -> list[str]:
        """The folders here that hold pictures, in themselves or further down."""
        return sorted({f[len(self.here)] for f in self.folders if len(f) > len(self.here)})

    @property
    def deep(self) -> bool:
        """Whether no folder here holds pictures itself; there is a folder at least."""
        ends = {len(f) - len(self.here) for f in self.folders}
        return bool(ends - {0}) and 1 not in ends

    @property
    def flat(self) -> bool:
        """Whether pictures lie here, or in a folder that only says that it holds pictures."""
        depth = len(self.here)
        return all(
            len(f) == depth or (len(f) == depth + 1 and f[-1].lower() in _BUCKETS)
            for f in self.folders
        )


def descend(
    place: Place,
    lists: Collection[Parts],
    title: str,
    split: str | None,
    config: str | None,
) -> Place:
    """Return the folder whose folders are the classes."""
    while True:
        further = (
            _into_split(place, lists, title, split)
            or _into_config(place, lists, title, config)
            or _into_wrapper(place)
        )
        if further is None:
            return place
        place = further


def _into_wrapper(place: Place) -> Place | None:
    """Return the inside of a folder around everything."""
    heads = place.heads
    if len(heads) != 1 or not place.deep or place.here in place.folders:
        return None
    inner = place.inside(heads[0])
    # ``poodle/images/x.jpg`` is a class and no wrapper.
    return None if inner.flat else inner


def _splits(place: Place, lists: Collection[Parts]) -> dict[str, Place]:
    """Return split -> its inside, where the folders here are splits and no classes."""
    insides = {head: place.inside(head) for head in place.heads}
    usable = {h for h, inner in insides.items() if _usable(inner, lists)}
    exact = {head for head in insides if is_split_name(head)}
    named = {head for head in insides if family_of(head)}
    everything = named == set(insides) and (named == exact or (bool(usable) and place.deep))
    if everything or len(usable & exact) > 1:
        return {head: inner for head, inner in insides.items() if head in named}
    return {}


def _usable(inner: Place, lists: Collection[Parts]) -> bool:
    """Tell whether the classes of the pictures in a split are known."""
    return (not inner.flat) or inner.here in lists


def _into_split(
    place: Place, lists: Collection[Parts], title: str, wanted: str | None
) -> Place | None:
    """Return the inside of the split to measure; None where the folders here are no splits."""
    if place.split is not None:
        return None
    splits = _splits(place, lists)
    if not splits:
        return None
    usable = sorted(head for head, inner in splits.items() if _usable(inner, lists))
    names = sorted(splits)
    if wanted is not None:
        chosen = wanted_split(names, wanted, title)
    else:
        chosen = choose_split(usable or names) or names[0]
    notes = [*place.notes]
    if len(names) > 1 and wanted is None:
        notes.append(used_of("splits", names, chosen, title))
    bare = [name for name in names if name not in usable and name != chosen]
    if bare:
        notes.append(
            f"The pictures of {', '.join(bare)} in {title} lie in no class folders, so they have "
            f"no labels and are not measured."
        )
    beside = [head for head in place.heads if head not in splits]
    if beside:
        notes.append(
            f"The pictures of {', '.join(beside)} in {title} lie beside its splits and are left "
            f"out."
        )
    return replace(splits[chosen], notes=tuple(notes), split=chosen)


def _into_config(
    place: Place, lists: Collection[Parts], title: str, wanted: str | None
) -> Place | None:
    """Return the inside of the configuration to measure: a folder of splits among others."""
    if place.split is not None or place.config is not None:
        return None
    insides = {head: place.inside(head) for head in place.heads}
    splits = {head: _splits(inner, lists) for head, inner in insides.items()}
    if len(insides) < 2 or not all(splits.values()):
        return None
    names = sorted(insides)
    measurable = {
        head
        for head, found in splits.items()
        if any(family_of(s) in ("validation", "test") for s in found if _usable(found[s], lists))
    }
    notes = [*place.notes]
    if wanted is not None:
        chosen = wanted_config(names, wanted, title)
    else:
        chosen = choose_config(names, measurable.__contains__)
        notes.append(used_of("configurations", names, chosen, title))
    return replace(insides[chosen], notes=tuple(notes), config=chosen)
