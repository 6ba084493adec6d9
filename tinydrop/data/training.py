"""The shards of a folder to learn from, and those to measure on; never one for the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinydrop.core.errors import SettingError
from tinydrop.data.parquet import picture_tables
from tinydrop.data.splits import (
    Place,
    choose_config,
    choose_split,
    place_of,
    used_of,
    wanted_config,
    wanted_split,
)


@dataclass(frozen=True)
class TrainingShards:
    """What a folder of shards offers to a training.

    Attributes:
        train: files to learn from; all training splits of one configuration.
        held_out: files to measure on; empty where there are none.
        split: the split of ``held_out``; None where there is none.
        notes: sentences on what else there is.
    """

    train: tuple[Path, ...]
    held_out: tuple[Path, ...]
    split: str | None
    notes: tuple[str, ...]


def find_shards(
    folder: Path, split: str | None = None, config: str | None = None
) -> TrainingShards:
    """Return the training shards below a folder and those of the split to measure on.

    Args:
        folder: with Parquet files in the Hub's layout.
        split: the one to measure on; the validation-like one by default.
        config: the configuration, where there are several; by default one that has both.

    Raises:
        SettingError: if there are no training shards, or no such split or configuration.
    """
    names = picture_tables(folder).pictures if folder.is_dir() else ()
    places = {name: place_of(name) for name in names}
    places, notes = _one_config(places, folder.name, config)
    train = [name for name, place in places.items() if place.family == "train"]
    if not train:
        raise SettingError(
            f"There is no train*.parquet in {folder}; give a folder with shards of the Hub's "
            f"layout, such as train-00000-of-00004.parquet, by --data."
        )
    others = [place.split for place in places.values() if place.split and place.family != "train"]
    chosen = choose_split(others) if split is None else wanted_split(others, split, folder.name)
    if split is None and len(set(others)) > 1:
        notes.append(used_of("splits", sorted({*others, "train"}), str(chosen), folder.name))
    held_out = [name for name, place in places.items() if chosen and place.split == chosen]
    return TrainingShards(
        train=tuple(folder / name for name in train),
        held_out=tuple(folder / name for name in held_out),
        split=chosen,
        notes=tuple(notes),
    )


def _one_config(
    places: dict[str, Place], title: str, wanted: str | None
) -> tuple[dict[str, Place], list[str]]:
    """Return the files of one configuration, and what else there is.

    Files that only together have something to learn from and something to measure on
    (``imagenet-train``, ``validation``) are of one.
    """
    configs = sorted({place.config for place in places.values()})
    notes: list[str] = []
    if wanted is not None:
        chosen = wanted_config(configs, wanted, title)
    else:
        whole = [c for c in configs if _complete([p for p in places.values() if p.config == c])]
        if not whole or len(configs) < 2:
            return places, notes
        chosen = choose_config(whole, lambda _config: True)
        notes.append(used_of("configurations", [c or "(none)" for c in configs], chosen, title))
    return {name: place for name, place in places.items() if place.config == chosen}, notes


def _complete(places: Sequence[Place]) -> bool:
    families = {place.family for place in places}
    return "train" in families and len(families) > 1
