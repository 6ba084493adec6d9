"""The parts of a training: recipes, pictures, augmentation and the objective, each by a formula."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from timm.data.mixup import mixup_target
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode
from training_zoo import write_shards

from tinydrop.core.errors import SettingError
from tinydrop.data.view import InputSpec, View, open_picture
from tinydrop.training import RECIPES, Augmentation, load_training_data, plan_of, recipe_named
from tinydrop.training.augment import Draws, draw, kept_share, plain_view, render
from tinydrop.training.models import build_stage
from tinydrop.training.objective import learning_rate, loss, soft_labels
from tinydrop.training.pictures import epoch_order
from tinydrop.training.recipe import MEAN, STD
from tinydrop.training.trainer import Teacher, Trainer

CLASSES = 200


def made_up(side: int = 24, batch: int = 4) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (batch, 3, side, side), dtype=torch.uint8, generator=generator)


def unchanged(batch: int, **changes: object) -> Draws:
    values: dict[str, object] = {
        "window": np.tile(np.float32([0.5, 0.5, 1.0, 1.0]), (batch, 1)),
        "colour": np.ones((batch, 3), np.float32),
        "erased": np.zeros((batch, 4), np.float32),
        "share": 1.0,
        "box": None,
    }
    return Draws(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "share", "grid", "family"),
    [
        ("pretrained", 0.06, 12, "tf_efficientnet"),
        ("pretrained-gpu", 0.06, 14, "tf_efficientnet"),
        ("gpu", 0.12, 14, "efficientformer"),
        ("cpu", 0.15, 8, "resnet"),
    ],
)
def test_a_recipe_keeps_its_promises(name: str, share: float, grid: int, family: str) -> None:
    recipe = RECIPES[name]
    teacher, guidance, target = plan_of(recipe, CLASSES)
    assert recipe.guidance_share == share
    assert guidance.macs <= share * target.macs
    assert guidance.model.startswith(family)
    assert target.map_side == grid
    # An EfficientNet ends at a 32nd of its input: its map is coarser than those of our own shape.
    assert guidance.map_side >= grid / (3 if "pretrained" in name else 2)
    if "pretrained" in name:
        assert (teacher.model, target.model) == (
            "tf_efficientnet_lite2", "vit_small_patch14_dinov2"
        )  # fmt: skip
        assert target.size == 14 * grid
        assert recipe.target.sizes[0] < target.size
    else:
        assert teacher.parameters > target.parameters or name == "cpu"
    if name == "gpu":
        assert 5e6 <= target.parameters <= 6e6
        assert (target.size, recipe.target.kwargs["patch_size"]) == (112, 8)
    # "Never trained with token dropping" must stay true of the target.
    given = {**recipe.target.kwargs, **recipe.target.train_kwargs}
    assert not any("patch_drop" in key or "token" in key for key in given)


def test_the_planned_macs_are_those_of_torchs_counter() -> None:
    recipe = RECIPES["tiny"]
    for plan in plan_of(recipe, CLASSES):
        module = build_stage(recipe.stage(plan.stage), CLASSES).to("meta")
        with torch.no_grad(), FlopCounterMode(display=False) as counter:
            module(torch.zeros(1, 3, plan.size, plan.size, device="meta"))
        counted = counter.get_total_flops() / 2
        # The guidance's saliency step comes on top of its forward pass.
        assert counted <= plan.macs <= (1.05 if plan.stage == "guidance" else 1.0) * counted
        assert plan.parameters == sum(p.numel() for p in module.parameters())


def test_a_number_is_changed_by_its_name() -> None:
    recipe = RECIPES["gpu"].changed(
        ["target.epochs=7", "guidance.lr=0.5", "target.sizes=96,112", "teacher.distil_hard=true",
         "guidance.augment.crop_area=0.25,2", "guidance.augment.mixed=0"]
    )  # fmt: skip
    assert (recipe.target.epochs, recipe.guidance.lr) == (7, 0.5)
    assert (recipe.target.sizes, recipe.teacher.distil_hard) == ((96, 112), True)
    assert recipe.guidance.augment.crop_area == (0.25, 2.0)
    assert replace(recipe.target, epochs=45, sizes=RECIPES["gpu"].target.sizes) == (
        RECIPES["gpu"].target
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ("epochs=7", "write STAGE.FIELD=VALUE"),
        ("pilot.epochs=7", "write STAGE.FIELD=VALUE"),
        ("target.epoch=7", "names no number of the recipe; it has .*epochs"),
        ("target.kwargs=7", "names no number"),
        ("target.epochs=many", "of another kind than the recipe's 45"),
        ("target.epochs=0", "epochs is a whole number from 1, got 0"),
        ("target.lr=nan", "lr is above 0"),
        ("target.sizes=96", "end at 112"),
        ("target.augment.crop_area=1,0.5", "two rising shares"),
        ("target.bf16_on_cpu=perhaps", "of another kind"),
    ],
)
def test_a_wrong_change_gets_one_sentence(change: str, says: str) -> None:
    with pytest.raises(SettingError, match=says):
        RECIPES["gpu"].changed([change])


def test_an_unknown_recipe_lists_the_choices() -> None:
    with pytest.raises(
        SettingError, match="choose one of pretrained, pretrained-gpu, gpu, cpu, tiny"
    ):
        recipe_named("huge")


def test_the_learning_rate_follows_its_formula() -> None:
    recipe = replace(RECIPES["cpu"].target, epochs=12, warmup_epochs=2.0, lr=0.8, lr_end=0.25)
    rates = [learning_rate(recipe, step, 10) for step in range(120)]
    assert rates[:20] == pytest.approx([0.04 * (n + 1) for n in range(20)])
    assert rates[20] == pytest.approx(0.8)
    assert rates[-1] == pytest.approx(0.2)
    # Halfway down the cosine: the mean of its ends; step 69.5 lies between two.
    assert (rates[69] + rates[70]) / 2 == pytest.approx(0.5, abs=1e-6)
    assert rates[20:] == sorted(rates[20:], reverse=True)


def test_soft_labels_are_those_of_timm() -> None:
    label = torch.tensor([2, 0, 1, 2])
    expected = mixup_target(label, 5, lam=0.3, smoothing=0.2)
    assert torch.allclose(soft_labels(label, 5, 0.2, 0.3), expected)
    assert not torch.allclose(soft_labels(label, 5, 0.2, 0.7), expected, atol=0.1)


def test_the_loss_is_the_sum_of_its_two_parts() -> None:
    generator = torch.Generator().manual_seed(0)
    logits, said = (torch.randn(6, 5, generator=generator) for _ in range(2))
    label = torch.tensor([0, 1, 2, 3, 4, 0])
    wanted = soft_labels(label, 5, 0.1, 1.0)
    recipe = replace(RECIPES["tiny"].target, distil=0.25, distil_hard=False, distil_temperature=2.0)
    own = F.cross_entropy(logits, label, label_smoothing=0.1)
    p, q = (said / 2).softmax(1), (logits / 2).softmax(1)
    soft = 4 * (p * (p / q).log()).sum(1).mean()
    assert loss(logits, wanted, None, recipe) == pytest.approx(own.item(), rel=1e-5)
    mixed = loss(logits, wanted, said, recipe)
    assert mixed == pytest.approx((0.75 * own + 0.25 * soft).item(), rel=1e-5)
    hard = loss(logits, wanted, said, replace(recipe, distil_hard=True))
    best = F.cross_entropy(logits, said.argmax(1))
    assert hard == pytest.approx((0.75 * own + 0.25 * best).item(), rel=1e-5)


def test_an_unchanged_picture_stays_as_it_is() -> None:
    pixels = made_up()
    plain = plain_view(pixels, 24)
    assert torch.allclose(render(pixels, unchanged(4), Augmentation(), 24), plain, atol=1e-4)
    flipped = unchanged(4, window=np.tile(np.float32([0.5, 0.5, -1.0, 1.0]), (4, 1)))
    assert torch.allclose(render(pixels, flipped, Augmentation(), 24), plain.flip(-1), atol=1e-4)


def test_a_crop_shows_its_window_and_a_shrunk_picture_the_mean_colour_around_it() -> None:
    pixels = made_up()
    plain = plain_view(pixels, 24)
    # The upper right quarter, at its own scale.
    corner = unchanged(4, window=np.tile(np.float32([0.75, 0.25, 0.5, 0.5]), (4, 1)))
    out = render(pixels, corner, Augmentation(), 12)
    assert torch.allclose(out, plain[:, :, :12, 12:], atol=1e-4)
    shrunk = unchanged(4, window=np.tile(np.float32([0.5, 0.5, 2.0, 2.0]), (4, 1)))
    out = render(pixels, shrunk, Augmentation(), 48)
    assert torch.allclose(out[:, :, 12:36, 12:36], plain, atol=1e-4)
    out[:, :, 11:37, 11:37] = 0
    assert (out == 0).all()


def test_mixing_takes_the_share_it_says() -> None:
    pixels = made_up()
    plain = plain_view(pixels, 24)
    mixed = render(pixels, unchanged(4, share=0.25), Augmentation(), 24)
    assert torch.allclose(mixed, 0.25 * plain + 0.75 * plain.flip(0), atol=1e-4)
    draws = unchanged(4, share=0.4, box=(0.25, 0.5, 1.0, 1.0))
    cut = render(pixels, draws, Augmentation(), 24)
    assert torch.allclose(cut[:, :, 12:, 6:], plain.flip(0)[:, :, 12:, 6:], atol=1e-4)
    assert torch.allclose(cut[:, :, :12], plain[:, :, :12], atol=1e-4)
    assert kept_share(draws, 24) == pytest.approx(1 - 0.75 * 0.5)
    erased = unchanged(4, erased=np.tile(np.float32([0.0, 0.0, 0.5, 0.25]), (4, 1)))
    out = render(pixels, erased, Augmentation(), 24)
    assert (out[:, :, :6, :12] == 0).all()
    assert torch.allclose(out[:, :, 6:], plain[:, :, 6:], atol=1e-4)


def test_colours_are_changed_within_range_and_grey_has_none() -> None:
    pixels = made_up()
    factors = np.tile(np.float32([1.0, 1.0, 0.0]), (4, 1))
    out = render(pixels, unchanged(4, colour=factors), Augmentation(), 24)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (MEAN, STD))
    colours = out * std + mean
    assert torch.allclose(colours[:, :1].expand(-1, 3, -1, -1), colours, atol=1e-5)
    dark = render(
        pixels, unchanged(4, colour=factors * 0 + np.float32([0.5, 1, 1])), Augmentation(), 24
    )
    assert torch.allclose(dark * std + mean, pixels / 255 * 0.5, atol=1e-5)


def test_what_is_drawn_depends_on_seed_epoch_and_step_alone() -> None:
    augment = Augmentation(crop_area=(0.3, 1.0))
    first = draw(augment, 500, 1, 2, 3)
    again = draw(augment, 500, 1, 2, 3)
    for name in ("window", "colour", "erased"):
        assert np.array_equal(getattr(first, name), getattr(again, name))
    assert (first.share, first.box) == (again.share, again.box)
    for other in ((2, 2, 3), (1, 3, 3), (1, 2, 4)):
        assert not np.array_equal(first.window, draw(augment, 500, *other).window)
    x, y, width, height = first.window.T
    assert (np.abs(width) * height <= 1.0 + 1e-6).all()
    assert (np.abs(width) * height >= 0.3 * 0.75).all()
    for centre, side in ((x, np.abs(width)), (y, height)):
        assert (centre - side / 2 >= -1e-6).all()
        assert (centre + side / 2 <= 1 + 1e-6).all()
    assert (width < 0).mean() == pytest.approx(augment.flip, abs=0.1)
    assert (first.erased[:, 2] > 0).mean() == pytest.approx(augment.erase, abs=0.1)
    shares = [draw(augment, 1, 0, 0, n) for n in range(400)]
    assert np.mean([d.share < 1 for d in shares]) == pytest.approx(augment.mixed, abs=0.1)
    assert np.mean([d.box is not None for d in shares]) == pytest.approx(0.4, abs=0.1)


def test_validation_sees_what_the_pairs_own_view_shows() -> None:
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    spec = InputSpec((112, 112), MEAN, STD, "bicubic", 1.0)
    expected = torch.from_numpy(View((64, 64), spec).pixels(open_picture(image), spec))
    pixels = torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1)[None]
    off = (plain_view(pixels, 112)[0] - expected).abs()
    # One of 255 steps of brightness, over the smallest deviation: PIL computes in whole numbers.
    assert off.max() <= 1.01 / 255 / min(STD)
    assert off.mean() <= 0.02 / 255 / min(STD)
    bilinear = F.interpolate(plain_view(pixels, 64), size=(112, 112), mode="bilinear")[0]
    assert (bilinear - expected).abs().mean() > 5 / 255 / min(STD)


def test_the_teacher_sees_sharp_what_its_student_sees_small() -> None:
    plain = Augmentation(
        crop_area=(1.0, 1.0), crop_aspect=(1.0, 1.0), flip=0.0, jitter=0.0, grey=0.0, erase=0.0,
        mixup=0.0, cutmix=0.0, mixed=0.0,
    )  # fmt: skip
    recipe = replace(RECIPES["tiny"].target, augment=plain)
    assert (recipe.size_at(0), recipe.size, RECIPES["tiny"].teacher.size) == (16, 32, 32)
    seen: dict[str, torch.Tensor] = {}
    module = build_stage(RECIPES["tiny"].teacher, CLASSES)
    module.register_forward_pre_hook(lambda _m, given: seen.update(teacher=given[0]))
    teacher = Teacher(module, RECIPES["tiny"].teacher)
    trainer = Trainer(recipe, CLASSES, torch.device("cpu"), 1, teacher)
    trainer.model.register_forward_pre_hook(lambda _m, given: seen.update(student=given[0]))
    pixels = made_up(side=32)
    trainer.step(pixels, torch.arange(4), 0, 0)
    sharp = plain_view(pixels, 32)
    assert torch.allclose(seen["teacher"], sharp, atol=1e-4)
    # PIL's bilinear filter grows with the shrinking, as ours must: an independent oracle.
    small = np.stack(
        [[Image.fromarray(c).resize((16, 16), Image.Resampling.BILINEAR) for c in x]
         for x in sharp.numpy()]
    )  # fmt: skip
    np.testing.assert_allclose(seen["student"].numpy(), small, atol=1e-4)
    assert np.abs(plain_view(pixels, 16).numpy() - small).max() > 0.01


def test_an_epoch_shows_each_picture_once_in_an_order_of_its_own() -> None:
    order = epoch_order(103, 10, 0, 0)
    assert order.shape == (10, 10)
    assert len(set(order.reshape(-1).tolist())) == 100
    assert torch.equal(order, epoch_order(103, 10, 0, 0))
    assert not torch.equal(order, epoch_order(103, 10, 0, 1))
    assert epoch_order(5, 10, 0, 0).shape == (1, 5)


def test_any_shards_are_read_and_broken_pictures_left_out(tmp_path: Path) -> None:
    folder = write_shards(tmp_path / "two", train=(9, 8), validation=5, side=20, broken=2)
    data = load_training_data(folder, 16)
    assert data.train.pixels.shape == (15, 3, 16, 16)
    assert data.train.pixels.dtype == torch.uint8
    assert data.train.label.tolist() == [n % 4 for n in range(2, 9)] + [n % 4 for n in range(8)]
    assert (len(data.validation), data.skipped) == (5, 2)
    assert data.classes == ("red", "green", "blue", "grey")
    assert data.members["red"] == ["n00000000", "red", "crimson"]
    red = data.train.pixels[data.train.label == 0].float().mean(dim=(0, 2, 3))
    assert red.argmax() == 0
    (folder / "train-00001-of-00002.parquet").unlink()
    fewer = load_training_data(folder, 16)
    assert len(fewer.train) == 7
    assert fewer.fingerprint != data.fingerprint


@pytest.mark.parametrize(
    ("train", "validation", "says"),
    [((), 8, r"no train\*\.parquet"), ((8,), 0, r"no validation\*\.parquet")],
)
def test_missing_shards_get_one_sentence(
    tmp_path: Path, train: tuple[int, ...], validation: int, says: str
) -> None:
    folder = write_shards(tmp_path, train=train, validation=validation)
    with pytest.raises(SettingError, match=says):
        load_training_data(folder, 16)
