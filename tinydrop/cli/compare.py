"""``compare``: dropping, merging and pruning on one frozen target at the same cost."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydrop.cli.common import add_pair, add_seed, claimed_table, complain, print_json
from tinydrop.cli.labelled import add_data, open_labelled, progress_bar
from tinydrop.core.errors import SettingError

if TYPE_CHECKING:
    from tinydrop.studies.comparison import CompareRow, CompareTable


def add_compare(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    compare = commands.add_parser(
        "compare", help="accuracy and time of dropping, merging and pruning at the same MACs"
    )
    add_data(compare)
    add_pair(compare)
    compare.add_argument(
        "--method", nargs="+", metavar="M", help="only these methods; all of them by default"
    )
    compare.add_argument(
        "--student",
        nargs="*",
        type=Path,
        metavar="FOLDER",
        help="slimmed students of the pair's target; the bundled pair's own by default",
    )
    add_seed(compare)
    compare.add_argument(
        "--batch-size", type=int, default=1, help="pictures per call while times are measured"
    )
    compare.add_argument("--repeats", type=int, default=15, help="turns of that")
    compare.add_argument("--json", action="store_true", help="print one JSON object")
    compare.add_argument(
        "--save-tables", type=Path, metavar="DIR", help="also write the table as a Parquet file"
    )
    compare.set_defaults(command=_compare)


def _compare(arguments: argparse.Namespace) -> int:
    from tinydrop.models.pairs import bundled_students, load_student
    from tinydrop.pipeline import TinyDrop
    from tinydrop.studies.comparison import METHODS, compare_methods, compare_path, write_compare

    folder = arguments.save_tables
    if folder is not None and folder.exists() and not folder.is_dir():
        raise SettingError(f"{folder} is a file; give a folder for --save-tables.")
    dataset, pair = open_labelled(arguments)
    folders = arguments.student
    if folders is None:
        folders = bundled_students() if pair.name == "bundled" else ()
    students = [load_student(one, pair) for one in folders]
    with claimed_table(folder and compare_path(folder, pair.name)):
        with progress_bar() as progress:
            table = compare_methods(
                TinyDrop(pair),
                dataset,
                arguments.method or tuple(METHODS),
                students,
                seed=arguments.seed,
                limit=arguments.limit,
                batch_size=arguments.batch_size,
                repeats=arguments.repeats,
                progress=progress,
            )
        if folder is not None:
            complain(f"Written: {write_compare(folder, table)}")
    if arguments.json:
        print_json(table.to_dict())
    else:
        print("\n".join(_text(table)))
    return 0


def _text(table: CompareTable) -> list[str]:
    """Return the table as lines for a person."""
    from tinydrop.studies.comparison import METHODS

    known = table.provenance
    guide = known.guidance_macs + known.saliency_macs
    lines = [
        f"{known.pair}, {known.data}: {known.pictures:,} pictures; full target "
        f"{known.full_macs / 1e6:.1f} MMACs and {known.full_ms:.2f} ms, guidance and map "
        f"{guide / 1e6:.1f} MMACs and {known.guide_ms:.2f} ms",
        f"{known.device}, {known.threads} threads, {known.batch_size} per call, medians of "
        f"{known.repeats} turns",
        "",
        f"{'':<18}{'level':>6}{'top-1 % [95 %]':>23}{'drop, points':>21}"
        f"{'gain on ' + known.reference:>21}{'MACs':>8}{'+guide':>8}{'time':>7}{'+guide':>8}",
    ]
    lines += [_line(row, known.full_macs) for row in table.rows]
    lines += [
        "",
        "  MACs and time are shares of the full target's; +guide adds guidance and map where the "
        "method needs them.",
        *(f"  {name}: {METHODS[name].words}." for name in table.methods if name in METHODS),
        *(f"  {name}: trained, {words}." for name, words in table.students.items()),
        "  gradcam+exit: the guidance answers where it is sure at the pair's tau; tinydrop: the "
        "pair's own setting.",
    ]
    if table.noisy:
        lines.append(
            "  Some times vary by over 20 % between turns: other work disturbed the machine."
        )
    return [*lines, *(f"  {note}" for note in known.notes)]


def _line(row: CompareRow, full: int) -> str:
    top, drop, gain = row.accuracy, row.drop, row.gain
    level = f"{row.level}/16" if row.level else "-"
    gained = "-" if gain is None else _points(gain.value, gain.low, gain.high)
    times = ["-" if t is None else f"{t.median:.2f}" for t in (row.target_time, row.time)]
    return (
        f"{row.method:<18}{level:>6}{100 * top.value:9.1f} [{100 * top.low:5.1f} "
        f"{100 * top.high:5.1f}]{_points(drop.value, drop.low, drop.high):>21}{gained:>21}"
        f"{row.target_macs / full:8.3f}{row.macs / full:8.3f}{times[0]:>7}{times[1]:>8}"
    )


def _points(value: float, low: float, high: float) -> str:
    return f"{100 * value:.1f} [{100 * low:.1f} {100 * high:.1f}]"
