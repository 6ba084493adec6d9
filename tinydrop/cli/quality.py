"""``quality``: do the maps show the object, do they matter, and what do other choices cost?"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydrop.cli.common import (
    add_pair,
    add_seed,
    claimed_table,
    complain,
    print_json,
    selector_names,
)
from tinydrop.cli.labelled import add_data, open_labelled, progress_bar
from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import SELECTORS, check_selector

if TYPE_CHECKING:
    from tinydrop.studies.quality import CoherenceTable, InterventionTable, Quality, QualityReport


_SHOWN_LEVELS = (1, 2, 4, 6, 8, 10, 12, 14, 16)
_COLUMNS = (
    ("pointing", "pointing"),
    ("energy", "energy"),
    ("insertion", "insert."),
    ("deletion", "delet."),
    ("rank_correlation", "rank cor."),
    ("sanity", "sanity"),
    ("sanity_absolute", "|sanity|"),
)


def add_quality(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    quality = commands.add_parser(
        "quality", help="saliency quality, and accuracy with other patches and positions"
    )
    add_data(quality)
    add_pair(quality)
    quality.add_argument(
        "--selector",
        nargs="+",
        metavar="S",
        help="who ranks the patches, the first of them compared with the others and tried with "
        f"wrong positions (all by default): {selector_names()}",
    )
    add_seed(quality)
    quality.add_argument(
        "--trace",
        type=Path,
        metavar="FILE",
        help="a trace of this pair: adds accuracy by tenths of a coherence measure",
    )
    quality.add_argument(
        "--metric", default="morans_i", metavar="M", help="that measure (morans_i by default)"
    )
    quality.add_argument("--json", action="store_true", help="print one JSON object")
    quality.add_argument(
        "--save-tables", type=Path, metavar="DIR", help="also write the tables as Parquet files"
    )
    quality.set_defaults(command=_quality)


def _quality(arguments: argparse.Namespace) -> int:
    from tinydrop.pipeline import TinyDrop
    from tinydrop.studies.quality import (
        accuracy_by_coherence,
        measure_quality,
        table_path,
        write_tables,
    )
    from tinydrop.studies.trace import read_trace

    selectors = arguments.selector or list(SELECTORS)
    for selector in selectors:
        check_selector(selector)
    folder = arguments.save_tables
    if folder is not None and folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder} is a file; give a folder for --save-tables.")
    dataset, pair = open_labelled(arguments)
    coherence = None
    if arguments.trace is not None:
        coherence = accuracy_by_coherence(read_trace(arguments.trace, pair), arguments.metric)
    with claimed_table(folder and table_path(folder, pair.name, "quality")):
        with progress_bar() as progress:
            found = measure_quality(
                TinyDrop(pair),
                dataset,
                selectors,
                seed=arguments.seed,
                limit=arguments.limit,
                progress=progress,
            )
        if folder is not None:
            tenths = () if coherence is None else (coherence,)
            for path in write_tables(folder, *found.tables, *tenths):
                complain(f"Written: {path}")
    if arguments.json:
        print_json(
            {
                "provenance": found.report.provenance.to_dict(),
                **found.report.to_dict(),
                **found.interventions.to_dict(),
                "small_objects": _small(found),
                "coherence": None if coherence is None else coherence.to_dict(),
            }
        )
    else:
        print("\n".join(_text(found, coherence)))
    return 0


def _small(found: Quality) -> dict[str, Any] | None:
    """Return the figures of pictures with small objects as JSON-ready values."""
    if found.small is None:
        return None
    report, table = found.small
    return {"pictures": report.provenance.pictures, **report.to_dict(), **table.to_dict()}


def _text(found: Quality, coherence: CoherenceTable | None) -> list[str]:
    """Return everything as lines for a person."""
    from tinydrop.studies.quality import SMALL_OBJECT

    known = found.report.provenance
    lines = [
        f"{known.pair}, {known.data}: {known.pictures:,} pictures, {known.boxes:,} with a box that "
        f"the crop shows, {known.grid[0]}x{known.grid[1]} patches",
        *known.notes,
        "",
        *_methods(found.report),
        "",
        *_interventions(found.interventions),
    ]
    if found.small is not None:
        report, table = found.small
        lines += [
            "",
            f"Small objects alone: {report.provenance.pictures:,} pictures whose box covers less "
            f"than {100 * SMALL_OBJECT:.0f} % of the crop",
            "",
            *_methods(report),
            "",
            *_interventions(table),
        ]
    return lines if coherence is None else [*lines, "", *_tenths(coherence)]


def _methods(report: QualityReport) -> list[str]:
    from tinydrop.studies.quality import MEASURES

    lines = [f"{'':<12}" + "".join(f"{title:>17}" for _, title in _COLUMNS)]
    for method in report.methods:
        cells = []
        for measure, _ in _COLUMNS:
            found = method.measures.get(measure)
            # Half of the interval, which is symmetric for a mean.
            text = "-" if found is None else f"{found.value:.3f} ±{found.value - found.low:.3f}"
            cells.append(f"{text:>17}")
        unranked = f"  {method.unranked} not ranked" if method.unranked else ""
        lines.append(f"{method.name:<12}{''.join(cells)}{unranked}")
    lines += [f"  {measure}: {words}." for measure, words in MEASURES.items()]
    return [*lines, "  ± is the half of a 95 % interval; random and uniform boxes are exact means."]


def _interventions(table: InterventionTable) -> list[str]:
    known = table.provenance
    kept = [table.kept[level - 1] for level in _SHOWN_LEVELS]
    lines = [
        f"Top-1 of the target in %, and its gain over {known.reference} in points where the 95 % "
        f"interval of the gain leaves out 0",
        f"{'patches kept':<22}" + "".join(f"{k:>14}" for k in kept),
    ]
    for one in table.interventions:
        cells = []
        for level in _SHOWN_LEVELS:
            at = level - 1
            sure = one.gain_low[at] > 0.0 or one.gain_high[at] < 0.0
            gain = f" ({100 * one.gain[at]:+.1f})" if sure else ""
            cells.append(f"{f'{100 * one.accuracy[at]:.1f}{gain}':>14}")
        lines.append(f"{f'{one.kind} {one.name}':<22}{''.join(cells)}")
    return [
        *lines,
        f"  reference: what no method could know, the target's own map after its full answer and "
        f"the object's box; positions: the patches of {known.reference}.",
    ]


def _tenths(table: CoherenceTable) -> list[str]:
    """Return accuracy by tenths at a few levels, beside the full target on the same pictures."""
    lines = [
        f"Top-1 in % by tenths of {table.metric} of the patches that {table.selector} keeps, from "
        f"low to high (in brackets: the full target on the same pictures)"
    ]
    for level in _SHOWN_LEVELS[:-1]:
        cells = []
        for right, full in zip(
            table.accuracy[level - 1], table.full_accuracy[level - 1], strict=True
        ):
            empty = right != right  # NaN: equal values fill the tenth beside it
            cells.append(f"{'-' if empty else f'{100 * right:.1f} ({100 * full:.1f})':>14}")
        lines.append(f"{f'level {level}/{BUDGET_LEVELS}':<12}{''.join(cells)}")
    return lines
