"""Masks drawn, known and random, and their pieces by a flood fill of the tests' own."""

from __future__ import annotations

import numpy as np

from tinydrop.core.tokens import PatchGrid, TokenSelection

__all__ = [
    "CORNERS",
    "SIDES",
    "checkerboard",
    "disc",
    "pieces",
    "random_masks",
    "select",
    "stack",
]

SIDES = [(1, 0), (-1, 0), (0, 1), (0, -1)]
CORNERS = [*SIDES, (1, 1), (1, -1), (-1, 1), (-1, -1)]


def stack(*drawings: str) -> np.ndarray:
    """Return masks drawn as rows of # (kept) and . (dropped), (M, rows, cols) bool."""
    return np.array([[[c == "#" for c in row] for row in d.split()] for d in drawings])


def random_masks(count: int, rows: int, cols: int) -> np.ndarray:
    rng = np.random.default_rng(rows * 100 + cols)
    masks = rng.random((count, rows, cols)) < rng.random((count, 1, 1))
    masks[:, rng.integers(rows), rng.integers(cols)] = True  # at least one patch is kept
    return masks


def select(mask: np.ndarray) -> TokenSelection:
    return TokenSelection.from_mask(PatchGrid(*mask.shape), mask, "drawn")


def disc() -> np.ndarray:
    """Return the 52 patches nearest to the centre of a 14x14 grid."""
    row, col = np.indices((14, 14))
    distance = (row - 6.5) ** 2 + (col - 6.5) ** 2
    mask = distance <= np.sort(distance, axis=None)[51]
    assert mask.sum() == 52
    return mask


def checkerboard() -> np.ndarray:
    return np.indices((14, 14)).sum(axis=0) % 2 == 0


def pieces(cells: np.ndarray, steps: list[tuple[int, int]]) -> list[set[tuple[int, int]]]:
    """Return connected pieces by flood fill, one mask, no library."""
    left, found = {tuple(map(int, cell)) for cell in np.argwhere(cells)}, []
    while left:
        waiting, piece = [left.pop()], set()
        while waiting:
            r, c = waiting.pop()
            piece.add((r, c))
            near = {(r + dr, c + dc) for dr, dc in steps} & left
            left -= near
            waiting.extend(near)
        found.append(piece)
    return found
