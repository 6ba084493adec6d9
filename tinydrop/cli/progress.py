"""A training on the command line: a bar on a terminal, and a line per epoch everywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from tqdm import tqdm

from tinydrop.cli.common import complain

if TYPE_CHECKING:
    from tinydrop.training import Progress


Result = TypeVar("Result")


def run_with_bar(
    run: Callable[[Callable[[str], None], Callable[[Progress], None]], Result],
    line: Callable[[Progress], str],
) -> Result:
    """Return what a training comes to, while it is shown.

    Args:
        run: the training; is given what to tell sentences and what to tell progress.
        line: says an epoch, from the progress that has its line of the curve.
    """
    # disable=None: a bar is drawn on a terminal only; logs get the lines alone.
    with tqdm(unit="step", file=sys.stderr, disable=None) as bar:

        def tell(progress: Progress) -> None:
            if progress.row is not None:
                say(line(progress))
                return
            if bar.total != progress.steps or progress.step < bar.n:
                bar.reset(progress.steps)
            words = f"{progress.stage} {progress.epoch}/{progress.epochs}"
            bar.set_description_str(words, refresh=False)
            bar.update(progress.step - bar.n)

        def say(text: str) -> None:
            bar.clear()
            complain(text)

        return run(say, tell)


def duration(seconds: float) -> str:
    """Return a time in minutes and seconds, or hours and minutes."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
