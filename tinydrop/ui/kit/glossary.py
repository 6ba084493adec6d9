"""What the words mean, in one sentence each, and how a page shows it in place."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from markupsafe import Markup

from tinydrop.ui.kit.templates import draw

GLOSSARY: Mapping[str, str] = MappingProxyType(
    {
        "AUROC": "The chance that a right answer was given with more confidence than a wrong one; "
        "a half is no better than a coin.",
        "calibration": "How well confidence and accuracy agree: of all answers given with 70 % "
        "confidence, 70 % should be right.",
        "confidence": "The probability that a model gives to its likeliest class, from 0 to 100 %.",
        "early exit": "The small model was sure enough, so its answer stands and the big model "
        "does not run.",
        "ECE": "Expected calibration error: the mean gap between confidence and accuracy, weighted "
        "by how many answers lie at each confidence.",
        "gamma": "How the share of kept patches falls as the small model gets surer: low drops "
        "boldly, high drops cautiously.",
        "Grad-CAM": "A map of which parts of the picture pushed the small model towards its "
        "answer, read from the gradient of that answer.",
        "guidance": "The small model, which looks first.",
        "keep ratio": "The share of all patches that the big model is given.",
        "knee": "The point of a curve after which more cost buys little more accuracy.",
        "level": "One of 16 steps that the keep ratio is rounded up to, so that every setting can "
        "be measured exactly.",
        "MAC": "A multiplication and an addition, the unit of a model's work; a GMAC is a "
        "thousand million of them.",
        "Moran's I": "How alike neighbouring patches are in being kept or dropped: near 1 for one "
        "solid piece, near 0 for a random scatter.",
        "patch": "One square of the grid that the picture is cut into for the big model.",
        "rank": "A patch's place when all are ordered by saliency; the first ones are kept.",
        "saliency": "How much a patch speaks for the small model's answer.",
        "target": "The big model, which looks only where it must.",
        "tau": "The confidence above which the small model's answer stands.",
        "temperature": "A number that a model's scores are divided by before they become "
        "probabilities: above 1 it makes the model less sure, below 1 surer.",
        "token": "What a transformer works on: one vector per patch, and a few extra ones.",
    }
)
"""Word -> one sentence, in the order of the alphabet."""


def define(word: str, words: str = "") -> Markup:
    """Return a word that tells its meaning when pressed, by pointer, finger or keyboard.

    Args:
        word: an entry of the glossary.
        words: what the page says instead of it.

    Raises:
        KeyError: if the glossary has no such word.
    """
    return draw("kit/glossary.html", "term", words=words or word, meaning=GLOSSARY[word])


def glossary() -> Markup:
    """Return every word with its meaning, folded."""
    return draw("kit/glossary.html", "listed", entries=tuple(GLOSSARY.items()))
