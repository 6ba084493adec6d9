"""What a person reads for a selector, a budget rule or a method: titles, and one sentence each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class Title:
    """How one thing is named to a person.

    Attributes:
        title: where it stands alone, as in a menu.
        note: what it does, in one sentence.
        label: in a line of a chart or a table, among others; the title without one.
        short: above a small picture; the title without one.
    """

    title: str
    note: str
    label: str = ""
    short: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "label", self.label or self.title)
        object.__setattr__(self, "short", self.short or self.title)


SELECTOR_TITLES: Mapping[str, Title] = MappingProxyType(
    {
        "gradcam": Title(
            "Grad-CAM",
            "Keeps the patches that raise the guidance's winning logit the most: the "
            "method itself.",
            short="saliency",
        ),
        "gradcam++": Title(
            "Grad-CAM++",
            "Weighs the features by their positive gradients, which covers several objects "
            "of a class better.",
        ),
        "hirescam": Title(
            "HiResCAM",
            "Multiplies features and gradients place by place before summing, so each "
            "patch answers for itself.",
        ),
        "layercam": Title(
            "LayerCAM",
            "Weighs each place by its own positive gradient, which draws finer maps.",
        ),
        "eigencam": Title(
            "EigenCAM",
            "Follows the features' strongest common direction and looks at no class.",
        ),
        "coverage": Title(
            "Grad-CAM and even spread",
            "Gives a quarter of the patches to Grad-CAM's highest and spreads the rest "
            "evenly over what is left.",
            label="coverage (salient + even)",
            short="coverage",
        ),
        "coherent": Title(
            "Grad-CAM, one region",
            "Starts at Grad-CAM's highest patch and grows one region, so that it is always "
            "in one piece.",
            label="coherent (one region)",
            short="coherent",
        ),
        "inverse": Title(
            "Grad-CAM, inverted",
            "Keeps the patches that Grad-CAM would drop first: what is left should not be enough.",
            label="inverse (least salient)",
            short="inverse",
        ),
        "random": Title(
            "random patches",
            "Keeps patches drawn at random, the same for the same picture: the baseline to beat.",
            label="random",
            short="random",
        ),
        "scattered": Title(
            "scattered patches",
            "Keeps patches that avoid each other without forming a pattern: the opposite "
            "of coherent.",
            label="scattered (blue noise)",
            short="scattered",
        ),
        "uniform": Title(
            "evenly spread patches",
            "Keeps a regular lattice over the whole picture, whatever it shows.",
            label="uniform (evenly spread)",
            short="uniform",
        ),
        "centre": Title(
            "centre first",
            "Keeps the patches around the middle, where photographers put their subject.",
            label="centre",
            short="centre",
        ),
    }
)
"""Every name in ``SELECTORS``."""

YARDSTICK_TITLES: Mapping[str, Title] = MappingProxyType(
    {
        "centre cell": Title(
            "centre cell",
            "A map with one peak, in the middle of the picture.",
        ),
        "target": Title(
            "target’s own map",
            "The map that the target itself would draw, after its full answer.",
        ),
        "object box": Title(
            "object’s box (oracle)",
            "The patches nearest the object’s box, which only the data set knows.",
        ),
        "painted": Title(
            "painted by hand",
            "The patches that were put in and out by hand, wherever the level stands.",
        ),
    }
)
"""What is measured beside the selectors, and what a visitor paints."""

RULE_TITLES: Mapping[str, Title] = MappingProxyType(
    {
        "curvature": Title(
            "curvature (our reconstruction)",
            "The share falls with confidence along a curve that gamma bends.",
            label="curvature",
        ),
        "linear": Title(
            "linear in confidence",
            "The share falls in proportion to confidence; gamma plays no part.",
            label="linear",
        ),
        "fixed": Title(
            "the same share for every picture",
            "Every picture keeps the same share; confidence and gamma play no part.",
            label="fixed share",
        ),
    }
)
"""Every name in ``BUDGET_RULES``."""

METHOD_TITLES: Mapping[str, Title] = MappingProxyType(
    {
        "gradcam": Title(
            "Grad-CAM",
            "The guidance’s Grad-CAM ranks the patches, and the target only ever sees the "
            "highest ones: TinyDrop’s own choice, here without its early exit.",
        ),
        "coverage": Title(
            "coverage",
            "Grad-CAM’s highest patches take a part of the places, and an even spread over "
            "the rest of the picture takes the others.",
        ),
        "random": Title(
            "random",
            "Patches are drawn by chance, always the same ones for the same picture: the "
            "baseline to beat, which needs no guide.",
        ),
        "uniform": Title(
            "uniform",
            "A regular lattice over the whole picture, whatever it shows; no guide needed.",
        ),
        "centre": Title(
            "centre",
            "The patches around the middle, where photographers put their subject.",
        ),
        "gradcam@1/4": Title(
            "Grad-CAM at ¼",
            "Every patch passes the first quarter of the blocks; from there on only "
            "Grad-CAM’s highest go on.",
            short="Grad-CAM ¼",
        ),
        "gradcam@1/2": Title(
            "Grad-CAM at ½",
            "Every patch passes the first half of the blocks; from there on only "
            "Grad-CAM’s highest go on.",
            short="Grad-CAM ½",
        ),
        "random@1/4": Title(
            "random at ¼",
            "Every patch passes the first quarter of the blocks; from there on only "
            "randomly drawn ones go on.",
            short="random ¼",
        ),
        "random@1/2": Title(
            "random at ½",
            "Every patch passes the first half of the blocks; from there on only randomly "
            "drawn ones go on.",
            short="random ½",
        ),
        "attention@1/4": Title(
            "attention at ¼",
            "Every patch passes the first quarter of the blocks; from there on only those "
            "that the target’s class token attends to most go on.",
            short="attention ¼",
        ),
        "attention@1/2": Title(
            "attention at ½",
            "Every patch passes the first half of the blocks; from there on only those "
            "that the target’s class token attends to most go on.",
            short="attention ½",
        ),
        "hybrid": Title(
            "hybrid",
            "Grad-CAM drops a share of the patches at the input, and half way through the "
            "target’s own class attention drops the same share of those that are left.",
        ),
        "merge": Title(
            "merged (ToMe)",
            "In every block the most similar tokens are joined, and a joined token counts "
            "as often as it holds patches (ToMe).",
            short="merged",
        ),
        "merge-plain": Title(
            "merged, plain",
            "Joined as in ToMe, but a joined token counts only once in the attention.",
        ),
        "prune": Title(
            "pruned",
            "At a quarter, a half and three quarters of the depth the tokens that the "
            "class token attends to least are dropped.",
        ),
        "prune-fused": Title(
            "pruned, fused (EViT)",
            "Pruned at a quarter, a half and three quarters of the depth, and what is left "
            "out lives on as one fused token (EViT).",
            short="pruned, fused",
        ),
        "gradcam+exit": Title(
            "Grad-CAM with exit",
            "Grad-CAM’s patches, but where the guidance is sure it answers alone.",
        ),
        "tinydrop": Title(
            "TinyDrop",
            "The pair’s own setting: exit where the guidance is sure, else as many patches "
            "as its doubt asks for.",
        ),
        "target": Title(
            "full target",
            "The target as it is, on every patch: the yardstick of this page.",
        ),
        "guidance": Title(
            "guidance alone",
            "The small model that looks first; its answer alone, without the target.",
            short="guidance",
        ),
    }
)
"""Every method that is compared at one cost, and what it is compared with."""


def label_of(name: str) -> str:
    """Return how a chart or a table names a selector or a yardstick; others keep their name."""
    known = SELECTOR_TITLES.get(name) or YARDSTICK_TITLES.get(name)
    return name if known is None else known.label
