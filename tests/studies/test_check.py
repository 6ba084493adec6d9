"""What ``check`` says of models that fit, that fit one role, and that fit none."""

from __future__ import annotations

import pytest
import timm
import torch
from backbone_zoo import SMALL
from timm.models import save_for_hf

from tinydrop.studies.check import check_model, redraw_weights

KEYS = set(
    "model supported as_guidance classifier reason family positions prefix_tokens grid_size "
    "pooling keep_all_difference drop_mask_difference macs time_ratio layer note".split()
)


@pytest.mark.parametrize(
    ("name", "prefix", "grid", "pooling"),
    [
        ("vit_tiny_patch16_224", 1, [14, 14], "token"),
        ("deit_tiny_distilled_patch16_224", 2, [14, 14], "token"),
        ("test_vit3", 1, [10, 10], "map"),
    ],
)
def test_a_plain_transformer_fits_both_roles(
    name: str, prefix: int, grid: list[int], pooling: str
) -> None:
    report = check_model(name).to_dict()
    assert report.keys() == KEYS
    assert (report["supported"], report["reason"], report["classifier"]) == (True, None, True)
    assert (report["prefix_tokens"], report["grid_size"]) == (prefix, grid)
    assert report["keep_all_difference"] <= 1e-5
    assert report["drop_mask_difference"] <= 1e-5
    macs = report["macs"]
    assert list(macs) == ["25", "50", "75", "100"]
    assert sorted(macs.values()) == list(macs.values())
    assert macs["50"] < 0.6 * macs["100"]


def test_an_encoder_is_checked_with_a_random_head_and_says_so() -> None:
    report = check_model("vit_base_patch32_siglip_256")
    assert (report.supported, report.classifier, report.as_guidance) == (True, False, False)
    assert report.pooling == "map"
    assert "no classifier" in report.to_text()


def test_a_convolutional_model_is_a_guidance_alone() -> None:
    report = check_model("resnet10t")
    assert (report.supported, report.as_guidance, report.layer) == (False, True, "layer4")
    assert report.reason is not None
    assert report.macs is None


@pytest.mark.parametrize("name", ["no_such_model", "vit_tiny_patch16_224.no_such_tag", "../x"])
def test_an_unknown_name_is_a_refusal_and_no_traceback(name: str) -> None:
    report = check_model(name)
    assert (report.supported, report.as_guidance, report.family) == (False, False, None)
    assert report.reason
    assert "\n" not in report.reason


def test_a_huge_model_is_judged_with_fewer_blocks_and_counted_whole() -> None:
    report = check_model("vit_huge_patch14_224")
    assert report.supported
    assert report.note is not None
    assert "2 of its 32 blocks" in report.note
    tokens, patches, dim, depth, side = 257, 256, 1280, 32, 14
    block = 12 * tokens * dim**2 + 2 * tokens**2 * dim
    head = 10 * dim if report.classifier is False else 1000 * dim
    assert report.macs is not None
    assert report.macs["100"] == patches * dim * 3 * side**2 + depth * block + head


def test_a_local_folder_in_the_hubs_layout_is_checked_with_its_weights(tmp_path: object) -> None:
    model = timm.create_model("vit_tiny_patch16_224", img_size=64, patch_size=8, **SMALL).eval()
    redraw_weights(model)
    save_for_hf(
        model,
        tmp_path,
        model_args={"img_size": 64, "patch_size": 8, **SMALL},
        safe_serialization=True,
    )
    report = check_model(f"local-dir:{tmp_path}", pretrained=True)
    assert report.supported, report.reason
    assert report.grid_size == (8, 8)


def test_a_shrunk_model_is_counted_whole_and_says_so() -> None:
    small, whole = (check_model("vit_tiny_patch16_224", shrunk=shrunk) for shrunk in (True, False))
    assert small.supported
    assert small.macs == whole.macs
    assert small.note is not None
    assert "2 of its 12 blocks" in small.note
    assert whole.note is None


def test_the_time_is_measured_only_when_asked() -> None:
    report = check_model("test_vit3", timed=True)
    assert report.time_ratio is not None
    assert list(report.time_ratio) == ["25", "50", "75", "100"]
    assert all(ratio > 0 for ratio in report.time_ratio.values())
    assert report.time_ratio["100"] == 1.0
    assert "time over the time" in report.to_text()
    assert check_model("test_vit3").time_ratio is None


def test_redrawing_wakes_what_starts_asleep() -> None:
    model = timm.create_model("deit3_small_patch16_224", depth=1, embed_dim=48, num_heads=3)
    assert float(model.blocks[0].ls1.gamma.detach().abs().max()) < 1e-5
    redraw_weights(model)
    with torch.no_grad():
        assert float(model.blocks[0].ls1.gamma.min()) >= 0.5
        assert float(model.pos_embed.std()) > 0.1
