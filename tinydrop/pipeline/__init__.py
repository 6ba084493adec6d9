"""TinyDrop itself: ``guide -> decide -> select -> classify``, each stage callable alone."""

from __future__ import annotations

from tinydrop.core.selection import SELECTORS, check_selector
from tinydrop.pipeline.answers import answer, answer_levels
from tinydrop.pipeline.batch import (
    Batch,
    Ranking,
    finite_logits,
    guide_batch,
    open_batch,
    rank_batch,
)
from tinydrop.pipeline.method import TinyDrop
from tinydrop.pipeline.stages import Guide, Selected

__all__ = [
    "SELECTORS",
    "Batch",
    "Guide",
    "Ranking",
    "Selected",
    "TinyDrop",
    "answer",
    "answer_levels",
    "check_selector",
    "finite_logits",
    "guide_batch",
    "open_batch",
    "rank_batch",
]
