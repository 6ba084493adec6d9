"""``check`` and ``bench``: what models can do here, and how fast."""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from tinydrop.cli.common import add_pair, pair_of, print_json
from tinydrop.core.errors import SettingError

if TYPE_CHECKING:
    from tinydrop.models.pairs import Pair


def add_check(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    check = commands.add_parser("check", help="does this timm model fit?")
    check.add_argument("models", nargs="*", metavar="MODEL", help="timm names")
    check.add_argument("--pretrained", action="store_true", help="with weights from the Hub")
    check.add_argument("--shrunk", action="store_true", help="with a few of the model's blocks")
    check.add_argument("--time", action="store_true", help="also measure times, in batches of 8")
    check.add_argument(
        "--all", action="store_true", help="sort every name that timm lists, by structure alone"
    )
    check.add_argument(
        "--table",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="check a list that stands for all families; its table goes into .md and .json files",
    )
    check.add_argument("--json", action="store_true", help="print one JSON array")
    check.set_defaults(command=_check)


def add_bench(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    bench = commands.add_parser("bench", help="measured ratios on this machine")
    add_pair(bench)
    bench.add_argument(
        "--random-weights", action="store_true", help="time named models without their weights"
    )
    bench.add_argument("--repeats", type=int, default=20, help="measured rounds per figure")
    bench.add_argument("--json", action="store_true", help="print one JSON object")
    bench.add_argument(
        "--save-times",
        type=Path,
        metavar="FILE",
        help="also time all 16 levels on 1 and 2 threads, 1 and 8 pictures, into a JSON file",
    )
    bench.set_defaults(command=_bench)


def add_classes(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    classes = commands.add_parser("classes", help="the classes of a pair, to name folders after")
    add_pair(classes)
    classes.add_argument("--json", action="store_true", help="print one JSON array")
    classes.set_defaults(command=_classes)


def _classes(arguments: argparse.Namespace) -> int:
    names = pair_of(arguments).classes
    if arguments.json:
        print_json(list(names))
    else:
        print("\n".join(names))
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from tinydrop.studies.check import check_model

    if (arguments.all or arguments.table is not None) == bool(arguments.models):
        raise SettingError("Name models to check, or give --all or --table, not both.")
    if arguments.all:
        return _survey(as_json=arguments.json)
    if arguments.table is not None:
        return _table(arguments.table)
    reports = []
    refused = False
    for name in tqdm(arguments.models, unit="model", disable=len(arguments.models) < 2 or None):
        report = check_model(
            name,
            pretrained=arguments.pretrained,
            shrunk=arguments.shrunk,
            timed=arguments.time,
        )
        reports.append(report)
        if not arguments.json:
            tqdm.write(report.to_text())
        refused = refused or not (report.supported or report.as_guidance)
    if arguments.json:
        print_json([report.to_dict() for report in reports])
    return 2 if refused else 0


def _survey(*, as_json: bool) -> int:
    """Print where every name of timm stands; a refusal is an answer here, not a failure."""
    from tinydrop.studies.check import known_models, survey

    names = known_models()
    found = list(tqdm(survey(names), total=len(names), unit="model"))
    if as_json:
        print_json([asdict(one) for one in found])
        return 0
    for one in found:
        print(f"{one.model}: {one.family or one.reason}")
    counts = Counter(one.family or "refused" for one in found)
    print(", ".join(f"{count} {name}" for name, count in counts.most_common()))
    return 0


def _table(paths: list[Path]) -> int:
    """Check the representative models, shrunk and timed, and write their table."""
    from tinydrop.studies.check import (
        REPRESENTATIVE,
        FamiliesTable,
        check_model,
        versions_line,
        write_families,
    )

    reports = tuple(
        check_model(name, shrunk=True, timed=True) for name in tqdm(REPRESENTATIVE, unit="model")
    )
    for path in paths:
        write_families(FamiliesTable(versions_line(), reports), path)
    return 0


def _bench(arguments: argparse.Namespace) -> int:
    from tinydrop.models.backbones import load_guidance, load_target
    from tinydrop.studies.bench import run_bench

    if arguments.repeats < 3:
        raise SettingError(
            f"A median needs at least 3 repeats, got {arguments.repeats}; use for example 20."
        )
    if arguments.random_weights:
        if arguments.guidance is None or arguments.target is None or arguments.pair is not None:
            raise SettingError("--random-weights needs --guidance and --target, and no --pair.")
        if arguments.target_head is not None:
            raise SettingError("--random-weights has no use for --target-head; leave one out.")
        guidance = load_guidance(arguments.guidance, pretrained=False)
        target = load_target(arguments.target, pretrained=False)
    else:
        pair = pair_of(arguments)
        guidance, target = pair.guidance, pair.target
    if arguments.save_times is not None:
        if arguments.random_weights:
            raise SettingError("--save-times is of a pair with weights; leave one of the two out.")
        _save_times(pair, arguments.save_times, arguments.repeats)
    report = run_bench(guidance, target, repeats=arguments.repeats)
    if arguments.json:
        print_json(report.to_dict())
    else:
        print(report.to_text())
    return 0


def _save_times(pair: Pair, path: Path, repeats: int) -> None:
    """Measure a pair's level times on one and two threads, and write their tables."""
    import torch

    from tinydrop.studies.bench import measure_level_times, write_level_times

    before, tables = torch.get_num_threads(), []
    for threads in (1, 2):
        for batch_size in (1, 8):
            torch.set_num_threads(threads)
            try:
                tables.append(
                    measure_level_times(
                        pair.guidance,
                        pair.target,
                        pair.digest,
                        batch_size=batch_size,
                        repeats=repeats,
                    )
                )
            finally:
                torch.set_num_threads(before)
    write_level_times(tables, path)
