"""Cards that somebody wrote: JSON files read field by field, each refusal naming the field's path.

What is read is what a constructor may be given afterwards: every type is checked here, every range
by the value that the fields make.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, NoReturn, TypeVar

from tinydrop.core.budget import Setting
from tinydrop.core.errors import SettingError, quoted
from tinydrop.data import InputSpec

Made = TypeVar("Made")
_MAX_BYTES = 20_000_000
_TEXT = "text that is not empty"
_FINE: Mapping[str, Any] = MappingProxyType(
    {"size": (8, 8), "mean": (0.5,) * 3, "std": (0.5,) * 3, "stages": (1, 1), "ratios": (0.5,)}
)
"""Values that are right for the fields that have no default."""


def read_card(path: Path, absent: str) -> Card:
    """Return the JSON object in a file.

    Args:
        path: the file.
        absent: what to say where there is none.

    Raises:
        SettingError: if it is missing, too large, or holds no JSON object.
    """
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_BYTES + 1)
        card = json.loads(content.decode()) if len(content) <= _MAX_BYTES else None
    except FileNotFoundError:
        raise SettingError(absent) from None
    except (OSError, ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0][:120] if str(error) else type(error).__name__
        raise SettingError(f"{path} cannot be read as JSON ({reason}); write it anew.") from error
    if len(content) > _MAX_BYTES:
        raise SettingError(
            f"{path} is larger than {_MAX_BYTES / 1e6:.0f} MB, which no card is; write it anew."
        )
    return Card(path, "", card if isinstance(card, dict) else {})


class Card:
    """An object of a card, which knows where it stands.

    Attributes:
        file: the card's file.
        path: the way to this object, such as ``target.input.``; empty for the whole card.
        values: what it holds.
    """

    def __init__(self, file: Path, path: str, values: Mapping[str, Any]) -> None:
        self.file = file
        self.path = path
        self.values = values

    def refuse(self, key: str, wanted: str) -> NoReturn:
        """Raise the refusal of a field."""
        where = f"{self.path}{key}"
        if self.values.get(key) in (None, "", [], {}):
            raise SettingError(f"{self.file} lacks {where}; it is {wanted}, so add it.")
        raise SettingError(
            f"{self.file} is wrong at {where}: it is {wanted}, got {quoted(self.values[key])}; "
            f"correct it."
        )

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self.values.get(key)
        if not _is_text(value):
            self.refuse(key, _TEXT)
        return str(value)

    def part(self, key: str, *, optional: bool = False) -> Card:
        """Return an object; an empty one where it may be missing and is."""
        value = self.values.get(key)
        if optional and key not in self.values:
            value = {}
        if not isinstance(value, dict) or not all(map(_is_text, value)):
            self.refuse(key, "an object with named fields")
        return Card(self.file, f"{self.path}{key}.", value)

    def texts(self, key: str) -> tuple[str, ...]:
        """Return a list of texts, at least one."""
        value = self.values.get(key)
        if not isinstance(value, list) or not value or not all(map(_is_text, value)):
            self.refuse(key, "a list of names, at least one and none empty")
        return tuple(value)

    def lists(self, key: str) -> dict[str, list[str]]:
        """Return an object of lists of texts, which may be missing."""
        part = self.part(key, optional=True)
        for name, value in part.values.items():
            if not isinstance(value, list) or not all(map(_is_text, value)):
                part.refuse(name, "a list of names")
        return dict(part.values)

    def input(self, key: str = "input") -> InputSpec:
        """Return how a model wants its pictures."""
        return self.part(key).made(InputSpec)

    def setting(self, key: str = "setting") -> Setting:
        """Return an operating point; what is missing has its default."""
        part = self.part(key)
        if not part.values:
            self.refuse(key, "an object with tau and gamma")
        return part.made(Setting)

    def made(self, kind: type[Made]) -> Made:
        """Return the value that the fields of this object make; every one must be known."""
        every = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
        for name in self.values:
            if name not in every:
                self.refuse(name, f"not known here, where {', '.join(sorted(every))} are")
        for name, field in every.items():
            if field.default is MISSING and name not in self.values:
                self.refuse(name, "needed here")
        given = {k: tuple(v) if isinstance(v, list) else v for k, v in self.values.items()}
        try:
            return kind(**given)
        except SettingError as error:
            text = str(error)
            raise SettingError(
                f"{self.file} is wrong at {self._culprit(kind, given)}: {text[:1].lower()}"
                f"{text[1:]}"
            ) from error

    def _culprit(self, kind: type[object], given: Mapping[str, Any]) -> str:
        """Return the path of the first field that the value cannot be made with, or of them all."""
        fine = {
            field.name: _FINE.get(field.name, field.default)
            for field in fields(kind)  # type: ignore[arg-type]
            if field.name in _FINE or field.default is not MISSING
        }

        def fails(name: str) -> bool:
            try:
                kind(**{**fine, name: given[name]})
            except SettingError:
                return True
            return False

        name = next(filter(fails, given), "")
        return f"{self.path}{name}".removesuffix(".")


def _is_text(value: object) -> bool:
    """Tell whether a value is text that can be written to a file."""
    if not isinstance(value, str) or not value:
        return False
    try:
        value.encode()
    except UnicodeEncodeError:  # half of a pair of code units, which JSON can write
        return False
    return True


def class_names(classes: Sequence[str] | Mapping[int, str]) -> tuple[str, ...]:
    """Return class names in the order of the logits, of what a caller gave.

    Args:
        classes: a list of names, or index -> name for every index from 0 on.

    Raises:
        SettingError: if it is neither.
    """
    wanted = "give one name per logit, in the order of the logits, such as ['cat', 'dog']"
    if isinstance(classes, str | bytes):
        raise SettingError(
            f"The classes are a list of names, not one text, got {quoted(classes)}; {wanted}."
        )
    if isinstance(classes, Mapping):
        whole = [k for k in classes if isinstance(k, int) and not isinstance(k, bool)]
        if sorted(whole) != list(range(len(classes))):
            raise SettingError(
                f"Classes by index have every index from 0 to {len(classes) - 1}, got "
                f"{quoted(list(classes))}; {wanted}."
            )
        names = [classes[index] for index in range(len(classes))]
    else:
        try:
            names = list(classes)
        except TypeError:
            raise SettingError(
                f"The classes are a list of names, got {quoted(classes)}; {wanted}."
            ) from None
    for index, name in enumerate(names):
        if not _is_text(name):
            raise SettingError(f"Class {index} is no name but {quoted(name)}; {wanted}.")
    return tuple(map(str, names))
