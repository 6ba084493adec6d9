"""A pair's card: what is said of its making, and the page to read.

The page has the same values that stand in ``pair.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tinydrop.training.recipe import STAGES, PairRecipe
from tinydrop.training.sources import Origin, origin_of

_NOT_GOOD_FOR = (
    "Anything but showing and studying the method: it knows the classes of its own data and no "
    "others, at low resolution, is often wrong, and carries the biases of its pictures"
)
_NEVER_DROPPED = "The target is a plain ViT that was never trained with dropped tokens."


def making(recipe: PairRecipe, started_from: Mapping[str, str | None]) -> dict[str, Any]:
    """Return the parts of a card that say what the pair was made from, and what follows from that.

    Args:
        recipe: the pair's.
        started_from: stage -> the weights that it began with, as its state notes them; None for
            drawn ones. The teacher may be missing where it is not at hand.

    Returns:
        ``summary``, which begins with a warning where a model saw the pictures before;
        ``training``; ``not_good_for``; and ``origins``, stage -> ``started_from``, ``note``,
        ``licence``.
    """
    texts = {name: text for name in STAGES if (text := started_from.get(name))}
    origins = {name: origin_of(text) for name, text in texts.items()}
    taught = [name for name in ("guidance", "target") if recipe.stage(name).distil > 0]
    began = [
        f"The {name} began with {origin.note} ({origin.licence}), and was then trained on these "
        f"pictures."
        for name, origin in origins.items()
    ]
    drawn = [name for name in ("guidance", "target") if name not in origins]
    if drawn:
        who = "Both models were" if len(drawn) == 2 else f"The {drawn[0]} was"
        began.append(f"{who} trained from scratch on these pictures alone.")
    if taught:
        who = " and ".join(taught)
        began.append(f"{who[0].upper()}{who[1:]} learnt from the teacher as well.")
    biases = ", and of those that its weights began with." if origins else "."
    return {
        "summary": " ".join([*_warnings(origins, taught), recipe.summary]),
        "training": " ".join([*began, _NEVER_DROPPED]),
        "not_good_for": _NOT_GOOD_FOR + biases,
        "origins": {
            name: {"started_from": texts[name], "note": origin.note, "licence": origin.licence}
            for name, origin in origins.items()
        },
    }


def _warnings(origins: Mapping[str, Origin], taught: list[str]) -> list[str]:
    """Return a sentence for each model that saw pictures with their labels before."""
    found = []
    for name in ("guidance", "target", "teacher"):
        origin = origins.get(name)
        if origin is None or not origin.labelled or (name == "teacher" and not taught):
            continue
        whose = "its figures" if name != "teacher" else f"those of {' and '.join(taught)}"
        learnt = ", which learnt from it," if name == "teacher" else " on Tiny ImageNet"
        found.append(
            f"The {name}'s {origin.labelled} training saw the pictures of Tiny ImageNet at full "
            f"size, so {whose}{learnt} are optimistic."
        )
    return found


def card_text(title: str, info: Mapping[str, Any]) -> str:
    """Return the card as Markdown.

    Args:
        title: of the pair.
        info: as in ``pair.json``.
    """
    measured, calibration, macs = info["measured"], info["calibration"], info["macs"]
    lines = [
        f"# {title}",
        "",
        info["summary"],
        "",
        f"- Data: {info['data']}.",
        f"- Terms: {info['data_licence']}",
        f"- Training: {info['training']}",
        f"- Not good for: {info['not_good_for']}",
        *(
            f"- The {name} started from: {origin['started_from']} ({origin['licence']})."
            for name, origin in info.get("origins", {}).items()
        ),
        "",
        "## Measured",
        "",
        f"On {measured['split']}, with the weights of this folder.",
        "",
        "| model | top-1 | top-5 | mean confidence (T = 1) | MMACs | trained for |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name in ("guidance", "teacher", "target"):
        if name not in measured:
            continue
        row, spent = measured[name], info["compute"][name]
        cost = f"{macs[name] / 1e6:.1f}" if name in macs else "not shipped"
        lines.append(
            f"| {name} | {100 * row['top1']:.1f} % | {100 * row['top5']:.1f} % | "
            f"{100 * row['mean_confidence_at_temperature_1']:.1f} % | {cost} | "
            f"{spent['epochs']} epochs, {spent['seconds'] / 60:.1f} min on {spent['device']} |"
        )
    lines += [
        "",
        f"Guidance and its saliency cost {100 * macs['guidance_share']:.1f} % of the target's "
        f"MACs on all patches.",
        "",
        f"Calibration: the guidance's temperature {calibration['temperature']} was fitted on "
        f"{calibration['fitted_on']:,} validation pictures; on the other "
        f"{calibration['measured_on']:,} its expected calibration error in {calibration['bins']} "
        f"bins is {100 * calibration['ece']:.1f} %, at temperature 1 it is "
        f"{100 * calibration['ece_at_temperature_1']:.1f} %. {info['setting_note']}",
        "",
        "## Accuracy by class",
        "",
        "| class | pictures | guidance | target |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {name} | {row['pictures']} | {100 * row['guidance']:.0f} % | "
        f"{100 * row['target']:.0f} % |"
        for name, row in info["per_class"].items()
    ]
    lines += ["", "## Recipe", ""]
    for name, recipe in info["recipe"].items():
        lines += [f"{name}:", "", "```json", json.dumps(recipe, indent=1), "```", ""]
    return "\n".join(lines)
