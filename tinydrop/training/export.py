"""Finished stages to a pair in the pair format, measured as it ships, with its card."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from tinydrop.core.budget import Setting
from tinydrop.core.errors import PictureError, SettingError, quoted
from tinydrop.core.results import softmax
from tinydrop.data import InputSpec, View, open_picture
from tinydrop.models.backbones import wrap_guidance, wrap_target
from tinydrop.models.macs import guidance_macs, target_macs
from tinydrop.models.pairs import Pair, pair_from_models, save_pair
from tinydrop.studies.calibration import fit_temperature, reliability
from tinydrop.studies.trace import label_rank
from tinydrop.training.card import card_text, making
from tinydrop.training.models import build_stage
from tinydrop.training.pictures import TrainingData
from tinydrop.training.recipe import STAGES, PairRecipe, StageRecipe
from tinydrop.training.state import StageState

_BATCH = 128


@dataclass(frozen=True, eq=False)
class Finished:
    """A stage that is trained to its end.

    Attributes:
        recipe: how it was built and trained.
        state: its curve, time and device.
        weights: its averaged weights.
    """

    recipe: StageRecipe
    state: StageState
    weights: Mapping[str, torch.Tensor]

    @property
    def started_from(self) -> str | None:
        """The weights that it began with; None for drawn ones."""
        found = self.state.identity.get("started_from")
        return None if found is None else str(found)

    def module(self, classes: int) -> nn.Module:
        """Return the model with its weights rounded to float16, as they are shipped."""
        module = build_stage(self.recipe, classes)
        module.load_state_dict(
            {k: v.half().float() if v.is_floating_point() else v for k, v in self.weights.items()}
        )
        return module


def export_pair(
    recipe: PairRecipe,
    finished: Mapping[str, Finished],
    data: TrainingData,
    folder: Path,
    device: torch.device,
    name: str | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    tell: Callable[[str], None] = lambda _line: None,
) -> Pair:
    """Write the pair, its measured card in ``pair.json`` and, to be read, in ``README.md``.

    Every accuracy is that of the shipped float16 weights, on the validation pictures as they are
    stored, through the pair's own view. The temperature is fitted on a random half of them; the
    calibration errors are those of the other half.

    Args:
        recipe: the pair's.
        finished: guidance and target, and the teacher where it is at hand.
        data: what they were trained on and are measured on.
        folder: where the pair goes.
        device: where it is measured.
        name: of the pair; the recipe's by default.
        groups: coarse groups of classes that are shown together, from ``read_groups``.
        tell: told how far it is, in sentences.

    Raises:
        SettingError: if nothing can be written.
    """
    classes = len(data.classes)
    modules = {name: stage.module(classes) for name, stage in finished.items()}
    inputs = {name: finished[name].recipe.input for name in modules}
    logits, label = _measured_logits(modules, inputs, data, device, tell)
    half = np.random.default_rng(recipe.target.seed).permutation(len(label)) < len(label) // 2
    fit = fit_temperature(logits["guidance"][half], label[half])
    pair = pair_from_models(
        wrap_guidance(modules["guidance"].cpu(), recipe.guidance.model, inputs["guidance"]),
        wrap_target(modules["target"].cpu(), recipe.target.model, inputs["target"]),
        data.classes,
        name=name or recipe.name,
        title=recipe.title,
        setting=Setting(tau=recipe.tau, gamma=recipe.gamma, temperature=round(fit.temperature, 4)),
    )
    origins = {name: stage.started_from for name, stage in finished.items()}
    info = {
        **making(recipe, origins),
        "data": (
            f"{data.title}: {len(data.train):,} training and {len(data.measured):,} validation "
            f"pictures of {classes} classes, stored as {recipe.side}x{recipe.side} pixels"
        ),
        "data_fingerprint": data.fingerprint,
        "data_licence": recipe.data_licence,
        "recipe": {name: finished[name].recipe.to_dict() for name in finished},
        "seeds": {name: finished[name].recipe.seed for name in finished},
        "compute": {
            name: {
                "seconds": round(finished[name].state.seconds),
                "epochs": finished[name].state.epoch,
                "device": finished[name].state.device,
            }
            for name in finished
        },
        "setting_note": (
            "The temperature minimises the negative log-likelihood on a random half of the "
            "validation pictures; tau and gamma are the recipe's round figures and no "
            "recommendation: tune them on a trace."
        ),
        "macs": _macs(pair),
        "measured": _measured(logits, label, len(data.measured)),
        "calibration": _calibration(logits["guidance"], label, half, fit.temperature),
        "per_class": _per_class(logits, label, data.classes),
    }
    if groups:
        info["groups"] = {group: list(classes) for group, classes in groups.items()}
    pair = replace(pair, info=MappingProxyType({**info, "members": data.members}))
    models = {
        name: (recipe.stage(name).model, finished[name].recipe.to_dict()["kwargs"])
        for name in ("guidance", "target")
    }
    save_pair(pair, folder, models=models)
    (folder / "README.md").write_text(card_text(pair.title, info), encoding="utf-8")
    return pair


def read_groups(path: Path, classes: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return coarse groups of classes from a JSON file, name -> classes.

    Args:
        path: holds an object of lists of class names; no class stands in two of them.
        classes: every class of the pair.

    Raises:
        SettingError: if it is no such file, or names a class twice or one that there is not.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        groups = {str(name): tuple(map(str, members)) for name, members in content.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise SettingError(
            f"{path} holds no groups ({error}); give a JSON object of lists of class names."
        ) from error
    named = [member for members in groups.values() for member in members]
    odd = [name for name in named if name not in classes or named.count(name) > 1]
    if odd:
        raise SettingError(
            f"The groups in {path} name {quoted(odd[0])} twice, or no class is called so; give "
            f"each "
            f"class at most once, by its name in the pair."
        )
    return groups


def _measured_logits(
    modules: Mapping[str, nn.Module],
    inputs: Mapping[str, InputSpec],
    data: TrainingData,
    device: torch.device,
    tell: Callable[[str], None],
) -> tuple[dict[str, npt.NDArray[np.float32]], npt.NDArray[np.int64]]:
    """Return every model's logits on the validation pictures that can be read, and their labels."""
    for module in modules.values():
        module.to(device)
    found: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in modules}
    held: dict[str, list[npt.NDArray[np.float32]]] = {name: [] for name in modules}
    label: list[int] = []
    count = len(data.measured)

    def run() -> None:
        for name, module in modules.items():
            pixels = torch.from_numpy(np.stack(held[name])).to(device)
            with torch.no_grad():
                found[name].append(module(pixels).float().cpu().numpy())
            held[name].clear()

    for number, stored in enumerate(data.measured.pictures(), start=1):
        try:
            picture = open_picture(stored.content, stored.id)
        except PictureError:
            continue
        view = View(picture.image.size, inputs["target"])
        for name, spec in inputs.items():
            held[name].append(view.pixels(picture, spec))
        label.append(stored.label)
        if len(held["target"]) == _BATCH:
            run()
            tell(f"Measuring the shipped pair: {number:,} of {count:,} pictures")
    if held["target"]:
        run()
    return {name: np.concatenate(parts) for name, parts in found.items()}, np.array(label)


def _measured(
    logits: Mapping[str, npt.NDArray[np.float32]], label: npt.NDArray[np.int64], offered: int
) -> dict[str, Any]:
    rows: dict[str, Any] = {
        "pictures": len(label),
        "split": f"the validation pictures, {len(label):,} of {offered:,} could be read",
    }
    for name in STAGES:
        if name in logits:
            place = label_rank(logits[name], label)
            rows[name] = {
                "top1": round(float((place < 1).mean()), 4),
                "top5": round(float((place < 5).mean()), 4),
                "mean_confidence_at_temperature_1": round(
                    float(softmax(logits[name]).max(axis=1).mean()), 4
                ),
            }
    return rows


def _calibration(
    logits: npt.NDArray[np.float32],
    label: npt.NDArray[np.int64],
    half: npt.NDArray[np.bool_],
    temperature: float,
) -> dict[str, Any]:
    """Return the guidance's calibration error on the half that the temperature has not seen."""
    other = ~half
    right = logits[other].argmax(axis=1) == label[other]
    errors = [
        reliability(softmax(logits[other], t).max(axis=1), right).ece for t in (1.0, temperature)
    ]
    return {
        "temperature": round(temperature, 4),
        "fitted_on": int(half.sum()),
        "measured_on": int(other.sum()),
        "ece_at_temperature_1": round(errors[0], 4),
        "ece": round(errors[1], 4),
        "bins": 15,
    }


def _per_class(
    logits: Mapping[str, npt.NDArray[np.float32]],
    label: npt.NDArray[np.int64],
    classes: tuple[str, ...],
) -> dict[str, dict[str, Any]]:
    """Return pictures and accuracies of every class that there are validation pictures of."""
    total = np.bincount(label, minlength=len(classes))
    right = {
        name: np.bincount(label[logits[name].argmax(axis=1) == label], minlength=len(classes))
        for name in ("guidance", "target")
    }
    return {
        text: {
            "pictures": int(total[index]),
            **{
                name: round(float(counts[index] / total[index]), 3)
                for name, counts in right.items()
            },
        }
        for index, text in enumerate(classes)
        if total[index]
    }


def _macs(pair: Pair) -> dict[str, Any]:
    guidance, target = guidance_macs(pair.guidance), pair.target.spec
    full = target_macs(target, target.grid.num_patches).total
    return {
        "guidance": guidance.forward,
        "saliency": guidance.saliency,
        "target": full,
        "guidance_share": round((guidance.forward + guidance.saliency) / full, 4),
    }
