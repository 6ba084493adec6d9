"""A made-up trace, plausible and seeded, for tests and timings."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import map_method
from tinydrop.studies.trace import Trace, label_rank
from tinydrop.studies.trace.provenance import TEMPERATURES, TraceProvenance

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def synthetic_trace(
    pictures: int,
    seed: int = 0,
    *,
    num_patches: int = 196,
    num_classes: int = 24,
    unranked_share: float = 0.002,
    selector: str = "gradcam",
    with_maps: bool = False,
) -> Trace:
    """Return a made-up trace for tests and timings: plausible, but no model's.

    Args:
        pictures: M, from 0 on.
        seed: equal seeds give equal traces.
        num_patches: N; a square number gives a square grid, any other one row.
        num_classes: C, at least 2.
        unranked_share: share of pictures whose map could not be ranked.
        selector: the name that the trace carries.
        with_maps: also make a map of 7 x 7 per picture.

    Raises:
        SettingError: if a count is too small.
    """
    if pictures < 0 or num_patches < 1 or num_classes < 2:
        raise SettingError(
            f"A made-up trace needs 0 or more pictures, a patch and two classes, "
            f"got {pictures}, {num_patches} and {num_classes}."
        )
    rng = np.random.default_rng(seed)
    label = rng.integers(num_classes, size=pictures)
    ease = rng.normal(0.0, 1.0, pictures)
    guidance = _made_up_logits(rng, label, 3.0 + 1.4 * ease, num_classes)
    levels = np.arange(1, BUDGET_LEVELS + 1) / BUDGET_LEVELS
    unranked = rng.random(pictures) < unranked_share
    share = np.where(unranked[:, None], 1.0, levels)
    # One noise per picture, mixed slowly with another: neighbouring levels mostly agree.
    base = _made_up_logits(rng, label, np.zeros(pictures), num_classes)
    other = _made_up_logits(rng, label, np.zeros(pictures), num_classes)
    target_class = np.empty((pictures, BUDGET_LEVELS), np.int64)
    target_rank, target_confidence = target_class.copy(), target_class.astype(np.float32)
    for column in range(BUDGET_LEVELS):
        s = share[:, column]
        logits = s[:, None] * base + np.sqrt(1 - s[:, None] ** 2) * other
        logits[np.arange(pictures), label] += 2.2 + 3.0 * np.sqrt(s) + ease
        target_class[:, column] = logits.argmax(1)
        target_rank[:, column] = label_rank(logits, label)
        target_confidence[:, column] = _top_probability(logits, 1.0)
    side = round(num_patches**0.5)
    grid = (side, side) if side * side == num_patches else (1, num_patches)
    order = rng.random((pictures, num_patches)).argsort(axis=1).astype(np.int32)
    order[unranked] = np.arange(num_patches)
    ladder = [num_keep(level, num_patches) for level in range(1, BUDGET_LEVELS + 1)]
    keep = np.where(unranked[:, None], num_patches, np.array(ladder, np.int64))
    looks = map_method(selector) is not None
    maps = rng.normal(size=(pictures, 49)).astype(np.float16) if with_maps and looks else None
    return Trace(
        provenance=TraceProvenance(
            pair="synthetic",
            pair_digest="0" * 64,
            selector=selector,
            seed=seed,
            data=f"made up from seed {seed}",
            data_fingerprint="0" * 64,
            grid=grid,
            classes=tuple(f"class {index}" for index in range(num_classes)),
            temperatures=TEMPERATURES,
            setting={"tau": 0.8, "gamma": 1.0, "temperature": 1.0, "rule": "curvature"},
            map_grid=None if maps is None else (7, 7),
            map_layer=None if maps is None else "made up",
            pictures=pictures,
        ),
        picture_id=np.array([f"{index:06d}" for index in range(pictures)], dtype=np.str_),
        label=label,
        guidance_logits=guidance.astype(np.float16),
        confidence=np.stack([_top_probability(guidance, t) for t in TEMPERATURES], axis=1),
        guidance_class=guidance.argmax(1),
        guidance_rank=label_rank(guidance, label),
        target_class=target_class,
        target_rank=target_rank,
        target_confidence=target_confidence,
        unranked=unranked,
        num_keep=keep,
        target_macs=keep * 20_000_000 + keep**2 * 9_000 + 150_000_000,
        guidance_macs=350_000_000,
        saliency_macs=2_000_000 if looks else 0,
        saliency_macs_literal=700_000_000 if looks else 0,
        coherence={
            "components": 1.0 + np.round(8 * rng.random(keep.shape) * (1 - share)),
            "morans_i": np.where(share < 1.0, 0.6 * rng.random(keep.shape), np.nan),
        },
        order=order,
        saliency_map=maps,
    )


def _made_up_logits(
    rng: np.random.Generator, label: Ints, margin: npt.NDArray[np.float64], num_classes: int
) -> Floats:
    logits = rng.normal(0.0, 1.0, (label.size, num_classes))
    logits[np.arange(label.size), label] += margin
    return (1.5 * logits).astype(np.float32)


def _top_probability(logits: npt.NDArray[np.floating[Any]], temperature: float) -> Floats:
    shifted = (logits.astype(np.float64) - logits.max(axis=1, keepdims=True)) / temperature
    top: Floats = (1.0 / np.exp(shifted).sum(axis=1)).astype(np.float32)
    return top
