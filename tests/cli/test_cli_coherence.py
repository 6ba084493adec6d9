"""``coherence`` from the command line: its JSON, its text, bad pictures, shared arguments."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mask_zoo import CORNERS, SIDES, pieces
from scipy import stats
from trace_zoo import one_thread, picture_bytes, small_drop

from tinydrop import SELECTORS, TinyDrop
from tinydrop.cli import coherence, main
from tinydrop.core.coherence import COHERENCE_METRICS, MAP_METRICS, VERDICT_KINDS
from tinydrop.core.results import softmax
from tinydrop.core.tokens import PatchGrid, TokenSelection
from tinydrop.models.backbones import target_own_maps
from tinydrop.models.pairs import load_pair
from tinydrop.pipeline import Guide

SAMPLES = sorted((Path(__file__).resolve().parents[2] / "assets" / "samples").glob("*.jpg"))
KEYS = set(
    "file pair selector level kept patches grid_size keep_indices verdict coherence map "
    "warnings".split()
)


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    try:
        code = main([str(argument) for argument in arguments])
    except SystemExit as stop:  # argparse leaves this way
        code = int(stop.code or 0)
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.fixture(scope="module")
def drop() -> TinyDrop:
    return TinyDrop("bundled")


def test_json_follows_the_contract(capsys: pytest.CaptureFixture[str], drop: TinyDrop) -> None:
    code, out, err = run(capsys, "coherence", SAMPLES[0], SAMPLES[3], "--json")
    rows = json.loads(out)
    assert code == 0
    assert "Traceback" not in err
    assert [row["file"] for row in rows] == [str(SAMPLES[0]), str(SAMPLES[3])]
    for row, photo in zip(rows, (SAMPLES[0], SAMPLES[3]), strict=True):
        assert row.keys() == KEYS
        assert (row["pair"], row["selector"], row["level"]) == ("bundled", "gradcam", 8)
        assert (row["kept"], row["patches"], row["grid_size"]) == (32, 64, [8, 8])
        assert row["verdict"].keys() == {"kind", "sentence"}
        assert row["verdict"]["kind"] in VERDICT_KINDS
        assert list(row["coherence"]) == list(COHERENCE_METRICS)
        assert list(row["map"]["coherence"]) == list(MAP_METRICS)
        for entry in (*row["coherence"].values(), *row["map"]["coherence"].values()):
            assert entry.keys() == {"value", "percentile"}
            assert 0 <= entry["percentile"] <= 100
        saliency = drop.saliency(drop.guide(photo)).values.reshape(-1)
        top = np.sort(np.argsort(-saliency, kind="stable")[:32])
        assert row["keep_indices"] == top.tolist()
        mask = np.zeros(64, dtype=bool)
        mask[top] = True
        values = {name: entry["value"] for name, entry in row["coherence"].items()}
        assert values["components"] == len(pieces(mask.reshape(8, 8), CORNERS))
        assert values["components_4"] == len(pieces(mask.reshape(8, 8), SIDES))


def test_the_map_is_described_as_the_guidance_made_it(capsys: pytest.CaptureFixture[str]) -> None:
    # A pair whose map has fewer cells than there are patches.
    which = ("--pair", "bundled-24", "--selector", "hirescam", "--json")
    _, out, _ = run(capsys, "coherence", SAMPLES[0], *which)
    (row,) = json.loads(out)
    spec = load_pair("bundled-24").guidance.spec
    assert row["map"]["method"] == "hirescam"
    assert row["map"]["layer"] == spec.layer
    assert row["map"]["grid_size"] == [spec.map_grid.rows, spec.map_grid.cols] != row["grid_size"]
    assert row["map"]["problem"] is None


def test_the_exit_is_ignored_and_the_level_decides(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "run", *SAMPLES, "--json")
    exits = [Path(row["file"]) for row in json.loads(out) if row["exited"]]
    assert exits
    for level, kept in ((1, 4), (5, 20), (16, 64)):
        _, out, _ = run(capsys, "coherence", exits[0], "--level", level, "--json")
        (row,) = json.loads(out)
        assert (row["level"], row["kept"], len(row["keep_indices"])) == (level, kept, kept)
    assert {entry["percentile"] for entry in row["coherence"].values()} == {None}


def test_quality_is_what_the_target_makes_of_the_order_and_of_the_map(
    capsys: pytest.CaptureFixture[str], drop: TinyDrop
) -> None:
    code, out, _ = run(capsys, "coherence", SAMPLES[1], "--quality", "--json")
    (row,) = json.loads(out)
    assert code == 0
    assert row.keys() == KEYS | {"quality"}
    guide = drop.guide(SAMPLES[1])
    full = drop.classify(guide)
    own = target_own_maps(drop.pair.target, pixels_of(drop, guide), [full.class_index])[0]
    saliency = drop.saliency(guide)
    rho = stats.spearmanr(saliency.values.reshape(-1), own.values.reshape(-1)).statistic
    found = row["quality"]
    assert found["class"] == full.name
    assert found["rank_correlation"] == pytest.approx(rho, abs=1e-6)
    order = np.argsort(-saliency.values.reshape(-1), kind="stable")
    for name, one in (("insertion", order), ("deletion", order[::-1])):
        curve = []
        for k in range(4, 65, 4):
            kept = TokenSelection(full_grid(drop), np.sort(one[:k]), "test")
            curve.append(softmax(drop.classify(guide, kept).logits)[full.class_index])
        # Sixteen equal steps: the mean of all but half of both ends, by the trapezoid rule.
        area = (sum(curve) - (curve[0] + curve[-1]) / 2) / 15
        assert found[name] == pytest.approx(area, rel=1e-4)
    code, out, _ = run(
        capsys, "coherence", SAMPLES[1], "--quality", "--selector", "uniform", "--json"
    )
    assert json.loads(out)[0]["quality"]["rank_correlation"] is None  # it reads no map
    _, out, _ = run(capsys, "coherence", SAMPLES[1], "--quality")
    assert f"{found['deletion']:.3f}" in out
    assert f"own map: {found['rank_correlation']:.3f}" in out


def pixels_of(drop: TinyDrop, guide: Guide) -> torch.Tensor:
    return torch.from_numpy(guide.view.pixels(guide.picture, drop.pair.target.spec.input))[None]


def full_grid(drop: TinyDrop) -> PatchGrid:
    return drop.pair.target.spec.grid


@pytest.mark.parametrize("selector", ["coverage", "scattered", "centre"])
def test_every_kind_of_selector_is_described(
    capsys: pytest.CaptureFixture[str], drop: TinyDrop, selector: str
) -> None:
    arguments = ("--selector", selector, "--seed", 3, "--level", 6, "--json")
    code, out, _ = run(capsys, "coherence", SAMPLES[1], *arguments)
    (row,) = json.loads(out)
    assert code == 0
    assert (row["map"] is None) == (selector != "coverage")
    expected = drop.select(drop.guide(SAMPLES[1]), 24, selector, seed=3).selection
    assert row["keep_indices"] == expected.keep_indices.tolist()


def test_a_bad_picture_does_not_stop_the_others(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.jpg"
    bad.write_text("not a picture")
    code, out, err = run(capsys, "coherence", bad, SAMPLES[0], tmp_path / "gone.png", "--json")
    rows = json.loads(out)
    assert code == 2
    assert [set(row) == {"file", "error"} for row in rows] == [True, False, True]
    assert all(row["error"] in err for row in (rows[0], rows[2]))
    assert "Traceback" not in err


def test_the_text_says_the_verdict_and_every_measure(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "coherence", SAMPLES[0], "--selector", "uniform", "--level", 8)
    assert code == 0
    first, *rest = out.splitlines()
    assert first.startswith(f"{SAMPLES[0]}: fragmented. The 32 kept patches form one piece with ")
    assert first.endswith("more scattered than all random sets tried.")
    assert [line.split()[0] for line in rest[1:]] == list(COHERENCE_METRICS)
    moran = next(line for line in rest if "morans_i" in line)
    assert moran.split() == ["morans_i", "-1", "percentile", "0.0"]


def test_a_flat_map_keeps_everything_and_is_called_flat(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = tmp_path / "photo.png"
    photo.write_bytes(picture_bytes(1))
    with one_thread():
        flat = small_drop(flat=True).pair
        monkeypatch.setattr(coherence, "pair_of", lambda _arguments: flat)
        _, out, _ = run(capsys, "coherence", photo, "--selector", "coherent", "--json")
        _, text, _ = run(capsys, "coherence", photo, "--selector", "coherent")
    (row,) = json.loads(out)
    assert row["verdict"]["kind"] == "flat map"
    assert (row["kept"], row["level"]) == (16, 16)
    assert row["map"]["problem"] is not None
    assert row["map"]["problem"] in row["verdict"]["sentence"]
    assert {entry["value"] for entry in row["map"]["coherence"].values()} == {None}
    assert "Every patch is kept (level 16)" in row["warnings"][0]
    assert "flat map. No patch can be ranked" in text
    assert row["warnings"][0] in text


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--level", "0"], "A budget level lies between 1 and 16, got 0"),
        (["--level", "17"], "A budget level lies between 1 and 16, got 17"),
        (["--level", "x"], "invalid int value"),
        (["--selector", "magic"], "Unknown selector 'magic'; choose one of gradcam"),
        (["--pair", "nowhere"], "There is no pair 'nowhere'"),
    ],
)
def test_bad_arguments_give_one_line_and_exit_code_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    code, out, err = run(capsys, "coherence", SAMPLES[0], "--json", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


@pytest.mark.parametrize("command", ["run", "trace", "coherence"])
def test_help_names_every_selector(capsys: pytest.CaptureFixture[str], command: str) -> None:
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    said = " ".join(out.split())
    assert f"who ranks the patches: {', '.join(SELECTORS)} " in said
