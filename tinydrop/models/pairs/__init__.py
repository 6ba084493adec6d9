"""Named guidance/target pairs: the shipped ones, ImageNet pairs from the Hub, a user's own folder.

A pair folder holds ``pair.json``, ``guidance.safetensors`` and ``target.safetensors``; replacing
these files replaces the pair. Weights are safetensors only; those of more than 9 MiB lie in shards
with an index, such as ``target-00001-of-00005.safetensors`` and ``target.safetensors.index.json``.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tinydrop.core.errors import SettingError, quoted
from tinydrop.models.pairs.folder import load_pair_folder, read_pair_card, save_pair
from tinydrop.models.pairs.heads import read_head
from tinydrop.models.pairs.pair import Pair, pair_from_models, pair_from_names
from tinydrop.models.pairs.presets import PRESETS, PairPreset
from tinydrop.models.pairs.shipped import SHIPPED, ShippedPair, bundled_students
from tinydrop.models.pairs.slimmed import (
    Student,
    StudentCard,
    load_slimmed,
    load_student,
    read_student_card,
    save_slimmed,
)

__all__ = [
    "PRESETS",
    "SHIPPED",
    "Pair",
    "PairPreset",
    "ShippedPair",
    "Student",
    "StudentCard",
    "bundled_students",
    "load_pair",
    "load_pair_folder",
    "load_slimmed",
    "load_student",
    "pair_from_models",
    "pair_from_names",
    "read_head",
    "read_pair_card",
    "read_student_card",
    "save_pair",
    "save_slimmed",
]


def load_pair(name: str | Path, progress: Callable[[str, float], None] | None = None) -> Pair:
    """Return the pair of that name: a shipped one, a preset, or a folder in the pair format.

    Args:
        name: a name in ``SHIPPED`` or ``PRESETS``, or the path of a pair folder.
        progress: called with (sentence, share done from 0 to 1) while weights are fetched.

    Raises:
        SettingError: if there is no such preset or folder, or the folder is not a pair.
        WeightsUnavailableError: if the Hub cannot be reached and the weights are not here.
        UnsupportedModelError: if a model does not fit its role.
    """
    shipped = SHIPPED.get(str(name))
    if shipped is not None:
        return load_pair_folder(shipped.folder, name=shipped.name)
    preset = PRESETS.get(str(name))
    if preset is not None:
        return pair_from_names(
            preset.guidance,
            preset.target,
            name=preset.name,
            title=preset.title,
            progress=progress,
        )
    folder = Path(name)
    if _is_folder(folder):
        return load_pair_folder(folder)
    raise SettingError(
        f"There is no pair {quoted(str(name))}; use {', '.join([*SHIPPED, *PRESETS])}, "
        "or a folder with a pair.json."
    )


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except (OSError, ValueError):  # too long or too strange for any file system
        return False
