"""Slimming modules, plans and students against formulas written out in loops."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from slim_zoo import VARIANTS, make_permuting, pictures, small_teacher
from torch.utils.flop_counter import FlopCounterMode

from tinydrop.core.errors import SettingError, UnsupportedModelError
from tinydrop.models.macs import target_macs
from tinydrop.models.slimming import (
    PLACEMENTS,
    HardTopK,
    Reverse,
    ReverseSlimming,
    Slimmed,
    SlimmedTransformer,
    SlimmingPlan,
    TokenSlimming,
    compose,
    even_stages,
    plan_named,
    teacher_tokens,
)

PLAN = SlimmingPlan((1, 2, 1), (0.5, 0.5))


@pytest.fixture(scope="module")
def teacher():
    return small_teacher()


def redrawn(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    module = module.double().requires_grad_(requires_grad=False)
    with torch.no_grad():
        for weight in module.parameters():
            weight.copy_(torch.randn(weight.shape, generator=generator, dtype=torch.float64))
    return module


def tokens(batch: int, count: int, dim: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn((batch, count, dim), generator=generator, dtype=torch.float64)


def layer_norm(row: list[float], norm: torch.nn.LayerNorm) -> list[float]:
    mean = sum(row) / len(row)
    spread = sum((v - mean) ** 2 for v in row) / len(row)
    return [
        (v - mean) / math.sqrt(spread + norm.eps) * float(w) + float(b)
        for v, w, b in zip(row, norm.weight, norm.bias, strict=True)
    ]


def linear(row: list[float], layer: torch.nn.Linear) -> list[float]:
    return [
        sum(float(w) * v for w, v in zip(ws, row, strict=True)) + float(b)
        for ws, b in zip(layer.weight, layer.bias, strict=True)
    ]


def gelu(row: list[float]) -> list[float]:
    return [v * 0.5 * (1 + math.erf(v / math.sqrt(2))) for v in row]


def slim_by_hand(module: TokenSlimming, x: torch.Tensor, *, over: str = "tokens") -> torch.Tensor:
    """The module on (N, C) in plain Python; ``over="slim"`` takes the softmax the wrong way."""
    rows = x.tolist()
    scores = [
        [float(module.scale) * v for v in linear(gelu(linear(layer_norm(r, module.norm),
         module.hidden)), module.out)]
        for r in rows
    ]  # fmt: skip
    count, slim = len(rows), module.num_out
    if over == "tokens":
        sums = [sum(math.exp(scores[n][k]) for n in range(count)) for k in range(slim)]
        weights = [[math.exp(scores[n][k]) / sums[k] for n in range(count)] for k in range(slim)]
    else:
        sums = [sum(math.exp(scores[n][k]) for k in range(slim)) for n in range(count)]
        weights = [[math.exp(scores[n][k]) / sums[n] for n in range(count)] for k in range(slim)]
    return torch.tensor(
        [
            [sum(w * rows[n][c] for n, w in enumerate(weights[k])) for c in range(x.shape[1])]
            for k in range(slim)
        ],
        dtype=torch.float64,
    )


def test_slimming_is_the_formula_written_out() -> None:
    module = redrawn(TokenSlimming(6, 3))
    x = tokens(2, 5, 6)
    slim, _ = module(x)
    for picture in range(2):
        right = slim_by_hand(module, x[picture])
        torch.testing.assert_close(slim[picture], right, rtol=1e-9, atol=1e-9)
        wrong = slim_by_hand(module, x[picture], over="slim")
        assert float((slim[picture] - wrong).abs().max()) > 0.1


@pytest.mark.parametrize("kind", [TokenSlimming, HardTopK])
@pytest.mark.parametrize("count", [4, 9, 30])
def test_every_slim_token_is_a_convex_mix_and_k_come_out(kind, count) -> None:
    module = redrawn(kind(6, 4))
    x = tokens(3, count, 6)
    slim, weights = module(x)
    assert slim.shape == (3, 4, 6)
    assert weights.shape == (3, 4, count)
    assert bool((weights >= 0).all())
    torch.testing.assert_close(weights.sum(dim=2), torch.ones(3, 4, dtype=torch.float64))
    torch.testing.assert_close(slim, torch.einsum("bkn,bnc->bkc", weights, x))


def test_hard_top_k_takes_the_best_scores_in_order_and_ties_go_to_the_lowest_index() -> None:
    module = redrawn(HardTopK(6, 3))
    x = tokens(2, 8, 6)
    scores = [
        [float(module.scale) * linear(gelu(linear(layer_norm(r, module.norm), module.hidden)),
         module.out)[0] for r in picture]
        for picture in x.tolist()
    ]  # fmt: skip
    slim, weights = module(x)
    for picture, row in enumerate(scores):
        best = sorted(sorted(range(8), key=lambda n: -row[n])[:3])
        assert weights[picture].argmax(dim=1).tolist() == best
        assert torch.equal(slim[picture], x[picture, best])
    same = x[:1, :1].expand(1, 8, 6)
    assert module(same)[1][0].argmax(dim=1).tolist() == [0, 1, 2]


def test_reverse_is_the_formula_written_out() -> None:
    module = redrawn(ReverseSlimming(6, 3, 5))
    x = tokens(1, 3, 6)
    rows = [layer_norm(r, module.norm_tokens) for r in x[0].tolist()]
    columns = [[row[c] for row in rows] for c in range(6)]
    mixed = [
        linear(gelu(linear(col, module.mix_tokens[0])), module.mix_tokens[2]) for col in columns
    ]
    y = [[mixed[c][n] for c in range(6)] for n in range(5)]
    right, without = [], []
    for row in y:
        branch = linear(
            gelu(linear(layer_norm(row, module.norm_channels), module.mix_channels[0])),
            module.mix_channels[2],
        )
        right.append([a + b for a, b in zip(row, branch, strict=True)])
        without.append(branch)
    found = module(x)[0]
    torch.testing.assert_close(
        found, torch.tensor(right, dtype=torch.float64), rtol=1e-9, atol=1e-8
    )
    assert float((found - torch.tensor(without, dtype=torch.float64)).abs().max()) > 0.1


def test_the_published_placements() -> None:
    after = {"sit-t": (1, 2, 3), "sit-xs": (1, 2, 3), "sit-s": (9, 12, 14), "sit-m": (10, 14, 17),
             "sit-l": (10, 14, 17), "deit": (3, 6, 9)}  # fmt: skip
    assert {name: plan.after for name, plan in PLACEMENTS.items()} == after
    assert PLACEMENTS["sit-s"].tokens(196) == (196, 98, 49, 24)
    assert PLACEMENTS["sit-l"].tokens(324) == (324, 162, 81, 40)
    assert plan_named("deit", [0.7]).tokens(196) == (196, 137, 96, 67)
    assert plan_named([2, 2, 2]) == SlimmingPlan((2, 2, 2), (0.5, 0.5))
    expected = {2: (1, 1), 3: (1, 1, 1), 6: (2, 2, 2), 9: (3, 3, 3), 11: (3, 4, 4), 12: (4, 4, 4)}
    assert {depth: even_stages(depth) for depth in expected} == expected
    # 0.1 * 0.7 * 10 ends just below 0.7 and 0.29 * 100 just below 29.
    assert SlimmingPlan((1, 1), (0.29,)).tokens(100) == (100, 29)


@pytest.mark.parametrize(
    ("stages", "ratios"),
    [((4,), ()), ((2, 0), (0.5,)), ((2, 2), (0.5, 0.5)), ((2, 2), (0.0,)), ((2, 2), (1.5,)),
     ((2, 2), (float("nan"),))],
)  # fmt: skip
def test_what_makes_no_plan_is_refused(stages, ratios) -> None:
    with pytest.raises(SettingError):
        SlimmingPlan(stages, ratios)


def test_a_plan_must_fit_its_teacher(teacher) -> None:
    with pytest.raises(SettingError, match="add up to 4"):
        SlimmedTransformer(teacher, SlimmingPlan((2, 1), (0.5,)))
    with pytest.raises(SettingError, match="no token"):
        SlimmedTransformer(teacher, SlimmingPlan((2, 2), (0.05,)))
    with pytest.raises(SettingError, match="no placement 'sit-q'"):
        plan_named("sit-q")


def test_only_plain_transformers_are_slimmed() -> None:
    from trace_zoo import small_drop

    swin = small_drop(windowed=True).pair.target
    with pytest.raises(UnsupportedModelError, match="plain vision transformer"):
        SlimmedTransformer(swin, PLAN)


@pytest.mark.parametrize("variant", list(VARIANTS))
def test_hard_permutations_give_the_teacher_back(variant) -> None:
    teacher = small_teacher(variant, side=16)  # 4 patches, 12 hidden units
    teacher.module.double()
    pixels = pictures(1, 16).double()
    expected = teacher.module(pixels)
    student = SlimmedTransformer(teacher, SlimmingPlan((1, 2, 1), (1.0, 1.0)))
    make_permuting(student, pixels, [[2, 0, 3, 1], [1, 0, 2, 3]])
    scale = float(expected.detach().abs().max())
    assert float((student(pixels) - expected).detach().abs().max()) < 1e-9 * scale
    # Twin: one token twice, another one lost.
    make_permuting(student, pixels, [[2, 2, 3, 1], [1, 0, 2, 3]])
    assert float((student(pixels) - expected).detach().abs().max()) > 1e-3 * scale


def test_a_student_starts_with_its_teachers_weights_and_leaves_them_alone(teacher) -> None:
    before = copy.deepcopy(teacher.module.state_dict())
    student = SlimmedTransformer(teacher, PLAN)
    own = student.body.state_dict()
    assert all(torch.equal(own[key], value) for key, value in before.items())
    with torch.no_grad():
        for weight in student.parameters():
            weight.add_(1.0)
    after = teacher.module.state_dict()
    assert all(torch.equal(after[key], value) for key, value in before.items())


def test_seeds_decide_the_modules_and_torchs_own_draws_stay(teacher) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one, two = (SlimmedTransformer(teacher, PLAN, seed=seed) for seed in (0, 1))
    Reverse(one, 24)
    assert torch.equal(torch.rand(3), expected)
    again = SlimmedTransformer(teacher, PLAN, seed=0)
    weight = "slimmers.0.out.weight"
    assert torch.equal(one.state_dict()[weight], again.state_dict()[weight])
    assert not torch.equal(one.state_dict()[weight], two.state_dict()[weight])


@pytest.mark.parametrize("hard", [False, True])
@pytest.mark.parametrize("variant", list(VARIANTS))
def test_macs_are_what_is_counted(variant, hard) -> None:
    teacher = small_teacher(variant)
    student = SlimmedTransformer(teacher, PLAN, hard=hard)
    found = student.macs(teacher.spec)
    meta = copy.deepcopy(student).requires_grad_(requires_grad=False).to("meta")
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        meta(torch.zeros((1, 3, 32, 32), device="meta"))
    assert found.total * 2 == counter.get_total_flops()
    assert found.total < target_macs(teacher.spec, 16).total
    assert found.slimming > 0


def test_weights_compose_to_the_patches(teacher) -> None:
    student = SlimmedTransformer(teacher, PLAN)
    slimmed = Slimmed("s", teacher.spec, student)
    pixels = pictures(2)
    first, second = slimmed.aggregation(pixels, composed=False)
    assert (first.shape, second.shape) == ((2, 8, 16), (2, 4, 8))
    whole = slimmed.aggregation(pixels)
    assert torch.equal(whole[0], first)
    by_hand = torch.zeros(2, 4, 16)
    for k in range(4):
        for n in range(16):
            by_hand[:, k, n] = sum(second[:, k, j] * first[:, j, n] for j in range(8))
    torch.testing.assert_close(whole[1], by_hand)
    torch.testing.assert_close(whole[1].sum(dim=2), torch.ones(2, 4))
    assert compose((first,))[0] is first
    torch.testing.assert_close(slimmed.logits(pixels), student(pixels).detach())
    with pytest.raises(SettingError, match=r"\(B, 3, 32, 32\)"):
        slimmed.logits(pixels[:, :, :16])


def test_the_teachers_tokens_end_in_its_logits(teacher) -> None:
    pixels = pictures(2)
    logits, patches = teacher_tokens(teacher, pixels)
    assert torch.equal(logits, teacher.module(pixels))
    assert [tuple(x.shape) for x in patches] == [(2, 16, 24)] * 4
    hooked: list[torch.Tensor] = []
    handle = teacher.module.blocks[2].register_forward_hook(lambda _m, _a, out: hooked.append(out))
    teacher.module(pixels)
    handle.remove()
    assert torch.equal(patches[2], hooked[0][:, 1:])
