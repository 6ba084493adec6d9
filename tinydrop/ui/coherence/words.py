"""What the Coherence page calls things, and how it explains them: one sentence each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tinydrop.core.numbers import decimals, percent, whole_percent
from tinydrop.core.results import Answer, Truth
from tinydrop.core.selection import SELECTOR_TITLES, YARDSTICK_TITLES, Title
from tinydrop.pipeline.render import Part, judged_parts
from tinydrop.ui.coherence.wish import PAINTED

POSITION_TITLES: Mapping[str, str] = MappingProxyType(
    {"right": "right", "first": "first K", "shuffled": "shuffled", "none": "none"}
)
POSITION_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "right": "Every kept patch has its own position, as the target learned it.",
        "first": "Drifted: the target is told that the kept patches are the first K of the grid.",
        "shuffled": "The kept patches have swapped their positions among themselves.",
        "none": "The target is told no position at all: it sees a bag of patches.",
    }
)


def arrangement(name: str) -> Title:
    """Return how an arrangement is named: a selector, or the painted set."""
    return YARDSTICK_TITLES[name] if name == PAINTED else SELECTOR_TITLES[name]


@dataclass(frozen=True)
class Words:
    """How one measure is shown.

    Attributes:
        title: its name on the page.
        note: what it says, in one sentence.
        formula: how it is counted.
        show: its value with a unit.
    """

    title: str
    note: str
    formula: str
    show: Callable[[float], str]


def _count(noun: str) -> Callable[[float], str]:
    return lambda value: f"{value:.0f} {noun}{'' if round(value) == 1 else 's'}"


MEASURE_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "components": Words(
            "Pieces",
            "How many pieces the kept patches form, where touching corners connect.",
            "connected components of the mask, 8 neighbours",
            _count("piece"),
        ),
        "components_4": Words(
            "Pieces by sides",
            "The same, where only whole sides connect.",
            "connected components of the mask, 4 neighbours",
            _count("piece"),
        ),
        "largest_component_share": Words(
            "Largest piece",
            "The share of the kept patches that lie in the largest piece.",
            "patches of the largest component / K, 8 neighbours",
            whole_percent,
        ),
        "largest_component_share_4": Words(
            "Largest piece by sides",
            "The same, where only whole sides connect.",
            "patches of the largest component / K, 4 neighbours",
            whole_percent,
        ),
        "holes": Words(
            "Holes",
            "Dropped places that kept patches shut in.",
            "components of dropped patches (4 neighbours) that do not reach the edge",
            _count("hole"),
        ),
        "morans_i": Words(
            "Moran’s I",
            "Do neighbours share their fate? Near 1 in one block, near 0 by chance, −1 on a "
            "checkerboard.",
            "(N / W) · Σ w<sub>ij</sub> (x<sub>i</sub> − x̄)(x<sub>j</sub> − x̄) / "
            "Σ (x<sub>i</sub> − x̄)²; x is 1 for kept and 0 for dropped, w is 1 for patches that "
            "share a side, W its sum",
            decimals,
        ),
        "gearys_c": Words(
            "Geary’s C",
            "How much do neighbours differ? 0 where they are alike, 1 by chance, more where they "
            "alternate.",
            "((N − 1) / 2W) · Σ w<sub>ij</sub> (x<sub>i</sub> − x<sub>j</sub>)² / "
            "Σ (x<sub>i</sub> − x̄)²",
            decimals,
        ),
        "compactness": Words(
            "Compactness",
            "1 is a disc, and pieces far apart are near 0.",
            "K² / (2π I), where I is the moment of inertia about the centroid, in patches",
            decimals,
        ),
        "bounding_box_fill": Words(
            "Box fill",
            "How much of the upright box around them the kept patches fill.",
            "K / (rows × columns of the box)",
            whole_percent,
        ),
        "border_share": Words(
            "On the border",
            "The share of the kept patches on the outermost ring, where few objects are.",
            "kept patches on the ring / K",
            whole_percent,
        ),
        "centroid_offset": Words(
            "Off centre",
            "How far their middle lies from the picture’s, as a share of the way to a corner.",
            "|centroid − centre| / |corner − centre| on the unit square",
            whole_percent,
        ),
    }
)
"""Measure of a kept set -> how it is shown."""

MAP_WORDS: Mapping[str, Words] = MappingProxyType(
    {
        "morans_i": Words(
            "Moran’s I of the map",
            "Do neighbouring places of the map have like values? Near 0 by chance.",
            MEASURE_WORDS["morans_i"].formula,
            decimals,
        ),
        "gearys_c": Words(
            "Geary’s C of the map",
            "How much do neighbouring places of the map differ? 1 by chance.",
            MEASURE_WORDS["gearys_c"].formula,
            decimals,
        ),
    }
)
"""Measure of a map's values -> how it is shown."""

MEASURE_GROUPS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "In how many pieces?": (
            "components",
            "components_4",
            "largest_component_share",
            "largest_component_share_4",
            "holes",
        ),
        "Do they lie together?": ("morans_i", "gearys_c", "compactness", "bounding_box_fill"),
        "Where do they lie?": ("border_share", "centroid_offset"),
    }
)


def say_parts(
    num_keep: int,
    patches: int,
    title: str,
    positions: str,
    answer: Answer | None,
    full: Answer | None,
    truth: Truth | None = None,
) -> tuple[Part, ...]:
    """Return what the target says of the stage, whether all patches say so and whether it is right.

    Args:
        num_keep: K on the stage.
        patches: N.
        title: what the page calls the arrangement.
        positions: a name in ``POSITION_MODES``.
        answer: the target's answer; None while it is running.
        full: its answer on every patch; None while it is running.
        truth: what the picture shows, where that is known.
    """
    looks = Part(f"{num_keep} of {patches}", strong=True)
    placed = {
        "right": "",
        "first": ", told that they are the first of the grid",
        "shuffled": ", their positions shuffled",
        "none": ", without positions",
    }[positions]
    which = Part(f" patches ({title}{placed})")
    if answer is None:
        return (Part("The target is looking at "), looks, which, Part("…"))
    said = (
        Part("The target looked at "), looks, which, Part(" and says "),
        Part(answer.name, strong=True), Part(f", {percent(answer.confidence)} sure"),
    )  # fmt: skip
    right = judged_parts(answer, truth)
    if full is None or (num_keep == patches and positions == "right"):
        return (*said, Part("."), *right)
    if full.class_index == answer.class_index:
        return (*said, Part(", as it does with all of them."), *right)
    other = (Part(", but with all of them it says "), Part(full.name, strong=True), Part("."))
    return (*said, *other, *right)
