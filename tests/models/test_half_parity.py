"""Half precisions: the same answers within their rounding, or a refusal in words."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import timm
import torch
from backbone_zoo import DENSE_TARGETS, GUIDANCES, TARGETS, make_guidance, make_target
from trace_zoo import one_thread, picture_bytes, small_drop
from windowed_zoo import HIERA, SWIN, SWIN_V2, make_windowed

from tinydrop import TinyDrop
from tinydrop.core.assets import samples_folder
from tinydrop.core.errors import UnsupportedModelError
from tinydrop.core.results import softmax
from tinydrop.core.selection import SALIENCY_METHODS
from tinydrop.models.backbones import Target, wrap_guidance, wrap_target
from tinydrop.models.pairs import load_pair, pair_from_models
from tinydrop.models.pairs.pair import weights_digest
from tinydrop.models.saliency import compute_saliency

KINDS = ("bfloat16", "float16", "autocast")
LIMIT = {"bfloat16": 5e-2, "autocast": 5e-2, "float16": 1e-2}
"""Of the largest logit: 8 and 11 bits of mantissa, through a few blocks of redrawn weights."""
NOT_ON_CPU = {"hiera-windowed-table", "hiera-pooled-shortcut"}
"""Their position tables are resized by a function that torch has for float32 alone there."""
LOUD = {"efficientformerv2"}
"""With redrawn weights its values reach 1e5: too much for float16, and coarse in bfloat16."""
SAMPLES = samples_folder()


@pytest.fixture(autouse=True)
def _quick() -> object:
    with one_thread():
        yield


def noise(size: tuple[int, int]) -> torch.Tensor:
    return torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))


def halved(module: torch.nn.Module, kind: str) -> torch.nn.Module:
    twin = copy.deepcopy(module)
    return twin.float() if kind == "autocast" else twin.to(getattr(torch, kind))


def away(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours.double() - theirs.double()).abs().max() / theirs.double().abs().max())


@pytest.mark.filterwarnings("ignore:Mismatch dtype between input and weight")  # timm's own norm
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", [*TARGETS, *DENSE_TARGETS, *SWIN, *SWIN_V2, *HIERA])
def test_a_target_answers_the_same_within_the_rounding(variant: str, kind: str) -> None:
    windowed = variant in {**SWIN, **SWIN_V2, **HIERA}
    if windowed:
        whole: Target = make_windowed(variant)
    else:
        whole = wrap_target(make_target(variant), variant)
    pixels = noise(whole.spec.input.size)
    keep = torch.arange(0, whole.spec.grid.num_patches, 2).expand(2, -1)
    module = halved(whole.module, kind)
    if variant in NOT_ON_CPU and kind != "autocast":
        with pytest.raises(UnsupportedModelError, match=f"cpu may lack {kind}, so call .float"):
            wrap_target(module, variant, whole.spec.input)
        return
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == "autocast"):
        half = wrap_target(module, variant, whole.spec.input)
        answers = half.logits(pixels), half.logits(pixels, keep)
    for ours, theirs in zip(
        answers, (whole.logits(pixels), whole.logits(pixels, keep)), strict=True
    ):
        assert ours.dtype == torch.float32
        assert 0.0 < away(ours, theirs) < LIMIT[kind]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("variant", GUIDANCES)
def test_a_guidance_answers_the_same_within_the_rounding(variant: str, kind: str) -> None:
    whole = make_guidance(variant)
    pixels = noise(whole.spec.input.size)
    expected = whole.features(pixels)
    classes = expected.logits.argmax(dim=1).tolist()
    module = halved(whole.module, kind)
    if variant in LOUD and kind == "float16":
        with pytest.raises(UnsupportedModelError, match="are not finite in float16"):
            wrap_guidance(module, variant, whole.spec.input)
        return
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == "autocast"), torch.no_grad():
        half = wrap_guidance(module, variant, whole.spec.input)
        found = half.features(pixels)
        own = module(pixels.to(next(module.parameters()).dtype))
        maps = {m: compute_saliency(half, found, classes, m) for m in SALIENCY_METHODS}
    assert found.logits.dtype == torch.float32
    assert away(found.logits, own) <= 2e-2
    assert 0.0 < away(found.logits, expected.logits) < (0.3 if variant in LOUD else LIMIT[kind])
    for method, some in maps.items():
        assert all(one.values.dtype == np.float32 for one in some), method
    for ours, theirs in zip(
        maps["gradcam"], compute_saliency(whole, expected, classes), strict=True
    ):
        if variant not in LOUD:
            assert np.corrcoef(ours.values.reshape(-1), theirs.values.reshape(-1))[0, 1] > 0.9


@pytest.mark.parametrize("kind", KINDS)
def test_the_bundled_pair_gives_the_same_answers(kind: str) -> None:
    pair = load_pair("bundled")
    whole = TinyDrop(pair)
    asked = [(photo, tau) for photo in sorted(SAMPLES.glob("*.jpg"))[:3] for tau in (0.5, 1.0)]
    expected = [whole(photo, tau=tau, compare_full=True) for photo, tau in asked]
    small, large = (halved(one.module, kind) for one in (pair.guidance, pair.target))
    with torch.autocast("cpu", torch.bfloat16, enabled=kind == "autocast"):
        half = TinyDrop(
            pair_from_models(
                wrap_guidance(small, "g", pair.guidance.spec.input),
                wrap_target(large, "t", pair.target.spec.input),
                pair.classes,
                setting=pair.setting,
            )
        )
        found = [half(photo, tau=tau, compare_full=True) for photo, tau in asked]
    for ours, theirs in zip(found, expected, strict=True):
        assert ours.full is not None
        assert theirs.full is not None
        assert ours.full.class_index == theirs.full.class_index
        assert ours.confidence == pytest.approx(theirs.confidence, abs=0.05)
        assert np.allclose(softmax(ours.full.logits), softmax(theirs.full.logits), atol=0.05)
        assert ours.full.logits.tolist() != theirs.full.logits.tolist()


def test_a_pair_of_half_precision_runs_and_has_a_digest_of_its_own() -> None:
    drop = small_drop()
    digests = {drop.pair.digest}
    for kind in (torch.bfloat16, torch.float16):
        small, large = (
            wrap(copy.deepcopy(one.module).to(kind), one.spec.name, one.spec.input)
            for wrap, one in ((wrap_guidance, drop.pair.guidance), (wrap_target, drop.pair.target))
        )
        digests.add(weights_digest(small, large, drop.pair.classes))
        half = TinyDrop(pair_from_models(small, large, drop.pair.classes))
        result = half(picture_bytes(3), tau=1.0)
        assert result.target is not None
        assert np.isfinite(result.target.logits).all()
    assert len(digests) == 3


def test_a_precision_that_this_machine_lacks_is_named() -> None:
    class Lacking(type(timm.create_model("resnet10t"))):  # type: ignore[misc]
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("\"conv2d\" not implemented for 'Half'")

    module = timm.create_model("resnet10t")
    module.__class__ = Lacking
    with pytest.raises(UnsupportedModelError) as caught:
        wrap_guidance(module.half().eval(), "mine")
    assert str(caught.value).endswith(
        "does not run on 176x176 pixels of float16; cpu may lack float16, so call .float() on it."
    )
