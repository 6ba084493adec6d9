"""The sentences of the Tune page that are not results."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

PURPOSE = "Which tau and gamma? Measured on labelled pictures, exact for every setting."

TEACH: Mapping[str, str] = MappingProxyType(
    {
        "frontier": "Up is more often right, left is cheaper; click a point to take its setting.",
        "chosen": "The cheapest setting whose accuracy drop stays within what you allow.",
        "certified": "The cheapest exit threshold whose true accuracy drop is at most epsilon, "
        "with 95 % confidence.",
        "f1": "One number that wants both: accuracy kept and cost saved.",
        "reliability": "On the diagonal, a guidance that says 80 % is right 80 % of the time.",
        "risk": "The surest pictures first: how many of the guidance's answers are wrong.",
        "regret": "Of the pictures that exit: who was right, and who would have been.",
        "harmful": "Exits that cost a right answer, the surest mistakes first.",
    }
)
"""One sentence per panel."""

EXPLAINED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "frontier": (
            "Every point is a setting evaluated on every picture of the trace, with the rule and "
            "the temperature that are chosen. The line joins the settings that no other setting of "
            "the grid beats in both accuracy and cost.",
            "Pure cascade: the same exit, but every other picture goes to the target with all its "
            "patches. Random and evenly spread patches: the settings of the frontier with other "
            "patches kept; their cost leaves the saliency out. Looking for the best of many points "
            "on the same pictures flatters the line: the table below reports on pictures that were "
            "not searched.",
        ),
        "certified": (
            "For pictures drawn independently from the same source as this trace, the chance that "
            "the true accuracy drop at this tau is larger than epsilon is at most 5 %, whatever "
            "the models and the pictures are. Other kinds of pictures are not covered.",
        ),
        "f1": (
            "F1 = 2AE / (A + E), with A the accuracy relative to the full target's and E the share "
            "of its cost that is saved; where nothing is saved F1 is 0.",
        ),
        "reliability": (
            "Expected calibration error: in each bin of confidence, how far the share right lies "
            "from the mean confidence, weighted by the number of pictures.",
        ),
        "risk": (
            "AURC: area under this curve, smaller is better. AUROC: the chance that a right answer "
            "is surer than a wrong one; 0.5 is chance. Calibration alone says nothing of this.",
        ),
    }
)
"""How each figure comes about, on demand: paragraphs."""

ZIP_NOTE = (
    "Traced with the pair that is chosen in Explore. Pictures of classes that the pair does not "
    "know are left out and counted; the zip itself is deleted within the hour."
)
