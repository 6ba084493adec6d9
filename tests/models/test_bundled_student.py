"""The slimmed student that is shipped belongs to the shipped pair and is what its card says."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from trace_zoo import one_thread

from tinydrop.data.view import View, open_picture
from tinydrop.models.macs import target_macs
from tinydrop.models.pairs import bundled_students, load_pair, load_slimmed, read_student_card
from tinydrop.models.slimming import SlimmedTransformer

SAMPLES = Path(__file__).resolve().parents[2] / "assets" / "samples"


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    with one_thread():
        yield


@pytest.fixture(scope="module")
def pair():
    return load_pair("bundled")


@pytest.fixture(scope="module")
def student():
    return load_slimmed(bundled_students()[0])


def test_the_card_tells_its_pair_its_cost_and_its_terms(pair, student) -> None:
    card = read_student_card(bundled_students()[0])
    assert card.teacher == {"pair": "bundled", "digest": pair.digest}
    assert card.classes == pair.classes
    measured = card.info["measured"]
    spec = pair.target.spec
    assert measured["student"]["macs"] == student.macs
    assert measured["teacher"]["macs"] == target_macs(spec, spec.grid.num_patches).total
    assert measured["pictures"] == pair.info["measured"]["pictures"]
    assert measured["teacher"]["top1"] == pytest.approx(
        pair.info["measured"]["target"]["top1"], abs=5e-4
    )
    assert "research use" in card.info["data_licence"]
    assert sum(file.stat().st_size for file in bundled_students()[0].iterdir()) <= 9_000_000


def test_on_the_photographs_it_mostly_says_what_its_teacher_says(pair, student) -> None:
    photographs = sorted(SAMPLES.glob("*.jpg"))
    spec = pair.target.spec.input
    pixels = []
    for path in photographs:
        picture = open_picture(path)
        pixels.append(torch.from_numpy(View(picture.size, spec).pixels(picture, spec)))
    batch = torch.stack(pixels)
    teacher = pair.target.logits(batch).softmax(dim=1)
    # Twin: the teacher's weights with slimming modules that were never trained.
    fresh = SlimmedTransformer(pair.target, student.spec.plan, seed=1)
    with torch.no_grad():
        untrained = fresh(batch).softmax(dim=1)
    trained = student.logits(batch).softmax(dim=1)
    apart = (trained - teacher).abs().sum(dim=1).mean()
    far = (untrained - teacher).abs().sum(dim=1).mean()
    assert float(apart) < 0.5 * float(far)
    for weights in student.aggregation(batch[:2]):
        torch.testing.assert_close(weights.sum(dim=2), torch.ones(weights.shape[:2]))
        assert weights.shape[2] == pair.target.spec.grid.num_patches
