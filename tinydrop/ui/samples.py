"""The bundled photographs, each with what happens to it under the bundled pair."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from tinydrop.assets import samples_folder
from tinydrop.errors import SettingError
from tinydrop.images import open_picture
from tinydrop.pairs import Pair
from tinydrop.results import DropResult

__all__ = [
    "Sample",
    "find_sample",
    "find_samples",
    "outcome",
    "right_class",
    "thumbnail",
    "truth_line",
]


@dataclass(frozen=True)
class Sample:
    """One bundled photograph.

    Attributes:
        name: the file's stem, as used in links.
        path: where it lies.
        title: what the page calls it.
        alt: what is to be seen, for those who cannot see it.
        credit: author and licence.
        truth: ImageNet's names for what it shows; none where ImageNet has no class for it.
    """

    name: str
    path: Path
    title: str
    alt: str
    credit: str
    truth: tuple[str, ...] = ()


def find_samples(folder: Path | None = None) -> tuple[Sample, ...]:
    """Return the photographs that a folder's ``samples.json`` lists, in its order.

    Args:
        folder: where they lie; the bundled ones without it.

    Raises:
        SettingError: if the list is missing, unreadable or empty.
    """
    folder = folder or samples_folder()
    try:
        entries = json.loads((folder / "samples.json").read_text(encoding="utf-8"))
        samples = tuple(
            Sample(
                name=Path(entry["file"]).stem,
                path=folder / Path(entry["file"]).name,
                title=entry["title"],
                alt=entry["alt"],
                credit=f"{entry['credit']}, {entry['licence']}",
                truth=tuple(entry.get("truth", ())),
            )
            for entry in entries
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SettingError(
            f"The samples in {folder} cannot be read ({error}); restore its samples.json."
        ) from error
    if not samples:
        raise SettingError(f"{folder / 'samples.json'} lists no photograph; add one.")
    return samples


def find_sample(samples: Sequence[Sample], name: str) -> Sample:
    """Return the sample of that name; SettingError if there is none."""
    for sample in samples:
        if sample.name == name:
            return sample
    raise SettingError(f"There is no sample {name[:40]!r}; choose one from the gallery.")


def right_class(sample: Sample, pair: Pair) -> str | None:
    """Return which of the pair's classes the photograph shows; None if it has none for it."""
    members = pair.info.get("members", {})
    for name in pair.classes:
        called = {*(part.strip() for part in name.split(",")), *members.get(name, ())}
        if called & set(sample.truth):
            return name
    return None


def truth_line(sample: Sample, pair: Pair) -> str:
    """Return which of the pair's classes the photograph shows, or that it has none for it."""
    right = right_class(sample, pair)
    if right is None:
        return "the pair has no class for it, so no answer is right"
    return f"right would be “{right}”"


def outcome(result: DropResult, right: str | None = None) -> str:
    """Return in two words what happened; the full target's answer is the yardstick.

    Args:
        result: with the full target's answer.
        right: the name of the class that the photograph shows, where the pair has it: an answer
            that is right while the full target is wrong is lucky, not wrong.
    """
    if result.exited:
        agrees = result.full is None or result.full.class_index == result.guidance.class_index
        if agrees:
            return "early exit"
        return "lucky exit" if result.guidance.name == right else "hasty exit"
    if result.full is None or result.target is None:
        return "dropped"
    if result.full.class_index != result.target.class_index:
        return "lucky drop" if result.target.name == right else "wrong drop"
    return "good drop" if result.macs.saved >= 0 else "no saving"


def thumbnail(sample: Sample, side: int = 128) -> Image.Image:
    """Return the middle of a sample as a small square picture."""
    return ImageOps.fit(open_picture(sample.path).image, (side, side), Image.Resampling.LANCZOS)
