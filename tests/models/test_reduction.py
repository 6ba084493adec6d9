"""Plans say what they can do, recipes build them, and matching does what its definition says."""

from __future__ import annotations

import json

import pytest
import torch
from backbone_zoo import make_target
from timm.layers import Mlp
from windowed_zoo import SWIN, make_windowed

from tinydrop.core.errors import SettingError, TinyDropError, UnsupportedModelError
from tinydrop.models.backbones import Target, wrap_target
from tinydrop.models.macs import target_macs
from tinydrop.models.reduction import (
    DropStep,
    MergeStep,
    Plan,
    PruneStep,
    drop_plan,
    drop_schedule,
    hybrid_plan,
    match_tokens,
    merge_plan,
    merge_to_ratio,
    plan_macs,
    prune_plan,
    run_plan,
    spread_evenly,
    why_not_reducible,
)
from tinydrop.models.reduction.pruning import fuse_dropped, top_tokens


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ((DropStep(3, 4),), "blocks 0 to 2, got block 3"),
        ((DropStep(0, 17),), "1 to 16 can be kept"),
        ((DropStep(0, 0),), "1 to 16 can be kept"),
        ((DropStep(0, 4), DropStep(1, 5)), "there are 4 tokens"),
        ((DropStep(0, 4), DropStep(0, 3)), "One step acts before block 0"),
        ((PruneStep(1, 4), MergeStep(1, 1)), "One step acts inside block 1"),
        ((MergeStep(0, 9),), "can merge 0 to 8 of its 16"),
        ((MergeStep(0, 2), DropStep(1, 4)), "tokens were joined"),
        ((PruneStep(0, 4, fused=True), DropStep(1, 4)), "tokens were joined"),
        ((DropStep(0, 4, "attention"),), "needs a block before it"),
        ((PruneStep(0, 5), DropStep(1, 4, "attention")), "needs a block before it"),
        ((DropStep(0, 4, "luck"),), "order or attention, got 'luck'"),
    ],
)
def test_a_plan_that_cannot_be_done_is_refused(steps, words):
    with pytest.raises(SettingError, match=words):
        Plan(16, 3, steps)


def test_a_plan_counts_its_tokens():
    plan = Plan(16, 3, (PruneStep(1, 4, fused=True), DropStep(0, 9), MergeStep(2, 2)))
    assert [(b.attention, b.mlp) for b in plan.blocks] == [(9, 9), (9, 5), (5, 3)]
    assert [b.scored for b in plan.blocks] == [False, True, False]
    assert [b.matched for b in plan.blocks] == [False, False, True]
    assert plan.needs_order
    assert plan.needs_class_token


def test_a_plan_survives_json():
    plan = Plan(16, 3, (DropStep(0, 9), PruneStep(1, 4, fused=True), MergeStep(2, 2)), True)
    assert Plan.from_dict(json.loads(json.dumps(plan.to_dict()))) == plan
    with pytest.raises(SettingError, match="no plan"):
        Plan.from_dict({"steps": [{"kind": "prune"}]})


def test_recipes():
    assert drop_plan(64, 6, 32, 3).steps == (DropStep(3, 32),)
    assert drop_schedule(10, 6, {0: 0.7, 3: 0.3}).steps == (DropStep(0, 7), DropStep(3, 3))
    assert hybrid_plan(64, 6, 32, 16, 3).steps == (DropStep(0, 32), DropStep(3, 16, "attention"))
    # The paper's fourth, seventh and tenth block of twelve, 0.7 of 196 tokens: 138, 97, 68.
    evit = prune_plan(196, 12, 0.7, fused=False)
    assert evit.steps == (PruneStep(3, 138), PruneStep(6, 97), PruneStep(9, 68))
    fused = prune_plan(196, 12, 0.7)  # ceil(0.7 * 139) = 98, ceil(0.7 * 99) = 70
    assert [step.keep for step in fused.steps] == [138, 98, 70]
    assert prune_plan(64, 6, 1.0).steps == ()
    assert merge_plan(64, 3, 20).steps == (MergeStep(0, 20), MergeStep(1, 20), MergeStep(2, 12))
    assert [s.removed for s in merge_to_ratio(100, 3, 0.8).steps] == [20, 16, 12]
    assert spread_evenly(10, 4) == [2, 3, 2, 3]
    assert sum(spread_evenly(53, 12)) == 53
    with pytest.raises(SettingError, match="3 numbers"):
        merge_plan(64, 3, [1, 2])
    with pytest.raises(SettingError, match="share of tokens"):
        prune_plan(64, 6, 0.0)


def test_matching_against_its_definition():
    """Python loops over the pairs; a batch of two pictures of 7 tokens."""
    metric = torch.randn((2, 7, 5), generator=torch.Generator().manual_seed(1))
    matching = match_tokens(metric, 3)
    goes = matching.destinations()
    for picture in range(2):
        rows = metric[picture]
        best = {}
        for i in (0, 2, 4, 6):
            likeness = {
                j: float(torch.cosine_similarity(rows[i], rows[j], dim=0)) for j in (1, 3, 5)
            }
            partner = max(likeness, key=lambda j: likeness[j])
            best[i] = (likeness[partner], partner)
        moved = sorted(best, key=lambda i: -best[i][0])[:3]
        stay = [i for i in best if i not in moved]
        places = {token: place for place, token in enumerate([*stay, 1, 3, 5])}
        expected = [places[best[i][1] if i in moved else i] for i in range(7)]
        assert goes[picture].tolist() == expected


def test_merged_tokens_are_means_weighted_by_size():
    generator = torch.Generator().manual_seed(2)
    tokens = torch.randn((2, 6, 4), generator=generator, dtype=torch.float64)
    sizes = torch.randint(1, 9, (2, 6), generator=generator).double()
    matching = match_tokens(torch.randn((2, 6, 3), generator=generator), 2)
    (means, total), goes = matching.merged(tokens, sizes), matching.destinations()
    assert torch.equal(total.sum(dim=1), sizes.sum(dim=1))
    for picture in range(2):
        for place in range(4):
            parts = [i for i in range(6) if int(goes[picture, i]) == place]
            total = sum(sizes[picture, i] * tokens[picture, i] for i in parts)
            expected = total / sum(float(sizes[picture, i]) for i in parts)
            torch.testing.assert_close(means[picture, place], expected)


@pytest.mark.parametrize("tokens", [1, 2, 5])
def test_matching_nothing_keeps_every_token(tokens):
    matching = match_tokens(torch.ones((1, tokens, 3)), 0)
    assert sorted(matching.destinations()[0].tolist()) == list(range(tokens))
    with pytest.raises(SettingError, match="can be merged"):
        match_tokens(torch.ones((1, tokens, 3)), tokens // 2 + 1)


def test_ties_keep_the_lowest_and_vanished_attention_fuses_evenly():
    scores = torch.tensor([[1.0, 2.0, 1.0, 1.0]])
    assert top_tokens(scores, 2).tolist() == [[0, 1]]
    tokens = torch.tensor([[[4.0], [9.0], [2.0], [6.0]]])
    kept = torch.tensor([[0, 1]])
    assert fuse_dropped(tokens, scores, kept).item() == 4.0
    assert fuse_dropped(tokens, torch.tensor([[1.0, 1.0, 0.0, 0.0]]), kept).item() == 4.0
    assert fuse_dropped(tokens, torch.tensor([[1.0, 1.0, 3.0, 1.0]]), kept).item() == 3.0


def small() -> Target:
    return wrap_target(make_target("vit"), "small")


def test_a_drop_at_the_input_costs_what_the_target_costs():
    """The same figure from the formula of kept patches."""
    spec = small().spec
    for keep in (1, 7, 64):
        assert plan_macs(spec, drop_plan(64, 3, keep)) == target_macs(spec, keep)


def test_what_does_not_fit_is_refused():
    target = small()
    pixels, order = torch.zeros((1, 3, 64, 64)), torch.arange(64)[None]
    with pytest.raises(SettingError, match="64 patches and 3 blocks, the plan is for 16 and 3"):
        run_plan(target, pixels, Plan(16, 3))
    with pytest.raises(SettingError, match="give one"):
        run_plan(target, pixels, drop_plan(64, 3, 5))
    with pytest.raises(SettingError, match="leave it out"):
        run_plan(target, pixels, Plan(64, 3), order)
    with pytest.raises(SettingError, match="names each patch once"):
        run_plan(target, pixels, drop_plan(64, 3, 5), torch.zeros_like(order))


def test_targets_of_other_kinds_are_refused_with_a_sentence():
    windowed = make_windowed(next(iter(SWIN)))
    beit = wrap_target(make_target("beit"), "beit")
    for target in (windowed, beit):
        reason = why_not_reducible(target)
        assert reason is not None
        assert "proved for plain attention only" in reason
        size = target.spec.input.size
        plan = Plan(target.spec.grid.num_patches, target.spec.depth)
        with pytest.raises(UnsupportedModelError, match="plain attention only"):
            run_plan(target, torch.zeros((1, 3, *size)), plan)
    with pytest.raises(TinyDropError, match="inside windows"):
        plan_macs(windowed.spec, Plan(windowed.spec.grid.num_patches, windowed.spec.depth))
    uneven = make_target("vit")
    uneven.blocks[1].mlp = Mlp(48, 96).double().requires_grad_(requires_grad=False).eval()
    reason = why_not_reducible(wrap_target(uneven, "uneven"))
    assert reason is not None
    assert "differ in width" in reason
    bare = wrap_target(make_target("no-class-token"), "bare")
    with pytest.raises(UnsupportedModelError, match="no class token"):
        run_plan(bare, torch.zeros((1, 3, 64, 64)), prune_plan(64, 3, 0.5))
