"""Maps of one chunk as arrays, on the box and beside maps that know nothing."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from tinydrop.core.statistics import spearman
from tinydrop.core.tokens import PatchGrid, Saliency
from tinydrop.studies.quality.figures import Measures
from tinydrop.studies.quality.localisation import (
    centre_cells,
    centre_prior,
    energy_in_box,
    expected_energy,
    expected_hit,
    pointing_game,
)

Floats = npt.NDArray[np.float64]

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


def on_box(name: str, maps: Sequence[Saliency], coverage: Floats) -> Measures:
    """Return pointing game and energy of those maps that can be ranked."""
    values = flat_maps(maps)
    usable = np.asarray(~np.isnan(values).any(axis=1))
    filled = np.where(usable[:, None], values, 0.0)
    return {
        ("pointing", name): np.where(usable, pointing_game(filled, coverage), np.nan),
        ("energy", name): np.where(usable, energy_in_box(filled, coverage), np.nan),
    }


def baselines_on_box(grid: PatchGrid, coverage: Floats, own: Sequence[Saliency] | None) -> Measures:
    """Return what maps get that know nothing of the picture.

    Args:
        grid: the target's.
        coverage: (B, N), share of every patch in the box.
        own: the target's own maps, where it has them.
    """
    measures: Measures = {}
    for name in ("random", "uniform"):
        # Equal on purpose: a uniform map's ties are a random patch.
        measures["pointing", name] = expected_hit(coverage)
        measures["energy", name] = expected_energy(coverage)
    for name, one in (("centre", centre_prior(grid)), (CENTRE_CELL, centre_cells(grid))):
        maps = np.broadcast_to(one, coverage.shape)
        measures["pointing", name] = pointing_game(maps, coverage)
        measures["energy", name] = energy_in_box(maps, coverage)
        if own is not None:
            measures["rank_correlation", name] = spearman(maps, flat_maps(own))
    return measures
