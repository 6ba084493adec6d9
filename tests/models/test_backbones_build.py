"""Models by name: what is refused says why, nothing is fetched for long, no pickle is ever read."""

from __future__ import annotations

import json
import pickle
import time
from pathlib import Path

import pytest
import timm
import torch
from huggingface_hub import constants
from timm.models import save_for_hf

from tinydrop.core.errors import TinyDropError, UnsupportedModelError, WeightsUnavailableError
from tinydrop.models.backbones import (
    build_model,
    download_megabytes,
    imagenet_class_names,
    load_guidance,
    load_target,
    model_input,
)
from tinydrop.studies.check import redraw_weights

TINY = {"img_size": 32, "patch_size": 8, "embed_dim": 24, "depth": 1, "num_heads": 2}


class Payload:
    """Unpickling this creates a file: proof that a pickle was read."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.mark,)


def saved_model(folder: Path) -> torch.nn.Module:
    """Write a tiny model with drawn weights in the Hub's layout and return it."""
    arguments = {**TINY, "num_classes": 5}
    model = timm.create_model("vit_tiny_patch16_224", **arguments).eval()
    redraw_weights(model)
    save_for_hf(model, folder, model_args=arguments, safe_serialization=True)
    return model


@pytest.fixture
def empty_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))


def one_sentence(error: pytest.ExceptionInfo[TinyDropError]) -> str:
    text = str(error.value)
    assert "\n" not in text
    assert text.endswith((".", "?"))
    return text


def test_a_misspelt_name_gets_the_close_ones() -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        build_model("restnet18")
    assert "resnet18" in one_sentence(caught)


def test_an_unknown_tag_gets_the_known_ones() -> None:
    with pytest.raises(UnsupportedModelError) as caught:
        build_model("resnet18.nobody_in1k")
    assert "resnet18.a1_in1k" in one_sentence(caught)


@pytest.mark.parametrize(
    "name", ["timm/resnet18", "../resnet18", "C:\\model", "https://x.example/y"]
)
def test_a_place_is_no_name(name: str) -> None:
    with pytest.raises(UnsupportedModelError, match="no timm model name") as caught:
        build_model(name)
    one_sentence(caught)


@pytest.mark.parametrize(
    "argument", ["checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir"]
)
def test_an_argument_that_names_a_place_is_refused(argument: str, tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    place = tmp_path / "weights.pth"
    place.write_bytes(pickle.dumps(Payload(mark)))
    value = {"file": str(place)} if argument.startswith("pretrained") else str(place)
    with pytest.raises(UnsupportedModelError, match=argument) as caught:
        build_model("resnet10t", kwargs={argument: value})
    one_sentence(caught)
    assert not mark.exists()


def test_arguments_that_timm_does_not_know_are_a_sentence() -> None:
    with pytest.raises(UnsupportedModelError, match="cannot build resnet10t"):
        build_model("resnet10t", kwargs={"no_such_argument": 1})


def test_built_models_are_in_eval_mode() -> None:
    assert not build_model("resnet10t").training


def test_a_folder_in_the_hubs_layout_comes_back_whole(tmp_path: Path) -> None:
    model = saved_model(tmp_path)
    target = load_target(f"local-dir:{tmp_path}")
    loaded = target.module.state_dict()
    assert all(torch.equal(value, loaded[key]) for key, value in model.state_dict().items())
    assert (target.spec.grid.rows, target.spec.num_classes) == (4, 5)
    assert model_input(target.module).size == (32, 32)


def test_without_pretrained_the_folders_weights_stay_unread(tmp_path: Path) -> None:
    model = saved_model(tmp_path)
    other = build_model(f"local-dir:{tmp_path}")
    assert not torch.equal(model.state_dict()["pos_embed"], other.state_dict()["pos_embed"])


@pytest.mark.parametrize("filename", ["pytorch_model.bin", "model.pth", "weights.pth.tar"])
def test_a_folder_of_pickled_weights_is_refused_unread(tmp_path: Path, filename: str) -> None:
    saved_model(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    mark = tmp_path / "ran"
    (tmp_path / filename).write_bytes(pickle.dumps(Payload(mark)))
    with pytest.raises(WeightsUnavailableError, match="safetensors") as caught:
        build_model(f"local-dir:{tmp_path}", pretrained=True)
    one_sentence(caught)
    assert not mark.exists()


@pytest.mark.parametrize("key", ["file", "url", "hf_hub_filename"])
def test_a_configuration_cannot_point_at_a_pickle(tmp_path: Path, key: str) -> None:
    model = saved_model(tmp_path)
    mark = tmp_path / "ran"
    evil = tmp_path / "evil.pth"
    evil.write_bytes(pickle.dumps(Payload(mark)))
    config = json.loads((tmp_path / "config.json").read_text())
    config["pretrained_cfg"] |= {key: str(evil), "source": "", "custom_load": True}
    (tmp_path / "config.json").write_text(json.dumps(config))
    loaded = build_model(f"local-dir:{tmp_path}", pretrained=True).state_dict()
    assert torch.equal(loaded["pos_embed"], model.state_dict()["pos_embed"])
    assert not mark.exists()


def test_negative_twin_the_payload_works(tmp_path: Path) -> None:
    """Reading it does leave its mark, so that a missing mark proves that nobody read it."""
    mark = tmp_path / "ran"
    pickle.loads(pickle.dumps(Payload(mark)))  # noqa: S301  that is the point  # noqa: S301  made in this very line
    assert mark.exists()


def test_damaged_weights_are_a_sentence(tmp_path: Path) -> None:
    saved_model(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"not safetensors at all")
    with pytest.raises(WeightsUnavailableError, match="damaged") as caught:
        build_model(f"local-dir:{tmp_path}", pretrained=True)
    one_sentence(caught)


@pytest.mark.parametrize("text", [None, "{", "[]", '{"architecture": "no_such_model"}'])
def test_a_folder_that_is_no_model_is_a_sentence(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "config.json").write_text(text)
    with pytest.raises(UnsupportedModelError) as caught:
        build_model(f"local-dir:{tmp_path}")
    one_sentence(caught)


@pytest.mark.parametrize(
    "name", ["gcvit_tiny.in1k", "vit_small_resnet26d_224", "vit_tiny_patch16_224"]
)
def test_weights_that_cannot_be_had_are_a_sentence(
    name: str, empty_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises((WeightsUnavailableError, UnsupportedModelError)) as caught:
        build_model(name, pretrained=True)
    one_sentence(caught)


def test_offline_mode_fails_at_once(empty_cache: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    begin = time.perf_counter()
    with pytest.raises(WeightsUnavailableError, match=r"could not be reached .*bundled") as caught:
        load_guidance("efficientformer_l1.snap_dist_in1k")
    one_sentence(caught)
    assert time.perf_counter() - begin < 5


@pytest.mark.parametrize("name", ["resnet18.a1_in1k", "hf-hub:timm/resnet18.a1_in1k"])
def test_an_unreachable_hub_fails_after_one_attempt(
    name: str, empty_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """huggingface_hub alone retries a refused connection for more than 20 seconds."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")  # nothing listens there
    begin = time.perf_counter()
    with pytest.raises(WeightsUnavailableError, match="could not be reached") as caught:
        build_model(name, pretrained=True)
    one_sentence(caught)
    assert time.perf_counter() - begin < 10


@pytest.mark.parametrize("name", ["hf-hub:", "hf-hub:a/b/c", "hf-hub:no spaces/allowed"])
def test_a_malformed_repository_name_is_a_sentence(
    name: str, empty_cache: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(WeightsUnavailableError) as caught:
        build_model(name, pretrained=True)
    one_sentence(caught)


def test_download_size_is_four_bytes_per_weight() -> None:
    expected = sum(p.numel() for p in build_model("resnet18").parameters()) * 4 / 1e6
    assert download_megabytes("resnet18.a1_in1k") == pytest.approx(expected)
    assert expected == pytest.approx(46.76, abs=0.01)  # 11.69 million weights
    assert download_megabytes("no_such_model") is None


def test_imagenet_names_are_distinct_and_in_order() -> None:
    names = imagenet_class_names(build_model("resnet10t"))
    assert names is not None
    assert (len(names), len(set(names))) == (1000, 1000)
    assert (names[0], names[207], names[999]) == ("tench", "golden retriever", "toilet tissue")
    cranes = [name for name in names if name.startswith("crane")]
    assert len(cranes) == 2  # a bird and a machine with the same name


def test_names_are_not_guessed() -> None:
    assert imagenet_class_names(build_model("resnet10t", kwargs={"num_classes": 24})) is None
    own = build_model("resnet10t", kwargs={"num_classes": 2})
    own.pretrained_cfg = {**own.pretrained_cfg, "label_names": ["cat", "dog"]}
    assert imagenet_class_names(own) == ("cat", "dog")
    own.pretrained_cfg["label_names"] = ["cat", "dog", "fox"]
    assert imagenet_class_names(own) is None


def test_the_input_comes_from_the_models_own_configuration() -> None:
    spec = model_input(build_model("vit_tiny_patch16_224.augreg_in21k_ft_in1k"))
    assert (spec.size, spec.mean, spec.std) == ((224, 224), (0.5, 0.5, 0.5), (0.5, 0.5, 0.5))
    assert (spec.crop_pct, spec.interpolation, spec.crop_mode) == (0.9, "bicubic", "center")
    small = build_model("vit_tiny_patch16_224", kwargs={"img_size": (32, 64)})
    assert model_input(small).size == (32, 64)
