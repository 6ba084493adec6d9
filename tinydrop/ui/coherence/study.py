"""What the Coherence page compares: one picture, K patches, many ways to choose and place them.

No gradio and no models in here: a ``Study`` is what a visitor wants to see, a ``Comparison`` what
is known of it; ``coherence_comparer`` makes one of the other.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.budget import num_keep
from tinydrop.core.coherence import Entry
from tinydrop.core.errors import SettingError
from tinydrop.core.results import Answer, Truth, softmax
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection
from tinydrop.pipeline import Guide
from tinydrop.studies.quality import Film, area_under, film_frames, kept_counts
from tinydrop.ui.kit.look import Look

ARRANGEMENTS = (
    "gradcam", "coherent", "coverage", "scattered", "random", "uniform", "centre", "inverse",
)  # fmt: skip
"""The selectors that the page sets side by side, Grad-CAM's own first."""

PAINTED = "painted"


@dataclass(frozen=True)
class Study:
    """One visitor's wish.

    Attributes:
        look: picture and pair; its selector is the arrangement, its setting plays no part.
        positions: where the kept patches on the stage get their positions from.
        painted: the patches that were painted by hand, or None.
        by_hand: whether the painted set is on the stage, and not the arrangement.
        pinned: whether the painted set stays when another picture is chosen.
        filming: whether every K of the arrangement is being asked for.
    """

    look: Look
    positions: str = "right"
    painted: frozenset[int] | None = None
    by_hand: bool = False
    pinned: bool = False
    filming: bool = False

    def __post_init__(self) -> None:
        if self.look.selector not in ARRANGEMENTS:
            raise SettingError(
                f"There is no arrangement {self.look.selector!r}; choose one of those shown."
            )
        if self.by_hand and not self.painted:
            raise SettingError("The target needs at least one patch; paint one of them.")

    @property
    def arrangement(self) -> str:
        """The selector whose patches are compared with what is painted."""
        return self.look.selector


@dataclass(frozen=True, eq=False)
class Tile:
    """One kept set, where its patches are placed, and what the target says if that is known."""

    name: str
    selection: TokenSelection
    positions: str
    answer: Answer | None


@dataclass(frozen=True, eq=False)
class Still:
    """What only another picture or pair changes.

    Attributes:
        thumb: the region that the models see, small, a whole number of pixels per patch.
        map_entries: the measures of the guidance's own map; see ``describe_map``.
        map_words: which map that is.
        truth: what the picture shows, where that is known.
    """

    thumb: Image.Image
    map_entries: Mapping[str, Entry]
    map_words: str
    truth: Truth | None = None


@dataclass(frozen=True, eq=False)
class Comparison:
    """All that is known of a study at one level.

    Attributes:
        study: the wish.
        level: 1..16.
        guide: the guided picture.
        grid: the target's patch grid.
        modes_allowed: the position modes that the target can run with.
        saliency: Grad-CAM's map on the target's grid.
        order: (N,) int64 of the arrangement; None for a map that cannot be ranked.
        base: the arrangement at this level, placed as on the stage.
        stage: what is on the stage: the arrangement or the painted set.
        full: every patch at its right position, the yardstick.
        arrangements: one tile each at right positions; the painted set last, if there is one.
        modes: the stage's patches at each kind of position.
        levels: (level, tile) of the arrangement for every K that a level gives.
        deletions: the same for what is left when its first N - K patches are dropped.
        still: what does not move.
    """

    study: Study
    level: int
    guide: Guide
    grid: PatchGrid
    modes_allowed: tuple[str, ...]
    saliency: Saliency
    order: npt.NDArray[np.int64] | None
    base: Tile
    stage: Tile
    full: Tile
    arrangements: tuple[Tile, ...]
    modes: tuple[Tile, ...]
    levels: tuple[tuple[int, Tile], ...]
    deletions: tuple[tuple[int, Tile], ...]
    still: Still

    @property
    def num_keep(self) -> int:
        """K of the level."""
        return num_keep(self.level, self.grid.num_patches)

    @property
    def problem(self) -> str | None:
        """Why the map that chose the stage's patches cannot be ranked; None where it can."""
        unranked = self.order is None and not self.study.by_hand
        return self.saliency.problem if unranked else None

    @property
    def urgent(self) -> tuple[Tile, ...]:
        """What the stage waits for."""
        return unknown((self.stage, self.base, self.full))

    @property
    def rest(self) -> tuple[Tile, ...]:
        """What can wait until the slider rests."""
        both = (tile for _, tile in (*self.levels, *self.deletions))
        return unknown((*self.arrangements, *self.modes, *both))

    @property
    def areas(self) -> tuple[float, float] | None:
        """Areas under the insertion and the deletion curve, as ``picture_curves`` has them.

        None while an answer is missing, and for a map that cannot be ranked.
        """
        full = self.full.answer
        if full is None or self.order is None:
            return None
        found = []
        for tiles in (self.levels, self.deletions):
            known = {tile.selection.num_keep: tile.answer for _, tile in tiles}
            answers = [known[int(k)] for k in kept_counts(self.grid.num_patches)]
            curve = [softmax(a.logits)[full.class_index] for a in answers if a is not None]
            if len(curve) < len(answers):
                return None
            found.append(float(area_under(curve, self.grid.num_patches)))
        return found[0], found[1]


def film_of(comparison: Comparison, tiles: tuple[Tile, ...]) -> Film | None:
    """Return the film of tiles with rising K, the last one with every patch; None if unfinished."""
    grid, order = comparison.grid, comparison.order
    known = [(one.selection.num_keep, one.answer) for one in tiles if one.answer is not None]
    if order is None or not tiles or len(known) < len(tiles):
        return None
    frames = tuple(film_frames(grid, order, known))
    return Film(grid, comparison.study.arrangement, frames)


def unknown(tiles: tuple[Tile, ...]) -> tuple[Tile, ...]:
    """Return the tiles whose answer is not known."""
    return tuple(tile for tile in tiles if tile.answer is None)
