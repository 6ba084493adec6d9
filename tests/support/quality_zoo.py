"""Labelled pictures with boxes, stored as the Hub stores them, for the small pair of trace_zoo."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from trace_zoo import CLASSES, picture_bytes

from tinydrop import TinyDrop
from tinydrop.core.selection import Order, select_tokens
from tinydrop.pipeline import Guide
from tinydrop.studies.quality import Frame, film_frames, film_steps

__all__ = ["BOXES", "frames_of", "write_boxed"]

# Pictures are 40 x 36; the small pair sees the middle 36 x 36 of them on 4 x 4 patches. The last
# two are never seen: a box left of the crop, and no box at all.
BOXES: tuple[list[float] | None, ...] = (
    [2, 0, 20, 18],
    [11, 9, 29, 27],
    [0, 0, 40, 36],
    [30.5, 20.25, 33, 24],
    [20, 18, 38, 36],
    [3, 5, 36, 12],
    [0, 0, 1.5, 36],
    None,
)


def write_boxed(
    path: Path,
    boxes: Sequence[object] = BOXES,
    damaged: Sequence[int] = (),
    box_type: object = None,
) -> Path:
    """Write one made-up picture per box, labelled in turn; ``damaged`` ones are cut in half."""
    contents = [picture_bytes(seed) for seed in range(len(boxes))]
    for number in damaged:
        contents[number] = contents[number][: len(contents[number]) // 2]
    names = [name.replace(" ", "_") for name in CLASSES]
    table = pa.table(
        {
            "image": [{"bytes": c, "path": f"{n}.png"} for n, c in enumerate(contents)],
            "label": [names[n % len(names)] for n in range(len(boxes))],
            "bbox": pa.array(boxes, box_type) if box_type else list(boxes),
        }
    )
    pq.write_table(table, path)
    return path


def frames_of(
    drop: TinyDrop, guide: Guide, order: Order, selector: str, *, exact: bool = False
) -> Iterator[Frame]:
    """Yield the film of one picture, a run of the pipeline for each frame that is asked for."""
    grid = drop.pair.target.spec.grid
    kept = (
        select_tokens(order, grid, k, selector) for k in film_steps(grid.num_patches, exact=exact)
    )
    answers = ((one.num_keep, drop.classify(guide, one)) for one in kept)
    yield from film_frames(grid, order, answers)
