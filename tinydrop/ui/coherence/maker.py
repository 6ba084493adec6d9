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
from tinydrop.ui.coherence.known import KeptAnswer, Known, KnownPicture, unknown
from tinydrop.ui.coherence.wish import ARRANGEMENTS, PAINTED, Wish
from tinydrop.ui.kit.cache import BoundedCache
from tinydrop.ui.kit.maker import LookMaker
from tinydrop.ui.kit.samples import known_truth

THUMB_SIDE = 112
SLICE_SECONDS = 0.5
"""Missing answers are run in slices of this length, so that nobody holds the models for long."""


class Maker:
    """Comparisons over one maker of looks; holds nothing of a visitor but bounded thumbnails."""

    def __init__(self, looks: LookMaker) -> None:
        self.looks = looks
        self._pictures: BoundedCache[tuple[str, str], KnownPicture] = BoundedCache(64)

    def ensure(self, wish: Wish) -> None:
        """Run the guidance and rank every arrangement, unless that is known.

        Raises:
            PictureError: if the picture cannot be used.
            TinyDropError: if the pair cannot be loaded.
        """
        for name in ARRANGEMENTS:
            self.looks.guide(replace(wish.look, selector=name))
        key = (wish.look.source, wish.look.pair)
        found = self.looks.ranking(replace(wish.look, selector="gradcam"))
        if self._pictures.get(key) is None and found is not None:
            pipeline, guide, ranked = found
            if ranked.raw is not None:
                picture = _known_picture(guide, pipeline.pair.target.spec.grid, ranked.raw)
                truth = known_truth(wish.look.sample, pipeline.pair)
                self._pictures.put(key, replace(picture, truth=truth))

    def known(self, wish: Wish, level: int) -> Known | None:
        """Return what is known without running a model; None before ``ensure``.

        Raises:
            SettingError: if the level or a painted patch is out of range, or the target cannot run
                with the study's positions.
        """
        rankings: dict[str, Selected] = {}
        for name in ARRANGEMENTS:
            found = self.looks.ranking(replace(wish.look, selector=name))
            if found is None:
                return None
            pipeline, guide, rankings[name] = found
        picture = self._pictures.get((wish.look.source, wish.look.pair))
        saliency = rankings["gradcam"].saliency
        if picture is None or saliency is None:
            return None
        spec = pipeline.pair.target.spec
        grid, modes = spec.grid, spec.positions.modes
        if wish.positions not in modes:
            raise SettingError(
                f"{spec.name} can run with positions {', '.join(modes)}, got {wish.positions!r}."
            )

        def tile(name: str, selection: TokenSelection, positions: str = "right") -> KeptAnswer:
            answer = self.looks.known_answer(wish.look, selection, positions)
            return KeptAnswer(name, selection, positions, answer)

        def kept(name: str, k: int) -> TokenSelection:
            return _first(rankings[name], grid, k, name)

        count, ranked = num_keep(level, grid.num_patches), rankings[wish.arrangement]
        base = tile(wish.arrangement, kept(wish.arrangement, count), wish.positions)
        arrangements = [tile(name, kept(name, count)) for name in ARRANGEMENTS]
        painted = _painted(wish, grid)
        if painted is not None:
            arrangements.append(tile(PAINTED, painted))
        stage = base
        if wish.by_hand and painted is not None:
            stage = tile(PAINTED, painted, wish.positions)
        return Known(
            wish, level, guide, grid, modes, saliency, rankings[wish.arrangement].order,
            base=base,
            stage=stage,
            full=tile("full", TokenSelection.everything(grid, "full")),
            arrangements=tuple(arrangements),
            modes=tuple(tile(mode, stage.selection, mode) for mode in modes),
            levels=tuple(
                (one, tile(wish.arrangement, kept(wish.arrangement, k), wish.positions))
                for k, one in _level_of(grid.num_patches).items()
            ),
            deletions=tuple(
                (one, tile(wish.arrangement, _last(ranked, grid, k), wish.positions))
                for k, one in _level_of(grid.num_patches).items()
            ),
            picture=picture,
        )  # fmt: skip

    def every(self, known: Known) -> tuple[KeptAnswer, ...]:
        """Return the arrangement at every K from 1 to N, placed as on the stage.

        Empty for a map that cannot be ranked: it keeps everything.
        """
        wish, order, grid = known.wish, known.order, known.grid
        if order is None:
            return ()
        tiles = []
        for k in film_steps(grid.num_patches, exact=True):
            kept = select_tokens(order, grid, k, wish.arrangement)
            answer = self.looks.known_answer(wish.look, kept, wish.positions)
            tiles.append(KeptAnswer(wish.arrangement, kept, wish.positions, answer))
        return tuple(tiles)

    def run(
        self,
        wish: Wish,
        level: int,
        seconds: float = SLICE_SECONDS,
        hurry: Callable[[], bool] = lambda: False,
        *,
        films: bool = False,
    ) -> None:
        """Run what the stage waits for, or else a slice of what the rest of the page waits for.

        Args:
            wish: the wish.
            level: 1 to 16.
            seconds: how long a slice may take.
            hurry: asked after every answer but those of the stage whether somebody else waits.
            films: True for a slice of the film of every K, and of nothing else.

        Raises:
            TinyDropError: if a model cannot run.
        """
        self.ensure(wish)
        known = self.known(wish, level)
        if known is None:
            return
        end = time.monotonic() + seconds
        wanted = list(known.urgent or known.rest)
        if films:
            wanted = list(unknown(self.every(known)))
        for tile in wanted:
            self.looks.classify(wish.look, tile.selection, tile.positions)
            urgent = known.urgent and not films
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


def _painted(wish: Wish, grid: PatchGrid) -> TokenSelection | None:
    if not wish.painted:
        return None
    return TokenSelection(grid, np.array(sorted(wish.painted), dtype=np.int64), PAINTED)


def _level_of(num_patches: int) -> dict[int, int]:
    """Return K -> the lowest level that gives it, with rising K."""
    levels = range(BUDGET_LEVELS, 0, -1)
    return dict(sorted((num_keep(level, num_patches), level) for level in levels))


def _known_picture(guide: Guide, grid: PatchGrid, raw: Saliency) -> KnownPicture:
    unit = max(4, THUMB_SIDE // max(grid.rows, grid.cols))
    crop = guide.view.crop(guide.picture, 2 * unit * max(grid.rows, grid.cols))
    thumb = crop.resize((grid.cols * unit, grid.rows * unit), Image.Resampling.LANCZOS)
    words = f"Grad-CAM's map, {raw.grid.rows}x{raw.grid.cols} at {raw.layer}"
    return KnownPicture(thumb, describe_map(raw), words)
