"""The names that a pair's classes go by, and how a name of a data set is found among them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from tinydrop.data.values import ClassLabel

_NEAR = 3


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """What a pair's classes are called.

    Attributes:
        classes: the pair's class names, in the order of the logits.
        members: class name -> fine names or WordNet ids that it covers.
        wnids: the WordNet id of each class, where known.
        synonyms: WordNet id -> its names between commas, to look up ids that the pair lacks.
    """

    classes: Sequence[str]
    members: Mapping[str, Sequence[str]]
    wnids: Sequence[str]
    synonyms: Mapping[str, str]

    def find(self, label: ClassLabel) -> tuple[set[int], str]:
        """Return the classes that a label may mean, and by what: ``name`` or ``wnid``.

        Names are compared without regard to case, underscores and hyphens; each synonym between
        commas counts. A pair's own class name goes before a fine name it covers.
        """
        if label.wnid in self._by_id:
            return {self._by_id[label.wnid]}, "wnid"
        hits = self._lookup(label.name) if label.name else set()
        if not hits and label.wnid and label.wnid in self.synonyms:
            return self._lookup(self.synonyms[label.wnid]), "wnid"
        return hits, "name"

    def near(self, name: str) -> list[str]:
        """Return up to three names in the vocabulary that are written much like this one."""
        known = list(self._own) + [key for key in self._covered if key not in self._own]
        wanted = _key(name)
        close = get_close_matches(wanted, known, n=_NEAR, cutoff=0.75)
        # A dog is near a guide dog, and dogs are near a dog.
        words = {wanted, wanted.removesuffix("s"), wanted.removesuffix("es")} - {""}
        inside = [key for key in known if words & set(key.split()) or set(key.split()) <= words]
        return list(dict.fromkeys([*close, *inside]))[:_NEAR]

    @cached_property
    def _fine(self) -> list[tuple[str, int]]:
        place = {name: index for index, name in enumerate(self.classes)}
        groups = ((name, texts) for name, texts in self.members.items() if name in place)
        return [(text, place[name]) for name, texts in groups for text in texts]

    @cached_property
    def _by_id(self) -> dict[str | None, int]:
        found: dict[str | None, int] = {wnid.lower(): n for n, wnid in enumerate(self.wnids)}
        for text, index in (*_numbered(self.classes), *self._fine):
            parsed = ClassLabel.parse(text)
            if parsed.wnid:
                found[parsed.wnid] = index
        return found

    @cached_property
    def _own(self) -> dict[str, set[int]]:
        return _spellings(_numbered(self.classes))

    @cached_property
    def _covered(self) -> dict[str, set[int]]:
        return _spellings(self._fine)

    def _lookup(self, name: str) -> set[int]:
        """Return the classes that a name may mean; the whole name goes before its synonyms."""
        keys = _keys(name)
        for known in (self._own, self._covered):
            if len(known.get(keys[0], ())) == 1:
                return set(known[keys[0]])
        hits: set[int] = set()
        for known in (self._own, self._covered):
            for key in keys:
                hits |= known.get(key, set())
            if hits:
                break
        return hits


def _numbered(texts: Iterable[str]) -> list[tuple[str, int]]:
    """Return (text, position) pairs."""
    return [(text, index) for index, text in enumerate(texts)]


def _key(text: str) -> str:
    return " ".join(re.sub(r"[_\-\s]+", " ", text).casefold().split())


def _keys(text: str) -> list[str]:
    """Return the whole text and each of its synonyms, as compared."""
    parts = [_key(part) for part in text.split(",")]
    return [key for key in dict.fromkeys((", ".join(parts), *parts)) if key]


def _spellings(texts: Iterable[tuple[str, int]]) -> dict[str, set[int]]:
    """Return compared text -> the classes it may mean."""
    result: dict[str, set[int]] = {}
    for text, index in texts:
        parsed = ClassLabel.parse(text)
        for key in _keys(parsed.name or text):
            result.setdefault(key, set()).add(index)
    return result
