"""``check`` and ``bench``: what models can do here, and how fast."""

from __future__ import annotations

import argparse
from typing import Any

from tqdm import tqdm

from tinydrop.cli.common import add_pair, pair_of, print_json
from tinydrop.errors import SettingError

__all__ = ["add_bench", "add_check"]


def add_check(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    check = commands.add_parser("check", help="does this timm model fit?")
    check.add_argument("models", nargs="+", metavar="MODEL", help="timm names")
    check.add_argument("--pretrained", action="store_true", help="with weights from the Hub")
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
    bench.set_defaults(command=_bench)


def _check(arguments: argparse.Namespace) -> int:
    from tinydrop.check import check_model

    reports = []
    refused = False
    for name in tqdm(arguments.models, unit="model", disable=len(arguments.models) < 2 or None):
        report = check_model(name, pretrained=arguments.pretrained)
        reports.append(report)
        if not arguments.json:
            tqdm.write(report.to_text())
        refused = refused or not (report.supported or report.as_guidance)
    if arguments.json:
        print_json([report.to_dict() for report in reports])
    return 2 if refused else 0


def _bench(arguments: argparse.Namespace) -> int:
    from tinydrop.backbones import load_guidance, load_target
    from tinydrop.bench import run_bench

    if arguments.repeats < 3:
        raise SettingError(
            f"A median needs at least 3 repeats, got {arguments.repeats}; use for example 20."
        )
    if arguments.random_weights:
        if arguments.guidance is None or arguments.target is None or arguments.pair is not None:
            raise SettingError("--random-weights needs --guidance and --target, and no --pair.")
        guidance = load_guidance(arguments.guidance, pretrained=False)
        target = load_target(arguments.target, pretrained=False)
    else:
        pair = pair_of(arguments)
        guidance, target = pair.guidance, pair.target
    report = run_bench(guidance, target, repeats=arguments.repeats)
    if arguments.json:
        print_json(report.to_dict())
    else:
        print(report.to_text())
    return 0
