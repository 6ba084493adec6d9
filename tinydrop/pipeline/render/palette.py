"""The few colours of TinyDrop and the colour-blind-safe map of the heat layer."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

# The same values as the light theme of ui/explore/page.css.
ACCENT = "#0f766e"
SOFT = "#d7efec"
INK = "#1d2430"
MUTED = "#5b6472"
LINE = "#e4e6ea"
TRACK = "#eef0f3"
CARD = "#ffffff"


def rgb(colour: str) -> tuple[int, int, int]:
    """Return (red, green, blue), 0 to 255, of a ``#rrggbb`` colour."""
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def heat_colours(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
    """Return viridis colours of values in [0, 1]: any shape -> the same shape + (3,) uint8 RGB.

    Viridis rises evenly in lightness, so it reads the same in every kind of colour vision and in
    print.
    """
    levels = np.clip(np.rint(255 * values.astype(np.float64)), 0, 255).astype(np.uint8)
    ramp = cv2.applyColorMap(np.arange(256, dtype=np.uint8).reshape(-1, 1), cv2.COLORMAP_VIRIDIS)
    coloured: npt.NDArray[np.uint8] = ramp.reshape(256, 3)[:, ::-1][levels]
    return coloured
