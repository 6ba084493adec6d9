"""Two ways to find tau by rule: with a guarantee, and by F1."""

from __future__ import annotations

from dataclasses import replace

from markupsafe import Markup

from tinydrop.core.budget import Setting
from tinydrop.core.numbers import exact_percent
from tinydrop.studies.calibration import F1Tau, Guarantee
from tinydrop.ui.kit.pieces import note
from tinydrop.ui.kit.templates import draw
from tinydrop.ui.tune.tables import FILE, take_button


def certified_part(exits: Guarantee, dropping: Guarantee, setting: Setting) -> Markup:
    """Return what can be promised for exits alone and with dropping, each in its sentence.

    Args:
        exits: where every picture that does not exit gets the full target.
        dropping: of the setting's gamma and rule.
        setting: gamma, rule and temperature that a button takes along.
    """
    taken = "" if dropping.tau is None else take_button(replace(setting, tau=dropping.tau))
    return Markup().join(
        (
            _promise("Exit, and drop as the gamma and rule above say", dropping, taken),
            _promise("Exit only, else every patch", exits),
        )
    )


def f1_part(found: F1Tau, setting: Setting) -> Markup:
    """Return the tau of the highest F1 with its button; gamma, rule and T are the setting's."""
    place = found.taus.index(found.tau)
    if found.saved[place] <= 0:
        return note(
            "No tau saves anything with this gamma, rule and temperature, so F1 is 0 everywhere.",
            "td-honest",
        )
    words = (
        f"F1 {found.f1:.3f}: {exact_percent(found.relative_accuracy[place])} of the full target's "
        f"accuracy, {exact_percent(found.saved[place])} of its cost saved, at this gamma, rule and "
        "temperature."
    )
    button = take_button(replace(setting, tau=found.tau))
    return draw(FILE, "found", tau=f"{found.tau:g}", button=button, words=words)


def _promise(title: str, found: Guarantee, button: str = "") -> Markup:
    tau = None if found.tau is None else f"{found.tau:g}"
    return draw(FILE, "promise", title=title, tau=tau, button=button, words=found.sentence)
