"""``coherence``: is what a picture keeps at one budget level in one piece?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydrop.cli.common import add_pair, add_selector, pair_of
from tinydrop.cli.pictures import add_photos, each_photo, photos_of
from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.coherence import describe_coherence, describe_map, judge_coherence
from tinydrop.core.selection import check_selector

if TYPE_CHECKING:
    from tinydrop.core.tokens import Saliency
    from tinydrop.pipeline import Guide, TinyDrop


def add_coherence(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    coherence = commands.add_parser(
        "coherence", help="do the kept patches hang together, more than by chance?"
    )
    add_photos(coherence)
    add_pair(coherence)
    add_selector(coherence)
    coherence.add_argument(
        "--level",
        type=int,
        default=8,
        metavar="L",
        help=f"keep L/{BUDGET_LEVELS} of the patches, whether the guidance is sure or not",
    )
    coherence.add_argument(
        "--quality",
        action="store_true",
        help="also run the target: insertion and deletion, likeness to the target's own map",
    )
    coherence.add_argument("--json", action="store_true", help="print one JSON array")
    coherence.set_defaults(command=_coherence)


def _coherence(arguments: argparse.Namespace) -> int:
    from tinydrop.pipeline import TinyDrop

    check_selector(arguments.selector)
    num_keep(arguments.level, 1)  # a level out of range is refused before any work
    photos = photos_of(arguments)
    drop = TinyDrop(pair_of(arguments))

    def work(photo: Path) -> tuple[dict[str, object], str]:
        guide = drop.guide(photo)
        row = {"file": str(photo)} | _describe(
            drop, guide, arguments.level, arguments.selector, arguments.seed
        )
        if arguments.quality:
            row["quality"] = _quality(drop, guide, arguments.selector, arguments.seed)
        return row, _text(row)

    return each_photo(photos, work, as_json=arguments.json)


def _quality(drop: TinyDrop, guide: Guide, selector: str, seed: int) -> dict[str, object]:
    """Return how much the order and the map matter to the target; None for what has no meaning."""
    from tinydrop.studies.quality import picture_curves, picture_likeness

    order, _ = drop.rank(guide, selector, seed)
    curves = None if order is None else picture_curves(drop, guide, order)
    return {
        "class": None if curves is None else drop.pair.classes[curves.class_index],
        "insertion": None if curves is None else curves.insertion_area,
        "deletion": None if curves is None else curves.deletion_area,
        "rank_correlation": picture_likeness(drop, guide, selector),
    }


def _describe(drop: TinyDrop, guide: Guide, level: int, selector: str, seed: int) -> dict[str, Any]:
    """Return one picture's figures, JSON-ready."""
    grid = drop.pair.target.spec.grid
    selected = drop.select(guide, num_keep(level, grid.num_patches), selector, seed=seed)
    problem = None if selected.saliency is None else selected.saliency.problem
    selection = selected.selection
    verdict = judge_coherence(selection, problem=problem)
    return {
        "pair": drop.pair.name,
        "selector": selector,
        "level": BUDGET_LEVELS if selected.order is None else level,
        "kept": selection.num_keep,
        "patches": grid.num_patches,
        "grid_size": [grid.rows, grid.cols],
        "keep_indices": selection.keep_indices.tolist(),
        "verdict": verdict.to_dict(),
        "coherence": {name: dict(entry) for name, entry in describe_coherence(selection).items()},
        # As the guidance made it: on the target's grid it is smooth because it was resized.
        "map": None if selected.raw is None else _map(selected.raw),
        "warnings": [*guide.picture.notes, *selected.warnings],
    }


def _map(raw: Saliency) -> dict[str, object]:
    return {
        "method": raw.method,
        "layer": raw.layer,
        "grid_size": [raw.grid.rows, raw.grid.cols],
        "problem": raw.problem,
        "coherence": {name: dict(entry) for name, entry in describe_map(raw).items()},
    }


def _text(row: dict[str, Any]) -> str:
    """Return one picture's figures as lines for a person."""
    verdict = row["verdict"]
    lines = [f"{row['file']}: {verdict['kind']}. {verdict['sentence']}"]
    lines += [
        f"  {row['kept']} of {row['patches']} patches kept by {row['selector']} "
        f"(level {row['level']} of {BUDGET_LEVELS}), percentiles among random sets as large:"
    ]
    lines += _table(row["coherence"])
    if row["map"] is not None:
        rows, cols = row["map"]["grid_size"]
        lines += [
            f"  The {row['map']['method']} map, {rows}x{cols} at {row['map']['layer']}, "
            f"percentiles among shuffles of its values:"
        ]
        lines += _table(row["map"]["coherence"])
    if "quality" in row:
        lines += _quality_lines(row["quality"])
    return "\n".join([*lines, *(f"  {warning}" for warning in row["warnings"])])


def _quality_lines(found: dict[str, Any]) -> list[str]:
    lines = []
    if found["class"] is not None:
        lines = [
            f"  Mean probability of '{found['class']}' while patches come in, first ones first "
            f"(insertion, higher is better): {found['insertion']:.3f}",
            f"  and while the first ones are taken away (deletion, lower is better): "
            f"{found['deletion']:.3f}",
        ]
    if found["rank_correlation"] is not None:
        rho = found["rank_correlation"]
        lines.append(f"  Spearman's rank correlation with the target's own map: {rho:.3f}")
    return lines


def _table(entries: dict[str, dict[str, float | None]]) -> list[str]:
    lines = []
    for name, entry in entries.items():
        value = "-" if entry["value"] is None else f"{entry['value']:.4g}"
        percentile = (
            "" if entry["percentile"] is None else f"  percentile {entry['percentile']:.1f}"
        )
        lines.append(f"    {name:<26}{value:>9}{percentile}")
    return lines
