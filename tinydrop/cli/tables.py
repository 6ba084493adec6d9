"""``trace`` and ``sweep``: outcomes of labelled pictures, and any setting from them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinydrop.cli.common import add_pair, add_selector, complain, print_json
from tinydrop.cli.labelled import add_data, open_labelled, progress_bar
from tinydrop.core.budget import BUDGET_RULES, CONTROLS, Setting
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import check_selector


def add_trace(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    trace = commands.add_parser("trace", help="outcomes of labelled pictures at every budget level")
    add_data(trace)
    trace.add_argument("--out", type=Path, required=True, metavar="FILE.parquet")
    add_pair(trace)
    add_selector(trace)
    trace.add_argument("--resume", action="store_true", help="go on with an interrupted trace")
    trace.set_defaults(command=_trace)


def add_sweep(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    sweep = commands.add_parser("sweep", help="accuracy and cost of any setting, from a trace")
    sweep.add_argument("trace", type=Path, metavar="TRACE", help="a file that trace wrote")
    sweep.add_argument("--tau", type=float, help="exit threshold, in (0, 1]")
    sweep.add_argument("--gamma", type=float, help="curvature in (0, 8]")
    sweep.add_argument("--temperature", type=float, help="one of those the trace states")
    sweep.add_argument("--rule", choices=list(BUDGET_RULES), help="budget rule")
    sweep.add_argument(
        "--max-drop",
        type=float,
        metavar="PCT",
        help="find the cheapest setting that loses at most so many percentage points",
    )
    sweep.add_argument("--random", type=Path, help="the same pictures, random selector: a baseline")
    sweep.add_argument("--uniform", type=Path, help="the same pictures, uniform selector")
    sweep.add_argument("--seed", type=int, default=0, help="of the halves and the intervals")
    sweep.add_argument("--json", action="store_true", help="print one JSON object")
    sweep.set_defaults(command=_sweep)


def _trace(arguments: argparse.Namespace) -> int:
    from tinydrop.pipeline import TinyDrop
    from tinydrop.studies.trace import cautions, make_trace

    check_selector(arguments.selector)
    dataset, pair = open_labelled(arguments)
    with progress_bar() as progress:
        trace = make_trace(
            TinyDrop(pair),
            dataset,
            arguments.out,
            arguments.selector,
            arguments.seed,
            arguments.limit,
            resume=arguments.resume,
            progress=progress,
        )
    skipped = trace.provenance.skipped
    left_out = ", ".join(f"{count} {reason}" for reason, count in skipped.items() if count)
    complain(
        f"{trace.provenance.pictures} pictures traced into {arguments.out}"
        + (f"; left out: {left_out}." if left_out else ".")
    )
    if trace.provenance.drawn:
        complain(f"Measured are {trace.provenance.drawn}")
    for sentence in cautions(trace.label, trace.provenance.classes):
        complain(sentence)
    return 0


def _sweep(arguments: argparse.Namespace) -> int:
    from tinydrop.studies.sweep import sweep_report
    from tinydrop.studies.trace import read_trace

    if arguments.max_drop is not None and (arguments.tau or arguments.gamma):
        raise SettingError("Give either --max-drop or --tau and --gamma, not both.")
    trace = read_trace(arguments.trace)
    given = {
        name: getattr(arguments, name) for name in CONTROLS if getattr(arguments, name) is not None
    }
    others = {
        name: None if getattr(arguments, name) is None else read_trace(getattr(arguments, name))
        for name in ("random", "uniform")
    }
    report = sweep_report(
        trace,
        Setting(**{**trace.provenance.setting, **given}),
        arguments.max_drop,
        seed=arguments.seed,
        random=others["random"],
        uniform=others["uniform"],
    )
    if arguments.json:
        print_json(report)
    else:
        print(_text(report, trace.provenance.data))
    return 0


def _text(report: dict[str, Any], data: str) -> str:
    """Return a sweep as a table for a person."""
    setting, held_out = report["setting"], report["held_out"]
    where = (
        "all pictures, nothing was tuned"
        if report["tuned_on"] is None
        else f"the held-out half; found on the other half of {report['tuned_on']['pictures']}"
    )
    lines = [
        f"{report['pair']}, {report['selector']}, {data}: {held_out['pictures']} pictures, {where}",
        f"tau {setting['tau']:.3g}, gamma {setting['gamma']:.3g}, "
        f"T {setting['temperature']:.3g}, rule {setting['rule']}",
        "",
        f"{'':<12}{'top-1 [95 %]':>23}{'drop, points':>22}{'MMACs':>9}{'saved':>8}{'exits':>8}",
    ]
    for name, row in {"this setting": held_out, **report["baselines"]}.items():
        accuracy, drop = row["intervals"]["accuracy"], row["intervals"]["accuracy_drop"]
        lines.append(
            f"{name:<12}{100 * row['accuracy']:7.2f} % [{100 * accuracy[0]:5.1f} "
            f"{100 * accuracy[1]:5.1f}]{row['accuracy_drop']:8.2f} [{drop[0]:5.2f} {drop[1]:5.2f}]"
            f"{row['macs'] / 1e6:9.1f}{100 * row['saved']:6.1f} %{100 * row['exit_rate']:6.1f} %"
        )
    return "\n".join([*lines, *report["notes"]])
