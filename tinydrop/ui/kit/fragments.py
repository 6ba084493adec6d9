"""The pieces of HTML that more than one page shows: the message line, the samples."""

from __future__ import annotations

from markupsafe import Markup

from tinydrop.ui.kit.look import Look
from tinydrop.ui.kit.markup import data_uri
from tinydrop.ui.kit.pieces import FILE, note
from tinydrop.ui.kit.samples import Sample, SampleOutcome, thumbnail
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.kit.texts import FAILED

Fragments = dict[str, str]
"""Component name -> its HTML."""

STAGE_SIDE = 840

GALLERY_FIRST = 7


def not_yet() -> Markup:
    """Return what stands where nothing is known of a picture yet."""
    return note("Not yet…", "td-waiting td-not-yet")


def alert(sentence: str) -> str:
    """Return the message line: one sentence, or nothing."""
    return draw(FILE, "note", text=sentence, kind="td-alert", role="alert") if sentence else ""


def asking(
    look: Look, key: str | int | None, *, urgent: bool = True, heavy: bool = False
) -> Markup:
    """Return what a page still asks for.

    Args:
        look: the picture that the page is about.
        key: names what is asked for; the page asks again whenever it changes. None for nothing.
        urgent: whether the page asks at once, and not only when the sliders rest.
        heavy: whether it asks in the heavy lane.
    """
    sample = look.sample or ""
    return draw(FILE, "asking", sample=sample, key=key, urgent=int(urgent), heavy=heavy)


def waiting_parts(look: Look, key: str | int, say: str, *, stopped: bool) -> Fragments:
    """Return a page of which nothing is known yet.

    Args:
        look: the picture that the page is about.
        key: names what is asked for.
        say: what the page says meanwhile, as HTML.
        stopped: True where nothing will come.
    """
    if stopped:
        return {"say": note(FAILED, "td-say"), "ask": draw(FILE, "asking")}
    return {"say": say, "ask": asking(look, key)}


def seen_in(look: Look, sample: Sample | None) -> str:
    """Return what is to be seen on the stage, for those who cannot see it."""
    return f"{look.name}, the part that the models see" if sample is None else sample.alt


def credit(look: Look, sample: Sample | None) -> str:
    """Return whose picture it is."""
    return f"{sample.title}, {sample.credit}" if sample else f"Your picture: {look.name}"


def gallery(samples: tuple[tuple[Sample, SampleOutcome | str], ...]) -> Markup:
    """Return the samples as buttons with what happens to each, and "surprise me"."""
    shown = [
        {
            "name": sample.name,
            "title": sample.title,
            "tooltip": _tooltip(sample, found),
            "picture": data_uri(thumbnail(sample), "JPEG"),
            "found": found,
        }
        for sample, found in samples
    ]
    return draw("kit/gallery.html", "gallery", samples=shown, first=GALLERY_FIRST)


def _tooltip(sample: Sample, found: SampleOutcome | str) -> str:
    """Return a sample's title with what its badge means."""
    if isinstance(found, str):
        return sample.title
    way = "early exit" if found.exited else "patches dropped"
    full = "as the full target" if found.agrees else "unlike the full target"
    return f"{sample.title}: {way}, the answer is {found.truth_word or 'not judged'}, {full}"
