"""What the Compare page calls methods, groups and steps, and how it explains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tinydrop.models.reduction import DropStep, MergeStep, PruneStep, Step
from tinydrop.pipeline.render import heat_words
from tinydrop.studies.comparison import METHODS


@dataclass(frozen=True)
class Group:
    """Methods that act in the same place.

    Attributes:
        key: names it in the page.
        title: what the page calls it.
        note: what its methods have in common, in one sentence.
        methods: names in ``METHODS``, in the order of the page.
    """

    key: str
    title: str
    note: str
    methods: tuple[str, ...]


GROUPS: tuple[Group, ...] = (
    Group(
        "input",
        "At the input",
        "Patches are dropped before the first block; the target never attends to them.",
        ("gradcam", "coverage", "random", "uniform", "centre"),
    ),
    Group(
        "inside",
        "Inside the network",
        "The first blocks attend to every patch and are paid in full, so fewer can go on.",
        (
            "gradcam@1/4", "random@1/4", "attention@1/4", "hybrid",
            "gradcam@1/2", "random@1/2", "attention@1/2",
        ),
    ),
    Group(
        "steps",
        "Pruned or merged step by step",
        "Tokens become fewer from block to block: the weakest go, or alike ones are joined.",
        ("prune", "prune-fused", "merge", "merge-plain"),
    ),
)  # fmt: skip
TRAINED = Group(
    "trained",
    "Trained (SiT), at a cost of its own",
    "A copy of the target that has learned to mix its tokens into few.",
    (),
)
"""Where students stand; their names are those of their cards."""

RANKERS: Mapping[str, str] = MappingProxyType(
    {"gradcam": "Grad-CAM", "random": "random", "attention": "own attention"}
)
"""Who may choose the patches that go on from a block: key -> its name on the page."""

TARGET_NOTE = "The target as it is, on every patch: the yardstick of this page."
GUIDANCE_NOTE = "The small model that looks first; its answer alone, without the target."

_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "gradcam": "Grad-CAM",
        "coverage": "coverage",
        "random": "random",
        "uniform": "uniform",
        "centre": "centre",
        "gradcam@1/4": "Grad-CAM at ¼",
        "gradcam@1/2": "Grad-CAM at ½",
        "random@1/4": "random at ¼",
        "random@1/2": "random at ½",
        "attention@1/4": "attention at ¼",
        "attention@1/2": "attention at ½",
        "hybrid": "hybrid",
        "merge": "merged (ToMe)",
        "merge-plain": "merged, plain",
        "prune": "pruned",
        "prune-fused": "pruned, fused (EViT)",
        "gradcam+exit": "Grad-CAM with exit",
        "tinydrop": "TinyDrop",
        "target": "full target",
        "guidance": "guidance alone",
    }
)
_SHORT: Mapping[str, str] = MappingProxyType(
    {
        "merge": "merged",
        "prune-fused": "pruned, fused",
        "guidance": "guidance",
        **{
            f"{who}@{part}": f"{title} {sign}"
            for who, title in (
                ("gradcam", "Grad-CAM"),
                ("random", "random"),
                ("attention", "attention"),
            )
            for part, sign in (("1/4", "¼"), ("1/2", "½"))
        },
    }
)
"""Names that fit above a small picture."""
_ONWARD = {"1/4": "the first quarter of the blocks", "1/2": "the first half of the blocks"}
_NOTES: Mapping[str, str] = MappingProxyType(
    {
        "gradcam": "The guidance’s Grad-CAM ranks the patches, and the target only ever sees the "
        "highest ones: TinyDrop’s own choice, here without its early exit.",
        "coverage": "Grad-CAM’s highest patches take a part of the places, and an even spread over "
        "the rest of the picture takes the others.",
        "random": "Patches are drawn by chance, always the same ones for the same picture: the "
        "baseline to beat, which needs no guide.",
        "uniform": "A regular lattice over the whole picture, whatever it shows; no guide needed.",
        "centre": "The patches around the middle, where photographers put their subject.",
        "hybrid": "Grad-CAM drops a share of the patches at the input, and half way through the "
        "target’s own class attention drops the same share of those that are left.",
        "merge": "In every block the most similar tokens are joined, and a joined token counts as "
        "often as it holds patches (ToMe).",
        "merge-plain": "Joined as in ToMe, but a joined token counts only once in the attention.",
        "prune": "At a quarter, a half and three quarters of the depth the tokens that the class "
        "token attends to least are dropped.",
        "prune-fused": "Pruned at a quarter, a half and three quarters of the depth, and what is "
        "left out lives on as one fused token (EViT).",
        "gradcam+exit": "Grad-CAM’s patches, but where the guidance is sure it answers alone.",
        "tinydrop": "The pair’s own setting: exit where the guidance is sure, else as many patches "
        "as its doubt asks for.",
        "target": TARGET_NOTE,
        "guidance": GUIDANCE_NOTE,
    }
    | {
        f"{who}@{part}": f"Every patch passes {blocks}; from there on only {chosen} go on."
        for part, blocks in _ONWARD.items()
        for who, chosen in (
            ("gradcam", "Grad-CAM’s highest"),
            ("random", "randomly drawn ones"),
            ("attention", "those that the target’s class token attends to most"),
        )
    }
)


def method_title(name: str) -> str:
    """Return what the page calls a method; a student keeps its name."""
    return _TITLES.get(name, name)


def tile_title(name: str) -> str:
    """Return what stands above a method's small picture."""
    return _SHORT.get(name, method_title(name))


def method_note(name: str) -> str:
    """Return what a method does, in one sentence."""
    if name in _NOTES:
        return _NOTES[name]
    return f"{METHODS[name].words}." if name in METHODS else ""


def group_of(method: str) -> str:
    """Return the key of a method's group; of anything that is no method, a student, the trained."""
    if method == "gradcam+exit":
        return "input"
    found = (group.key for group in GROUPS if method in group.methods)
    return next(found, TRAINED.key)


def depth_words(blocks: int, depth: int) -> str:
    """Return where a step stands that acts after so many whole blocks."""
    return "at the input" if blocks == 0 else f"after {blocks} of {depth} blocks"


def step_words(step: Step, depth: int) -> str:
    """Return where a step acts and what it does."""
    if isinstance(step, DropStep):
        who = ", by class attention" if step.by == "attention" else ""
        return f"dropped {depth_words(step.block, depth)}{who}"
    where = f"in block {step.block + 1} of {depth}"
    if isinstance(step, MergeStep):
        return f"{step.removed} merged {where}"
    fused = isinstance(step, PruneStep) and step.fused
    return f"pruned {where}{', the rest fused' if fused else ''}"


def scales(temperature: float) -> str:
    """Return how the guidance's confidence and the target's are made, in one sentence.

    Args:
        temperature: of the setting, the same as on the Explore page.
    """
    if temperature == 1.0:
        return "Confidences are raw, T = 1."
    return f"The guidance’s confidence is {heat_words(temperature)}; the target’s is raw, T = 1."


def guidance_note(temperature: float) -> str:
    """Return what the guidance alone is, and on which scale its confidence is."""
    return f"{GUIDANCE_NOTE} {scales(temperature)}"


def millions(macs: float) -> str:
    """Return MACs in millions, with three digits that matter."""
    value = macs / 1e6
    return f"{value:,.{0 if value >= 100 else 1 if value >= 10 else 2}f} million MACs"


def share(part: float, whole: float) -> str:
    """Return a part of a cost in whole percent; a little is not rounded to nothing."""
    value = 100 * part / whole
    return "<1 %" if 0 < value < 0.5 else f"{value:.0f} %"
