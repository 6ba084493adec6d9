"""Which split and which configuration a file belongs to, told from its path; one way for all.

A split is a word wherever it stands, as a whole word: ``cifar_train``, ``train-00000-of-00004``,
``split=train``, ``val2017``, ``train(1)``. What is left of the path beside the split, the numbers
of the shards and the compression is the configuration: ``cifar10`` of ``cifar10/test-0.parquet``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from tinydrop.core.errors import SettingError

_FAMILIES = {
    "validation": "validation valid val vals validating valset validationset dev devset "
    "development",
    "test": "test tests testing testset tst eval evaluation evalset holdout heldout",
    "train": "train training trainset trainingset trainval trn",
}
_FAMILY = {word: family for family, words in _FAMILIES.items() for word in words.split()}
_USUAL = tuple(_FAMILY)
_ORDER = ("validation", "test", "", "train")
"""Which kind of split is measured first; the nameless ones lie between test and training."""
_NEUTRAL = frozenset(
    "of set split part parts shard shards chunk chunks file files data dataset parquet snappy "
    "gz gzip zstd zst lz4 brotli uncompressed images".split()
)
"""Words that say nothing of a split or a configuration."""
_SHARD_SUFFIX = re.compile(r"-\d+-of-\d+(?:-[0-9a-f]{8,})?$", re.IGNORECASE)
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_YEAR = re.compile(r"(?:19|20)\d\d")
_NUMBER = re.compile(r"\d+")
_WORD = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")


@dataclass(frozen=True)
class Place:
    """Where one file stands among the others.

    Attributes:
        split: the word that names its split, as it stands in the path; None where there is none.
        config: the rest of what the path says; empty where there is no more.
    """

    split: str | None
    config: str

    @property
    def family(self) -> str:
        """``validation``, ``test``, ``train``, or empty."""
        return family_of(self.split)


@dataclass(frozen=True)
class Choice:
    """The files of one split of one configuration.

    Attributes:
        files: those to read, in their order.
        split: their split; None where no path names one.
        config: their configuration; None where there is one alone, and none was asked for.
        notes: sentences on what else there is.
    """

    files: tuple[str, ...]
    split: str | None
    config: str | None
    notes: tuple[str, ...]

    def title(self, name: str) -> str:
        """Return what a person calls these files of the data set ``name``."""
        return titled(name, self.config, self.split)


def titled(name: str, config: str | None, split: str | None) -> str:
    """Return a data set's name with its configuration and split in brackets."""
    inside = ", ".join(part for part in (config, split) if part)
    return f"{name} ({inside})" if inside else name


def family_of(split: str | None) -> str:
    """Return ``validation``, ``test`` or ``train``; empty for a name without such a word."""
    if split is None:
        return ""
    found = {_FAMILY[word] for word in _words(split) if word in _FAMILY}
    # "train_test" is nothing to measure on: what may hold training pictures counts as training.
    return next((f for f in ("train", "validation", "test") if f in found), "")


def is_split_name(text: str) -> bool:
    """Tell whether a folder's whole name is a split: ``val``, ``test_set``, ``split=train``."""
    rest = [word for word in _words(text) if not word.isdigit() and word not in _NEUTRAL]
    return bool(rest) and all(word in _FAMILY for word in rest)


def split_of(path: str) -> str | None:
    """Return the split that a file's path names: ``validation-00000-of-00001``, ``test/0``."""
    return place_of(path).split


def place_of(path: str) -> Place:
    """Return the split and the configuration that a file's path names.

    The file's own name goes before its folders, the nearest first. Shards of the Hub's form
    (``NAME-00000-of-00004``) name a split even where NAME is none of the usual words.
    """
    *folders, name = PurePosixPath(path.replace("\\", "/")).parts
    stem = _UUID.sub("", re.sub(r"\.parquet$", "", name, flags=re.IGNORECASE))
    sharded = _SHARD_SUFFIX.search(stem)
    if sharded:
        stem = stem[: sharded.start()]
    parts = [*folders, stem]
    at = next((n for n in reversed(range(len(parts))) if family_of(parts[n])), None)
    if at is None:
        split = stem if sharded and not _neutral(stem) else None
        return Place(split, _config(folders))
    split = _split_word(parts[at])
    rest = folders[:at] + folders[at + 1 :] if at < len(folders) else list(folders)
    residue = _residue(parts[at])
    # Without a split in its own name, a file's name may be that of a shard as well.
    return Place(split, _config([*rest, residue]))


def choose_split(found: Iterable[str]) -> str | None:
    """Return the split to measure on: validation, then test, training last; None for none."""

    def order(name: str) -> tuple[int, int, str]:
        low = name.lower()
        known = _USUAL.index(low) if low in _USUAL else len(_USUAL)
        return _ORDER.index(family_of(name)), known, low

    return min(set(found), key=order, default=None)


def choose_config(found: Iterable[str], measurable: Callable[[str], bool]) -> str:
    """Return the configuration to measure: one that can be, ``default`` before the alphabet."""
    return min(set(found), key=lambda c: (not measurable(c), "default" not in _words(c), c.lower()))


def choose_files(
    files: Sequence[str], title: str, split: str | None = None, config: str | None = None
) -> Choice:
    """Return the files of one split of one configuration, and what else there is.

    Args:
        files: slash-separated paths, at least one.
        title: what messages call the whole.
        split: the one that is wanted, by its name or kind; the validation-like one by default.
        config: the configuration that is wanted; the default or first one by default.

    Raises:
        SettingError: if there is none of that name, saying which there are.
    """
    places = {file: place_of(file) for file in files}
    files = list(files)
    configs = sorted({place.config for place in places.values()})
    notes: list[str] = []
    named: str | None = None
    if config is not None:
        named = _wanted("configuration", configs, config, title, exact=True)
    elif len(configs) > 1:
        held = {c for c in configs if any(_held_out(p) for p in places.values() if p.config == c)}
        named = choose_config(configs, held.__contains__)
        notes.append(used_of("configurations", [c or "(none)" for c in configs], named, title))
    if named is not None:
        files = [file for file in files if places[file].config == named]
    splits = sorted({s for file in files if (s := places[file].split) is not None})
    if split is None:
        chosen = choose_split(splits)
        if len(splits) > 1 or (splits and any(places[f].split is None for f in files)):
            notes.append(used_of("splits", splits, str(chosen), title))
    else:
        chosen = _wanted("split", splits, split, title)
    files = [file for file in files if chosen is None or places[file].split == chosen]
    notes.extend(_together(files, title))
    return Choice(tuple(files), chosen, named or None, tuple(notes))


def used_of(kind: str, names: Sequence[str], chosen: str, title: str) -> str:
    """Return the sentence that says which splits or configurations there are, and which is used."""
    option = "--split" if kind == "splits" else "--config"
    return (
        f"Of the {kind} {', '.join(names)} of {title} only {chosen} is used; choose another "
        f"by {option}."
    )


def wanted_split(found: Sequence[str], wanted: str, title: str) -> str:
    """Return the split of that name or kind; SettingError if there is none or more than one."""
    return _wanted("split", found, wanted, title)


def wanted_config(found: Sequence[str], wanted: str, title: str) -> str:
    """Return the configuration of that name; SettingError if there is none."""
    return _wanted("configuration", found, wanted, title, exact=True)


def _wanted(
    kind: str, found: Sequence[str], wanted: str, title: str, *, exact: bool = False
) -> str:
    """Return the name that is meant: the same text, else the only one of the same kind."""
    same = [name for name in found if name.casefold() == wanted.strip().casefold()]
    family = family_of(wanted)
    if not same and not exact and family and is_split_name(wanted):
        same = [name for name in found if family_of(name) == family]
    if len(same) == 1:
        return same[0]
    option = "--config" if exact else "--split"
    names = [name for name in found if name]
    there = f"it has {', '.join(names)}" if names else f"no path in it names a {kind}"
    advice = f"give one of them by {option}" if names else f"leave {option} out"
    raise SettingError(f"{title} has no {kind} {wanted[:80]!r}; {there}, so {advice}.")


def _together(files: Sequence[str], title: str) -> list[str]:
    """Return the sentence on files that are read as one although their names say more."""
    stems = {PurePosixPath(file).stem for file in files}
    said = sorted(s for s in stems if not family_of(s) and not _neutral(_UUID.sub("", s)))
    if len({_residue(stem) for stem in said}) < 2:
        return []
    some = ", ".join(said[:4]) + (f" and {len(said) - 4} more" if len(said) > 4 else "")
    return [
        f"The files {some} of {title} are read as one set; give one of them to measure it alone."
    ]


def _held_out(place: Place) -> bool:
    return place.family in ("validation", "test")


def _words(text: str) -> list[str]:
    """Return the words and numbers of a name in small letters; case, digits and signs part them."""
    return [word.lower() for word in _WORD.findall(text)]


def _neutral(text: str) -> bool:
    return all(word in _NEUTRAL or word.isdigit() or len(word) == 1 for word in _words(text))


def _split_word(text: str) -> str:
    """Return the word that names the split, as it stands; of several, the one that decides."""
    family = family_of(text)
    words: list[str] = _WORD.findall(text)
    return next(word for word in words if _FAMILY.get(word.lower()) == family)


def _residue(text: str) -> str:
    """Return a name without its split word, what follows it of numbers, and neutral words.

    Years are part of a name, and so are numbers before the word (``cifar-10-train``) that are not
    padded with zeros, as the numbers of shards are; other numbers after it count shards.
    """
    family, before = family_of(text), True
    kept: list[str] = []
    end = 0
    for found in _WORD.finditer(text):
        word = found.group()
        if _FAMILY.get(word.lower()) == family:
            before = False
        elif _says_something(word, before=before):
            joined = kept and found.start() == end
            kept.append(word if joined or not kept else f"-{word}")
        end = found.end()
    return "".join(kept)


def _says_something(word: str, *, before: bool) -> bool:
    if _NUMBER.fullmatch(word):
        return bool(_YEAR.fullmatch(word)) or (before and not word.startswith("0"))
    return word.lower() not in _NEUTRAL and len(word) > 1


def _config(parts: Iterable[str]) -> str:
    """Return the names that say something, joined as a path."""
    return "/".join(part for part in parts if part and not _plain(part))


def _plain(folder: str) -> bool:
    """Tell whether a folder's name says nothing: ``data``, ``parquet``, ``split``."""
    words = _words(folder)
    return bool(words) and all(word in _NEUTRAL for word in words)
