"""``train pair``: from labelled pictures to a pair in the pair format; ``train sit`` beside it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from tinydrop.cli.common import complain
from tinydrop.cli.labelled import add_choice
from tinydrop.cli.train_sit import add_sit
from tinydrop.core.errors import SettingError

if TYPE_CHECKING:
    from tinydrop.training import PairRecipe, PairTraining, Progress, TrainingReport


# Written out: the room that knows them loads torch, and --help is quick.
_STAGES = "teacher, guidance, target, export or all"
_PICTURES = 100_000  # of Tiny ImageNet, for an estimate without the data


def add_train(commands: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    train = commands.add_parser("train", help="train models on your own labelled pictures")
    kinds = train.add_subparsers(required=True, metavar="WHAT", parser_class=type(train))
    pair = kinds.add_parser("pair", help="teacher, guidance and target, exported as a pair")
    pair.add_argument(
        "--recipe",
        metavar="NAME",
        help="pretrained, pretrained-gpu, gpu, cpu or tiny; gpu where there is a GPU, else cpu",
    )
    pair.add_argument(
        "--data", type=Path, metavar="DIR", help="train*.parquet and validation*.parquet"
    )
    add_choice(pair, "the split to measure on")
    pair.add_argument("--out", type=Path, metavar="DIR", help="folder of the run")
    pair.add_argument("--stage", default="all", metavar="S", help=f"{_STAGES} (default)")
    pair.add_argument("--minutes", type=float, metavar="M", help="stop cleanly after so many")
    pair.add_argument("--resume", action="store_true", help="go on with what --out holds")
    pair.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=120.0,
        metavar="S",
        help="between checkpoints within an epoch",
    )
    pair.add_argument(
        "--set",
        dest="changes",
        action="append",
        default=[],
        metavar="STAGE.FIELD=VALUE",
        help="change a number of the recipe, such as target.epochs=40; may be repeated",
    )
    pair.add_argument("--compile", action="store_true", help="train through torch.compile")
    pair.add_argument("--name", metavar="NAME", help="of the pair (the recipe's by default)")
    pair.add_argument(
        "--groups",
        type=Path,
        metavar="FILE",
        help="coarse groups of the classes, shown beside them: JSON, name to list of classes",
    )
    pair.add_argument(
        "--start",
        action="append",
        default=[],
        metavar="STAGE=FILE",
        help="safetensors weights that a stage starts from; may be repeated",
    )
    pair.add_argument(
        "--measure",
        type=int,
        metavar="STEPS",
        help="train nothing: print pictures per second of every stage on this machine",
    )
    pair.set_defaults(command=_train_pair)
    add_sit(kinds)


def _train_pair(arguments: argparse.Namespace) -> int:
    import torch

    from tinydrop.training import PairTraining, recipe_named

    name = arguments.recipe or ("gpu" if torch.cuda.is_available() else "cpu")
    recipe = recipe_named(name).changed(arguments.changes)
    if arguments.measure is not None:
        _print_plan(recipe)
        _print_speed(recipe, arguments.measure, compiled=arguments.compile)
        return 0
    for option in ("data", "out"):
        if getattr(arguments, option) is None:
            raise SettingError(f"A training needs --data and --out, got no --{option}; give both.")
    training = PairTraining(
        recipe=recipe,
        data=arguments.data,
        out=arguments.out,
        stage=arguments.stage,
        minutes=arguments.minutes,
        resume=arguments.resume,
        checkpoint_seconds=arguments.checkpoint_seconds,
        compiled=arguments.compile,
        name=arguments.name,
        groups=arguments.groups,
        split=arguments.split,
        config=arguments.config,
        start=_starts(arguments.start),
    )
    training.check()
    _print_plan(recipe)
    report = _run(training)
    return _print_end(training, report)


def _starts(given: list[str]) -> dict[str, Path]:
    """Return stage -> file from ``STAGE=FILE`` texts."""
    found = {}
    for text in given:
        stage, equals, file = text.partition("=")
        if not equals or stage not in ("teacher", "guidance", "target") or not file:
            raise SettingError(
                f"--start {text!r} names no stage and file; write STAGE=FILE, for example "
                f"target=weights.safetensors, with a stage of teacher, guidance, target."
            )
        found[stage] = Path(file)
    return found


def _run(training: PairTraining) -> TrainingReport:
    """Train with a bar on a terminal and a line per epoch everywhere."""
    # disable=None: a bar is drawn on a terminal only; logs get the lines alone.
    with tqdm(unit="step", file=sys.stderr, disable=None) as bar:

        def tell(progress: Progress) -> None:
            if progress.row is not None:
                bar.clear()
                complain(_line(progress))
                return
            if bar.total != progress.steps or progress.step < bar.n:
                bar.reset(progress.steps)
            words = f"{progress.stage} {progress.epoch}/{progress.epochs}"
            bar.set_description_str(words, refresh=False)
            bar.update(progress.step - bar.n)

        def say(line: str) -> None:
            bar.clear()
            complain(line)

        return training.run(say, tell)


def _line(progress: Progress) -> str:
    """Return an epoch's line of the curve, for a person."""
    row = progress.row or {}
    left = "" if progress.seconds_left is None else f", {_duration(progress.seconds_left)} left"
    return (
        f"{progress.stage} {progress.epoch:>3}/{progress.epochs}  "
        f"loss {row['train_loss']:.3f}  validation top-1 {100 * row['val_top1']:.2f} %  "
        f"top-5 {100 * row['val_top5']:.2f} %  {_duration(row['seconds'])} so far{left}"
    )


def _print_plan(recipe: PairRecipe) -> None:
    """Print what will be trained, how large it is and what it costs."""
    from tinydrop.training import plan_of

    plans = plan_of(recipe, 200)
    full = plans[-1].macs
    print(f"Recipe {recipe.name}: {recipe.title} (counted with 200 classes)")
    print(
        f"{'':<10}{'model':<24}{'input':>7}{'map':>7}{'parameters':>12}{'MMACs':>9}{'share':>8}"
        f"{'epochs':>8}{'batch':>7}"
    )
    for plan in plans:
        print(
            f"{plan.stage:<10}{plan.model:<24}{plan.size:>4} px"
            f"{plan.map_side:>4}x{plan.map_side:<2}{plan.parameters / 1e6:>10.2f} M"
            f"{plan.macs / 1e6:>9.1f}{100 * plan.macs / full:>6.1f} %{plan.epochs:>8}"
            f"{plan.batch:>7}"
        )
    sys.stdout.flush()


def _print_speed(recipe: PairRecipe, steps: int, *, compiled: bool) -> None:
    from tinydrop.training import measure_speed

    total = 0.0
    for speed in measure_speed(recipe, steps, compiled=compiled):
        seconds = speed.seconds(_PICTURES)
        seen = min(speed.epoch_pictures, _PICTURES) or _PICTURES
        total += seconds
        print(
            f"{speed.stage:<10}at {speed.size:>3} px: {speed.pictures_per_second:>9.1f} pictures/s "
            f"over {speed.steps} steps of {speed.batch}; {100 * speed.share:.0f} % of "
            f"{speed.epochs} epochs of {seen:,} pictures would take {_duration(seconds)}"
        )
        sys.stdout.flush()
    print(f"The whole recipe would take {_duration(total)}, without validation and decoding.")


def _print_end(training: PairTraining, report: TrainingReport) -> int:
    """Say what was done and what is next."""
    for name, state in report.states.items():
        if state.finished and state.history:
            last = state.history[-1]
            print(
                f"{name}: {state.epoch} epochs in {_duration(state.seconds)}, validation top-1 "
                f"{100 * last['val_top1']:.2f} %, top-5 {100 * last['val_top5']:.2f} %"
            )
    if report.pair is not None:
        print(f"The pair is in {report.pair}; try it by --pair {report.pair}.")
    if not report.complete:
        print(f"Stopped in time; go on by the same command with --resume (--out {training.out}).")
    return 0


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"
