"""The pair format, the presets, and what is said when something is wrong with either."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import load_file, save_file

from tinydrop.core.errors import SettingError, TinyDropError, WeightsUnavailableError
from tinydrop.models.backbones import imagenet_class_names
from tinydrop.models.pairs import (
    PRESETS,
    SHIPPED,
    ShippedPair,
    load_pair,
    load_pair_folder,
    pair_from_models,
    save_pair,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "pair"
    shutil.copytree(SHIPPED["bundled"].folder, copy)
    return copy


def edit(folder: Path, **changes: object) -> None:
    path = folder / "pair.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.mark.parametrize("shipped", SHIPPED.values(), ids=lambda shipped: shipped.name)
def test_a_shipped_pair_is_small_safe_and_half_precision(shipped: ShippedPair) -> None:
    names = {p.name for p in shipped.folder.iterdir()}
    # README.md is the card that train pair writes beside them.
    whole = re.compile(r"-\d{5}-of-\d{5}(?=\.safetensors)")  # shards stand for one file
    found = {whole.sub("", name).removesuffix(".index.json") for name in names}
    assert found - {"README.md"} == {"pair.json", "guidance.safetensors", "target.safetensors"}
    for path in shipped.folder.glob("*.safetensors"):
        assert path.stat().st_size <= 10_000_000
        floats = {v.dtype for v in load_file(path).values() if v.is_floating_point()}
        assert floats == {torch.float16}


@pytest.mark.parametrize("name", SHIPPED)
def test_a_shipped_pair_says_where_it_comes_from(name: str) -> None:
    pair = load_pair(name)
    assert pair.name == name
    assert len(pair.classes) == len(set(pair.classes)) == pair.target.spec.num_classes
    assert pair.info["data_licence"]
    assert pair.info["measured"]["pictures"] > 0
    assert set(pair.info["members"]) == set(pair.classes)


def test_a_pair_survives_writing_and_reading(tmp_path: Path) -> None:
    names = [f"class {i}" for i in range(7)]
    small = {"channels": [16, 16, 32, 48], "stem_width": 8}
    big = {"img_size": 32, "patch_size": 8, "embed_dim": 48, "depth": 2, "num_heads": 3}
    pair = pair_from_models(
        timm.create_model("resnet10t", num_classes=7, **small).eval(),
        timm.create_model("vit_tiny_patch16_224", num_classes=7, **big).eval(),
        names,
        name="mine",
    )
    save_pair(
        pair,
        tmp_path / "mine",
        models={"guidance": ("resnet10t", small), "target": ("vit_tiny_patch16_224", big)},
        dtype=torch.float32,
    )
    written = (tmp_path / "mine").iterdir()
    assert len({file.stat().st_mode for file in written}) == 1, "who may read one may read all"
    again = load_pair(tmp_path / "mine")
    assert (again.name, again.classes, again.setting) == ("mine", tuple(names), pair.setting)
    assert again.digest == pair.digest
    pixels = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    assert torch.equal(again.target.logits(pixels, None), pair.target.logits(pixels, None))


def test_other_weights_have_another_digest(folder: Path) -> None:
    before = load_pair_folder(folder).digest
    state = load_file(folder / "target.safetensors")
    state["head.bias"][0] += 1
    save_file(state, folder / "target.safetensors")
    assert load_pair_folder(folder).digest != before


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda f: (f / "pair.json").unlink(), "has no pair.json"),
        (lambda f: (f / "pair.json").write_text("{"), "cannot be read as JSON"),
        (lambda f: (f / "pair.json").write_text("[]"), "not in pair format"),
        (lambda f: edit(f, format=99), "not in pair format"),
        (lambda f: edit(f, classes=[]), "lacks classes"),
        (lambda f: edit(f, target={"model": "vit_tiny_patch16_224"}), r"lacks target\.input"),
        (lambda f: (f / "target.safetensors").unlink(), "are not there"),
        (lambda f: (f / "target.safetensors").write_bytes(b"junk"), "not a readable safetensors"),
        (lambda f: edit(f, classes=["one", "two"]), "does not belong to the model"),
        (
            lambda f: shutil.copy(f / "guidance.safetensors", f / "target.safetensors"),
            "does not belong to the model",
        ),
        (lambda f: edit(f, setting={"tau": 2}), "tau must be"),
        (
            lambda f: save_file(
                {k: v * float("nan") for k, v in load_file(f / "target.safetensors").items()},
                f / "target.safetensors",
            ),
            "not finite",
        ),
    ],
)
def test_a_damaged_pair_gets_one_sentence(folder: Path, damage: object, says: str) -> None:
    damage(folder)  # type: ignore[operator]
    with pytest.raises(TinyDropError, match=says):
        load_pair_folder(folder)


def test_an_unknown_pair_lists_the_choices() -> None:
    with pytest.raises(
        SettingError, match="use bundled, bundled-efficientformer, bundled-24, l1-vit-b"
    ):
        load_pair("nonsense")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=lambda p: p.name)
def test_presets_name_real_weights_of_the_stated_size(preset: object) -> None:
    parameters = 0
    for name in (preset.guidance, preset.target):  # type: ignore[attr-defined]
        assert name in timm.list_pretrained(name)
        with torch.device("meta"):
            model = timm.create_model(name)
        parameters += sum(p.numel() for p in model.parameters())
        names = imagenet_class_names(model)
        assert names is not None
        assert (len(names), len(set(names))) == (1000, len(set(names)))
    assert preset.megabytes == round(parameters * 4 / 1e6)  # type: ignore[attr-defined]


def test_an_unreachable_hub_is_one_sentence(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailableError) as caught:
        load_pair("l1-deit-s")
    assert "\n" not in str(caught.value)
