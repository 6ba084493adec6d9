"""A trace replayed at any setting equals the pipeline, picture by picture.

A difference is allowed only where the decision hangs on less than 1e-5, since batches of another
size change the last bits of float32; how many those are is printed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from real_pictures import tiny_imagenet
from trace_zoo import one_thread, small_drop, write_folder

from tinydrop import Setting, TinyDrop
from tinydrop.core.budget import BUDGET_RULES, Budget, keep_ratio
from tinydrop.core.results import Answer, softmax
from tinydrop.core.selection import MAP_ORDERS
from tinydrop.data import Dataset, open_dataset
from tinydrop.pipeline import Guide, Selected
from tinydrop.studies.sweep import replay
from tinydrop.studies.trace import Trace, make_trace, match_pair

MARGIN = 1e-5


@dataclass
class Comparison:
    """How many answers were compared, and those that differ with their deciding margin."""

    answers: int
    exits: int
    margins: list[float]


def random_settings(drop: TinyDrop, count: int, seed: int) -> list[Setting]:
    """Return settings all over the ranges, at temperatures that a trace states."""
    rng = np.random.default_rng(seed)
    temperatures = [0.5, 1.0, 2.0, drop.pair.setting.temperature]
    return [
        Setting(
            tau=float(rng.uniform(0.2, 1.0)),
            gamma=float(rng.uniform(0.1, 8.0)),
            temperature=temperatures[int(rng.integers(len(temperatures)))],
            rule=list(BUDGET_RULES)[int(rng.integers(len(BUDGET_RULES)))],
            fixed_keep_ratio=float(rng.uniform(0.05, 1.0)),
        )
        for _ in range(count)
    ]


def top_gap(values: np.ndarray) -> float:
    """Return the gap of the two largest, relative to the largest magnitude."""
    first, second = np.sort(values.astype(np.float64))[::-1][:2]
    return float((first - second) / np.abs(values).max())


def deciding_margin(
    guide: Guide, budget: Budget, setting: Setting, selected: Selected | None, answer: Answer
) -> float:
    """Return how little would have changed this answer: the smallest gap of its decisions.

    Confidences and keep ratios as they are; logits and the map relative to their largest magnitude.
    """
    gaps = [abs(budget.confidence - setting.tau), top_gap(answer.logits)]
    if selected is not None:
        ratio = 16 * float(keep_ratio(budget.confidence, setting))
        gaps.append(abs(ratio - round(ratio)) / 16)
        if selected.saliency is not None:
            gaps.append(top_gap(guide.answer.logits))  # which class the map explains
            values = np.sort(selected.saliency.values.reshape(-1).astype(np.float64))[::-1]
            kept = selected.selection.num_keep
            steps = (values[:-1] - values[1:]) / np.abs(values).max()
            if selected.selection.selector in MAP_ORDERS:
                gaps.append(float(steps.min()))  # two that change places may change what follows
            elif kept < values.size:
                gaps.append(float(steps[kept - 1]))
    return min(gaps)


def compare(
    drop: TinyDrop,
    trace: Trace,
    contents: list[bytes],
    settings: list[Setting],
    selector: str = "gradcam",
    change: Callable[[Setting], Setting] = lambda setting: setting,
) -> Comparison:
    """Run the pipeline on each picture and setting and compare it with the replayed trace.

    The stages are those of ``TinyDrop.__call__``; a picture's guide and the answers on its kept
    sets are computed once. The first picture goes through the whole call as well.
    """
    found = Comparison(0, 0, [])
    replays = [replay(trace, change(setting)) for setting in settings]
    for row, content in enumerate(contents):
        guide = drop.guide(content)
        known: dict[int, tuple[Selected, Answer]] = {}
        for setting, run in zip(settings, replays, strict=True):
            budget = drop.decide(guide, setting)
            selected, answer, kept = None, guide.answer, 0
            if not budget.exited:
                if budget.num_keep not in known:
                    chosen = drop.select(guide, budget.num_keep, selector)
                    known[budget.num_keep] = (chosen, drop.classify(guide, chosen.selection))
                selected, answer = known[budget.num_keep]
                kept = selected.selection.num_keep
            mine = (budget.exited, answer.class_index, kept, drop.cost(kept, selector).total)
            if row == 0:
                fields = {n: getattr(setting, n) for n in ("tau", "gamma", "temperature", "rule")}
                if setting.rule != "fixed":
                    whole = drop(content, selector=selector, **fields)
                    assert mine == (
                        whole.exited, whole.final.class_index, whole.kept, whole.macs.total
                    )  # fmt: skip
            replayed = (run.exited[row], run.class_index[row], run.num_keep[row], run.macs[row])
            found.answers += 1
            found.exits += budget.exited
            if mine != tuple(value.item() for value in replayed):
                found.margins.append(deciding_margin(guide, budget, setting, selected, answer))
    return found


@pytest.fixture(autouse=True, scope="module")
def _one_thread() -> Iterator[None]:
    with one_thread():
        yield


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return small_drop()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    folder = tmp_path_factory.mktemp("parity") / "set"
    return open_dataset(write_folder(folder, {"goldfish": 14, "red fox": 14, "spider": 12}))


def contents_of(data: Dataset, trace: Trace) -> list[bytes]:
    """Return the pictures' bytes in the order of the trace."""
    stored = {picture.id: picture.content for picture in data.pictures()}
    return [stored[str(name)] for name in trace.picture_id]


@pytest.mark.parametrize("selector", ["gradcam", "coverage", "random"])
def test_any_setting_of_a_trace_equals_the_pipeline(
    drop: TinyDrop, data: Dataset, tmp_path: Path, selector: str
) -> None:
    trace = make_trace(drop, data, tmp_path / "t.parquet", selector)
    settings = random_settings(drop, 20, seed=1)
    found = compare(drop, trace, contents_of(data, trace), settings, selector)
    assert found.answers == 800
    assert 50 < found.exits < 750  # the settings really decide
    print(f"{selector}: {len(found.margins)} of {found.answers} differ, margins {found.margins}")  # noqa: T201
    assert all(margin < MARGIN for margin in found.margins)
    assert len(found.margins) <= 8


def test_a_trace_of_another_selector_or_setting_does_not_equal_the_pipeline(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    settings = random_settings(drop, 20, seed=1)
    random = make_trace(drop, data, tmp_path / "r.parquet", "random")
    contents = contents_of(data, random)
    wrong = compare(drop, random, contents, settings, "gradcam")
    assert sum(margin >= MARGIN for margin in wrong.margins) > 40

    def warmer(setting: Setting) -> Setting:
        fields = {name: getattr(setting, name) for name in setting.__dataclass_fields__}
        return Setting(**{**fields, "temperature": setting.temperature * 1.5})

    given = [s for s in settings if s.temperature in (0.5, 1.0)]  # 0.75 and 1.5 are stated too
    wrong = compare(drop, random, contents, given, "random", change=warmer)
    assert sum(margin >= MARGIN for margin in wrong.margins) > 40


def test_the_trace_states_what_the_stages_give(
    drop: TinyDrop, data: Dataset, tmp_path: Path
) -> None:
    trace = make_trace(drop, data, tmp_path / "t.parquet", limit=6)
    for row, content in enumerate(contents_of(data, trace)):
        guide = drop.guide(content)
        for temperature in (0.5, 1.0, 3.0):
            expected = softmax(guide.answer.logits, temperature).max()
            assert abs(trace.column(temperature)[row] - expected) < MARGIN
        raw = drop.pair.guidance.head(guide.features.map, guide.features.rest)
        assert np.abs(trace.guidance_logits[row] - raw[0].detach().numpy()).max() < 0.01
        for level in (1, 5, 15, 16):
            selected = drop.select(guide, level)  # 16 patches: K is the level
            answer = drop.classify(guide, selected.selection)
            assert trace.target_class[row, level - 1] == answer.class_index
            assert abs(trace.target_confidence[row, level - 1] - answer.confidence) < MARGIN
            order = np.argsort(-answer.logits, kind="stable")
            place = int(np.flatnonzero(order == trace.label[row])[0])
            assert trace.target_rank[row, level - 1] == place
            result = drop.assemble(guide, drop.pair.setting, "gradcam", selected, target=answer)
            assert result.coherence is not None
            for metric, entry in result.coherence.items():
                value = trace.coherence[metric][row, level - 1]
                if entry["value"] is None:
                    assert np.isnan(value)
                else:
                    assert abs(value - entry["value"]) < 1e-6


@pytest.mark.pictures
@pytest.mark.skipif("TINYDROP_LONG" not in os.environ, reason="minutes: set TINYDROP_LONG=1 for it")
def test_300_real_pictures_at_20_settings_equal_the_bundled_pipeline(tmp_path: Path) -> None:
    drop = TinyDrop("bundled")
    whole = open_dataset(tiny_imagenet())
    known = np.flatnonzero(match_pair(whole, drop.pair).class_index[whole.label] >= 0)
    picked = np.sort(np.random.default_rng(4).choice(known, 300, replace=False))
    data = Dataset(
        "300 pictures", whole.labels, whole.label[picked], lambda at: whole.reader(picked[at])
    )
    part = make_trace(drop, data, tmp_path / "t.parquet")
    contents = contents_of(data, part)
    found = compare(drop, part, contents, random_settings(drop, 20, seed=2))
    print(f"{len(found.margins)} of {found.answers} differ, margins {found.margins}")  # noqa: T201
    assert found.answers == 6000
    assert all(margin < MARGIN for margin in found.margins)
