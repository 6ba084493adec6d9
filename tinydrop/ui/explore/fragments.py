"""What is known of a look as pieces of HTML, grouped by what makes them change."""

from __future__ import annotations

import base64
import json
import platform
import re
from importlib.metadata import version
from pathlib import Path

from markupsafe import Markup

import tinydrop
from tinydrop.core.results import Truth
from tinydrop.core.selection import SELECTOR_TITLES
from tinydrop.data import Picture, View
from tinydrop.models.pairs import PRESETS, SHIPPED, Pair
from tinydrop.pipeline.render import decision_parts, overlay_image, plain_text
from tinydrop.ui.explore.cards import (
    ACCOUNTING,
    CARDS,
    answers_card,
    cost_card,
    cost_formula,
    decision_card,
)
from tinydrop.ui.explore.flow import flow_card, flow_waiting
from tinydrop.ui.explore.links import query_of
from tinydrop.ui.explore.snippets import python_snippet
from tinydrop.ui.explore.times import PARTS
from tinydrop.ui.kit.curve import budget_curve, budget_formula
from tinydrop.ui.kit.fragments import STAGE_SIDE, Fragments, credit, not_yet, seen_in
from tinydrop.ui.kit.known import KnownLook
from tinydrop.ui.kit.lanes import QUICK_LANE, line_part
from tinydrop.ui.kit.look import BUNDLED, Look
from tinydrop.ui.kit.markup import data_uri
from tinydrop.ui.kit.pieces import note as hint
from tinydrop.ui.kit.samples import Sample, truth_line
from tinydrop.ui.kit.stage import map_layer, mask_layer, picture_layer
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.texts import FAILED


def setting_parts(
    known: KnownLook,
    accounting: str = ACCOUNTING[0],
    note: str = "",
    failure: str | None = None,
    measured: Markup | str = "",
    truth: Truth | None = None,
    times: Markup | str = "",
) -> Fragments:
    """Return what a slider may change: mask, flow, decision, cost, answers, curve and links.

    Args:
        known: what is known of the look.
        accounting: how the saliency step is counted.
        note: where the target's answer comes from.
        failure: why the target could not run; None where it can.
        measured: what the setting does on labelled pictures, as HTML.
        truth: what the picture shows, where that is known.
        times: what the kept patches cost in time, as HTML.
    """
    look, result = known.look, known.result
    asks = known.running and failure is None
    if known.running:
        note = failure or "Target running…"
    card = decision_card(result, note, stopped=failure is not None, truth=truth)
    place = line_part(QUICK_LANE, None) if asks else ""
    curve = budget_curve(look.setting, known.budget, result.patches)
    return {
        "mask": mask_layer(
            known.grid, result.selection, _on(known, look.forced_in), _on(known, look.forced_out)
        ),
        "decision": draw(CARDS, "asking", key=known.key if asks else "", card=card, place=place),
        "cost": cost_card(result, accounting, times),
        "cost_formula": cost_formula(result, accounting),
        "answers": answers_card(result, known.pair.groups),
        "curve": curve + measured,
        "budget_formula": budget_formula(look.setting, known.budget, result.patches),
        "actions": _links(known),
        "flow": flow_card(known, truth, accounting),
    }


def waiting_card(key: int, *, failed: bool, ahead: int = 0) -> str:
    """Return the decision card while not even the guidance has looked.

    Args:
        key: names the wish.
        failed: True where nothing will come.
        ahead: how many events come first.
    """
    if failed:
        return draw(CARDS, "failed", words=FAILED)
    line = line_part(QUICK_LANE, ahead, "the guidance looks first")
    return draw(CARDS, "waiting", key=key, line=line)


def arriving_parts(
    look: Look, picture: Picture, view: View, pair: Pair, sample: Sample | None, ahead: int
) -> Fragments:
    """Return the page for a picture that no model has seen: itself, and nothing of the last one.

    It is dimmed as long as the decision card says that it waits; see explore.css.
    """
    return {
        "picture": picture_layer(view.crop(picture, STAGE_SIDE), seen_in(look, sample)),
        "credit": hint(_credit(look, sample, pair)),
        "decision": waiting_card(hash(look), failed=False, ahead=ahead),
        "actions": links(look),
        "flow": flow_waiting(),
        **dict.fromkeys(("map", "mask", "cost_formula", "budget_formula"), ""),
        **dict.fromkeys(("cost", "answers", "curve"), not_yet()),
    }


def fetching(pair: str, doing: str, share: float | None = None, *, asks: bool = False) -> str:
    """Return the line below the pairs while one is fetched, with the way to stop it.

    Args:
        pair: which one.
        doing: what is going on.
        share: done so far, from 0 to 1; None while not known.
        asks: True where the page is to ask for it now.
    """
    done = "" if share is None else f"{share:.3f}"
    return draw(PARTS, "fetching", pair=pair, doing=doing, share=done, asks=asks)


def picture_parts(known: KnownLook, sample: Sample | None) -> Fragments:
    """Return what only another picture, pair or selector changes: picture, map and their notes."""
    crop = known.guide.view.crop(known.guide.picture, STAGE_SIDE)
    whose = _credit(known.look, sample, known.pair)
    return {
        "picture": picture_layer(crop, seen_in(known.look, sample)),
        "map": map_layer(known.grid, known.saliency, known.order),
        "credit": hint(f"{whose}{_layer(known)}"),
        "selector_note": selector_note(known.look.selector),
    }


def pair_note(pair: str) -> str:
    """Return one line on the pair that is chosen, marked where it is not the samples' own."""
    known = SHIPPED[pair] if pair in SHIPPED else PRESETS[pair]
    other = "" if pair == BUNDLED else " td-other-pair"
    return hint(known.note, f"td-hint{other}")


def selector_note(selector: str) -> str:
    """Return one line on what the selector keeps."""
    return hint(SELECTOR_TITLES[selector].note)


def foot(pair: Pair) -> str:
    """Return what is needed to get these numbers again: pair, weights, versions."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "timm", "gradio"))
    python = platform.python_version()
    return draw(
        PARTS,
        "foot",
        title=pair.title,
        classes=len(pair.classes),
        digest=pair.digest[:12],
        versions=f"tinydrop {tinydrop.__version__}, {libraries}, Python {python}",
    )


def saved_png(known: KnownLook, at: int, truth: Truth | None = None) -> str:
    """Return the overlay with its caption as a link that downloads it; ``at`` makes it new."""
    crop = known.guide.view.crop(known.guide.picture, STAGE_SIDE)
    caption = plain_text(decision_parts(known.result, truth))
    picture = overlay_image(crop, known.saliency, known.result.selection, caption=caption)
    name = f"{_stem(known)}-tinydrop.png"
    return draw(PARTS, "file", address=data_uri(picture), name=name, at=at)


def saved_json(known: KnownLook, at: int) -> str:
    """Return the result as JSON, as a link that downloads it; ``at`` makes it new."""
    text = json.dumps(known.result.to_dict(), indent=1).encode()
    address = f"data:application/json;base64,{base64.b64encode(text).decode()}"
    name = f"{_stem(known)}-tinydrop.json"
    return draw(PARTS, "file", address=address, name=name, at=at)


def _stem(known: KnownLook) -> str:
    """Return the picture's name without its kind, of letters that every file system takes."""
    return re.sub(r"[^A-Za-z0-9_-]+", "-", Path(known.look.name).stem)[:60] or "picture"


def _credit(look: Look, sample: Sample | None, pair: Pair) -> str:
    truth = "" if sample is None else f"; {truth_line(sample, pair)}"
    return f"{credit(look, sample)}{truth}"


def _layer(known: KnownLook) -> str:
    if known.saliency is None:
        return ""
    return f". Map read from {known.saliency.layer} of the guidance."


def _on(known: KnownLook, patches: frozenset[int]) -> list[int]:
    """Return the patches that lie on this grid; after an exit none is shown."""
    return [] if known.result.exited else [p for p in patches if p < known.grid.num_patches]


def _links(known: KnownLook) -> str:
    look = known.look
    snippet = python_snippet(
        known.result, look.sample or look.name, known.toggled, sample=look.sample is not None
    )
    return links(look, snippet)


def links(look: Look, snippet: str = "") -> str:
    """Return what the buttons take from the page; without a snippet there is none to copy yet."""
    return draw(PARTS, "links", query=query_of(look), sample=look.sample or "", python=snippet)
