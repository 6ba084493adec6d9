"""Maps of one chunk as arrays, on the box and beside maps that know nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.statistics import spearman
from tinydrop.core.tokens import PatchGrid, Saliency
from tinydrop.studies.quality.localisation import (
    centre_cells,
    centre_prior,
    energy_in_box,
    expected_energy,
    expected_hit,
    pointing_game,
)

Floats = npt.NDArray[np.float64]
Figures = dict[tuple[str, ...], npt.NDArray[Any]]
"""What -> (B,) or (B, 16). ``(measure, method)`` is float, NaN where there is none; ``(curve,
method)`` likewise; ``("right" or "agreeing", kind, name)``, ``("unranked", method)`` and
``("box",)`` are truth values; ``("box_share",)`` is the share of the crop in the box; ``("winner",
mode)`` and ``("truth",)`` hold classes and ``("picture_id",)`` names."""

CENTRE_CELL = "centre cell"
"""The name of the map that is 1 on the patches nearest the centre."""


def flat_maps(maps: Sequence[Saliency]) -> Floats:
    """Return the maps as (B, N) float64, NaN where one cannot be ranked."""
    return np.stack(
        [
            one.values.reshape(-1).astype(np.float64)
            if one.problem is None
            else np.full(one.values.size, np.nan)
            for one in maps
        ]
    )


def on_box(name: str, maps: Sequence[Saliency], coverage: Floats) -> Figures:
    """Return pointing game and energy of those maps that can be ranked."""
    values = flat_maps(maps)
    usable = np.asarray(~np.isnan(values).any(axis=1))
    filled = np.where(usable[:, None], values, 0.0)
    return {
        ("pointing", name): np.where(usable, pointing_game(filled, coverage), np.nan),
        ("energy", name): np.where(usable, energy_in_box(filled, coverage), np.nan),
    }


def baselines_on_box(grid: PatchGrid, coverage: Floats, own: Sequence[Saliency] | None) -> Figures:
    """Return what maps get that know nothing of the picture.

    Args:
        grid: the target's.
        coverage: (B, N), share of every patch in the box.
        own: the target's own maps, where it has them.
    """
    figures: Figures = {}
    for name in ("random", "uniform"):
        # Equal on purpose: a uniform map's ties are a random patch.
        figures["pointing", name] = expected_hit(coverage)
        figures["energy", name] = expected_energy(coverage)
    for name, one in (("centre", centre_prior(grid)), (CENTRE_CELL, centre_cells(grid))):
        maps = np.broadcast_to(one, coverage.shape)
        figures["pointing", name] = pointing_game(maps, coverage)
        figures["energy", name] = energy_in_box(maps, coverage)
        if own is not None:
            figures["rank_correlation", name] = spearman(maps, flat_maps(own))
    return figures
