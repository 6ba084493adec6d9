"""Results as PIL pictures: the overlay, the mask and a chart, for files and downloads."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tinydrop.core.numbers import amount, macs_unit, percent
from tinydrop.core.results import Answer, DropResult
from tinydrop.core.tokens import PatchGrid, Saliency, TokenSelection, mask_outline
from tinydrop.pipeline.render.palette import (
    ACCENT,
    CARD,
    INK,
    LINE,
    MUTED,
    SOFT,
    TRACK,
    heat_colours,
    rgb,
)
from tinydrop.pipeline.render.words import decision_parts, heat_words, plain_text

HEAT_OPACITY = 0.45
VEIL_OPACITY = 0.74
MARGIN = 32

Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def overlay_image(
    crop: Image.Image,
    saliency: Saliency | None = None,
    selection: TokenSelection | None = None,
    *,
    caption: str | None = None,
    side: int = 896,
) -> Image.Image:
    """Return the picture with heat, the kept set outlined and the dropped patches faded.

    Dropped patches are also hatched, so that nothing hangs on colour alone.

    Args:
        crop: the region that the models see, RGB.
        saliency: the map on the target's grid; no heat without it.
        selection: the kept set; nothing is faded without it (an early exit).
        caption: a sentence written beneath, wrapped.
        side: length of the longer side of the picture, in pixels.
    """
    scale = side / max(crop.size)
    size = (max(1, round(crop.width * scale)), max(1, round(crop.height * scale)))
    picture = np.asarray(crop.convert("RGB").resize(size, Image.Resampling.LANCZOS)) / 255.0
    if saliency is not None and saliency.problem is None:
        heat = _cells(heat_colours(saliency.normalised()), size)
        picture = picture * (1 - HEAT_OPACITY) + heat / 255.0 * HEAT_OPACITY
    if selection is not None:
        grid = selection.grid
        kept = _cells(selection.token_mask.reshape(grid.rows, grid.cols), size)[..., None]
        picture = np.where(kept, picture, picture * (1 - VEIL_OPACITY) + VEIL_OPACITY)
        picture = np.where(~kept & _hatch(size)[..., None], picture * 0.86, picture)
    drawn = Image.fromarray(np.rint(255 * picture).clip(0, 255).astype(np.uint8))
    if selection is not None:
        _draw_outline(drawn, selection)
    return drawn if caption is None else _with_caption(drawn, caption)


def mask_image(selection: TokenSelection, cell: int = 16) -> Image.Image:
    """Return the kept set as a grey picture, ``cell`` pixels per patch: 255 kept, 0 dropped."""
    grid = selection.grid
    mask = selection.token_mask.reshape(grid.rows, grid.cols).astype(np.uint8) * 255
    return Image.fromarray(mask.repeat(cell, axis=0).repeat(cell, axis=1))


def chart_image(result: DropResult) -> Image.Image:
    """Return one run as a chart: the decision, its cost and each model's five best answers."""
    chart = Image.new("RGB", (1120, 720), CARD)
    draw = ImageDraw.Draw(chart)
    y = _paragraph(draw, plain_text(decision_parts(result)), (MARGIN, 28), 1056, 24)
    y = _draw_costs(draw, result, y + 26)
    y = _draw_answers(draw, result, y + 30)
    setting = result.setting
    line = (
        f"{result.file}   ·   pair {result.pair}   ·   {result.selector}   ·   "
        f"tau {setting.tau:g}, gamma {setting.gamma:g}, T {setting.temperature:g}"
    )
    y = _paragraph(draw, line, (MARGIN, y + 18), 1056, 15, MUTED)
    return chart.crop((0, 0, chart.width, min(chart.height, y + 22)))


def _cells(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return (rows, cols, ...) spread over (height, width, ...) with sharp cell borders."""
    width, height = size
    rows = np.arange(height) * values.shape[0] // height
    cols = np.arange(width) * values.shape[1] // width
    spread: np.ndarray = values[rows[:, None], cols[None, :]]
    return spread


def _hatch(size: tuple[int, int], period: int = 14) -> np.ndarray:
    """Return (height, width) bool, True on thin diagonal lines."""
    width, height = size
    diagonal: np.ndarray = (np.arange(height)[:, None] + np.arange(width)[None, :]) % period < 2
    return diagonal


def _draw_outline(picture: Image.Image, selection: TokenSelection) -> None:
    draw = ImageDraw.Draw(picture)
    grid = selection.grid
    for loop in mask_outline(selection.token_mask.reshape(grid.rows, grid.cols)):
        points = [_corner(picture, grid, col, row) for col, row in loop]
        points += points[:2]
        draw.line(points, fill="#ffffff", width=8, joint="curve")
        draw.line(points, fill=ACCENT, width=4, joint="curve")


def _corner(picture: Image.Image, grid: PatchGrid, col: int, row: int) -> tuple[float, float]:
    """Return a grid corner in pixels, moved in so that lines on the border stay visible."""
    x = col / grid.cols * picture.width
    y = row / grid.rows * picture.height
    return min(max(x, 3), picture.width - 4), min(max(y, 3), picture.height - 4)


def _with_caption(picture: Image.Image, caption: str) -> Image.Image:
    size = max(15, picture.width // 44)
    room = Image.new("RGB", (picture.width, picture.height + 20 * size), CARD)
    room.paste(picture)
    bottom = _paragraph(
        ImageDraw.Draw(room), caption, (size, picture.height + size), picture.width - 2 * size, size
    )
    return room.crop((0, 0, room.width, bottom + size))


def _draw_costs(draw: ImageDraw.ImageDraw, result: DropResult, top: int) -> int:
    macs = result.macs
    unit, name = macs_unit(macs.full_target)
    saved = (
        f"{percent(macs.saved)} of the target's work saved"
        if macs.saved >= 0
        else f"{percent(-macs.saved)} more work than the full target"
    )
    head = (
        f"Cost: {saved}, {amount(macs.total, unit)} instead of "
        f"{amount(macs.full_target, unit)} {name}"
    )
    y = _paragraph(draw, head, (MARGIN, top), 1056, 19) + 12
    longest = max(macs.full_target, macs.total)
    for label, value, colour in (
        ("guidance", macs.guidance, MUTED),
        ("saliency", macs.saliency, MUTED),
        ("target, kept patches", macs.target, ACCENT),
        ("target, all patches", macs.full_target, "#c3c9d1"),
    ):
        _text(draw, (MARGIN, y + 2), label, 16, MUTED)
        left, right = MARGIN + 190, 960
        length = round((right - left) * value / longest)
        draw.rounded_rectangle((left, y, right, y + 20), 4, fill=TRACK)
        if value:
            draw.rounded_rectangle((left, y, left + max(3, length), y + 20), 4, fill=colour)
        _text(draw, (1120 - MARGIN, y + 2), f"{amount(value, unit)} {name}", 16, INK, anchor="ra")
        y += 30
    return y


def _draw_answers(draw: ImageDraw.ImageDraw, result: DropResult, top: int) -> int:
    columns: list[tuple[str, str, Answer]] = [("Guidance", "", result.guidance)]
    if result.target is not None:
        kept = f"{result.kept} of {result.patches}"
        columns.append(("Target, kept patches", f"{kept}; ", result.target))
    if result.full is not None:
        every = f"{result.patches} of {result.patches}"
        columns.append(("Target, all patches", f"{every}; ", result.full))
    bottom = top
    for index, (title, note, answer) in enumerate(columns):
        x, y, width = MARGIN + 362 * index, top, 332
        _text(draw, (x, y), title, 18, INK)
        scale = heat_words(answer.temperature)
        _text(draw, (x + width, y + 2), f"{note}{scale}", 15, MUTED, anchor="ra")
        y += 30
        for rank, prediction in enumerate(answer.top()):
            draw.rounded_rectangle((x, y, x + width, y + 26), 5, fill=TRACK)
            length = round(width * prediction.probability)
            colour = SOFT if rank == 0 else LINE
            if length > 1:
                draw.rounded_rectangle((x, y, x + length, y + 26), 5, fill=colour)
            name = _shortened(draw, prediction.name, width - 80, 16)
            _text(draw, (x + 9, y + 4), name, 16, INK)
            value = f"{prediction.probability:.2f}"
            _text(draw, (x + width - 9, y + 4), value, 16, INK, anchor="ra")
            y += 31
        bottom = max(bottom, y)
    return bottom


def _font(size: int) -> Font:
    return ImageFont.load_default(size)


def _text(
    draw: ImageDraw.ImageDraw,
    at: tuple[float, float],
    text: str,
    size: int,
    colour: str,
    anchor: str = "la",
) -> None:
    draw.text(at, text, fill=rgb(colour), font=_font(size), anchor=anchor)


def _shortened(draw: ImageDraw.ImageDraw, text: str, width: int, size: int) -> str:
    """Return the text, cut with an ellipsis where it is wider than ``width`` pixels."""
    if draw.textlength(text, font=_font(size)) <= width:
        return text
    while text and draw.textlength(text + "…", font=_font(size)) > width:
        text = text[:-1]
    return text.rstrip() + "…"


def _paragraph(
    draw: ImageDraw.ImageDraw,
    text: str,
    at: tuple[int, int],
    width: int,
    size: int,
    colour: str = INK,
) -> int:
    """Write wrapped text and return the y below it."""
    x, y = at
    line = ""
    for word in text.split(" "):
        longer = f"{line} {word}".strip()
        if line and draw.textlength(longer, font=_font(size)) > width:
            _text(draw, (x, y), line, size, colour)
            y, line = y + round(1.4 * size), word
        else:
            line = longer
    _text(draw, (x, y), _shortened(draw, line, width, size), size, colour)
    return y + round(1.4 * size)
