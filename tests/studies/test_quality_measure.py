"""Quality over labelled pictures, against the pipeline's own stages run picture by picture."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from quality_zoo import BOXES, write_boxed
from scipy import stats
from trace_zoo import one_thread, small_drop, write_folder

from tinydrop import TinyDrop
from tinydrop.core.budget import BUDGET_LEVELS, num_keep
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import saliency_order, select_tokens
from tinydrop.core.tokens import covered_patches
from tinydrop.data import Dataset, open_dataset
from tinydrop.models.backbones import POSITION_MODES, Guidance, target_own_maps
from tinydrop.models.saliency import compute_saliency
from tinydrop.pipeline import Guide
from tinydrop.studies.quality import (
    BASELINES,
    OBJECT,
    OWN,
    SMALL_OBJECT,
    Quality,
    QualityStoppedError,
    measure,
    measure_quality,
    object_order,
    redrawn_guidance,
)
from tinydrop.studies.trace import chunks, offered_pictures

ASKED = ("layercam", "gradcam", "coherent", "inverse")
ALL = ("gradcam", "layercam", "coherent", "inverse", "random", "uniform", "centre")
N = 16


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread(), pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "CHUNK", 3)
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return open_dataset(write_boxed(tmp_path_factory.mktemp("boxed") / "x.parquet", damaged=[5]))


@pytest.fixture(scope="module")
def found(drop: TinyDrop, data: Dataset, _one_thread: None) -> Quality:
    return measure_quality(drop, data, ASKED, seed=3)


@pytest.fixture(scope="module")
def guides(drop: TinyDrop, data: Dataset) -> list[tuple[Guide, int, np.ndarray | None]]:
    """Each readable picture as the pipeline guides it, its label and its box's coverage."""
    grid = drop.pair.target.spec.grid
    truth = offered_pictures(data, drop.pair).truth
    result = []
    for number, stored in enumerate(data.pictures()):
        if number == 5:
            continue
        guide = drop.guide(stored.content)
        shares = None if stored.box is None else guide.view.box_coverage(grid, stored.box)
        result.append((guide, int(truth[number]), shares))
    return result


def test_what_was_measured_is_said(found: Quality, drop: TinyDrop, data: Dataset) -> None:
    known = found.report.provenance
    assert (known.pair, known.pair_digest) == ("small", drop.pair.digest)
    assert (known.pictures, known.boxes, known.grid) == (7, 5, (4, 4))
    assert dict(known.skipped) == {"unreadable": 1}
    assert known.data_fingerprint == data.fingerprint()
    assert known.reference == "layercam"
    assert known.own_map == "gradient x activation"
    assert known.seed == 3
    boxed, few = known.notes
    assert boxed == "5 of 7 pictures have a box that the crop shows."
    assert few.startswith("Only 7 pictures are measured")
    assert "torch" in known.versions
    assert found.interventions.provenance == known
    assert len(BOXES) == 8


def test_asked_selectors_stand_beside_baselines_and_the_target(found: Quality) -> None:
    names = [method.name for method in found.report.methods]
    assert sorted(names) == sorted((*ALL, "centre cell", OWN))
    kinds = [(one.kind, one.name) for one in found.interventions.interventions]
    assert sorted(name for kind, name in kinds if kind == "selector") == sorted(ALL)
    assert [name for kind, name in kinds if kind == "reference"] == [OWN, OBJECT]
    assert [name for kind, name in kinds if kind == "positions"] == list(POSITION_MODES)
    assert set(BASELINES) < set(ALL)
    assert found.interventions.kept == tuple(num_keep(level, N) for level in range(1, 17))
    with pytest.raises(SettingError, match="holds gradcam"):
        found.report.find("hirescam")
    with pytest.raises(SettingError, match="holds selector gradcam"):
        found.interventions.find("positions", "gradcam")


def answers(
    drop: TinyDrop, guide: Guide, order: np.ndarray, positions: str = "right"
) -> list[np.ndarray]:
    grid = drop.pair.target.spec.grid
    return [
        drop.classify(
            guide, select_tokens(order, grid, num_keep(level, N), "t"), positions=positions
        ).logits
        for level in range(1, BUDGET_LEVELS + 1)
    ]


def test_accuracy_is_that_of_the_pipeline(found: Quality, drop: TinyDrop, guides: list) -> None:
    for selector in ALL:
        right = np.zeros((len(guides), BUDGET_LEVELS), bool)
        agreeing = right.copy()
        for row, (guide, label, _) in enumerate(guides):
            order, _ = drop.rank(guide, selector, seed=3)
            winners = np.array([logits.argmax() for logits in answers(drop, guide, order)])
            right[row], agreeing[row] = winners == label, winners == winners[-1]
        one = found.interventions.find("selector", selector)
        assert one.correct.tolist() == right.sum(axis=0).tolist(), selector
        assert one.agreeing.tolist() == agreeing.sum(axis=0).tolist()
        assert one.pictures == 7
    first = found.interventions.find("selector", "layercam")
    second = found.interventions.find("selector", "random")
    assert np.allclose(second.gain, second.accuracy - first.accuracy)
    assert (first.gain == 0).all()


def test_positions_are_those_of_the_pipeline(found: Quality, drop: TinyDrop, guides: list) -> None:
    counts = {}
    for mode in POSITION_MODES:
        winners = []
        for guide, _, _ in guides:
            order, _ = drop.rank(guide, "layercam")
            winners.append([logits.argmax() for logits in answers(drop, guide, order, mode)])
        labels = np.array([label for _, label, _ in guides])
        counts[mode] = (np.array(winners) == labels[:, None]).sum(axis=0).tolist()
        assert found.interventions.find("positions", mode).correct.tolist() == counts[mode]
    assert counts["right"][-1] == counts["first"][-1]  # all kept: the first N cells are the right
    assert counts["right"] != counts["none"]


def test_the_box_as_an_order_keeps_everything_without_one(
    found: Quality, drop: TinyDrop, guides: list
) -> None:
    right = []
    for guide, label, shares in guides:
        if shares is None or not shares.any():
            winner = drop.classify(guide).class_index
            right.append([winner == label] * BUDGET_LEVELS)
            continue
        order = object_order(drop.pair.target.spec.grid, shares.reshape(-1))
        right.append([logits.argmax() == label for logits in answers(drop, guide, order)])
    one = found.interventions.find("reference", OBJECT)
    assert one.correct.tolist() == np.sum(right, axis=0).tolist()


def test_small_objects_are_measured_as_if_there_were_no_others(
    drop: TinyDrop, guides: list, found: Quality
) -> None:
    shares = [None if s is None else float(s.mean()) for _, _, s in guides]
    small = [n for n, share in enumerate(shares) if share and share < SMALL_OBJECT]
    assert 0 < len(small) < sum(bool(share) for share in shares)
    assert found.small is not None
    report, interventions = found.small
    known = report.provenance
    assert (known.objects, known.pictures, known.boxes) == ("small", len(small), len(small))
    assert found.report.provenance.objects == "all"
    masks = [covered_patches(guides[n][2]).mean() for n in small]
    chance = report.find("random").measures["pointing"].value
    assert chance == pytest.approx(np.mean(masks))
    right = []
    for n in small:
        guide, label, _ = guides[n]
        order, _ = drop.rank(guide, "gradcam")
        right.append([logits.argmax() == label for logits in answers(drop, guide, order)])
    one = interventions.find("selector", "gradcam")
    assert one.correct.tolist() == np.sum(right, axis=0).tolist()


def probability(logits: np.ndarray, index: int) -> float:
    shifted = np.exp(logits.astype(np.float64) - logits.max())
    return float(shifted[index] / shifted.sum())


def test_curves_and_localisation_are_means_over_pictures(
    found: Quality, drop: TinyDrop, guides: list
) -> None:
    insertion, deletion, hits, energies = [], [], [], []
    for guide, _, shares in guides:
        order, saliency = drop.rank(guide, "gradcam")
        index = drop.classify(guide).class_index
        insertion.append([probability(z, index) for z in answers(drop, guide, order)])
        deletion.append([probability(z, index) for z in answers(drop, guide, order[::-1].copy())])
        if shares is not None and shares.any():
            mask = covered_patches(shares).reshape(-1)
            hits.append(float(mask[order[0]]))
            mass = np.maximum(saliency.values.astype(np.float64), 0)
            energies.append((mass * shares).sum() / mass.sum() if mass.any() else np.nan)
    method = found.report.find("gradcam")
    assert np.allclose(method.insertion, np.mean(insertion, axis=0), atol=1e-5)
    assert np.allclose(method.deletion, np.mean(deletion, axis=0), atol=1e-5)
    assert method.measures["pointing"].value == pytest.approx(np.mean(hits))
    assert method.measures["pointing"].pictures == 5
    assert method.measures["energy"].value == pytest.approx(np.nanmean(energies), abs=1e-6)
    inverse = found.report.find("inverse")
    assert np.array_equal(inverse.insertion, method.deletion)
    assert np.abs(method.insertion - method.deletion).max() > 1e-3


def test_baselines_know_nothing_of_the_picture(found: Quality, guides: list) -> None:
    shares = [s for _, _, s in guides if s is not None and s.any()]
    for name in ("random", "uniform"):
        measures = found.report.find(name).measures
        assert measures["energy"].value == pytest.approx(np.mean([s.mean() for s in shares]))
        masks = [covered_patches(s).mean() for s in shares]
        assert measures["pointing"].value == pytest.approx(np.mean(masks))
    middle = [covered_patches(s)[1:3, 1:3].mean() for s in shares]
    for name in ("centre", "centre cell"):
        assert found.report.find(name).measures["pointing"].value == pytest.approx(np.mean(middle))
    energy = found.report.find("centre cell").measures["energy"].value
    assert energy == pytest.approx(np.mean([s[1:3, 1:3].mean() for s in shares]))


def test_correlations_are_those_of_scipy(found: Quality, drop: TinyDrop, guides: list) -> None:
    twins = [redrawn_guidance(drop.pair.guidance, seed) for seed in range(3)]
    own, sane = [], []
    for guide, _, _ in guides:
        import torch

        pixels = guide.view.pixels(guide.picture, drop.pair.target.spec.input)
        target = drop.classify(guide).class_index
        (map_of_target,) = target_own_maps(
            drop.pair.target, torch.from_numpy(pixels)[None], [target]
        )
        saliency = drop.saliency(guide, "gradcam")
        own.append(stats.spearmanr(saliency.values.ravel(), map_of_target.values.ravel()).statistic)

        def raw(guidance: Guidance, guide: Guide = guide) -> np.ndarray:
            pixels = guide.view.pixels(guide.picture, guidance.spec.input)
            features = guidance.features(torch.from_numpy(pixels)[None])
            (one,) = compute_saliency(guidance, features, [guide.answer.class_index])
            return one.values.ravel()

        real = raw(drop.pair.guidance)
        sane.append([stats.spearmanr(real, raw(twin)).statistic for twin in twins])
    measures = found.report.find("gradcam").measures
    assert measures["rank_correlation"].value == pytest.approx(np.mean(own), abs=1e-6)
    assert measures["sanity"].value == pytest.approx(np.mean(sane), abs=1e-6)
    assert measures["sanity_absolute"].value == pytest.approx(np.mean(np.abs(sane)), abs=1e-6)
    assert found.report.find(OWN).measures["insertion"].value > 0
    order = saliency_order(map_of_target)
    assert order.shape == (N,)


def test_drawing_weights_anew_leaves_the_guidance_as_it_is(drop: TinyDrop) -> None:
    before = copy.deepcopy(drop.pair.guidance.module.state_dict())
    twin = redrawn_guidance(drop.pair.guidance, 7)
    after = drop.pair.guidance.module.state_dict()
    assert all((before[key] == after[key]).all() for key in before)
    changed = [not (twin.module.state_dict()[key] == before[key]).all() for key in before]
    assert np.mean(changed) > 0.5
    assert twin.spec == drop.pair.guidance.spec


def test_a_guidance_like_itself_fails_the_sanity_check(
    drop: TinyDrop, data: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The negative twin: a map that does not depend on the weights has correlation 1."""
    monkeypatch.setattr(measure, "redrawn_guidance", lambda guidance, seed: guidance)
    same = measure_quality(drop, data, ["gradcam"], limit=3).report.find("gradcam").measures
    assert same["sanity"].value == pytest.approx(1.0)


def test_pictures_that_cannot_be_ranked_keep_everything(data: Dataset) -> None:
    flat = small_drop(flat=True)
    found = measure_quality(flat, data, ["gradcam", "coverage"])
    method = found.report.find("gradcam")
    assert method.unranked == 7
    assert dict(method.measures) == {}
    assert method.insertion is None
    assert found.report.find("random").unranked == 0
    one = found.interventions.find("selector", "gradcam")
    assert (one.correct == one.correct[-1]).all()
    assert (one.agreeing == 7).all()
    assert (found.interventions.find("positions", "none").correct != one.correct).any()


def test_a_windowed_target_says_what_it_lacks(data: Dataset) -> None:
    windowed = small_drop(windowed=True)
    found = measure_quality(windowed, data, ["gradcam"], limit=3)
    known = found.report.provenance
    assert known.own_map is None
    assert any("no map of its own" in note for note in known.notes)
    kinds = [(one.kind, one.name) for one in found.interventions.interventions]
    assert {kind for kind, _ in kinds} == {"selector", "reference", "positions"}
    assert ("reference", OWN) not in kinds
    modes = [o.name for o in found.interventions.interventions if o.kind == "positions"]
    assert set(modes) == set(windowed.pair.target.spec.positions.modes)
    assert "rank_correlation" not in found.report.find("gradcam").measures


def test_no_boxes_are_no_error(drop: TinyDrop, tmp_path: Path) -> None:
    data = open_dataset(write_folder(tmp_path / "set", {"goldfish": 2, "spider": 2}))
    found = measure_quality(drop, data, ["gradcam"])
    assert found.report.provenance.boxes == 0
    assert "No picture has a box" in found.report.provenance.notes[0]
    assert set(found.report.find("gradcam").measures) == {
        "insertion", "deletion", "rank_correlation", "sanity", "sanity_absolute",
    }  # fmt: skip


def test_progress_limit_and_stop(drop: TinyDrop, data: Dataset) -> None:
    seen: list[tuple[int, int]] = []
    found = measure_quality(
        drop, data, ["random"], limit=5, progress=lambda done, total, _: seen.append((done, total))
    )
    assert seen == [(3, 5), (5, 5)]
    assert found.report.provenance.pictures == 5
    asked = iter([False] * 6 + [True])
    with pytest.raises(QualityStoppedError, match="nothing is kept"):
        measure_quality(drop, data, ["random"], limit=5, should_stop=lambda: next(asked))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"selectors": []}, "at least one selector"),
        ({"selectors": ["best"]}, "Unknown selector 'best'"),
        ({"seed": -1}, "A seed is"),
        ({"limit": 0}, "A limit is"),
        ({"redraws": 0}, "at least once"),
    ],
)
def test_arguments_out_of_range(
    drop: TinyDrop, data: Dataset, arguments: dict, sentence: str
) -> None:
    with pytest.raises(SettingError, match=sentence):
        measure_quality(drop, data, **arguments)


def test_unreadable_pictures_alone_are_an_error(drop: TinyDrop, tmp_path: Path) -> None:
    data = open_dataset(write_boxed(tmp_path / "x.parquet", damaged=range(8)))
    with pytest.raises(SettingError, match="None of the 8 pictures"):
        measure_quality(drop, data, ["random"])
