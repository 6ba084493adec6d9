"""The stages alone and together, on the bundled pair and on shrunk models of the caller's own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image

from tinydrop import SELECTORS, Setting, TinyDrop, TinyDropError
from tinydrop.core.errors import SettingError
from tinydrop.core.results import DropResult

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "assets" / "samples").glob("*.jpg"))


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return TinyDrop("bundled")


def without_time(result: DropResult) -> dict[str, object]:
    return {key: value for key, value in result.to_dict().items() if key != "latency_ms"}


def test_the_confidence_decides_the_exit(drop: TinyDrop) -> None:
    guide = drop.guide(SAMPLES[0])
    logits = guide.answer.logits.astype(np.float64) / 0.7
    expected = np.exp(logits - logits.max())
    confidence = np.float32(expected.max() / expected.sum())
    just_above = float(np.nextafter(confidence, np.float32(1)))
    just_below = float(np.nextafter(confidence, np.float32(0)))
    assert drop.decide(guide, Setting(tau=just_below, temperature=0.7)).exited
    assert not drop.decide(guide, Setting(tau=float(confidence), temperature=0.7)).exited
    assert not drop.decide(guide, Setting(tau=just_above, temperature=0.7)).exited


@pytest.mark.parametrize("selector", SELECTORS)
def test_every_selector_keeps_exactly_k(drop: TinyDrop, selector: str) -> None:
    guide = drop.guide(SAMPLES[1])
    for num_keep in (1, 13, 64):
        selected = drop.select(guide, num_keep, selector)
        assert selected.selection.num_keep == num_keep
        assert selected.selection.selector == selector


@pytest.mark.parametrize("selector", SELECTORS)
def test_whoever_reads_a_map_shows_it_and_pays_for_it(drop: TinyDrop, selector: str) -> None:
    geometric = ("random", "scattered", "uniform", "centre")
    selected, cost = drop.select(drop.guide(SAMPLES[0]), 20, selector), drop.cost(20, selector)
    assert (selected.saliency is None) == (selector in geometric) == (cost.saliency == 0)
    assert (cost.saliency_literal == 0) == (cost.saliency == 0)
    if selector in ("coverage", "coherent", "inverse"):
        plain = drop.select(drop.guide(SAMPLES[0]), 20)
        assert selected.saliency is not None
        assert plain.saliency is not None
        assert np.array_equal(selected.saliency.values, plain.saliency.values)
        assert cost == drop.cost(20, "gradcam")
        assert (selected.selection == plain.selection) <= (selector == "coherent")
    assert drop.cost(0, selector).saliency == 0


def test_the_kept_patches_are_the_most_salient(drop: TinyDrop) -> None:
    guide = drop.guide(SAMPLES[2])
    selected = drop.select(guide, 20)
    assert selected.saliency is not None
    values = selected.saliency.values.reshape(-1)
    kept = values[selected.selection.token_mask]
    dropped = values[~selected.selection.token_mask]
    assert kept.min() >= dropped.max()


@pytest.mark.parametrize("selector", ["random", "scattered"])
def test_a_seeded_selector_differs_by_picture_and_seed_alone(drop: TinyDrop, selector: str) -> None:
    first, second = drop.guide(SAMPLES[0]), drop.guide(SAMPLES[1])
    a = drop.select(first, 20, selector).selection
    assert a == drop.select(first, 20, selector).selection
    assert a != drop.select(second, 20, selector).selection
    assert a != drop.select(first, 20, selector, seed=1).selection


def test_keeping_all_equals_the_full_target(drop: TinyDrop) -> None:
    guide = drop.guide(SAMPLES[0])
    everything = drop.select(guide, 64).selection
    full = drop.classify(guide)
    assert (
        np.abs(drop.classify(guide, everything).logits - full.logits).max()
        <= 1e-5 * np.abs(full.logits).max()
    )


def test_a_flat_picture_keeps_every_patch_and_says_so(drop: TinyDrop) -> None:
    class Flat(torch.nn.Module):
        """Turns any feature map into the same value everywhere."""

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(x) + 1.0

    classes = len(drop.pair.classes)
    guidance = timm.create_model("resnet10t", num_classes=classes, channels=[24, 48, 96, 160])
    guidance.eval().layer4 = Flat().eval()
    # The head expects 160 channels; the flat map arrives with layer3's 96.
    guidance.fc = torch.nn.Linear(96, classes)
    own = TinyDrop(guidance=guidance, target=drop.pair.target.module, classes=drop.pair.classes)
    for selector in ("gradcam", "coverage", "coherent", "inverse"):
        result = own(SAMPLES[0], tau=1.0, selector=selector)
        assert (result.kept, result.level) == (64, 16)
        assert any("Every patch is kept (level 16)" in warning for warning in result.warnings)
        assert result.macs.target == result.macs.full_target


def test_logits_that_are_not_finite_are_an_error(drop: TinyDrop) -> None:
    guidance = timm.create_model("resnet10t", num_classes=len(drop.pair.classes)).eval()
    own = TinyDrop(guidance=guidance, target=drop.pair.target.module, classes=drop.pair.classes)
    torch.nn.init.constant_(guidance.fc.bias, float("nan"))
    with pytest.raises(SettingError, match="not finite"):
        own(SAMPLES[0])


def test_models_of_different_classes_are_refused(drop: TinyDrop) -> None:
    guidance = timm.create_model("resnet10t", num_classes=10).eval()
    with pytest.raises(SettingError, match=r"share their classes.*guidance 10, target 200"):
        TinyDrop(guidance=guidance, target=drop.pair.target.module, classes=drop.pair.classes)


def test_unknown_classes_are_not_assumed_to_agree(drop: TinyDrop) -> None:
    guidance = timm.create_model("resnet10t", num_classes=len(drop.pair.classes)).eval()
    with pytest.raises(SettingError, match="give the shared class names"):
        TinyDrop(guidance=guidance, target=drop.pair.target.module)


@pytest.mark.parametrize(
    "arguments",
    [
        {"guidance": object()},
        {"pair": "bundled", "classes": ["a"]},
        {"pair": "no such pair"},
    ],
)
def test_arguments_that_make_no_pair_are_refused(arguments: dict[str, object]) -> None:
    with pytest.raises(TinyDropError):
        TinyDrop(**arguments)  # type: ignore[arg-type]


def test_a_selection_of_another_grid_is_refused(drop: TinyDrop) -> None:
    from tinydrop import PatchGrid, TokenSelection

    with pytest.raises(SettingError, match="7x7 grid"):
        drop.classify(drop.guide(SAMPLES[0]), TokenSelection.everything(PatchGrid(7, 7), "x"))


def test_toggled_patches_change_sides(drop: TinyDrop) -> None:
    guide = drop.guide(SAMPLES[0])
    plain = drop.select(guide, 20).selection
    kept, dropped = int(plain.keep_indices[0]), int(np.flatnonzero(~plain.token_mask)[0])
    forced = drop.select(guide, 20, toggled=[kept, dropped]).selection
    assert set(forced.keep_indices) == (set(plain.keep_indices) - {kept}) | {dropped}


def test_the_same_picture_as_path_bytes_and_image_gives_the_same(drop: TinyDrop) -> None:
    path = SAMPLES[0]
    with Image.open(path) as image:
        image.load()
    results = [without_time(drop(photo)) for photo in (path, path.read_bytes(), image)]
    for result in results:
        result["file"] = ""
    assert results[0] == results[1] == results[2]


def test_sixteen_threads_answer_two_hundred_mixed_requests_as_one_does(drop: TinyDrop) -> None:
    rng = np.random.default_rng(0)
    requests = [
        (
            SAMPLES[int(rng.integers(len(SAMPLES)))],
            {
                "tau": float(rng.uniform(0.2, 1.0)),
                "gamma": float(rng.uniform(0.2, 8.0)),
                "selector": SELECTORS[int(rng.integers(len(SELECTORS)))],
                "compare_full": bool(rng.integers(2)),
            },
        )
        for _ in range(200)
    ]

    def answer(request: tuple[Path, dict[str, object]]) -> dict[str, object]:
        return without_time(drop(request[0], **request[1]))  # type: ignore[arg-type]

    alone = [answer(request) for request in requests]
    with ThreadPoolExecutor(16) as pool:
        together = list(pool.map(answer, requests))
    assert together == alone
    assert len({str(result) for result in alone}) > 150  # the requests really are mixed
