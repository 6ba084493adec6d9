"""Pointing game and energy in the box, on hand-made maps and by counting pixels."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest

from tinydrop.core.errors import SettingError
from tinydrop.core.tokens import PatchGrid, covered_patches
from tinydrop.studies.quality import (
    centre_cells,
    centre_prior,
    energy_in_box,
    expected_energy,
    expected_hit,
    object_order,
    pointing_game,
)

GRID = PatchGrid(3, 4)


def coverage(box: tuple[float, float, float, float], grid: PatchGrid = GRID) -> np.ndarray:
    return grid.coverage(box).reshape(1, -1)


def one_hot(*patches: int) -> np.ndarray:
    values = np.full((1, 12), -1.0)
    values[0, list(patches)] = 2.0
    return values


def test_the_largest_value_is_in_the_box_or_not() -> None:
    box = coverage((0.25, 1 / 3, 0.75, 1.0))  # columns 1 and 2 of rows 1 and 2
    inside = [5, 6, 9, 10]
    for patch in range(12):
        assert pointing_game(one_hot(patch), box)[0] == (patch in inside)
    assert expected_hit(box)[0] == pytest.approx(4 / 12)


def test_tied_largest_values_count_by_their_share() -> None:
    box = coverage((0.25, 1 / 3, 0.75, 1.0))
    assert pointing_game(one_hot(5, 6, 0), box)[0] == pytest.approx(2 / 3)
    assert pointing_game(np.zeros((1, 12)), box)[0] == pytest.approx(4 / 12)


def test_somebody_who_knows_the_box_starts_in_it_and_goes_outwards() -> None:
    # Columns 1 and 2 of rows 1 and 2 wholly: the middle lies between these four.
    whole = coverage((0.25, 1 / 3, 0.75, 1.0))[0]
    order = object_order(GRID, whole).tolist()
    assert order[:4] == [5, 6, 9, 10]
    assert sorted(order) == list(range(12))
    far = [(p // 4 - 1.5) ** 2 + (p % 4 - 1.5) ** 2 for p in order[4:]]
    assert far == sorted(far)
    # Patch 5 wholly, 6 by a half: more of the box comes first, whatever lies nearer.
    assert object_order(GRID, coverage((0.25, 1 / 3, 0.625, 2 / 3))[0]).tolist()[:2] == [5, 6]
    for nothing in (np.zeros(12), np.ones(9)):
        with pytest.raises(SettingError, match="needs a box that covers something"):
            object_order(GRID, nothing)


def test_energy_of_a_hand_made_map_by_its_formula() -> None:
    # The box covers patch 5 wholly, a half of 6 and nothing else; negative mass does not count.
    box = coverage((0.25, 1 / 3, 0.625, 2 / 3))
    values = np.full((1, 12), -5.0)
    values[0, [0, 5, 6]] = 1.0, 2.0, 3.0
    assert energy_in_box(values, box)[0] == pytest.approx((2.0 + 0.5 * 3.0) / 6.0)


def test_energy_equals_counted_pixels() -> None:
    rng = np.random.default_rng(0)
    fine, other = 60, []
    for _ in range(20):
        values = rng.normal(size=(GRID.rows, GRID.cols))
        x, y = (np.sort(rng.integers(0, fine * 12 + 1, 2)) / (fine * 12) for _ in range(2))
        box = (x[0], y[0], x[1], y[1])
        pixels = np.kron(np.maximum(values, 0), np.ones((fine * 4, fine * 3)))  # 720 x 720
        inside = np.zeros_like(pixels, dtype=bool)
        inside[round(y[0] * 720) : round(y[1] * 720), round(x[0] * 720) : round(x[1] * 720)] = True
        known = pixels[inside].sum() / pixels.sum()
        flat = values.reshape(1, -1)
        if inside.any():
            assert energy_in_box(flat, coverage(box))[0] == pytest.approx(known, abs=1e-9)
            # The negative twin: min-max instead of ReLU spreads mass over the whole picture.
            scaled = (flat - flat.min()) / (flat.max() - flat.min())
            other.append(abs(energy_in_box(scaled, coverage(box))[0] - known))
    assert max(other) > 0.1


def test_baselines_are_exact_means_over_all_shuffles() -> None:
    grid = PatchGrid(2, 3)
    box = grid.coverage((0.1, 0.0, 0.8, 0.7)).reshape(1, -1)
    values = np.array([0.0, 0.5, 1.0, -2.0, 4.0, 3.0])
    shuffled = np.array(list(permutations(values)))
    boxes = np.broadcast_to(box, shuffled.shape)
    assert pointing_game(shuffled, boxes).mean() == pytest.approx(expected_hit(box)[0])
    assert energy_in_box(shuffled, boxes).mean() == pytest.approx(expected_energy(box)[0])
    uniform = np.ones((1, 6))
    assert pointing_game(uniform, box)[0] == pytest.approx(expected_hit(box)[0])
    assert energy_in_box(uniform, box)[0] == pytest.approx(expected_energy(box)[0])
    assert expected_energy(box)[0] == pytest.approx(0.7 * 0.7)
    assert expected_hit(box)[0] == covered_patches(box).mean()


def test_a_box_smaller_than_a_patch_can_be_hit() -> None:
    box = coverage((0.3, 0.4, 0.35, 0.45))  # inside patch 5
    assert pointing_game(one_hot(5), box)[0] == 1.0
    assert pointing_game(one_hot(6), box)[0] == 0.0
    assert energy_in_box(one_hot(5), box)[0] == pytest.approx(0.05 * 0.05 * 12)


def test_what_has_no_meaning_is_no_number() -> None:
    unseen = np.zeros((1, 12))
    box = coverage((0.0, 0.0, 0.5, 0.5))
    for found in (
        pointing_game(one_hot(1), unseen),
        energy_in_box(one_hot(1), unseen),
        expected_hit(unseen),
        expected_energy(unseen),
        energy_in_box(np.full((1, 12), -1.0), box),
    ):
        assert np.isnan(found).all()
    with pytest.raises(SettingError, match="one shape"):
        pointing_game(np.ones((1, 12)), np.ones((1, 6)))
    with pytest.raises(SettingError, match="finite"):
        energy_in_box(np.full((1, 12), np.nan), box)


@pytest.mark.parametrize(
    ("rows", "cols", "middle"), [(3, 3, [4]), (4, 4, [5, 6, 9, 10]), (3, 4, [5, 6]), (1, 1, [0])]
)
def test_the_centre(rows: int, cols: int, middle: list[int]) -> None:
    grid = PatchGrid(rows, cols)
    assert np.flatnonzero(centre_cells(grid)).tolist() == middle
    prior = centre_prior(grid).reshape(rows, cols)
    assert np.flatnonzero(prior.reshape(-1) == prior.max()).tolist() == middle
    for turned in (prior[::-1], prior[:, ::-1]):
        assert (prior == turned).all()  # bit for bit, so that ties are ties


def test_the_centre_prior_is_the_gaussian_it_says() -> None:
    prior = centre_prior(PatchGrid(7, 7)).reshape(7, 7)
    distance = (6 / 7 + 0.5 / 7 - 0.5) ** 2 + (2 / 7 + 0.5 / 7 - 0.5) ** 2
    assert prior[6, 2] == pytest.approx(np.exp(-distance / (2 * 0.25**2)))
