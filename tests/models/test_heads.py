"""A user's own linear classifier on a model that only makes features."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from backbone_zoo import awake
from PIL import Image
from safetensors.torch import save_file
from timm.models import save_for_hf
from torch import nn

from tinydrop.cli import main
from tinydrop.core.errors import SettingError, TinyDropError, UnsupportedModelError
from tinydrop.models.backbones import LinearHead, load_target, wrap_target
from tinydrop.models.pairs import pair_from_names, read_head

FEATURES, CLASSES = 48, 7
SMALL = {"img_size": 32, "patch_size": 8, "embed_dim": FEATURES, "depth": 2, "num_heads": 3}


def saved(folder: Path, architecture: str, **arguments: Any) -> str:
    """Write a small model as a folder of the Hub's layout and return its name."""
    model = awake(timm.create_model(architecture, **arguments))
    model.pretrained_cfg |= {"num_classes": model.num_classes}
    given = {key: value for key, value in arguments.items() if key != "num_classes"}
    save_for_hf(model, folder, model_args=given, safe_serialization=True)
    return f"local-dir:{folder}"


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return saved(tmp_path_factory.mktemp("encoder"), "vit_small_patch14_dinov2", **SMALL)


def linear(classes: int = CLASSES, features: int = FEATURES) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return {
        "weight": torch.randn(classes, features, generator=generator),
        "bias": torch.randn(classes, generator=generator),
    }


@pytest.fixture
def head_file(tmp_path: Path) -> Path:
    save_file(linear(), tmp_path / "head.safetensors")
    return tmp_path / "head.safetensors"


def test_without_a_head_an_encoder_is_refused_with_what_to_do(encoder: str) -> None:
    with pytest.raises(UnsupportedModelError, match=r"no classifier.*give it a head") as caught:
        load_target(encoder)
    assert "\n" not in str(caught.value)


def test_logits_are_the_head_on_the_models_features(encoder: str, head_file: Path) -> None:
    target = load_target(encoder, head=read_head(head_file))
    assert target.spec.num_classes == CLASSES
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    bare = timm.create_model(encoder, pretrained=True).eval()
    with torch.no_grad():
        expected = bare(pixels) @ linear()["weight"].T + linear()["bias"]
    torch.testing.assert_close(target.logits(pixels), expected, rtol=1e-4, atol=1e-4)
    half = target.logits(pixels, torch.arange(8).expand(2, -1))
    assert half.shape == (2, CLASSES)
    assert not torch.allclose(half, expected, atol=1e-2)


def test_a_head_takes_the_place_of_a_models_own(head_file: Path, tmp_path: Path) -> None:
    name = saved(tmp_path / "own", "vit_tiny_patch16_224", num_classes=3, **SMALL)
    assert load_target(name).spec.num_classes == 3
    assert load_target(name, head=read_head(head_file)).spec.num_classes == CLASSES


@pytest.mark.parametrize("told", [True, False])
def test_a_head_that_was_set_by_hand_counts(told: bool) -> None:
    """Set by timm's own method, or put in place without telling the model how many classes."""
    model = awake(timm.create_model("vit_small_patch14_dinov2", **SMALL))
    if told:
        model.reset_classifier(5)
    else:
        model.head = nn.Linear(FEATURES, 5)
    target = wrap_target(model.eval(), "mine")
    assert target.spec.num_classes == 5
    assert target.spec.cost.head_macs == FEATURES * 5


@pytest.mark.parametrize(
    ("tensors", "says"),
    [
        ({"weight": torch.ones(3, 4)}, "holds weight; a linear head holds"),
        ({"w": torch.ones(3, 4), "bias": torch.ones(3)}, "holds bias, w;"),
        (linear() | {"scale": torch.ones(1)}, "and nothing else"),
        ({"weight": torch.ones(3, 4), "bias": torch.ones(4)}, r"bias of shape \(4,\)"),
        ({"weight": torch.ones(3), "bias": torch.ones(3)}, r"weight of shape \(3,\)"),
        ({"weight": torch.ones(0, 4), "bias": torch.ones(0)}, r"weight of shape \(0, 4\)"),
        ({"weight": torch.ones(3, 4), "bias": torch.ones(3) / 0}, "bias .* not finite"),
        ({"weight": torch.ones(3, 4).long(), "bias": torch.ones(3)}, "weight .* not finite"),
    ],
)
def test_a_file_that_is_no_head_is_a_sentence(
    tmp_path: Path, tensors: dict[str, torch.Tensor], says: str
) -> None:
    save_file(tensors, tmp_path / "head.safetensors")
    with pytest.raises(TinyDropError, match=says) as caught:
        read_head(tmp_path / "head.safetensors")
    assert "\n" not in str(caught.value)


def test_a_missing_or_damaged_file_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(TinyDropError, match="There is no head"):
        read_head(tmp_path / "gone.safetensors")
    (tmp_path / "bad.safetensors").write_bytes(b"not safetensors")
    with pytest.raises(TinyDropError, match="not a readable safetensors file"):
        read_head(tmp_path / "bad.safetensors")


def test_half_precision_is_read_as_single(tmp_path: Path) -> None:
    halves = {name: value.half() for name, value in linear().items()}
    save_file(halves, tmp_path / "head.safetensors")
    head = read_head(tmp_path / "head.safetensors")
    assert head.weight.dtype == torch.float32
    assert torch.equal(head.weight, halves["weight"].float())


def test_a_head_for_other_features_is_refused(encoder: str) -> None:
    tensors = linear(features=FEATURES + 1)
    head = LinearHead(tensors["weight"], tensors["bias"], "mine.safetensors")
    with pytest.raises(SettingError, match=r"for 49 features, but .* makes 48"):
        load_target(encoder, head=head)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("deit_tiny_distilled_patch16_224", "does not end in one linear classifier"),
        ("efficientformer_l1", "does not end in one linear classifier"),
        ("resnetv2_50", "ends in Conv2d instead of one linear classifier"),
    ],
)
def test_models_that_do_not_end_in_one_linear_layer_take_no_head(name: str, says: str) -> None:
    tensors = linear()
    with pytest.raises(UnsupportedModelError, match=says):
        load_target(name, pretrained=False, head=LinearHead(tensors["weight"], tensors["bias"]))


@pytest.fixture(scope="module")
def guide(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A small classifier of the thousand classes of ImageNet."""
    narrow = {"channels": [8, 8, 16, 16], "stem_width": 8}
    return saved(tmp_path_factory.mktemp("guide"), "resnet10t", **narrow)


@pytest.fixture
def thousand(tmp_path: Path) -> Path:
    save_file(linear(1000), tmp_path / "thousand.safetensors")
    return tmp_path / "thousand.safetensors"


def test_a_pair_takes_the_guidances_classes(guide: str, encoder: str, thousand: Path) -> None:
    pair = pair_from_names(guide, encoder, head=thousand)
    assert len(pair.classes) == pair.target.spec.num_classes == 1000
    assert "tench" in pair.classes[0]
    assert pair.name.endswith("+thousand.safetensors")
    other = linear(1000)
    other["bias"][0] += 1
    save_file(other, thousand)
    assert pair_from_names(guide, encoder, head=thousand).digest != pair.digest


def test_a_head_with_other_classes_than_the_guidance_is_refused(
    guide: str, encoder: str, head_file: Path
) -> None:
    with pytest.raises(SettingError, match="guidance 1000, target 7"):
        pair_from_names(guide, encoder, head=head_file)


def test_the_command_line_takes_a_head(
    guide: str, encoder: str, thousand: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.png"
    pixels = np.random.default_rng(1).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(photo)
    models = ["--guidance", guide, "--target", encoder]
    common = ["run", str(photo), *models, "--tau", "1", "--json"]
    assert main([*common, "--target-head", str(thousand)]) == 0
    (row,) = json.loads(capsys.readouterr().out)
    assert row["patches"] == 16
    assert row["kept"] >= 1
    assert len(row["target_top5"]) == 5

    assert main(common) == 2
    assert "has no classifier" in capsys.readouterr().err
    assert main(["run", str(photo), "--target-head", str(thousand)]) == 2
    assert "--target-head belongs to" in capsys.readouterr().err
    bench = ["bench", "--random-weights", *models, "--target-head", str(thousand)]
    assert main(bench) == 2
    assert "no use for --target-head" in capsys.readouterr().err
