"""Results made by hand, for the tests of what is shown."""

from __future__ import annotations

import dataclasses

import numpy as np

from tinydrop.core.budget import Setting
from tinydrop.core.results import Answer, CostBreakdown, DropResult, LatencyBreakdown
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection

GRID = PatchGrid(3, 4)
CLASSES = ("cat", "dog", "big cat", "bird", "boat", "car")


def answer(winner: int, temperature: float = 1.0) -> Answer:
    logits = np.zeros(len(CLASSES), dtype=np.float32)
    logits[winner] = 2.0
    return Answer(logits, CLASSES, temperature, latency_ms=4.0)


def drop_result(**changes: object) -> DropResult:
    values = np.arange(12, dtype=np.float32).reshape(3, 4)
    result = DropResult(
        file="cat.jpg",
        pair="bundled",
        selector="gradcam",
        setting=Setting(tau=0.8, gamma=1.0),
        confidence=0.51,
        exited=False,
        keep_ratio=0.36,
        level=6,
        patches=12,
        selection=TokenSelection(GRID, np.array([5, 6, 10]), "gradcam"),
        saliency=Saliency(values, "gradcam", "stages.3"),
        guidance=answer(0),
        target=answer(1),
        full=answer(1),
        macs=CostBreakdown(40, 2, 430, 1080, 80),
        latency_ms=LatencyBreakdown(8.0, 1.0, 22.0),
        coherence=None,
        warnings=(),
    )
    return dataclasses.replace(result, **changes)  # type: ignore[arg-type]


def exit_result(**changes: object) -> DropResult:
    return drop_result(
        **{
            "exited": True,
            "confidence": 0.93,
            "keep_ratio": None,
            "level": None,
            "selection": None,
            "saliency": None,
            "target": None,
            "macs": CostBreakdown(40, 0, 0, 1080, 0),
        }
        | changes
    )
