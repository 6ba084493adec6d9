"""The sentences of the Explore page that are not results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TAGLINE = "A small model looks first; the big one looks only where it must."

TOUR: Sequence[Mapping[str, str]] = (
    {
        "title": "guide",
        "target": "#td-card-answers",
        "text": "A small guidance model looks at the picture first and says how sure it is.",
    },
    {
        "title": "decide",
        "target": "#td-card-thresholds",
        "text": "Surer than tau, its answer stands and nothing else runs; otherwise its confidence "
        "and gamma set how many patches the target may see.",
    },
    {
        "title": "select",
        "target": "#td-card-stage",
        "text": "Grad-CAM shows which patches made the guidance think so, and the highest ones "
        "are kept: click one to force it in or out.",
    },
    {
        "title": "target",
        "target": "#td-card-decision",
        "text": "The big vision transformer, unchanged, answers from the kept patches alone, each "
        "at its true position.",
    },
    {
        "title": "cost",
        "target": "#td-card-cost",
        "text": "Guidance, saliency and the kept patches together are weighed against the target "
        "on every patch, in multiply-accumulates.",
    },
    {
        "title": "limits",
        "target": "#td-foot",
        "text": "The budget formula is our reconstruction of the paper's, fewer "
        "multiply-accumulates are not always faster, and the bundled pair is small and often "
        "wrong.",
    },
)
"""Six captions, one sentence each, and the card that each one speaks of."""
