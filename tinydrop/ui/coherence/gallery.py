"""The data-set half of the Coherence page: failures as a gallery, and what goes with its level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import gradio as gr
import numpy as np

from tinydrop.core.budget import BUDGET_LEVELS
from tinydrop.core.errors import SettingError
from tinydrop.studies.quality import FAILURE_KINDS, FAILURE_SORTS
from tinydrop.ui.coherence.gallery_cards import cards_html, filter_html
from tinydrop.ui.coherence.gallery_maker import GalleryMaker
from tinydrop.ui.coherence.panels import PANELS, panels, tenths_panel
from tinydrop.ui.kit.components import read_asset
from tinydrop.ui.kit.layout import plain
from tinydrop.ui.kit.page import PageEvents, Updates, level_of
from tinydrop.ui.kit.wiring import EACH, LATEST, QUICK, Parts, components, named, payload

PAGE = 24
MOST = 960
"""Cards on one page at most: a browser with thousands of them is no longer quick."""
START_LEVEL = 8
OUTPUTS = ("cg_message", "cg_wish", "cg_filter", "cg_cards", "cg_open", "cg_kept", "cg_tenths")


@dataclass(frozen=True)
class GalleryWish:
    """What a visitor wants to see of the gallery.

    Attributes:
        kind: of failure; ``any`` and ``all`` are kinds too.
        sort: a name in ``FAILURE_SORTS``.
        shown: at most so many cards.
        opened: the picture that is enlarged, its place in the trace; None for none.
    """

    kind: str = "any"
    sort: str = "scattered"
    shown: int = PAGE
    opened: int | None = None


class Gallery(PageEvents):
    """The gallery's events; holds nothing of a visitor."""

    page = "the gallery of failures"
    message = "cg_message"

    def __init__(self, maker: GalleryMaker) -> None:
        self.maker = maker

    def open(self, wish: GalleryWish | None, level: Any) -> Updates:
        """Fill everything when the page is first shown."""
        if wish is not None:
            return {}

        def work() -> Updates:
            first = GalleryWish()
            return {**self._shown(first, level_of(level)), **panels(self.maker)}

        return self.answered(work, quiet=True)

    def slide(self, wish: GalleryWish | None, level: Any) -> Updates:
        """Follow the level."""

        def work() -> Updates:
            return self._shown(replace(wish or GalleryWish(), shown=PAGE), level_of(level))

        return self.answered(work, quiet=True)

    def ask(self, wish: GalleryWish | None, asked: Mapping[str, Any], level: Any) -> Updates:
        """Do what was clicked: another kind or order, more cards, a card opened or closed."""

        def work() -> Updates:
            old = wish or GalleryWish()
            new = _wished(old, str(asked.get("what")), asked.get("key"), len(self.maker.trace))
            moved = self._shown(new, level_of(level))
            if replace(new, opened=None) == replace(old, opened=None):
                return {name: moved[name] for name in ("cg_message", "cg_wish", "cg_open")}
            return moved

        return self.answered(work, quiet=True)

    def _shown(self, wish: GalleryWish, level: int) -> Updates:
        found, trace = self.maker.failures(level), self.maker.trace
        sure = trace.target_confidence[:, level - 1]
        listed = found.listed(wish.kind, wish.sort, sure)
        counts = {"any": int(found.any.sum())}
        counts |= {kind: int(mask.sum()) for kind, mask in found.kinds.items()}
        counts["all"] = len(trace)
        cards = [self.maker.card(int(i), level) for i in listed[: wish.shown]]
        opened = "" if wish.opened is None else self.maker.opened(wish.opened, level)
        return {
            "cg_message": "",
            "cg_wish": wish,
            "cg_filter": filter_html(counts, self._notes(), wish.kind, FAILURE_SORTS, wish.sort),
            "cg_cards": cards_html(cards, min(len(listed), MOST), PAGE),
            "cg_open": opened,
            "cg_kept": f'<p class="ch-kept"><b>{found.num_keep}</b> of '
            f"{trace.provenance.num_patches} patches of each picture</p>",
            "cg_tenths": tenths_panel(self.maker, level),
        }

    def _notes(self) -> dict[str, str]:
        """Return what each kind means, and of how many pictures it is known."""
        notes = dict(FAILURE_KINDS)
        drift, trace = self.maker.drift, self.maker.trace
        if not isinstance(drift, str):
            known = int(np.isin(trace.picture_id, drift.picture_id).sum())
            if known < len(trace):
                notes["drifted"] += f" (measured on {known:,} of the {len(trace):,} pictures)"
        return notes


def gallery_section(parts: Parts) -> None:
    """Lay out the gallery and add its components to the page's parts."""
    parts["cg_wish"] = gr.State(None)
    parts["cg_message"] = plain("", elem_classes=["tn-message"])
    with gr.Column(elem_id="cg-card", elem_classes=["td-card"]):
        plain(
            "<h2>What goes wrong in a whole data set</h2>"
            '<p class="td-hint">Every picture that the bundled pair was measured on, drawn from '
            "its trace: the guidance’s map and the patches that are kept. No photograph of a data "
            "set is shown, and no model runs here.</p>"
        )
        with gr.Row(elem_id="cg-level-row"):
            parts["cg_level"] = gr.Slider(
                1, BUDGET_LEVELS, START_LEVEL, step=1, label="level", info="of 16, for all "
                "pictures", elem_id="cg-level", elem_classes=["td-slider"], interactive=True,
            )  # fmt: skip
            parts["cg_kept"] = plain(elem_id="cg-kept")
        parts["cg_filter"] = _asker('<p class="td-waiting">Reading the trace…</p>', "cg-filter")
        parts["cg_open"] = _asker("", "cg-open")
        parts["cg_cards"] = _asker("", "cg-cards")
        with gr.Accordion("How are the kinds told?", open=False, elem_classes=["td-fold"]):
            plain(_kinds_formula(), elem_classes=["td-formula"])


def wire_gallery(tab: gr.Tab, parts: Parts, gallery: Gallery) -> None:
    """Connect the gallery's events to its handlers."""
    wish, level = parts["cg_wish"], parts["cg_level"]
    filled = (*OUTPUTS, *PANELS)
    tab.select(named(parts, gallery.open), [wish, level], components(parts, filled), **QUICK)
    outputs = components(parts, OUTPUTS)
    level.input(named(parts, gallery.slide), [wish, level], outputs, **LATEST)

    def asked(event: gr.EventData, old: Any, at: Any) -> Any:
        return named(parts, gallery.ask)(old, payload(event), at)

    for name in ("cg_filter", "cg_cards", "cg_open"):
        parts[name].ask(asked, [wish, level], outputs, **EACH)


def _asker(value: str, name: str) -> gr.HTML:
    return gr.HTML(
        value, js_on_load=read_asset("coherence/gallery.js"), apply_default_css=False, elem_id=name
    )


def _kinds_formula() -> str:
    rows = "".join(f"<p><b>{kind}</b>: {words}.</p>" for kind, words in FAILURE_KINDS.items())
    return (
        f"{rows}<p>Fragmented and border-bound are the verdicts of the panel above, by percentiles "
        "among 500 random sets of the same K (at least 95 for the edge; Moran’s I below 95 and "
        "not one whole piece for fragmented). Off-object needs the object’s box, drawn dashed "
        "where the data set has one: no kept patch in it, or fewer than in 95 % of all sets of as "
        "many. A picture can be of several kinds.</p>"
    )


def _wished(old: GalleryWish, what: str, key: Any, pictures: int) -> GalleryWish:
    """Return the wish after a click; a browser may send anything.

    Raises:
        SettingError: if nothing of the kind can be asked for.
    """
    if what == "kind":
        return replace(old, kind=str(key), shown=PAGE, opened=None)
    if what == "sort":
        return replace(old, sort=str(key), shown=PAGE)
    if what == "more":
        return replace(old, shown=min(old.shown + PAGE, MOST))
    if what == "close":
        return replace(old, opened=None)
    if what == "open":
        try:
            picture = int(key)
        except (TypeError, ValueError):
            picture = -1
        if 0 <= picture < pictures:
            return replace(old, opened=picture)
    raise SettingError("The gallery does not know what was asked for; choose a chip or a card.")
