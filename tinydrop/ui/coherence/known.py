"""What is known of a wish of the Coherence page: K patches of one picture, chosen and placed.

No gradio and no models in here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.budget import num_keep
from tinydrop.core.coherence import Entry
from tinydrop.core.results import Answer, Truth, softmax
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection
from tinydrop.pipeline import Guide
from tinydrop.studies.quality import Film, area_under, film_frames, kept_counts
from tinydrop.ui.coherence.wish import Wish


@dataclass(frozen=True, eq=False)
class KeptAnswer:
    """One kept set, where its patches are placed, and what the target says if that is known."""

    name: str
    selection: TokenSelection
    positions: str
    answer: Answer | None


@dataclass(frozen=True, eq=False)
class KnownPicture:
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
class Known:
    """All that is known of a study at one level.

    Attributes:
        wish: the wish.
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
        picture: what does not move.
    """

    wish: Wish
    level: int
    guide: Guide
    grid: PatchGrid
    modes_allowed: tuple[str, ...]
    saliency: Saliency
    order: npt.NDArray[np.int64] | None
    base: KeptAnswer
    stage: KeptAnswer
    full: KeptAnswer
    arrangements: tuple[KeptAnswer, ...]
    modes: tuple[KeptAnswer, ...]
    levels: tuple[tuple[int, KeptAnswer], ...]
    deletions: tuple[tuple[int, KeptAnswer], ...]
    picture: KnownPicture

    @property
    def num_keep(self) -> int:
        """K of the level."""
        return num_keep(self.level, self.grid.num_patches)

    @property
    def problem(self) -> str | None:
        """Why the map that chose the stage's patches cannot be ranked; None where it can."""
        unranked = self.order is None and not self.wish.by_hand
        return self.saliency.problem if unranked else None

    @property
    def urgent(self) -> tuple[KeptAnswer, ...]:
        """What the stage waits for."""
        return unknown((self.stage, self.base, self.full))

    @property
    def rest(self) -> tuple[KeptAnswer, ...]:
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


def film_of(known: Known, tiles: tuple[KeptAnswer, ...]) -> Film | None:
    """Return the film of tiles with rising K, the last one with every patch; None if unfinished."""
    grid, order = known.grid, known.order
    answered = [(one.selection.num_keep, one.answer) for one in tiles if one.answer is not None]
    if order is None or not tiles or len(answered) < len(tiles):
        return None
    frames = tuple(film_frames(grid, order, answered))
    return Film(grid, known.wish.arrangement, frames)


def unknown(tiles: tuple[KeptAnswer, ...]) -> tuple[KeptAnswer, ...]:
    """Return the tiles whose answer is not known."""
    return tuple(tile for tile in tiles if tile.answer is None)
