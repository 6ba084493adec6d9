"""What the slim tokens of a trained student look at: a strip of small maps per slimming module."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image

from tinydrop.core.numbers import percent
from tinydrop.core.tokens import PatchGrid
from tinydrop.pipeline.render import heat_colours
from tinydrop.ui.kit.markup import data_uri, escape

SOURCES = 3
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Module:
    """One slimming module on one picture.

    Attributes:
        after: how many blocks come before it.
        alone: (K, tokens before it), how it mixes what comes in; rows sum to 1.
        composed: (K, N), the same over the patches of the picture.
    """

    after: int
    alone: Floats
    composed: Floats


@dataclass(frozen=True, eq=False)
class SlimStudent:
    """A student on one picture.

    Attributes:
        name: its name.
        words: what it does and how it was trained.
        modules: its slimming modules, in order.
    """

    name: str
    words: str
    modules: tuple[Module, ...]


def slim_html(students: Sequence[SlimStudent], grid: PatchGrid, crop: Image.Image) -> str:
    """Return the picture and every student's strips; the browser switches and enlarges them.

    Args:
        students: at least one, the first of them shown.
        grid: the patches.
        crop: the region that the models see.
    """
    picker = ""
    if len(students) > 1:
        chips = "".join(
            _chip("student", one.name, one.name, pressed=place == 0)
            for place, one in enumerate(students)
        )
        picker = f'<div class="td-chips" role="group" aria-label="Student">{chips}</div>'
    modes = _chip("mode", "composed", "composed over the patches", pressed=True)
    modes += _chip("mode", "alone", "this stage alone", pressed=False)
    bodies = "".join(_student(one, grid, shown=place == 0) for place, one in enumerate(students))
    return (
        '<div class="cp-slim" data-mode="composed"><div class="cp-slim-left">'
        '<div class="cp-slim-stage"><img class="cp-slim-photo" alt="The picture, with the weights '
        f'of one token over it" src="{data_uri(crop, "JPEG")}"><img class="cp-slim-heat" alt="">'
        '</div><output class="cp-slim-said" aria-live="polite"></output>'
        '<p class="td-hint">weight 0 <i class="td-gradient" aria-hidden="true"></i> the token’s '
        "largest</p></div>"
        f'<div class="cp-slim-right"><div class="cp-filter">{picker}<div class="td-chips" '
        f'role="group" aria-label="Weights">{modes}</div></div>{bodies}</div></div>'
    )


def half_held(weights: Floats) -> int:
    """Return how few patches hold half of a token's weight."""
    heaviest = np.sort(weights.astype(np.float64))[::-1].cumsum()
    return int(np.searchsorted(heaviest, heaviest[-1] / 2)) + 1


def _chip(kind: str, key: str, words: str, *, pressed: bool) -> str:
    return (
        f'<button type="button" class="td-chip" data-{kind}="{escape(key)}" '
        f'aria-pressed="{str(pressed).lower()}">{escape(words)}</button>'
    )


def _student(student: SlimStudent, grid: PatchGrid, *, shown: bool) -> str:
    strips = "".join(
        _strip(place, module, grid, last=place == len(student.modules) - 1)
        for place, module in enumerate(student.modules)
    )
    hidden = "" if shown else " hidden"
    return (
        f'<div class="cp-slim-student" data-of="{escape(student.name)}"{hidden}>'
        f'<p class="td-hint"><b>{escape(student.name)}</b>: {escape(student.words)}.</p>'
        f"{strips}</div>"
    )


def _strip(place: int, module: Module, grid: PatchGrid, *, last: bool) -> str:
    count, before = module.alone.shape
    tokens = "".join(
        _token(place, index, module, grid, start=last and index == 0) for index in range(count)
    )
    blocks = f"{module.after} block{'' if module.after == 1 else 's'}"
    inner = (
        ""
        if place == 0
        else '<p class="td-hint">Ringed above: the tokens that the chosen one takes most of. '
        f'<span class="cp-if-alone">Each cell is one of the {before} tokens of the module before, '
        "in order: they have no place in the picture.</span></p>"
    )
    return (
        f"<h3>Module {place + 1}, after {blocks}: {before} tokens become {count}</h3>{inner}"
        f'<div class="cp-strip" role="group" data-module="{place}" aria-label="The {count} tokens '
        f'of module {place + 1}; arrow keys move">{tokens}</div>'
    )


def _token(place: int, index: int, module: Module, grid: PatchGrid, *, start: bool) -> str:
    count, before = module.alone.shape
    over = module.composed[index]
    row, col = grid.position(int(over.argmax()))
    said = (
        f"Token {index + 1} of {count}: half of its weight lies on {half_held(over)} of "
        f"{grid.num_patches} patches, the most on row {row + 1}, column {col + 1} "
        f"({percent(float(over.max()))})"
    )
    composed = _map(over.reshape(grid.rows, grid.cols))
    extra = sources = ""
    if place > 0:
        heaviest = np.argsort(-module.alone[index], kind="stable")[:SOURCES].tolist()
        spoken = ", ".join(f"{one + 1} ({percent(float(module.alone[index, one]))})"
                         for one in heaviest)  # fmt: skip
        said += f"; of the {before} tokens before it takes most of {spoken}"
        sources = f' data-from="{" ".join(map(str, heaviest))}"'
        extra = f'<img class="cp-alone" src="{_map(_folded(module.alone[index]))}" alt="">'
    return (
        f'<button type="button" class="cp-token{"" if extra else " cp-same-both"}" '
        f'data-token="{index}"{sources} tabindex="{0 if index == 0 else -1}" '
        f'{"data-start " if start else ""}aria-label="{escape(said)}.">'
        f'<img class="cp-composed" src="{composed}" alt="">{extra}</button>'
    )


def _map(weights: Floats) -> str:
    """Return weights as a tiny picture of one pixel each; the darkest is 0, the lightest the most.

    A token's weights are drawn against its own largest, since few tokens are as sharp as others.
    """
    most = float(weights.max())
    return data_uri(Image.fromarray(heat_colours(weights / most if most > 0 else weights)))


def _folded(weights: Floats) -> Floats:
    """Return a row of weights as the squarest rectangle that holds it without a gap."""
    size = weights.size
    rows = max(one for one in range(1, int(size**0.5) + 1) if size % one == 0)
    return weights.reshape(rows, size // rows)
