"""The sentences that more than one page says."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

GENERIC_ERROR = (
    "Something went wrong here, and it is our fault; the analysis on the page still stands, "
    "so try again or choose another picture."
)

BUSY = "The app is very busy with other pictures; try again in a moment."

FAILED = "The target could not answer; change a control to try again."

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
