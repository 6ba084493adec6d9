"""One verdict for sets whose kind anyone can see, and its order of precedence."""

from __future__ import annotations

import numpy as np
import pytest
from mask_zoo import SIDES, checkerboard, disc, pieces, select, stack

from tinydrop.core.coherence import VERDICT_KINDS, Verdict, describe_coherence, judge_coherence
from tinydrop.core.errors import SettingError
from tinydrop.core.selection import random_order, select_tokens
from tinydrop.core.tokens import PatchGrid, TokenSelection

GRID = PatchGrid(14, 14)


def ring() -> np.ndarray:
    mask = np.ones((14, 14), dtype=bool)
    mask[1:-1, 1:-1] = False
    return mask


def box(rows: slice, cols: slice) -> np.ndarray:
    mask = np.zeros((14, 14), dtype=bool)
    mask[rows, cols] = True
    return mask


@pytest.mark.parametrize(
    ("mask", "kind", "words"),
    [
        (disc(), "coherent", "one piece, closer together than all random sets"),
        (ring(), "border-bound", "100 % of the 52 kept patches lie on the edge"),
        (checkerboard(), "fragmented", "72 holes, more scattered than all random sets"),
        (box(slice(0, 14), slice(4, 9)), "coherent", "70 kept patches form one piece"),
    ],
)
def test_the_kind_of_sets_that_anyone_can_name(mask, kind, words):
    verdict = judge_coherence(select(mask))
    assert verdict.kind == kind
    assert words in verdict.sentence


def test_a_diagonal_and_a_nearly_complete_set_are_one_piece():
    """Neither has a high Moran's I: one shares no side, the other is judged by what it lacks."""
    diagonal = stack("#....... .#...... ..#..... ...#.... ........ ........ ........ ........")[0]
    nearly = np.ones((8, 8), dtype=bool)
    nearly[[0, 0, 7, 7], [0, 7, 0, 7]] = False
    for mask in (diagonal, nearly):
        assert describe_coherence(select(mask))["morans_i"]["percentile"] < 95
        assert judge_coherence(select(mask)) == Verdict(
            "coherent", f"The {mask.sum()} kept patches form one piece without a hole."
        )
    holed = nearly.copy()
    holed[[1, 3, 5], [3, 5, 2]] = False
    assert judge_coherence(select(holed)).kind == "fragmented"


def test_one_patch_and_all_patches_are_one_piece():
    one = TokenSelection(GRID, np.array([17]), "x")
    assert judge_coherence(one) == Verdict("coherent", "One patch is kept, which is one piece.")
    everything = judge_coherence(TokenSelection.everything(GRID, "x"))
    assert everything == Verdict("coherent", "All 196 patches are kept, in one piece.")


@pytest.mark.parametrize("k", [13, 49, 98, 147])
def test_random_sets_are_called_what_they_are(k):
    """95 % pass each of two percentiles by construction: 20 of 200 in all, give or take 5 sigma."""
    kinds = [
        judge_coherence(select_tokens(random_order(GRID, seed), GRID, k, "random")).kind
        for seed in range(200)
    ]
    assert kinds.count("fragmented") > 200 - 20 - 5 * (200 * 0.1 * 0.9) ** 0.5
    assert set(kinds) <= {"fragmented", "border-bound", "coherent"}


@pytest.mark.parametrize("k", [25, 98, 160])
def test_the_thresholds_lie_on_percentiles(k):
    rng = np.random.default_rng(k)
    seen = set()
    for _ in range(150):
        # Random sets and clumps of every strength: a smooth field plus noise, the top K kept.
        field = rng.normal(size=(14, 14)) * rng.random() + np.hypot(
            *(np.indices((14, 14)) - rng.uniform(0, 13, (2, 1, 1)))
        ) * rng.normal(scale=0.2)
        mask = field >= np.sort(field, axis=None)[-k]
        entries = describe_coherence(select(mask))
        whole = len(pieces(mask, [*SIDES, (1, 1), (1, -1), (-1, 1), (-1, -1)])) == 1
        whole = whole and entries["holes"]["value"] == 0
        expected = "fragmented"
        if entries["border_share"]["percentile"] >= 95:
            expected = "border-bound"
        elif entries["morans_i"]["percentile"] >= 95 or whole:
            expected = "coherent"
        assert judge_coherence(select(mask)).kind == expected
        seen.add(expected)
    assert seen == {"fragmented", "border-bound", "coherent"}


def test_a_map_that_cannot_be_ranked_comes_first():
    verdict = judge_coherence(
        TokenSelection.everything(GRID, "gradcam"),
        problem="the saliency map is flat",
        box=box(slice(0, 3), slice(0, 3)),
    )
    assert verdict.kind == "flat map"
    assert verdict.sentence == "No patch can be ranked, because the saliency map is flat."


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        (box(slice(0, 3), slice(0, 3)), "off-object"),  # a corner the disc does not reach
        (box(slice(0, 14), slice(0, 5)), "off-object"),  # touched, but far less than by chance
        (box(slice(5, 9), slice(5, 9)), "coherent"),  # inside the disc
        (box(slice(0, 14), slice(0, 7)), "coherent"),  # half of it, as by chance
        (np.ones((14, 14), dtype=bool), "coherent"),  # the whole picture says nothing
        (np.zeros((14, 14), dtype=bool), "coherent"),  # an object outside the crop neither
    ],
)
def test_off_object_needs_a_box_that_is_missed(where, kind):
    assert judge_coherence(select(disc()), box=where).kind == kind
    assert judge_coherence(select(disc()), box=where.reshape(-1)).kind == kind


def test_a_small_object_that_is_missed_is_off_object_whatever_chance_does():
    """Of two patches, random sets of 13 miss both most of the time: no percentile could tell."""
    kept = TokenSelection(GRID, np.arange(90, 103), "x")
    small = box(slice(13, 14), slice(0, 2))
    assert judge_coherence(kept, box=small) == Verdict(
        "off-object", "None of the kept patches lies on the object."
    )


def test_off_object_comes_before_the_shape():
    far = box(slice(5, 9), slice(5, 9))
    assert judge_coherence(select(ring())).kind == "border-bound"
    assert judge_coherence(select(ring()), box=far).kind == "off-object"


@pytest.mark.parametrize("seed", range(8))
def test_every_sentence_is_one_sentence(seed):
    rng = np.random.default_rng(seed)
    for k in (1, 2, 30, 150, 195, 196):
        selection = select_tokens(random_order(GRID, seed), GRID, k, "random")
        where = rng.random((14, 14)) < 0.3
        for verdict in (judge_coherence(selection), judge_coherence(selection, box=where)):
            assert verdict.kind in VERDICT_KINDS
            assert verdict.sentence.endswith(".")
            assert ". " not in verdict.sentence
            assert "None %" not in verdict.sentence
            assert verdict.to_dict() == {"kind": verdict.kind, "sentence": verdict.sentence}


def test_there_are_five_kinds_and_no_other():
    kinds = ("coherent", "fragmented", "border-bound", "flat map", "off-object")
    assert kinds == VERDICT_KINDS
    with pytest.raises(SettingError, match="Unknown kind of verdict 'nice'; choose one of coher"):
        Verdict("nice", "It is nice.")
