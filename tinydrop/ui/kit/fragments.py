"""The pieces of HTML that more than one page shows: the message line, the samples."""

from __future__ import annotations

from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.markup import data_uri, escape
from tinydrop.ui.kit.samples import Sample, SampleOutcome, thumbnail
from tinydrop.ui.kit.texts import FAILED

Fragments = dict[str, str]
"""Component name -> its HTML."""

STAGE_SIDE = 840

NOT_YET = '<p class="td-waiting td-not-yet">Not yet…</p>'

GALLERY_FIRST = 7


def alert(sentence: str) -> str:
    """Return the message line: one sentence, or nothing."""
    return f'<p class="td-alert" role="alert">{escape(sentence)}</p>' if sentence else ""


def asking(look: Look, key: str | int | None, *, urgent: bool = True, heavy: bool = False) -> str:
    """Return what a page still asks for.

    Args:
        look: the picture that the page is about.
        key: names what is asked for; the page asks again whenever it changes. None for nothing.
        urgent: whether the page asks at once, and not only when the sliders rest.
        heavy: whether it asks in the heavy lane.
    """
    sample = f'data-ask data-sample="{escape(look.sample or "")}"'
    if key is None:
        return f"<i {sample}></i>"
    lane = ' data-heavy="1"' if heavy else ""
    return f'<i {sample} data-pending="{key}" data-urgent="{int(urgent)}"{lane}></i>'


def waiting_parts(look: Look, key: str | int, say: str, *, stopped: bool) -> Fragments:
    """Return a page of which nothing is known yet.

    Args:
        look: the picture that the page is about.
        key: names what is asked for.
        say: what the page says meanwhile, as HTML.
        stopped: True where nothing will come.
    """
    if stopped:
        return {"say": f'<p class="td-say">{FAILED}</p>', "ask": "<i data-ask></i>"}
    return {"say": say, "ask": asking(look, key)}


def seen_in(look: Look, sample: Sample | None) -> str:
    """Return what is to be seen on the stage, for those who cannot see it."""
    return f"{look.name}, the part that the models see" if sample is None else sample.alt


def credit(look: Look, sample: Sample | None) -> str:
    """Return whose picture it is."""
    return f"{sample.title}, {sample.credit}" if sample else f"Your picture: {look.name}"


def gallery(samples: tuple[tuple[Sample, SampleOutcome | str], ...]) -> str:
    """Return the samples as buttons with what happens to each, and "surprise me"."""
    buttons = [
        f'<button type="button" class="td-sample" data-sample="{escape(sample.name)}" '
        f'aria-pressed="false" title="{escape(_tooltip(sample, found))}">'
        f'<img src="{data_uri(thumbnail(sample), "JPEG")}" '
        f'alt="{escape(sample.title)}">{_badge(found)}</button>'
        for sample, found in samples
    ]
    more = "".join(buttons[GALLERY_FIRST:])
    folded = (
        f'<details class="td-more"><summary>{len(buttons) - GALLERY_FIRST} more samples</summary>'
        f'<div class="td-strip">{more}</div></details>'
    )
    return (
        '<div role="group" aria-label="Sample pictures"><div class="td-strip">'
        f"{''.join(buttons[:GALLERY_FIRST])}"
        '<button type="button" class="td-sample td-surprise"><em aria-hidden="true">?</em>'
        f"<span>surprise me</span></button></div>{folded if more else ''}</div>"
    )


def _badge(found: SampleOutcome | str) -> str:
    """Return what stands under a sample: a caption, or in two parts what became of it."""
    if isinstance(found, str):
        return f'<span class="td-outcome">{escape(found)}</span>'
    kind = "td-right" if found.right else "td-wrong"
    way = "exit" if found.exited else "drop"
    return (
        f'<span class="td-outcome"><b class="{kind}">{found.truth_word}</b> '
        f"{way}, {found.agreement_word}</span>"
    )


def _tooltip(sample: Sample, found: SampleOutcome | str) -> str:
    """Return a sample's title with what its badge means."""
    if isinstance(found, str):
        return sample.title
    way = "early exit" if found.exited else "patches dropped"
    full = "as the full target" if found.agrees else "unlike the full target"
    return f"{sample.title}: {way}, the answer is {found.truth_word or 'not judged'}, {full}"
