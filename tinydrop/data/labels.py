"""Which class of the pair each class of a data set is: by name, WordNet id or number."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError
from tinydrop.data.values import Dataset
from tinydrop.data.vocabulary import Vocabulary

_SHOWN = 4
Ints = npt.NDArray[np.int64]


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
        near: some of the unmatched, each with names of the pair that are written alike.
        first: the pair's class that the lowest number stands for, where numbers count from 1.
    """

    class_index: Ints
    how: str
    unmatched: tuple[str, ...]
    ambiguous: tuple[str, ...]
    pictures: int
    left_out: int
    classes: int
    near: tuple[tuple[str, tuple[str, ...]], ...] = ()
    first: str | None = None

    @property
    def report(self) -> str:
        """What matched and what did not, in words."""
        known = int((self.class_index >= 0).sum())
        counted = "" if self.first is None else f", counted from 1: 1 is '{self.first}'"
        text = (
            f"{known} of {self.class_index.size} classes with {self.pictures:,} pictures belong to "
            f"{self.classes} of the pair's classes (matched by {self.how}{counted})"
        )
        if not self.unmatched:
            return f"{text}."
        twice = f", {_some(self.ambiguous)} because several fit" if self.ambiguous else ""
        return (
            f"{text}; {self.left_out:,} pictures of {len(self.unmatched)} other classes are left "
            f"out ({_some(self.unmatched)}{twice}){_near_words(self.near)}."
        )


@dataclass(frozen=True, eq=False)
class _Found:
    """The pair's class of each label, before it is known whether that is enough."""

    index: Ints
    ways: frozenset[str]
    ambiguous: tuple[str, ...] = ()
    first: str | None = None


def match_labels(
    dataset: Dataset,
    pair_classes: Sequence[str],
    members: Mapping[str, Sequence[str]] | None = None,
    *,
    wnids: Sequence[str] | None = None,
    synonyms: Mapping[str, str] | None = None,
    listed: str = "",
) -> LabelMatch:
    """Match a data set's classes with a pair's.

    Names are compared without regard to case, underscores and hyphens; each synonym between
    commas counts. A pair's own class name goes before a fine name it covers. Numbers are used only
    where the data set has nothing but numbers and as many of them as the pair has classes, from 0
    or from 1 on.

    Args:
        dataset: the labelled pictures.
        pair_classes: the pair's class names, in the order of the logits.
        members: class name -> fine names or WordNet ids that it covers.
        wnids: the WordNet id of each of the pair's classes, where known.
        synonyms: WordNet id -> its names between commas, to look up ids that the pair lacks.
        listed: where a person finds the pair's classes, as in "... lists them".

    Raises:
        SettingError: if nothing matches, or pictures of one of the pair's classes alone do.
    """
    words = Vocabulary(pair_classes, members or {}, wnids or (), synonyms or {})
    present = np.bincount(dataset.label, minlength=len(dataset.labels))
    bare = all(label.name is None and label.wnid is None for label in dataset.labels)
    found = (
        _by_number(dataset, pair_classes, present) if bare else _by_name(dataset, words, present)
    )
    match = _summed(dataset, words, found, present)
    if match.classes == 0:
        raise _nothing(dataset, words, match, listed, bare=bare)
    if match.classes == 1:
        only = pair_classes[int(found.index[(present > 0) & (found.index >= 0)][0])]
        raise SettingError(
            f"Only the class '{only}' of the pair occurs in {dataset.title}; accuracy needs "
            f"pictures of at least two of its classes "
            f"({_some(pair_classes)}){_others(match)}{_lists(listed)}."
        )
    return match


def _by_name(dataset: Dataset, words: Vocabulary, present: Ints) -> _Found:
    """Return what names and WordNet ids say."""
    index = np.full(len(dataset.labels), -1, dtype=np.int64)
    ways: set[str] = set()
    ambiguous: list[str] = []
    for number, label in enumerate(dataset.labels):
        hits, way = words.find(label)
        if len(hits) == 1:
            index[number] = hits.pop()
            ways.add(way)
        elif hits and present[number]:
            ambiguous.append(str(label))
    return _Found(index, frozenset(ways), tuple(ambiguous))


def _by_number(dataset: Dataset, classes: Sequence[str], present: Ints) -> _Found:
    """Return what bare numbers say: all of 0 to n - 1, or all of 1 to n, or nothing."""
    numbers = np.array([-1 if n.index is None else n.index for n in dataset.labels], np.int64)
    for start in (0, 1):
        wanted = list(range(start, start + len(classes)))
        # The first number may be there without pictures, where a table counts from 0 by habit.
        rising = sorted(int(n) for n in numbers if n >= start)
        before = (numbers < start) & (present > 0)
        if rising == wanted and not before.any():
            index = np.where(numbers >= start, numbers - start, -1)
            return _Found(index, frozenset({"index"}), first=classes[0] if start else None)
    return _Found(np.full(numbers.size, -1, np.int64), frozenset())


def _summed(dataset: Dataset, words: Vocabulary, found: _Found, present: Ints) -> LabelMatch:
    """Return the match with its counts, and near names of what did not match."""
    missing = [
        label
        for label, index, count in zip(dataset.labels, found.index, present, strict=True)
        if index < 0 and count
    ]
    looked_up = ((str(label), label.name) for label in missing[:_SHOWN])
    near = ((text, tuple(words.near(name))) for text, name in looked_up if name)
    return LabelMatch(
        class_index=found.index,
        how="+".join(sorted(found.ways)) or "nothing",
        unmatched=tuple(str(label) for label in missing),
        ambiguous=found.ambiguous,
        pictures=int(present[found.index >= 0].sum()),
        left_out=int(present[found.index < 0].sum()),
        classes=len(set(found.index[(present > 0) & (found.index >= 0)].tolist())),
        near=tuple((text, names) for text, names in near if names),
        first=found.first,
    )


def _nothing(
    dataset: Dataset, words: Vocabulary, match: LabelMatch, listed: str, *, bare: bool
) -> SettingError:
    """Return the sentence for a data set of which the pair knows no class."""
    classes = words.classes
    if bare:
        numbers = sorted(n.index for n in dataset.labels if n.index is not None)
        span = f", numbered {numbers[0]} to {numbers[-1]}," if numbers else ""
        return SettingError(
            f"The classes of {dataset.title}{span} have no names and are {len(dataset.labels)}, "
            f"but the pair has {len(classes)}; name the folders after the pair's classes "
            f"({_some(classes)}){_lists(listed)}."
        )
    twice = f", since several classes fit {_some(match.ambiguous)}" if match.ambiguous else ""
    return SettingError(
        f"No class of {dataset.title} ({_some(match.unmatched)}) is one of the pair's "
        f"{len(classes)} ({_some(classes)}){twice}{_near_words(match.near)}; name the folders "
        f"after the pair's classes or choose another pair{_lists(listed)}."
    )


def _others(match: LabelMatch) -> str:
    """Return what of the data set the pair does not know, for the middle of a sentence."""
    if not match.unmatched:
        return ""
    return f", and {_some(match.unmatched)} belong to none of them{_near_words(match.near)}"


def _near_words(near: Sequence[tuple[str, tuple[str, ...]]]) -> str:
    def told() -> Iterator[str]:
        for text, names in near:
            yield f"near '{text[:40]}': {', '.join(repr(name[:40]) for name in names)}"

    return "; " + "; ".join(told()) if near else ""


def _lists(listed: str) -> str:
    return f"; {listed} lists them all" if listed else ""


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name[:40]}'" for name in names[:_SHOWN])
    more = len(names) - _SHOWN
    return f"{shown} and {more} more" if more > 0 else shown
