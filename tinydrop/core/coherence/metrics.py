"""Measures of a kept set's shape, and of how values lie on the grid; each over a stack at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from tinydrop.core.errors import SettingError, quoted

Masks = npt.NDArray[np.bool_]
"""(M, rows, cols) bool, True = kept; every mask keeps at least one patch."""
Maps = npt.NDArray[np.floating]
"""(M, rows, cols), any finite values."""
Values = npt.NDArray[np.float64]
"""(M,) float64, one value per mask; NaN where the measure has no meaning."""

# Masks lie along the first axis, which nothing connects.
_NEIGHBOURS = {
    4: np.stack([np.zeros((3, 3)), ndimage.generate_binary_structure(2, 1), np.zeros((3, 3))]),
    8: np.stack([np.zeros((3, 3)), np.ones((3, 3)), np.zeros((3, 3))]),
}


def _label(cells: Masks, connectivity: int) -> tuple[npt.NDArray[np.int64], int]:
    """Return pieces numbered from 1 over the whole stack, (M, rows, cols), and their number."""
    if connectivity not in _NEIGHBOURS:
        raise SettingError(f"Patches connect to 4 or to 8 neighbours, got {quoted(connectivity)}.")
    labels, count = ndimage.label(cells, _NEIGHBOURS[connectivity])
    return labels.astype(np.int64), int(count)


def _mask_of_label(labels: npt.NDArray[np.int64], count: int) -> npt.NDArray[np.int64]:
    """Return the mask that each piece lies in, (count + 1,) int64; entry 0 means nothing."""
    owner = np.zeros(count + 1, dtype=np.int64)
    owner[labels] = np.arange(len(labels))[:, None, None]
    return owner


def component_count(masks: Masks, connectivity: int = 8) -> Values:
    """Return the number of connected pieces of kept patches; corners connect unless told 4.

    Args:
        masks: (M, rows, cols) bool.
        connectivity: 8 counts patches that touch at a corner as one piece, 4 does not.

    Returns:
        (M,) float64.
    """
    labels, count = _label(masks, connectivity)
    return np.bincount(_mask_of_label(labels, count)[1:], minlength=len(masks)).astype(np.float64)


def largest_component_share(masks: Masks, connectivity: int = 8) -> Values:
    """Return the share (0 to 1) of the kept patches that lie in the largest piece, (M,) float64.

    Args:
        masks: (M, rows, cols) bool.
        connectivity: as in ``component_count``.
    """
    labels, count = _label(masks, connectivity)
    sizes = np.bincount(labels.reshape(-1), minlength=count + 1)
    largest = np.zeros(len(masks), dtype=np.int64)
    np.maximum.at(largest, _mask_of_label(labels, count)[1:], sizes[1:])
    share: Values = largest / masks.sum(axis=(1, 2))
    return share


def hole_count(masks: Masks) -> Values:
    """Return the number of holes: pieces of dropped patches shut in by kept ones, (M,) float64.

    Dropped patches connect through sides alone (4), the counterpart of kept patches that connect
    through corners (8); a piece that reaches the edge of the grid is no hole.
    """
    labels, count = _label(~masks, 4)
    open_piece = np.zeros(count + 1, dtype=np.bool_)
    for edge in (labels[:, 0], labels[:, -1], labels[:, :, 0], labels[:, :, -1]):
        open_piece[edge] = True
    owner = _mask_of_label(labels, count)[1:]
    return np.bincount(owner[~open_piece[1:]], minlength=len(masks)).astype(np.float64)


def morans_i(grids: Masks | Maps) -> Values:
    """Return Moran's I with rook neighbours, (M,) float64.

    1 is one solid block's limit, -1 a checkerboard, -1/(N-1) what chance gives; NaN where all
    values are equal (every patch kept, a flat map) or there is one patch. Source: P. A. P. Moran,
    Biometrika 37 (1950) 17-23; binary symmetric weights, not row-standardised.

    Args:
        grids: (M, rows, cols), kept (1) and dropped (0), or any values.
    """
    deviation, variance, pairs = _deviations(grids)
    products = (deviation[:, 1:] * deviation[:, :-1]).sum(axis=(1, 2))
    products += (deviation[:, :, 1:] * deviation[:, :, :-1]).sum(axis=(1, 2))
    # Each pair counts twice in the sum and twice in the weights.
    return _ratio(products, pairs * variance)


def gearys_c(grids: Masks | Maps) -> Values:
    """Return Geary's C with rook neighbours, (M,) float64.

    0 is where neighbours are equal, 1 what chance gives, above 1 where they differ; NaN as for
    ``morans_i``. Unlike it, C looks at differences alone, so that a step weighs the same wherever
    the mean lies. Source: R. C. Geary, The Incorporated Statistician 5 (1954) 115-146; the same
    weights.

    Args:
        grids: (M, rows, cols), kept (1) and dropped (0), or any values.
    """
    deviation, variance, pairs = _deviations(grids)
    squares = (np.diff(deviation, axis=1) ** 2).sum(axis=(1, 2))
    squares += (np.diff(deviation, axis=2) ** 2).sum(axis=(1, 2))
    cells = deviation[0].size if len(deviation) else 1
    # (N - 1) / 2W with the sum of squares N * variance below; W counts each pair twice, as does
    # the sum above.
    return _ratio((cells - 1) * squares, 2 * pairs * cells * variance)


def _deviations(grids: Masks | Maps) -> tuple[Maps, Values, int]:
    """Return deviations from the mean, their mean square, and the number of pairs of neighbours."""
    values = np.asarray(grids, dtype=np.float64)
    deviation = values - values.mean(axis=(1, 2), keepdims=True)
    _, rows, cols = values.shape
    return deviation, (deviation**2).mean(axis=(1, 2)), (rows - 1) * cols + rows * (cols - 1)


def _ratio(above: Values, below: Values) -> Values:
    """Return the quotient, NaN where there is nothing below."""
    result = np.full(above.shape, np.nan)
    np.divide(above, below, out=result, where=below > 0)
    return result


def border_share(masks: Masks) -> Values:
    """Return the share (0 to 1) of the kept patches on the outermost ring, (M,) float64."""
    inner = masks[:, 1:-1, 1:-1].sum(axis=(1, 2))
    share: Values = 1.0 - inner / masks.sum(axis=(1, 2))
    return share


def centroid_offset(masks: Masks) -> Values:
    """Return how far the kept patches' centroid lies from the centre, (M,) float64.

    Measured on the unit square, whatever the grid's proportions: 0 in the centre, 1 in a corner.
    """
    _, rows, cols = masks.shape
    kept = masks.sum(axis=(1, 2))
    down = masks.sum(axis=2) @ ((np.arange(rows) + 0.5) / rows - 0.5) / kept
    right = masks.sum(axis=1) @ ((np.arange(cols) + 0.5) / cols - 0.5) / kept
    offset: Values = np.hypot(down, right) / np.hypot(0.5, 0.5)
    return offset


def compactness(masks: Masks) -> Values:
    """Return how compact the kept patches lie, (M,) float64, 0 to 1.

    K^2 / (2 pi I), where I is their moment of inertia about their centroid, in patches: a disc's
    would be K^2 / (2 pi), so 1 is a disc, 3 / pi = 0.955 a square or a single patch, and pieces far
    apart are near 0. It works for any number of pieces and does not mind a ragged edge, unlike
    measures with a perimeter. Source: Li, Goodchild and Church, Int. J. Geogr. Inf. Sci. 27(6)
    (2013) 1227-1250.
    """
    _, rows, cols = masks.shape
    kept = masks.sum(axis=(1, 2))
    inertia = kept / 6.0  # of the patches themselves, unit squares each
    for share, places in (
        (masks.sum(axis=2) / kept[:, None], np.arange(rows)),
        (masks.sum(axis=1) / kept[:, None], np.arange(cols)),
    ):
        offset = places - (share @ places)[:, None]
        inertia += kept * (share * offset**2).sum(axis=1)
    result: Values = kept**2 / (2 * np.pi * inertia)
    return result


def bounding_box_fill(masks: Masks) -> Values:
    """Return the share (0 to 1) that the kept patches fill of their upright box, (M,) float64."""
    area = np.ones(len(masks), dtype=np.int64)
    for axis in (1, 2):
        lines: npt.NDArray[np.bool_] = np.any(masks, axis=3 - axis)  # rows, then columns in use
        area *= lines.shape[1] - lines.argmax(axis=1) - lines[:, ::-1].argmax(axis=1)
    fill: Values = masks.sum(axis=(1, 2)) / area
    return fill


COHERENCE_METRICS: Mapping[str, Callable[[Masks], Values]] = MappingProxyType(
    {
        "components": component_count,
        "components_4": lambda masks: component_count(masks, connectivity=4),
        "largest_component_share": largest_component_share,
        "largest_component_share_4": lambda masks: largest_component_share(masks, connectivity=4),
        "holes": hole_count,
        "morans_i": morans_i,
        "gearys_c": gearys_c,
        "compactness": compactness,
        "bounding_box_fill": bounding_box_fill,
        "border_share": border_share,
        "centroid_offset": centroid_offset,
    }
)
"""Name -> measure. Names without a number connect through corners (8), ``_4`` through sides."""

MAP_METRICS: Mapping[str, Callable[[Maps], Values]] = MappingProxyType(
    {"morans_i": morans_i, "gearys_c": gearys_c}
)
"""Name -> measure of a map's values."""
