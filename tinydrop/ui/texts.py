"""The sentences of the Explore page that are not results."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

__all__ = [
    "FAILED",
    "GENERIC_ERROR",
    "HEADER",
    "RULE_TITLES",
    "SELECTOR_NOTES",
    "SELECTOR_TITLES",
    "TAGLINE",
    "TOUR",
]

TAGLINE = "A small model looks first; the big one looks only where it must."
HEADER = (
    '<header class="td-header"><h1>TinyDrop</h1>'
    f"<p>{TAGLINE}</p>"
    '<button type="button" class="td-link" id="td-tour-open">Walk me through</button></header>'
)
GENERIC_ERROR = (
    "Something went wrong here, and it is our fault; the analysis on the page still stands, "
    "so try again or choose another picture."
)

FAILED = "The target could not answer; change a control to try again."

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

SELECTOR_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "gradcam": "Grad-CAM",
        "gradcam++": "Grad-CAM++",
        "hirescam": "HiResCAM",
        "layercam": "LayerCAM",
        "eigencam": "EigenCAM",
        "coverage": "Grad-CAM and even spread",
        "coherent": "Grad-CAM, one region",
        "inverse": "Grad-CAM, inverted",
        "random": "random patches",
        "scattered": "scattered patches",
        "uniform": "evenly spread patches",
        "centre": "centre first",
    }
)
SELECTOR_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "gradcam": "Keeps the patches that raise the guidance's winning logit the most: the method "
        "itself.",
        "gradcam++": "Weighs the features by their positive gradients, which covers several "
        "objects of a class better.",
        "hirescam": "Multiplies features and gradients place by place before summing, so each "
        "patch answers for itself.",
        "layercam": "Weighs each place by its own positive gradient, which draws finer maps.",
        "eigencam": "Follows the features' strongest common direction and looks at no class.",
        "coverage": "Gives a quarter of the patches to Grad-CAM's highest and spreads the rest "
        "evenly over what is left.",
        "coherent": "Starts at Grad-CAM's highest patch and grows one region, so that it is always "
        "in one piece.",
        "inverse": "Keeps the patches that Grad-CAM would drop first: what is left should not be "
        "enough.",
        "random": "Keeps patches drawn at random, the same for the same picture: the baseline to "
        "beat.",
        "scattered": "Keeps patches that avoid each other without forming a pattern: the opposite "
        "of coherent.",
        "uniform": "Keeps a regular lattice over the whole picture, whatever it shows.",
        "centre": "Keeps the patches around the middle, where photographers put their subject.",
    }
)
"""What each selector keeps, in one sentence."""

RULE_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "curvature": "curvature (our reconstruction)",
        "linear": "linear in confidence",
        "fixed": "the same share for every picture",
    }
)
