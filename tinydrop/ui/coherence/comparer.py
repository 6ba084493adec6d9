"""What is known of a study, and asking the target for what is not; no gradio in here."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from PIL import Image

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.coherence import describe_map
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import reversed_order, select_tokens
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection
from tinydrop.pipeline import Guide, Selected
from tinydrop.studies.quality import film_steps
from tinydrop.ui.coherence.study import (
    ARRANGEMENTS,
    PAINTED,
    Comparison,
    Still,
    Study,
    Tile,
    unknown,
)
from tinydrop.ui.kit.cache import BoundedCache
from tinydrop.ui.kit.samples import known_truth
from tinydrop.ui.kit.studio import Studio

THUMB_SIDE = 112
SLICE_SECONDS = 0.5
"""Missing answers are run in slices of this length, so that nobody holds the models for long."""


class Comparer:
    """Comparisons over one studio; holds nothing of a visitor but bounded thumbnails."""

    def __init__(self, studio: Studio) -> None:
        self.studio = studio
        self._stills: BoundedCache[tuple[str, str], Still] = BoundedCache(64)

    def ensure(self, study: Study) -> None:
        """Run the guidance and rank every arrangement, unless that is known.

        Raises:
            PictureError: if the picture cannot be used.
            TinyDropError: if the pair cannot be loaded.
        """
        for name in ARRANGEMENTS:
            self.studio.guide(replace(study.look, selector=name))
        key = (study.look.source, study.look.pair)
        found = self.studio.ranking(replace(study.look, selector="gradcam"))
        if self._stills.get(key) is None and found is not None:
            pipeline, guide, ranked = found
            if ranked.raw is not None:
                still = _still(guide, pipeline.pair.target.spec.grid, ranked.raw)
                truth = known_truth(study.look.sample, pipeline.pair)
                self._stills.put(key, replace(still, truth=truth))

    def compare(self, study: Study, level: int) -> Comparison | None:
        """Return what is known without running a model; None before ``ensure``.

        Raises:
            SettingError: if the level or a painted patch is out of range, or the target cannot run
                with the study's positions.
        """
        rankings: dict[str, Selected] = {}
        for name in ARRANGEMENTS:
            found = self.studio.ranking(replace(study.look, selector=name))
            if found is None:
                return None
            pipeline, guide, rankings[name] = found
        still = self._stills.get((study.look.source, study.look.pair))
        saliency = rankings["gradcam"].saliency
        if still is None or saliency is None:
            return None
        spec = pipeline.pair.target.spec
        grid, modes = spec.grid, spec.positions.modes
        if study.positions not in modes:
            raise SettingError(
                f"{spec.name} can run with positions {', '.join(modes)}, got {study.positions!r}."
            )

        def tile(name: str, selection: TokenSelection, positions: str = "right") -> Tile:
            known = self.studio.known(study.look, selection, positions)
            return Tile(name, selection, positions, known)

        def kept(name: str, k: int) -> TokenSelection:
            return _first(rankings[name], grid, k, name)

        count, ranked = num_keep(level, grid.num_patches), rankings[study.arrangement]
        base = tile(study.arrangement, kept(study.arrangement, count), study.positions)
        arrangements = [tile(name, kept(name, count)) for name in ARRANGEMENTS]
        painted = _painted(study, grid)
        if painted is not None:
            arrangements.append(tile(PAINTED, painted))
        stage = base
        if study.by_hand and painted is not None:
            stage = tile(PAINTED, painted, study.positions)
        return Comparison(
            study, level, guide, grid, modes, saliency, rankings[study.arrangement].order,
            base=base,
            stage=stage,
            full=tile("full", TokenSelection.everything(grid, "full")),
            arrangements=tuple(arrangements),
            modes=tuple(tile(mode, stage.selection, mode) for mode in modes),
            levels=tuple(
                (one, tile(study.arrangement, kept(study.arrangement, k), study.positions))
                for k, one in _level_of(grid.num_patches).items()
            ),
            deletions=tuple(
                (one, tile(study.arrangement, _last(ranked, grid, k), study.positions))
                for k, one in _level_of(grid.num_patches).items()
            ),
            still=still,
        )  # fmt: skip

    def every(self, comparison: Comparison) -> tuple[Tile, ...]:
        """Return the arrangement at every K from 1 to N, placed as on the stage.

        Empty for a map that cannot be ranked: it keeps everything.
        """
        study, order, grid = comparison.study, comparison.order, comparison.grid
        if order is None:
            return ()
        tiles = []
        for k in film_steps(grid.num_patches, exact=True):
            kept = select_tokens(order, grid, k, study.arrangement)
            known = self.studio.known(study.look, kept, study.positions)
            tiles.append(Tile(study.arrangement, kept, study.positions, known))
        return tuple(tiles)

    def run(
        self,
        study: Study,
        level: int,
        seconds: float = SLICE_SECONDS,
        hurry: Callable[[], bool] = lambda: False,
        *,
        films: bool = False,
    ) -> None:
        """Run what the stage waits for, or else a slice of what the rest of the page waits for.

        Args:
            study: the wish.
            level: 1 to 16.
            seconds: how long a slice may take.
            hurry: asked after every answer but those of the stage whether somebody else waits.
            films: True for a slice of the film of every K, and of nothing else.

        Raises:
            TinyDropError: if a model cannot run.
        """
        self.ensure(study)
        comparison = self.compare(study, level)
        if comparison is None:
            return
        end = time.monotonic() + seconds
        wanted = list(comparison.urgent or comparison.rest)
        if films:
            wanted = list(unknown(self.every(comparison)))
        for tile in wanted:
            self.studio.classify(study.look, tile.selection, tile.positions)
            urgent = comparison.urgent and not films
            if not urgent and (time.monotonic() > end or hurry()):
                break


def _first(ranked: Selected, grid: PatchGrid, k: int, name: str) -> TokenSelection:
    """Return the first K patches of a ranking; every patch where the map cannot be ranked."""
    if ranked.order is None:
        return TokenSelection.everything(grid, name)
    return select_tokens(ranked.order, grid, k, name)


def _last(ranked: Selected, grid: PatchGrid, k: int) -> TokenSelection:
    """Return the last K patches of a ranking: what is left when the first ones are dropped."""
    if ranked.order is None:
        return TokenSelection.everything(grid, "deletion")
    return select_tokens(reversed_order(ranked.order), grid, k, "deletion")


def _painted(study: Study, grid: PatchGrid) -> TokenSelection | None:
    if not study.painted:
        return None
    return TokenSelection(grid, np.array(sorted(study.painted), dtype=np.int64), PAINTED)


def _level_of(num_patches: int) -> dict[int, int]:
    """Return K -> the lowest level that gives it, with rising K."""
    levels = range(BUDGET_LEVELS, 0, -1)
    return dict(sorted((num_keep(level, num_patches), level) for level in levels))


def _still(guide: Guide, grid: PatchGrid, raw: Saliency) -> Still:
    unit = max(4, THUMB_SIDE // max(grid.rows, grid.cols))
    crop = guide.view.crop(guide.picture, 2 * unit * max(grid.rows, grid.cols))
    thumb = crop.resize((grid.cols * unit, grid.rows * unit), Image.Resampling.LANCZOS)
    words = f"Grad-CAM's map, {raw.grid.rows}x{raw.grid.cols} at {raw.layer}"
    return Still(thumb, describe_map(raw), words)
