"""The loss of a slimmed student against sums written out, and where its gradients go."""

from __future__ import annotations

import math

import pytest
import torch
from slim_zoo import CLASSES, pictures, small_teacher

from tinydrop.core.errors import SettingError
from tinydrop.models.slimming import (
    FrdWeights,
    Reverse,
    SlimmedTransformer,
    SlimmingPlan,
    recalibration_loss,
    teacher_tokens,
    token_distance,
)

PLAN = SlimmingPlan((2, 1, 1), (0.5, 0.5))


def log_softmax(row: list[float]) -> list[float]:
    top = max(row)
    total = math.log(sum(math.exp(v - top) for v in row)) + top
    return [v - total for v in row]


def by_hand(student, labels, teacher, token, weights, *, forward: bool = True) -> float:
    """The loss from lists; ``forward=False`` takes KL(student || teacher)."""
    batch = len(labels)
    soft = weights.temperature
    cross = divergence = 0.0
    for mine, theirs, label in zip(student, teacher, labels, strict=True):
        cross -= log_softmax(mine)[label]
        p = log_softmax([v / soft for v in theirs])
        q = log_softmax([v / soft for v in mine])
        if not forward:
            p, q = q, p
        divergence += sum(math.exp(a) * (a - b) for a, b in zip(p, q, strict=True))
    return cross / batch + weights.token * token + weights.logit * soft**2 * divergence / batch


def test_the_loss_is_the_formula_written_out() -> None:
    generator = torch.Generator().manual_seed(0)
    student, teacher = (torch.randn((3, 5), generator=generator).double() * 2 for _ in range(2))
    labels = torch.tensor([0, 4, 2])
    for weights in (FrdWeights(), FrdWeights(0.5, 3.0, 2.5)):
        found = recalibration_loss(
            student, labels, teacher, torch.tensor(0.7, dtype=torch.float64), weights
        )
        lists = (student.tolist(), labels.tolist(), teacher.tolist(), 0.7, weights)
        assert float(found.total) == pytest.approx(by_hand(*lists), rel=1e-12)
        assert abs(float(found.total) - by_hand(*lists, forward=False)) > 0.05
    assert (FrdWeights().token, FrdWeights().logit, FrdWeights().temperature) == (2.0, 2.0, 1.0)


def test_token_distance_is_the_mean_over_blocks_of_patch_tokens_alone() -> None:
    teacher = small_teacher("registers")
    student = SlimmedTransformer(teacher, PLAN)
    reverse = Reverse(student, 24)
    pixels = pictures(2)
    with torch.no_grad():
        # Only the prefix tokens leave what the teacher has: their distance must not count.
        student.body.cls_token += 3.0
        run = student.run(pixels)
        recovered = reverse(run.patches)
        _, wanted = teacher_tokens(teacher, pixels)
    assert [tuple(x.shape) for x in recovered] == [(2, 16, 24)] * 4
    assert recovered[0] is run.patches[0]  # before the first slimmed block nothing is reversed
    sums = []
    for mine, theirs in zip(recovered, wanted, strict=True):
        total = 0.0
        for a, b in zip(mine.flatten().tolist(), theirs.flatten().tolist(), strict=True):
            total += (a - b) ** 2
        sums.append(total / mine.numel())
    assert float(token_distance(recovered, wanted)) == pytest.approx(sum(sums) / 4, rel=1e-5)
    # Without reverse modules only the first block can be compared.
    partial = [recovered[0], None, None, None]
    assert float(token_distance(partial, wanted)) == pytest.approx(sums[0], rel=1e-5)


def test_the_prefix_does_not_count_in_the_first_block() -> None:
    """Twin of the above: with the prefix tokens in it, the distance would be another."""
    teacher = small_teacher("registers", depth=2)
    student = SlimmedTransformer(teacher, SlimmingPlan((1, 1), (0.5,)))
    hooked: list[torch.Tensor] = []
    handle = student.body.blocks[0].register_forward_hook(lambda _m, _a, out: hooked.append(out))
    with torch.no_grad():
        student.body.cls_token += 3.0
        run = student.run(pictures(1))
    handle.remove()
    prefix = teacher.spec.num_prefix_tokens
    assert prefix == 3
    assert run.patches[0].shape[1] == 8
    slim = student.slimmers[0](hooked[0][:, prefix:])[0]
    assert torch.equal(run.patches[0], slim.detach())
    assert not torch.allclose(slim, student.slimmers[0](hooked[0])[0], atol=1e-2)


def test_what_cannot_be_compared_is_refused() -> None:
    x = torch.zeros(2, 4, 3)
    with pytest.raises(SettingError, match="same blocks"):
        token_distance([x], [x, x])
    with pytest.raises(SettingError, match="one by one"):
        token_distance([x[:, :1]], [x])  # would broadcast
    with pytest.raises(SettingError, match="No block"):
        token_distance([None], [x])
    with pytest.raises(SettingError, match="temperature"):
        FrdWeights(temperature=0.0)


@pytest.mark.parametrize("hard", [False, True])
def test_gradients_reach_every_trainable_parameter(hard) -> None:
    teacher = small_teacher()
    student = SlimmedTransformer(teacher, PLAN, hard=hard)
    reverse = Reverse(student, 24)
    pixels, labels = pictures(4), torch.tensor([0, 1, 2, 3])
    logits, wanted = teacher_tokens(teacher, pixels)
    run = student.run(pixels)
    loss = recalibration_loss(
        run.logits, labels, logits, token_distance(reverse(run.patches), wanted), FrdWeights()
    )
    loss.total.backward()
    still = [
        name
        for part in (student, reverse)
        for name, weight in part.named_parameters()
        if weight.grad is None or not bool(weight.grad.abs().sum() > 0)
    ]
    assert still == []
    assert all(weight.grad is None for weight in teacher.module.parameters())
    assert run.logits.shape == (4, CLASSES)


def test_gradients_of_a_slimming_module_are_those_of_differences() -> None:
    from tinydrop.models.slimming import ReverseSlimming, TokenSlimming

    generator = torch.Generator().manual_seed(2)
    x = torch.randn((1, 5, 4), generator=generator, dtype=torch.float64, requires_grad=True)
    for module in (TokenSlimming(4, 2).double(), ReverseSlimming(4, 5, 6).double()):
        assert torch.autograd.gradcheck(
            lambda t, part=module: part(t)[0] if isinstance(part, TokenSlimming) else part(t), (x,)
        )
