"""Which class of the pair each class of a data set is: by name, WordNet id or number."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydrop.data.values import ClassLabel, Dataset
from tinydrop.errors import SettingError

__all__ = ["LabelMatch", "match_labels"]

_SHOWN = 4


@dataclass(frozen=True, eq=False)
class LabelMatch:
    """What became of the data set's classes.

    Attributes:
        class_index: (labels,) int64, the pair's class for each class of the data set, -1 for none.
        how: ``name``, ``wnid`` or ``index``, or several of them joined by ``+``.
        unmatched: the data set's classes that the pair does not know.
        ambiguous: those that fit several of the pair's classes; they are among ``unmatched``.
        pictures: pictures whose class the pair knows.
        left_out: pictures of the other classes.
        classes: classes of the pair that pictures were found for.
    """

    class_index: npt.NDArray[np.int64]
    how: str
    unmatched: tuple[str, ...]
    ambiguous: tuple[str, ...]
    pictures: int
    left_out: int
    classes: int

    @property
    def report(self) -> str:
        """What matched and what did not, in words."""
        known = int((self.class_index >= 0).sum())
        text = (
            f"{known} of {self.class_index.size} classes with {self.pictures:,} pictures belong to "
            f"{self.classes} of the pair's classes (matched by {self.how})"
        )
        if not self.unmatched:
            return f"{text}."
        twice = f", {_some(self.ambiguous)} because several fit" if self.ambiguous else ""
        return (
            f"{text}; {self.left_out:,} pictures of {len(self.unmatched)} other classes are left "
            f"out ({_some(self.unmatched)}{twice})."
        )


def match_labels(
    dataset: Dataset,
    pair_classes: Sequence[str],
    members: Mapping[str, Sequence[str]] | None = None,
    *,
    wnids: Sequence[str] | None = None,
    synonyms: Mapping[str, str] | None = None,
) -> LabelMatch:
    """Match a data set's classes with a pair's.

    Names are compared without regard to case, underscores and hyphens; each synonym between
    commas counts. A pair's own class name goes before a fine name it covers. Numbers are used only
    where the data set has nothing but numbers and as many of them as the pair has classes.

    Args:
        dataset: the labelled pictures.
        pair_classes: the pair's class names, in the order of the logits.
        members: class name -> fine names or WordNet ids that it covers.
        wnids: the WordNet id of each of the pair's classes, where known.
        synonyms: WordNet id -> its names between commas, to look up ids that the pair lacks.

    Raises:
        SettingError: if nothing matches, or pictures of one of the pair's classes alone do.
    """
    groups = members or {}
    place = {name: index for index, name in enumerate(pair_classes)}
    fine = [(text, place[name]) for name in groups if name in place for text in groups[name]]
    own = _vocabulary(_numbered(pair_classes))
    covered = _vocabulary(fine)
    by_id = {wnid.lower(): index for index, wnid in enumerate(wnids or ())}
    for text, index in (*_numbered(pair_classes), *fine):
        parsed = ClassLabel.parse(text)
        if parsed.wnid:
            by_id[parsed.wnid] = index
    present = np.bincount(dataset.label, minlength=len(dataset.labels))
    found = np.full(len(dataset.labels), -1, dtype=np.int64)
    ways: set[str] = set()
    ambiguous: list[str] = []
    for number, label in enumerate(dataset.labels):
        hits: set[int] = set()
        way = "name"
        if label.wnid in by_id:
            hits, way = {by_id[label.wnid]}, "wnid"
        elif label.name:
            hits = _lookup(label.name, own, covered)
        if not hits and label.wnid and synonyms and label.wnid in synonyms:
            hits, way = _lookup(synonyms[label.wnid], own, covered), "wnid"
        if len(hits) == 1:
            found[number] = hits.pop()
            ways.add(way)
        elif hits and present[number]:
            ambiguous.append(str(label))
    bare = all(label.name is None and label.wnid is None for label in dataset.labels)
    numbers = [label.index for label in dataset.labels]
    if bare and sorted(n for n in numbers if n is not None) == list(range(len(pair_classes))):
        found = np.array(numbers, dtype=np.int64)
        ways = {"index"}
    return _checked(dataset, pair_classes, found, present, ways, tuple(ambiguous), bare=bare)


def _numbered(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Return (text, position) pairs."""
    return [(text, index) for index, text in enumerate(texts)]


def _checked(
    dataset: Dataset,
    pair_classes: Sequence[str],
    found: npt.NDArray[np.int64],
    present: npt.NDArray[np.int64],
    ways: set[str],
    ambiguous: tuple[str, ...],
    *,
    bare: bool,
) -> LabelMatch:
    """Return the match, or say in one sentence why there is none to measure with."""
    unmatched = tuple(
        str(label)
        for label, index, count in zip(dataset.labels, found, present, strict=True)
        if index < 0 and count
    )
    classes = set(found[(present > 0) & (found >= 0)].tolist())
    match = LabelMatch(
        class_index=found,
        how="+".join(sorted(ways)) or "nothing",
        unmatched=unmatched,
        ambiguous=ambiguous,
        pictures=int(present[found >= 0].sum()),
        left_out=int(present[found < 0].sum()),
        classes=len(classes),
    )
    if not classes and bare:
        raise SettingError(
            f"The classes of {dataset.title} have no names and are {len(dataset.labels)}, but the "
            f"pair has {len(pair_classes)}; name the folders after the pair's classes "
            f"({_some(pair_classes)})."
        )
    if not classes:
        raise SettingError(
            f"No class of {dataset.title} ({_some(unmatched)}) is one of the pair's "
            f"({_some(pair_classes)}); name the folders after the pair's classes or choose another "
            f"pair."
        )
    if len(classes) == 1:
        raise SettingError(
            f"Only the class '{pair_classes[classes.pop()]}' of the pair occurs in "
            f"{dataset.title}; accuracy needs pictures of at least two of its classes "
            f"({_some(pair_classes)})."
        )
    return match


def _key(text: str) -> str:
    return " ".join(re.sub(r"[_\-\s]+", " ", text).casefold().split())


def _keys(text: str) -> list[str]:
    """Return the whole text and each of its synonyms, as compared."""
    parts = [_key(part) for part in text.split(",")]
    return [key for key in dict.fromkeys((", ".join(parts), *parts)) if key]


def _vocabulary(texts: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    """Return compared text -> the classes it may mean."""
    result: dict[str, set[int]] = {}
    for text, index in texts:
        name = ClassLabel.parse(text).name or text
        for key in _keys(name):
            result.setdefault(key, set()).add(index)
    return result


def _lookup(name: str, own: dict[str, set[int]], covered: dict[str, set[int]]) -> set[int]:
    """Return the classes that a name may mean; the whole name goes before its synonyms."""
    keys = _keys(name)
    for vocabulary in (own, covered):
        if len(vocabulary.get(keys[0], ())) == 1:
            return set(vocabulary[keys[0]])
    hits: set[int] = set()
    for vocabulary in (own, covered):
        for key in keys:
            hits |= vocabulary.get(key, set())
        if hits:
            return hits
    return hits


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name[:40]}'" for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
