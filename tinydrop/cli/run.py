"""``run``: classify pictures and show what was dropped."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydrop.cli.common import add_pair, add_selector, pair_of
from tinydrop.cli.pictures import add_photos, each_photo, photos_of
from tinydrop.core.budget import BUDGET_RULES, CONTROLS
from tinydrop.core.errors import SettingError
from tinydrop.core.results import DropResult, Truth
from tinydrop.core.selection import check_selector

if TYPE_CHECKING:
    from tinydrop.pipeline import TinyDrop


def add_run(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    run = commands.add_parser("run", help="classify pictures and show what was dropped")
    add_photos(run)
    add_pair(run)
    run.add_argument("--tau", type=float, help="exit when surer than this, in (0, 1]")
    run.add_argument("--gamma", type=float, help="curvature in (0, 8]; low drops more")
    run.add_argument("--temperature", type=float, help="T of softmax(logits / T)")
    run.add_argument("--rule", choices=list(BUDGET_RULES), help="budget rule")
    add_selector(run)
    run.add_argument(
        "--compare-full", action="store_true", help="also run the target on every patch"
    )
    run.add_argument(
        "--truth", metavar="CLASS", help="what the pictures show: says whether answers are right"
    )
    run.add_argument("--json", action="store_true", help="print one JSON array")
    run.add_argument("--save", type=Path, metavar="DIR", help="write pictures and JSON there")
    run.set_defaults(command=_run)


def _run(arguments: argparse.Namespace) -> int:
    from tinydrop.models.truth import named_truth
    from tinydrop.pipeline import TinyDrop

    check_selector(arguments.selector)
    photos = photos_of(arguments)
    drop = TinyDrop(pair_of(arguments))
    given = {name: getattr(arguments, name) for name in CONTROLS}
    drop.setting(**{k: v for k, v in given.items() if v is not None})  # refused before any work
    truth = None if arguments.truth is None else named_truth(arguments.truth, drop.pair)
    save = _Saver(arguments.save) if arguments.save is not None else None

    def work(photo: Path) -> tuple[dict[str, object], str]:
        result = drop(
            photo,
            **given,
            selector=arguments.selector,
            seed=arguments.seed,
            compare_full=arguments.compare_full,
        )
        if save is not None:
            save(photo, drop, result)
        row = result.to_dict() | {"file": str(photo)} | _judged(result, truth)
        return row, _sentence(result, truth)

    return each_photo(photos, work, as_json=arguments.json)


class _Saver:
    """Writes overlay, mask, chart and JSON of each result under a name of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.used: set[str] = set()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder / ".tinydrop-probe"
            probe.touch()
            probe.unlink()
        except OSError as error:
            raise SettingError(
                f"Results cannot be written to {folder} ({error.strerror}); "
                "give a folder that can be written."
            ) from error

    def __call__(self, photo: Path, drop: TinyDrop, result: DropResult) -> None:
        from tinydrop.data import View, open_picture
        from tinydrop.pipeline.render import chart_image, mask_image, overlay_image

        stem, count = photo.stem, 2
        while stem in self.used:
            stem, count = f"{photo.stem}-{count}", count + 1
        self.used.add(stem)
        picture = open_picture(photo)
        crop = View(picture.image.size, drop.pair.target.spec.input).crop(picture)
        images = {
            "overlay": overlay_image(crop, result.saliency, result.selection),
            "chart": chart_image(result),
        }
        if result.selection is not None:  # after an early exit there is no mask to show
            images["mask"] = mask_image(result.selection)
        try:
            for kind, image in images.items():
                image.save(self.folder / f"{stem}-{kind}.png")
            (self.folder / f"{stem}.json").write_text(
                json.dumps(result.to_dict() | {"file": str(photo)}, indent=1, allow_nan=False)
                + "\n",
                encoding="utf-8",
            )
        except OSError as error:
            raise SettingError(
                f"Results cannot be written to {self.folder} ({error.strerror}); "
                "free some space or give another folder."
            ) from error


def _judged(result: DropResult, truth: Truth | None) -> dict[str, object]:
    """Return whether the answer is right and whether it is the full target's, where known."""
    judged: dict[str, object] = {}
    if result.full is not None:
        judged["agrees"] = result.final.class_index == result.full.class_index
    if truth is not None:
        judged |= {"truth": truth.name, "right": truth.right(result.final)}
    return judged


def _sentence(result: DropResult, truth: Truth | None = None) -> str:
    """Return one result as a line for a person: the answer, what came of it, and its cost."""
    cost = f"{result.macs.total / 1e9:.3f} of {result.macs.full_target / 1e9:.3f} GMACs, " + (
        f"{100 * result.macs.saved:.0f} % saved"
        if result.macs.saved >= 0
        else f"{-100 * result.macs.saved:.0f} % MORE than the full target"
    )
    tau, temperature = result.setting.tau, result.setting.temperature
    scale, raw = ("", "") if temperature == 1 else (f" at T {temperature:.3g}", ", raw")
    if result.exited:
        says = (
            f"guidance is {100 * result.confidence:.0f} % sure{scale} (> tau {tau:g}): "
            f"{result.guidance.name}"
        )
    else:
        says = (
            f"guidance is {100 * result.confidence:.0f} % sure{scale} ({result.guidance.name}); "
            f"target on {result.kept} of {result.patches} patches: {result.final.name} "
            f"({100 * result.final.confidence:.0f} %{raw})"
        )
    judged = _judged(result, truth)
    full = ""
    if result.full is not None:
        other = "the same" if judged["agrees"] else "another answer"
        full = f"; target on every patch: {result.full.name}, {other}"
    if truth is not None:
        full += "; right" if judged["right"] else f"; wrong, it is {truth.name}"
    notes = "".join(f"\n  {warning}" for warning in result.warnings)
    return f"{result.file}: {says}{full}. {cost}.{notes}"
