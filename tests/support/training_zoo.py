"""Parquet shards of made-up pictures, four colours that anything should learn in seconds."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

__all__ = ["NAMES", "write_shards"]

NAMES = ("red, crimson", "green", "blue, azure", "grey")
_COLOURS = ((210, 50, 40), (40, 180, 60), (50, 70, 220), (128, 128, 128))


def write_shards(
    folder: Path,
    train: tuple[int, ...] = (24, 24),
    validation: int = 24,
    side: int = 32,
    broken: int = 0,
) -> Path:
    """Write shards with so many pictures each, the class cycling, and ``classes.json``."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(5)
    entries = [{"label": i, "wnid": f"n0000000{i}", "name": name} for i, name in enumerate(NAMES)]
    (folder / "classes.json").write_text(json.dumps(entries))
    for number, count in enumerate(train):
        name = f"train-{number:05d}-of-{len(train):05d}.parquet"
        _write(folder / name, rng, count, side, broken if number == 0 else 0)
    if validation:
        _write(folder / "validation-00000-of-00001.parquet", rng, validation, side, 0)
    return folder


def _write(path: Path, rng: np.random.Generator, count: int, side: int, broken: int) -> None:
    labels = [number % len(NAMES) for number in range(count)]
    images = []
    for number, label in enumerate(labels):
        noise = rng.normal(0, 25, (side, side, 3))
        pixels = np.clip(np.array(_COLOURS[label]) + noise, 0, 255).astype(np.uint8)
        file = io.BytesIO()
        Image.fromarray(pixels).save(file, "PNG")
        content = b"broken" if number < broken else file.getvalue()
        images.append({"bytes": content, "path": f"{number}.png"})
    table = pa.table(
        {
            "image": pa.array(images, pa.struct([("bytes", pa.binary()), ("path", pa.string())])),
            "label": pa.array(labels, pa.int64()),
        }
    )
    pq.write_table(table, path)
