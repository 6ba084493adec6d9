"""What several commands share: naming a pair, printing JSON, complaining in one line."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from tinydrop.core.errors import SettingError
from tinydrop.core.selection import SEEDED_ORDERS, SELECTORS
from tinydrop.core.writing import claimed

if TYPE_CHECKING:  # torch is loaded by the command that needs it, so that --help is quick
    from tinydrop.models.pairs import Pair


def add_pair(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name a pair."""
    parser.add_argument(
        "--pair",
        help="bundled (default), bundled-efficientformer, bundled-24, a preset, or a pair folder",
    )
    parser.add_argument("--guidance", metavar="MODEL", help="timm name; needs --target")
    parser.add_argument("--target", metavar="MODEL", help="timm name; needs --guidance")
    parser.add_argument(
        "--target-head",
        metavar="FILE",
        help="safetensors file with a linear classifier (weight, bias) for the target; its classes "
        "are the guidance's, in the same order",
    )


def add_selector(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that say who ranks the patches."""
    parser.add_argument(
        "--selector",
        default="gradcam",
        metavar="S",
        help=f"who ranks the patches: {selector_names()}",
    )
    add_seed(parser)


def add_seed(parser: argparse.ArgumentParser) -> None:
    """Add the seed of the selectors that have one."""
    parser.add_argument(
        "--seed",
        type=int,
        default=0,
        help=f"of the selectors {' and '.join(sorted(SEEDED_ORDERS))}",
    )


def selector_names() -> str:
    """Return every name that --selector takes, between commas."""
    return ", ".join(SELECTORS)


def pair_of(arguments: argparse.Namespace) -> Pair:
    """Return the pair that the arguments name."""
    from tinydrop.models.pairs import load_pair, pair_from_names

    if (arguments.guidance is None) != (arguments.target is None):
        raise SettingError("Give --guidance and --target together, or --pair instead of both.")
    if arguments.target_head is not None and arguments.target is None:
        raise SettingError("--target-head belongs to --guidance and --target; give them as well.")
    if arguments.guidance is None:
        return load_pair(arguments.pair or "bundled")
    if arguments.pair is not None:
        raise SettingError("Give either --pair or --guidance and --target, not both.")
    return pair_from_names(arguments.guidance, arguments.target, head=arguments.target_head)


def claimed_table(path: Path | None) -> AbstractContextManager[None]:
    """Hold a table's file while it is measured, so that a second command is refused at once."""
    return nullcontext() if path is None else claimed(path, "measuring")


def print_json(value: object) -> None:
    """Print one JSON document; a number that JSON does not have is an error."""
    print(json.dumps(value, indent=1, allow_nan=False))


def complain(sentence: str) -> None:
    """Print one line to stderr."""
    print(sentence, file=sys.stderr)
