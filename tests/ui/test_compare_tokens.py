"""The picture of tokens: alone, joined and dropped patches look as the docstring says."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tinydrop.core.errors import SettingError
from tinydrop.core.tokens import PatchGrid
from tinydrop.ui.compare.tokens import tokens_image

GRID = PatchGrid(2, 3)
# One flat colour per patch: alone 0, joined 1 and 4, dropped 2 and 5, alone 3.
COLOURS = np.array(
    [[[200, 0, 0], [0, 100, 0], [0, 0, 240]], [[90, 90, 90], [0, 200, 100], [60, 60, 60]]], np.uint8
)
CROP = Image.fromarray(COLOURS.repeat(20, axis=0).repeat(20, axis=1))
GROUPS = np.array([0, 2, -1, 1, 2, -1])
RUN = np.array([4, 4, 0, 4, 4, 3])


def middle(picture: Image.Image, row: int, col: int) -> np.ndarray:
    """The commonest colour inside a cell, away from its borders."""
    inside = np.asarray(picture)[row * 20 + 5 : row * 20 + 15, col * 20 + 5 : col * 20 + 15]
    found, counts = np.unique(inside.reshape(-1, 3), axis=0, return_counts=True)
    return found[counts.argmax()].astype(int)


def test_each_kind_of_patch_is_drawn_in_its_way() -> None:
    picture = tokens_image(CROP, GRID, GROUPS, RUN, 4, cell=20)
    assert picture.size == (60, 40)
    assert middle(picture, 0, 0).tolist() == [200, 0, 0]
    assert middle(picture, 1, 0).tolist() == [90, 90, 90]
    # Joined: a fifth of the own colour and the rest of the mean, (0, 150, 50).
    np.testing.assert_allclose(middle(picture, 0, 1), [0, 140, 40], atol=2)
    np.testing.assert_allclose(middle(picture, 1, 1), [0, 160, 60], atol=2)
    # Veiled by 0.74 where dropped at the input, by 0.74 * 0.55 after three of four blocks.
    np.testing.assert_allclose(middle(picture, 0, 2), [189, 189, 251], atol=2)
    np.testing.assert_allclose(middle(picture, 1, 2), [139, 139, 139], atol=2)


def test_lines_run_between_tokens_that_were_joined_and_others() -> None:
    pixels = np.asarray(tokens_image(CROP, GRID, GROUPS, RUN, 4, cell=20))
    white = (pixels == 255).all(axis=-1)
    assert white[5, 19:21].all()  # 0 | 1
    assert not white[19:21, 25].any()  # 1 and 4 are one token
    assert not white[19:21, 5].any()  # 0 and 3 are both alone
    assert white[25, 39:41].all()  # 4 | 5, a dropped one


def test_what_does_not_fit_the_grid_is_refused() -> None:
    with pytest.raises(SettingError, match="6 groups"):
        tokens_image(CROP, GRID, GROUPS[:5], RUN, 4)
    with pytest.raises(SettingError, match="at least 4"):
        tokens_image(CROP, GRID, GROUPS, RUN, 4, cell=2)
