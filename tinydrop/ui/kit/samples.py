"""The bundled photographs, each with what happens to it under the bundled pair."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageOps

from tinydrop.core.assets import samples_folder
from tinydrop.core.errors import SettingError
from tinydrop.core.results import DropResult, Truth
from tinydrop.data import open_picture
from tinydrop.models.pairs import Pair
from tinydrop.models.truth import find_truth


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


def truth_line(sample: Sample, pair: Pair) -> str:
    """Return which of the pair's classes the photograph shows, or that it has none for it."""
    right = find_truth(sample.truth, pair).name
    if right is None:
        return "the pair has no class for it, so no answer is right"
    return f"right would be “{right}”"


def truth_of(sample: Sample | None, pair: Pair) -> Truth | None:
    """Return what a photograph is known to show; None for a visitor's own picture."""
    return None if sample is None else find_truth(sample.truth, pair)


def known_truth(name: str | None, pair: Pair) -> Truth | None:
    """Return what the bundled photograph of that name shows; None for any other picture."""
    found = [sample for sample in find_samples() if sample.name == name]
    return truth_of(found[0], pair) if found else None


@dataclass(frozen=True)
class SampleOutcome:
    """What became of a picture, in two parts: is the answer right, and is it the full target's.

    Attributes:
        exited: whether the guidance's answer stood.
        right: whether the answer names what the picture shows; None where that is not known.
        agrees: whether the full target says the same; None while it has not run.
        saved: 1 - cost / the full target's cost, in MACs.
        classless: whether the pair has no class for what the picture shows.
    """

    exited: bool
    right: bool | None
    agrees: bool | None
    saved: float
    classless: bool = False

    @property
    def truth_word(self) -> str:
        """Whether the answer is right, in a word or two; empty where that is not known."""
        if self.classless:
            return "no such class"
        return "" if self.right is None else "right" if self.right else "wrong"

    @property
    def agreement_word(self) -> str:
        """Whether the full target says the same, in a word; empty while it has not run."""
        return "" if self.agrees is None else "agrees" if self.agrees else "differs"


def sample_outcome(result: DropResult, truth: Truth | None = None) -> SampleOutcome:
    """Return what became of a picture.

    Args:
        result: the run.
        truth: what the picture shows, where that is known.
    """
    known = truth is not None and truth.name is not None
    full = result.full
    return SampleOutcome(
        exited=result.exited,
        right=truth.right(result.final) if truth is not None and known else None,
        agrees=None if full is None else full.class_index == result.final.class_index,
        saved=result.macs.saved,
        classless=truth is not None and truth.name is None,
    )


def thumbnail(sample: Sample, side: int = 128) -> Image.Image:
    """Return the middle of a sample as a small square picture."""
    return ImageOps.fit(open_picture(sample.path).image, (side, side), Image.Resampling.LANCZOS)
