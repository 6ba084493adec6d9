"""A result as pictures, colours and sentences: for the command line and for every page."""

from __future__ import annotations

from tinydrop.pipeline.render.palette import heat_colours
from tinydrop.pipeline.render.pictures import chart_image, mask_image, overlay_image
from tinydrop.pipeline.render.words import (
    Part,
    decision_parts,
    heat_words,
    judged_parts,
    plain_text,
)

__all__ = [
    "Part",
    "chart_image",
    "decision_parts",
    "heat_colours",
    "heat_words",
    "judged_parts",
    "mask_image",
    "overlay_image",
    "plain_text",
]
