"""A pair's card as a page to read, from the same values that stand in ``pair.json``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

__all__ = ["card_text"]


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
