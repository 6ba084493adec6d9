"""``train sit``: a slimmed student of a pair's target, trained, exported and measured."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydrop.cli.common import complain, print_json
from tinydrop.cli.labelled import add_choice
from tinydrop.cli.progress import duration, run_with_bar
from tinydrop.core.errors import SettingError

if TYPE_CHECKING:
    from tinydrop.models.slimming import SlimmingPlan
    from tinydrop.training import Progress, StudentReport


def add_sit(kinds: argparse._SubParsersAction[Any]) -> None:
    """Add the command and its arguments."""
    sit = kinds.add_parser("sit", help="a slimmed student of a pair's target")
    sit.add_argument(
        "--teacher", default="bundled", metavar="PAIR", help="pair whose target is slimmed"
    )
    sit.add_argument(
        "--data", type=Path, metavar="DIR", help="train*.parquet and validation*.parquet"
    )
    add_choice(sit, "the split to report on")
    sit.add_argument(
        "--out", type=Path, metavar="DIR", help="folder of the run; the student goes to DIR/student"
    )
    sit.add_argument(
        "--stages",
        metavar="S",
        help="blocks of every stage, a slimming module between each two, or a placement by name: "
        "sit-t, sit-xs, sit-s, sit-m, sit-l, deit (default: three even stages)",
    )
    sit.add_argument(
        "--ratios",
        metavar="R",
        help="share of the tokens that goes on, one for every slimming module or one for all "
        "(default 0.5, or the placement's own)",
    )
    sit.add_argument("--no-frd", action="store_true", help="cross-entropy alone, no teacher")
    sit.add_argument(
        "--no-reverse", action="store_true", help="compare tokens only before they are slimmed"
    )
    sit.add_argument("--hard-topk", action="store_true", help="choose tokens instead of mixing")
    sit.add_argument(
        "--start",
        choices=("local", "random"),
        default="local",
        help="slimming modules begin as means of neighbours, or with random weights",
    )
    sit.add_argument("--name", help="of the student; the pair's name and -sit by default")
    sit.add_argument("--epochs", type=float, default=3.0, help="passes over the pictures; 0.5 too")
    sit.add_argument("--batch", type=int, default=64, help="pictures per step")
    sit.add_argument("--lr", type=float, default=2e-4, help="learning rate of the target's weights")
    sit.add_argument("--seed", type=int, default=0)
    sit.add_argument("--limit", type=int, metavar="N", help="at most so many training pictures")
    sit.add_argument("--minutes", type=float, metavar="M", help="pause after so many")
    sit.add_argument("--resume", action="store_true", help="go on with what --out holds")
    sit.add_argument(
        "--look-every",
        type=int,
        default=200,
        metavar="STEPS",
        help="between two looks at the held-out pictures, each with a checkpoint",
    )
    sit.add_argument(
        "--evaluate", type=Path, metavar="STUDENT", help="train nothing: measure this folder"
    )
    sit.add_argument("--json", action="store_true", help="print one JSON object at the end")
    sit.set_defaults(command=_train_sit)


def _train_sit(arguments: argparse.Namespace) -> int:
    import torch

    from tinydrop.models.pairs import load_pair, load_slimmed
    from tinydrop.training import SlimRecipe, SlimTraining, evaluate_slimmed

    if arguments.data is None:
        raise SettingError("Give --data, a folder with train*.parquet and validation*.parquet.")
    if arguments.look_every < 1:
        raise SettingError(f"--look-every is from 1 on, got {arguments.look_every}.")
    if arguments.evaluate is None and arguments.out is None:
        raise SettingError("A training needs --out, a folder for checkpoints and the student.")
    pair = load_pair(arguments.teacher)
    if torch.cuda.is_available():
        pair.target.module.to("cuda")
    if arguments.evaluate is not None:
        student = load_slimmed(arguments.evaluate)
        report = evaluate_slimmed(
            student,
            pair,
            arguments.data,
            tell=complain,
            split=arguments.split,
            config=arguments.config,
        )
        return _print(report, arguments)
    training = SlimTraining(
        teacher=arguments.teacher,
        pair=pair,
        data=arguments.data,
        out=arguments.out,
        name=arguments.name or f"{pair.name}-sit",
        recipe=SlimRecipe(
            plan=_plan(arguments, pair.target.spec.depth),
            hard=arguments.hard_topk,
            reverse=not arguments.no_reverse,
            distil=not arguments.no_frd,
            start=arguments.start,
            epochs=arguments.epochs,
            batch=arguments.batch,
            lr=arguments.lr,
            seed=arguments.seed,
        ),
        minutes=arguments.minutes,
        resume=arguments.resume,
        limit=arguments.limit,
        look_every=arguments.look_every,
        split=arguments.split,
        config=arguments.config,
    )
    return _print(run_with_bar(training.run, _line), arguments)


def _line(progress: Progress) -> str:
    """Return a look at the held-out pictures, for a person."""
    row = progress.row or {}
    left = "" if progress.seconds_left is None else f"; {duration(progress.seconds_left)} left"
    return (
        f"Step {progress.step:,} of {progress.steps:,}: loss {row['loss']:.3f} (label "
        f"{row['classification']:.3f}, tokens {row['token']:.4f}, logits {row['logit']:.4f}), "
        f"held-out top-1 {row['held_out_top1']:.4f}, {duration(row['seconds'])} so far{left}"
    )


def _plan(arguments: argparse.Namespace, depth: int) -> SlimmingPlan:
    from tinydrop.models.slimming import even_stages, plan_named

    even = ",".join(map(str, even_stages(depth)))
    text = even if arguments.stages is None else arguments.stages.strip()
    try:
        stages = [int(part) for part in text.split(",")] if text[:1].isdigit() else text
        ratios = arguments.ratios and [float(part) for part in arguments.ratios.split(",")]
    except ValueError:
        raise SettingError(
            f"Stages are whole numbers and ratios are numbers, separated by commas, like 2,2,2 and "
            f"0.5,0.5; got {text!r} and {arguments.ratios!r}."
        ) from None
    return plan_named(stages, ratios or None)


def _print(report: StudentReport, arguments: argparse.Namespace) -> int:
    if arguments.json:
        print_json(report.to_dict())
        return 0
    told = report.to_dict()
    for who in ("teacher", "student"):
        one = told[who]
        print(f"{who:<8} top-1 {100 * one['top1']:.2f} %, {one['macs'] / 1e6:.1f} MMACs")
    print(
        f"On {report.pictures:,} pictures of {report.data}: {told['times_fewer_macs']:.2f} times "
        f"fewer MACs, {100 * told['share_of_accuracy']:.1f} % of the accuracy."
    )
    return 0
