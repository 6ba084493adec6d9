"""What the commands on labelled pictures share: naming them, opening them, showing progress."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tqdm import tqdm

from tinydrop.cli.common import complain, pair_of

if TYPE_CHECKING:  # torch is loaded by the command that needs it, so that --help is quick
    from tinydrop.data import Dataset
    from tinydrop.models.pairs import Pair
    from tinydrop.studies.trace import Progress


def add_data(parser: argparse.ArgumentParser) -> None:
    """Add the arguments that name labelled pictures."""
    parser.add_argument(
        "data", metavar="DATA", help="folder of class folders, zip, Parquet, or owner/name"
    )
    add_choice(parser, "the split to measure")
    parser.add_argument(
        "--limit",
        type=int,
        metavar="N",
        help="only so many pictures: the first ones, or of class folders some of every class",
    )


def add_choice(parser: argparse.ArgumentParser, split: str) -> None:
    """Add the options that choose among splits and configurations; ``split`` says what for."""
    parser.add_argument(
        "--split", metavar="S", help=f"{split}, such as test (the validation-like one by default)"
    )
    parser.add_argument(
        "--config", metavar="C", help="the configuration, where the data have several"
    )


def open_labelled(arguments: argparse.Namespace) -> tuple[Dataset, Pair]:
    """Return the pictures and the pair that the arguments name, the pair on the GPU if any.

    What was chosen and which classes match is said on stderr.
    """
    import torch

    from tinydrop.data import open_dataset
    from tinydrop.studies.trace import match_pair

    dataset = open_dataset(arguments.data, hub=True, split=arguments.split, config=arguments.config)
    pair = pair_of(arguments)
    if torch.cuda.is_available():
        for module in (pair.guidance.module, pair.target.module):
            module.to("cuda")
    for note in (*dataset.notes, match_pair(dataset, pair).report):
        complain(note)
    return dataset, pair


@contextmanager
def progress_bar() -> Iterator[Progress]:
    """Show a bar of pictures on stderr; what is given is called with how many are done."""
    with tqdm(unit="picture", file=sys.stderr) as bar:

        def progress(done: int, total: int, _seconds_left: float | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield progress
