"""Frozen, self-validating values for patches: the grid, a map on it, and the set that is kept.

Shape letters used in every docstring of the package: B batch, N patches, P prefix tokens, K kept,
C channels, H heads, D depth. Grids are row-major: ``index = row * cols + col``.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, quoted

Rectangle = tuple[float, float, float, float]
"""left, top, right, bottom."""


@dataclass(frozen=True)
class PatchGrid:
    """A row-major grid of patches.

    Attributes:
        rows: number of patch rows, at least 1.
        cols: number of patch columns, at least 1.

    Raises:
        SettingError: if a side is not a positive whole number.
    """

    rows: int
    cols: int

    def __post_init__(self) -> None:
        for name, value in (("rows", self.rows), ("cols", self.cols)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise SettingError(
                    f"A patch grid needs a whole number of {name} of at least 1, got "
                    f"{quoted(value)}."
                )

    @property
    def num_patches(self) -> int:
        """N, the number of patches."""
        return self.rows * self.cols

    def index(self, row: int, col: int) -> int:
        """Return the row-major index of the patch at (row, col); SettingError if outside."""
        if not (0 <= row < self.rows and 0 <= col < self.cols):
            raise SettingError(
                f"Patch ({row}, {col}) is outside the {self.rows}x{self.cols} grid; "
                f"rows run from 0 to {self.rows - 1}, columns from 0 to {self.cols - 1}."
            )
        return row * self.cols + col

    def position(self, index: int) -> tuple[int, int]:
        """Return (row, col) of a row-major index; SettingError if outside."""
        if not 0 <= index < self.num_patches:
            raise SettingError(
                f"Patch {index} is outside the {self.rows}x{self.cols} grid; "
                f"patches run from 0 to {self.num_patches - 1}."
            )
        return divmod(index, self.cols)

    def rectangle(self, index: int) -> Rectangle:
        """Return the patch's rectangle as fractions (0 to 1) of the view it covers."""
        row, col = self.position(index)
        return (
            col / self.cols,
            row / self.rows,
            (col + 1) / self.cols,
            (row + 1) / self.rows,
        )

    def patch_at(self, x: float, y: float) -> int | None:
        """Return the patch under a point given as fractions of the view, or None outside it.

        A patch owns its left and top edge, exactly as ``rectangle`` gives them.
        """
        if not (0.0 <= x < 1.0 and 0.0 <= y < 1.0):
            return None
        # int(x * cols) would put the left edge of patch 1 of 49 into patch 0: 1/49*49 < 1.
        row = bisect_right(range(1, self.rows), y, key=lambda edge: edge / self.rows)
        col = bisect_right(range(1, self.cols), x, key=lambda edge: edge / self.cols)
        return row * self.cols + col

    def coverage(self, rectangle: Rectangle) -> npt.NDArray[np.float64]:
        """Return the share (0 to 1) of every patch that a rectangle covers, (rows, cols) float64.

        Args:
            rectangle: in fractions of the view; what lies outside the view covers nothing.
        """
        left, top, right, bottom = rectangle
        shares = []
        for count, low, high in ((self.rows, top, bottom), (self.cols, left, right)):
            edges = np.arange(count + 1, dtype=np.float64)
            inside = np.minimum(edges[1:], high * count) - np.maximum(edges[:-1], low * count)
            shares.append(np.clip(inside, 0.0, 1.0))
        covered: npt.NDArray[np.float64] = shares[0][:, None] * shares[1]
        return covered


@dataclass(frozen=True, eq=False)
class Saliency:
    """A raw, signed saliency map; a larger value means more important.

    Attributes:
        values: (rows, cols) float32, read-only; may be flat or not finite, see ``problem``.
        method: the name of the method that made it, for example ``gradcam``.
        layer: the name of the guidance layer it was read from.

    Raises:
        SettingError: if ``values`` is not two-dimensional or is empty.
    """

    values: npt.NDArray[np.float32]
    method: str
    layer: str

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.float32)
        if values.ndim != 2 or values.size == 0:
            raise SettingError(f"A saliency map has shape (rows, cols), got {values.shape}.")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    @property
    def grid(self) -> PatchGrid:
        """The grid that the map lies on."""
        rows, cols = self.values.shape
        return PatchGrid(rows, cols)

    @property
    def problem(self) -> str | None:
        """Why the map must not be ranked, in words; None for a usable map.

        Flat means that the spread is within float32 rounding of the largest magnitude.
        """
        if not np.isfinite(self.values).all():
            return "the saliency map holds values that are not finite"
        low, high = float(self.values.min()), float(self.values.max())
        largest = max(abs(low), abs(high))
        if largest == 0.0:
            return "the saliency map is zero everywhere"
        if high - low <= 8 * float(np.finfo(np.float32).eps) * largest:
            return "the saliency map is flat"
        return None

    def normalised(self) -> npt.NDArray[np.float32]:
        """Return the map min-max scaled to [0, 1], (rows, cols) float32; all zeros if unusable."""
        if self.problem is not None:
            return np.zeros(self.values.shape, dtype=np.float32)
        low, high = float(self.values.min()), float(self.values.max())
        return ((self.values.astype(np.float64) - low) / (high - low)).astype(np.float32)


@dataclass(frozen=True, eq=False)
class TokenSelection:
    """The set of patches that the target sees; prefix tokens are not listed and always kept.

    Attributes:
        grid: the target's patch grid.
        keep_indices: (K,) int64, sorted, unique, read-only; 1 <= K <= N.
        selector: who chose them, for example ``gradcam`` or ``random``.

    Raises:
        SettingError: if the indices are empty, repeated, unsorted or outside the grid.
    """

    grid: PatchGrid
    keep_indices: npt.NDArray[np.int64]
    selector: str

    def __post_init__(self) -> None:
        given = np.asarray(self.keep_indices)
        if given.ndim != 1 or given.size == 0:
            raise SettingError(
                f"A selection keeps at least one patch as a flat list of indices, "
                f"got shape {given.shape}."
            )
        if not np.issubdtype(given.dtype, np.integer):
            raise SettingError(
                f"Kept patches are whole numbers, got {given.dtype}; use from_mask for a mask."
            )
        indices = np.array(given, dtype=np.int64)
        if indices.min() < 0 or indices.max() >= self.grid.num_patches:
            raise SettingError(
                f"Kept patches must lie between 0 and {self.grid.num_patches - 1}, "
                f"got {int(indices.min())} to {int(indices.max())}."
            )
        if (np.diff(indices) <= 0).any():
            raise SettingError("Kept patches must be sorted and unique.")
        indices.setflags(write=False)
        object.__setattr__(self, "keep_indices", indices)

    @classmethod
    def from_mask(
        cls, grid: PatchGrid, mask: npt.NDArray[np.bool_], selector: str
    ) -> TokenSelection:
        """Return the selection of the True cells of ``mask``, (N,) or (rows, cols) bool.

        Raises:
            SettingError: if the mask has another shape (a transposed one too) or no True cell.
        """
        if mask.shape not in {(grid.num_patches,), (grid.rows, grid.cols)}:
            raise SettingError(
                f"A mask for a {grid.rows}x{grid.cols} grid has shape ({grid.num_patches},) or "
                f"({grid.rows}, {grid.cols}), got {mask.shape}."
            )
        return cls(grid, np.flatnonzero(mask.reshape(-1)), selector)

    @classmethod
    def everything(cls, grid: PatchGrid, selector: str) -> TokenSelection:
        """Return the selection that keeps every patch."""
        return cls(grid, np.arange(grid.num_patches, dtype=np.int64), selector)

    @property
    def num_keep(self) -> int:
        """K, the number of kept patches."""
        return int(self.keep_indices.size)

    @property
    def token_mask(self) -> npt.NDArray[np.bool_]:
        """(N,) bool, True = kept."""
        mask = np.zeros(self.grid.num_patches, dtype=np.bool_)
        mask[self.keep_indices] = True
        return mask

    def forced(self, toggled: Iterable[int]) -> TokenSelection:
        """Return the selection with each listed patch toggled: kept becomes dropped and back.

        Raises:
            SettingError: if a patch is outside the grid or nothing would be left.
        """
        mask = self.token_mask
        for index in toggled:
            self.grid.position(index)
            mask[index] = not mask[index]
        if not mask.any():
            raise SettingError("The target needs at least one patch; keep one of them.")
        return TokenSelection.from_mask(self.grid, mask, self.selector)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, TokenSelection)
            and self.grid == other.grid
            and np.array_equal(self.keep_indices, other.keep_indices)
        )

    def __hash__(self) -> int:
        return hash((self.grid, self.keep_indices.tobytes()))


def covered_patches(coverage: npt.NDArray[np.float64]) -> npt.NDArray[np.bool_]:
    """Return which patches belong to what covers them, bool of the same shape.

    A patch belongs to it from one half on. Where no patch is covered so far, those that are covered
    most belong to it, so that an object smaller than a patch has one; where nothing is covered,
    none does.

    Args:
        coverage: shares as ``PatchGrid.coverage`` gives them, any shape.
    """
    most = float(coverage.max(initial=0.0))
    if most <= 0.0:
        return np.zeros(coverage.shape, dtype=np.bool_)
    # A hair below, since an edge that is exactly a half may come out a few bits smaller.
    return np.asarray(coverage >= min(0.5, most) * (1.0 - 1e-9))


def mask_outline(mask: npt.NDArray[np.bool_]) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Return the borders of the True cells as closed loops of (col, row) grid corners.

    Each loop runs with the kept cells on its right, corners only, without repeating the start;
    holes come as loops of their own. Cells that touch at a corner alone get separate loops.

    Args:
        mask: (rows, cols) bool, True = inside.
    """
    if mask.ndim != 2:
        raise SettingError(f"An outline needs a (rows, cols) mask, got shape {mask.shape}.")
    ahead: dict[tuple[int, int], list[tuple[int, int]]] = {}

    def add(start: tuple[int, int], end: tuple[int, int]) -> None:
        ahead.setdefault(start, []).append(end)

    padded = np.pad(mask, 1)
    for row, col in zip(*np.nonzero(mask), strict=True):
        r, c = int(row), int(col)
        if not padded[r, c + 1]:
            add((c, r), (c + 1, r))
        if not padded[r + 1, c + 2]:
            add((c + 1, r), (c + 1, r + 1))
        if not padded[r + 2, c + 1]:
            add((c + 1, r + 1), (c, r + 1))
        if not padded[r + 1, c]:
            add((c, r + 1), (c, r))

    loops = []
    while ahead:
        start = min(ahead)
        loop = [start]
        current = ahead[start].pop()
        if not ahead[start]:
            del ahead[start]
        previous = start
        while current != start:
            options = ahead[current]
            # At a corner shared by two diagonal cells, turn right: it stays on the same cell.
            dx, dy = current[0] - previous[0], current[1] - previous[1]
            right = (current[0] - dy, current[1] + dx)
            following = right if right in options else options[0]
            options.remove(following)
            if not options:
                del ahead[current]
            loop.append(current)
            previous, current = current, following
        corners = tuple(
            corner
            for before, corner, after in zip(
                loop[-1:] + loop[:-1], loop, loop[1:] + loop[:1], strict=True
            )
            if not (before[0] == corner[0] == after[0] or before[1] == corner[1] == after[1])
        )
        loops.append(corners)
    return tuple(loops)
