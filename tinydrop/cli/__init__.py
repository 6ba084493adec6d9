"""The command line: one module per group of commands, each thin over the library.

With ``--json`` stdout holds one JSON document and nothing else. Exit codes: 0 done; 2 wrong usage,
or some input was refused (one line each on stderr, no traceback).
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable, Sequence
from typing import NoReturn

from tinydrop.cli.coherence import add_coherence
from tinydrop.cli.common import complain
from tinydrop.cli.compare import add_compare
from tinydrop.cli.models import add_bench, add_check, add_classes
from tinydrop.cli.quality import add_quality
from tinydrop.cli.run import add_run
from tinydrop.cli.tables import add_sweep, add_trace
from tinydrop.cli.train import add_train
from tinydrop.core.errors import TinyDropError

__all__ = ["main"]


class _Parser(argparse.ArgumentParser):
    """An argument parser whose error is one line and exit code 2."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help.\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 2 wrong usage or some input refused."""
    arguments = _parser().parse_args(argv)
    command: Callable[[argparse.Namespace], int] = arguments.command
    # PIL warns of its own accord about damaged metadata; the sentence about the file is ours.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
    try:
        return command(arguments)
    except TinyDropError as error:
        complain(str(error))
        return 2
    except KeyboardInterrupt:
        complain("Stopped.")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m tinydrop",
        description="See which patches a big vision transformer needs, and what that saves.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    for add in (
        add_run,
        add_check,
        add_classes,
        add_trace,
        add_sweep,
        add_bench,
        add_coherence,
        add_quality,
        add_compare,
        add_train,
    ):
        add(commands)
    return parser
