"""What the Compare page calls methods, groups and steps, and how it explains them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from tinydrop.core.selection import METHOD_TITLES
from tinydrop.models.reduction import DropStep, MergeStep, PruneStep, Step
from tinydrop.pipeline.render import heat_words


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


def method_title(name: str) -> str:
    """Return what the page calls a method; a student keeps its name."""
    return METHOD_TITLES[name].title if name in METHOD_TITLES else name


def tile_title(name: str) -> str:
    """Return what stands above a method's small picture."""
    return METHOD_TITLES[name].short if name in METHOD_TITLES else name


def method_note(name: str) -> str:
    """Return what a method does, in one sentence."""
    return METHOD_TITLES[name].note if name in METHOD_TITLES else ""


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
    return f"{method_note('guidance')} {scales(temperature)}"
