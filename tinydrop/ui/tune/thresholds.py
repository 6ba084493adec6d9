"""Two ways to find tau by rule: with a guarantee, and by F1."""

from __future__ import annotations

from dataclasses import replace

from tinydrop.core.budget import Setting
from tinydrop.core.numbers import exact_percent
from tinydrop.studies.calibration import F1Tau, Guarantee
from tinydrop.ui.kit.markup import escape
from tinydrop.ui.tune.tables import take_button


def certified_part(exits: Guarantee, dropping: Guarantee, setting: Setting) -> str:
    """Return what can be promised for exits alone and with dropping, each in its sentence.

    Args:
        exits: where every picture that does not exit gets the full target.
        dropping: of the setting's gamma and rule.
        setting: gamma, rule and temperature that a button takes along.
    """
    taken = "" if dropping.tau is None else take_button(replace(setting, tau=dropping.tau))
    return (
        f"{_promise('Exit, and drop as the gamma and rule above say', dropping, taken)}"
        f"{_promise('Exit only, else every patch', exits, '')}"
    )


def f1_part(found: F1Tau, setting: Setting) -> str:
    """Return the tau of the highest F1 with its button; gamma, rule and T are the setting's."""
    place = found.taus.index(found.tau)
    if found.saved[place] <= 0:
        return (
            '<p class="td-honest">No tau saves anything with this gamma, rule and temperature, so '
            "F1 is 0 everywhere.</p>"
        )
    taken = replace(setting, tau=found.tau)
    return (
        f'<p class="tn-big">tau {found.tau:g} {take_button(taken)}</p>'
        f'<p class="td-hint">F1 {found.f1:.3f}: {exact_percent(found.relative_accuracy[place])} of '
        f"the full target's accuracy, {exact_percent(found.saved[place])} of its cost saved, at "
        "this gamma, rule and temperature.</p>"
    )


def _promise(title: str, found: Guarantee, button: str) -> str:
    if found.tau is None:
        return (
            f'<p class="tn-promise"><b>{title}: none.</b></p>'
            f'<p class="td-honest">{escape(found.sentence)}</p>'
        )
    return (
        f'<p class="tn-promise"><b>{title}: tau {found.tau:g}</b> {button}</p>'
        f'<p class="td-hint">{escape(found.sentence)}</p>'
    )
