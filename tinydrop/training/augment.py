"""Augmentation of a whole batch on its device; what is drawn depends on seed, epoch and step alone.

The numbers are drawn with numpy and are the same on every device; the pictures are changed by
batched tensor operations.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional as F

from tinydrop.training.recipe import MEAN, STD, Augmentation

Floats = npt.NDArray[np.float32]
Channels = tuple[float, float, float]

_ERASED = (0.02, 0.25)  # area of an erased rectangle
_GREY = (0.299, 0.587, 0.114)


@dataclass(frozen=True, eq=False)
class Draws:
    """What was drawn for one batch.

    Attributes:
        window: (B, 4) float32, the crop's centre x, y and its width, height as shares of the
            picture; a negative width mirrors.
        colour: (B, 3) float32, factors of brightness, contrast and saturation.
        erased: (B, 4) float32, x0, y0, x1, y1 as shares of the side; empty for no rectangle.
        share: what stays of the picture itself; the rest comes from the batch in reverse order.
        box: x0, y0, x1, y1 as shares that come from the other picture; None mixes all pixels.
    """

    window: Floats
    colour: Floats
    erased: Floats
    share: float
    box: tuple[float, float, float, float] | None


def draw(augment: Augmentation, batch: int, seed: int, epoch: int, step: int) -> Draws:
    """Return what one step of the training draws for its batch."""
    rng = np.random.default_rng([seed, epoch, step])
    area = rng.uniform(*augment.crop_area, batch)
    thin, wide = augment.crop_aspect
    ratio = np.exp(rng.uniform(math.log(thin), math.log(wide), batch))
    widest = max(1.0, math.sqrt(augment.crop_area[1]))
    width = np.minimum(np.sqrt(area * ratio), widest)
    height = np.minimum(np.sqrt(area / ratio), widest)
    # A crop lies inside the picture, a larger canvas around it: 1 - width may be negative.
    x = rng.random(batch) * (1.0 - width) + width / 2
    y = rng.random(batch) * (1.0 - height) + height / 2
    mirrored = np.where(rng.random(batch) < augment.flip, -1.0, 1.0)
    colour = rng.uniform(1.0 - augment.jitter, 1.0 + augment.jitter, (batch, 3))
    colour[rng.random(batch) < augment.grey, 2] = 0.0
    share, box = _mixing(augment, rng)
    return Draws(
        window=np.stack([x, y, width * mirrored, height], axis=1).astype(np.float32),
        colour=colour.astype(np.float32),
        erased=_erased(augment, rng, batch),
        share=share,
        box=box,
    )


def _erased(augment: Augmentation, rng: np.random.Generator, batch: int) -> Floats:
    area = rng.uniform(*_ERASED, batch)
    ratio = np.exp(rng.uniform(math.log(0.5), math.log(2.0), batch))
    width, height = np.sqrt(area * ratio), np.sqrt(area / ratio)
    x, y = rng.random(batch) * (1.0 - width), rng.random(batch) * (1.0 - height)
    rectangle = np.stack([x, y, x + width, y + height], axis=1)
    rectangle[rng.random(batch) >= augment.erase] = 0.0
    return rectangle.astype(np.float32)


def _mixing(
    augment: Augmentation, rng: np.random.Generator
) -> tuple[float, tuple[float, float, float, float] | None]:
    """Return the share that stays, and the rectangle that does not."""
    wanted, which = rng.random(), rng.random()
    x, y = rng.random(2)
    cut = augment.cutmix > 0 and (augment.mixup <= 0 or which < 0.5)
    alpha = augment.cutmix if cut else augment.mixup
    if wanted >= augment.mixed or alpha <= 0:
        return 1.0, None
    share = float(rng.beta(alpha, alpha))
    if not cut:
        return share, None
    side = math.sqrt(1.0 - share)
    left, top = float(x) * (1.0 - side), float(y) * (1.0 - side)
    return share, (left, top, left + side, top + side)


def render(
    pixels: torch.Tensor,
    draws: Draws,
    augment: Augmentation,
    size: int,
    mean: Channels = MEAN,
    std: Channels = STD,
) -> torch.Tensor:
    """Return the changed pictures, (B, 3, size, size) float32, normalised.

    Args:
        pixels: (B, 3, side, side) uint8.
        draws: of the same batch.
        augment: says how to resample.
        size: side of what comes out.
        mean: of the channels, in 0 to 1.
        std: of the channels.
    """
    device = pixels.device
    colour, window, erased, box = (
        torch.from_numpy(values).to(device, non_blocking=True)
        for values in (draws.colour, draws.window, draws.erased, _as_row(draws.box))
    )
    x = normalise(_coloured(pixels.float() / 255, colour), mean, std)
    theta = torch.zeros(len(window), 2, 3, device=device)
    theta[:, 0, 0], theta[:, 1, 1] = window[:, 2], window[:, 3]
    theta[:, :, 2] = 2 * window[:, :2] - 1
    grid = F.affine_grid(theta, [len(window), 3, size, size], align_corners=False)
    mode = "bicubic" if augment.bicubic else "bilinear"
    # Normalised pixels are 0 at the mean colour, which is what lies outside a picture.
    x = F.grid_sample(x, grid, mode=mode, padding_mode="zeros", align_corners=False)
    x = x * ~_inside(erased, size)[:, None]
    if draws.share == 1.0:
        return x
    if draws.box is None:
        return draws.share * x + (1.0 - draws.share) * x.flip(0)
    return torch.where(_inside(box, size)[:, None], x.flip(0), x)


def kept_share(draws: Draws, size: int) -> float:
    """Return what stays of a picture, exactly: for a rectangle, counted in pixels."""
    if draws.box is None:
        return draws.share
    return 1.0 - float(_inside(torch.from_numpy(_as_row(draws.box)), size).float().mean())


def normalise(pixels: torch.Tensor, mean: Channels = MEAN, std: Channels = STD) -> torch.Tensor:
    """Return pixels (B, 3, H, W) in [0, 1] less the mean, over the standard deviation."""
    device = pixels.device
    return (pixels - _constant(device, mean)) / _constant(device, std)


def renormalised(
    pixels: torch.Tensor, old: tuple[Channels, Channels], new: tuple[Channels, Channels]
) -> torch.Tensor:
    """Return pixels normalised by one mean and deviation as another mean and deviation give them.

    Args:
        pixels: (B, 3, H, W).
        old: mean and standard deviation that were applied.
        new: those to apply instead.
    """
    if old == new:
        return pixels
    device = pixels.device
    return normalise(pixels * _constant(device, old[1]) + _constant(device, old[0]), *new)


def plain_view(
    pixels: torch.Tensor, size: int, mean: Channels = MEAN, std: Channels = STD
) -> torch.Tensor:
    """Return unchanged pictures, (B, 3, size, size) float32, as the pair's own view shows them.

    Args:
        pixels: (B, 3, side, side) uint8.
        size: side of what comes out; resized bicubic.
        mean: of the channels, in 0 to 1.
        std: of the channels.
    """
    x = pixels.float()
    # As PIL does it: first across, then down, each time rounded to whole values.
    for shape in ((x.shape[2], size), (size, size)):
        if tuple(x.shape[2:]) != shape:
            x = F.interpolate(x, size=shape, mode="bicubic", antialias=True)
            x = x.round().clamp(0, 255)
    return normalise(x / 255, mean, std)


def _coloured(x: torch.Tensor, factors: torch.Tensor) -> torch.Tensor:
    """Multiply brightness, contrast and saturation, each clipped to [0, 1]."""
    brightness, contrast, saturation = factors[:, :, None, None, None].unbind(1)
    x = (x * brightness).clamp(0, 1)
    middle = _grey(x).mean(dim=(2, 3), keepdim=True)
    x = (middle + (x - middle) * contrast).clamp(0, 1)
    grey = _grey(x)
    return (grey + (x - grey) * saturation).clamp(0, 1)


def _grey(x: torch.Tensor) -> torch.Tensor:
    return (x * _constant(x.device, _GREY)).sum(dim=1, keepdim=True)


@lru_cache
def _constant(device: torch.device, values: Channels) -> torch.Tensor:
    """A value per channel, (1, 3, 1, 1), kept: a copy per step would stop a GPU."""
    return torch.tensor(values, device=device).view(1, 3, 1, 1)


def _as_row(box: tuple[float, float, float, float] | None) -> Floats:
    return np.array([box or (0.0, 0.0, 0.0, 0.0)], dtype=np.float32)


def _inside(rectangles: torch.Tensor, size: int) -> torch.Tensor:
    """Return which pixels have their centre inside, (B, size, size) bool, from (B, 4) shares."""
    centre = (torch.arange(size, device=rectangles.device) + 0.5) / size
    x0, y0, x1, y1 = rectangles[:, :, None].unbind(1)
    across, down = (centre >= x0) & (centre < x1), (centre >= y0) & (centre < y1)
    return down[:, :, None] & across[:, None, :]
