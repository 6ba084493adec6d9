"""A pair small enough to trace in a second, and pictures made up for it."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from tinydrop import TinyDrop

__all__ = ["CLASSES", "one_thread", "picture_bytes", "small_drop", "write_folder"]

CLASSES = ("red fox", "goldfish", "spider")


def small_drop(*, flat: bool = False, weights: int = 0, windowed: bool = False) -> TinyDrop:
    """Return a pair of redrawn models on 4x4 patches.

    ``flat`` kills the guidance's map; ``windowed`` takes a Swin with units of 2x2 tokens.
    """
    import timm
    import torch

    from tinydrop import TinyDrop
    from tinydrop.data.view import InputSpec
    from tinydrop.models.backbones import wrap_guidance, wrap_target
    from tinydrop.models.pairs import pair_from_models
    from tinydrop.studies.check import redraw_weights

    spec = InputSpec(size=(32, 32), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), crop_pct=1.0)
    guidance = timm.create_model(
        "resnet10t",
        num_classes=len(CLASSES),
        channels=[8, 8, 16, 16],
        stem_width=8,
        output_stride=8,  # a 4x4 map
    )
    plain = {"patch_size": 8, "depth": 2, "num_heads": 3}
    swin = {"patch_size": 4, "depths": (2, 2), "num_heads": (2, 4), "window_size": 4}
    target = timm.create_model(
        "swin_tiny_patch4_window7_224" if windowed else "vit_tiny_patch16_224",
        img_size=32,
        embed_dim=24,
        num_classes=len(CLASSES),
        **(swin if windowed else plain),
    )
    for number, module in enumerate((guidance, target)):
        redraw_weights(module, weights + number)
        module.eval()
    if flat:
        torch.nn.init.zeros_(guidance.fc.weight)
    small = wrap_guidance(guidance, "small guide", spec)
    large = wrap_target(target, "small target", spec)
    return TinyDrop(pair_from_models(small, large, CLASSES, name="small"))


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch in one thread: on models this small, threads wait for each other all the time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def picture_bytes(seed: int, kind: str = "PNG", size: tuple[int, int] = (40, 36)) -> bytes:
    """Return a made-up picture: smooth blobs of colour and some noise."""
    rng = np.random.default_rng(seed)
    blobs = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    pixels = np.asarray(blobs.resize(size, Image.Resampling.BICUBIC)).astype(np.int16)
    pixels = pixels + rng.integers(-20, 21, pixels.shape)
    file = io.BytesIO()
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(file, kind)
    return file.getvalue()


def write_folder(
    folder: Path, counts: dict[str, int], damaged: tuple[tuple[str, int], ...] = ()
) -> Path:
    """Write class folders of made-up pictures; ``damaged`` ones are cut in half."""
    seed = 0
    for name, count in counts.items():
        (folder / name).mkdir(parents=True)
        for number in range(count):
            content = picture_bytes(seed)
            if (name, number) in damaged:
                content = content[: len(content) // 2]
            (folder / name / f"{number:03d}.png").write_bytes(content)
            seed += 1
    return folder
