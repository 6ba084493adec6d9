"""The maps' figures as a table, where they come from, and what to run where there are none."""

from __future__ import annotations

from collections.abc import Mapping

from markupsafe import Markup

from tinydrop.core.selection import label_of
from tinydrop.studies.quality import MEASURES, MethodQuality, QualityProvenance, QualityReport
from tinydrop.ui.kit.markup import escape

COMMAND = "python -m tinydrop quality DATA --trace TRACE --save-tables assets/tables"

COLUMNS: Mapping[str, tuple[str, float, int, str]] = {
    "pointing": ("pointing game ↑", 100.0, 1, "% of pictures"),
    "energy": ("energy in box ↑", 100.0, 1, "% of the map"),
    "insertion": ("insertion ↑", 1.0, 3, "area, 0 to 1"),
    "deletion": ("deletion ↓", 1.0, 3, "area, 0 to 1"),
    "rank_correlation": ("like the target’s map ↑", 1.0, 2, "Spearman’s ρ"),
    "sanity": ("like random weights → 0", 1.0, 2, "Spearman’s ρ"),
    "sanity_absolute": ("its size → 0", 1.0, 2, "mean of |ρ|"),
}
"""Measure -> heading with its good direction, factor, decimals and unit."""

BLIND = ("random", "uniform", "centre", "centre cell", "scattered")
"""What knows nothing of the picture: the yardsticks."""


def quality_table(report: QualityReport) -> str:
    """Return every method as a row, the ones that never see the picture at the end."""
    rows = [one for one in report.methods if one.name not in BLIND]
    blind = [one for one in report.methods if one.name in BLIND]
    head = "".join(
        f'<th scope="col">{title}<small>{unit}</small></th>'
        for title, _, _, unit in COLUMNS.values()
    )
    span = len(COLUMNS) + 1
    return (
        '<div class="tn-scroll"><table class="tn-table cg-table cg-quality"><thead><tr>'
        f"<th scope='col'>who ranks the patches</th>{head}</tr></thead>"
        f"<tbody>{''.join(map(_row, rows))}"
        f'<tr class="cg-part"><td colspan="{span}">sees nothing of the picture, for comparison'
        f"</td></tr>{''.join(map(_row, blind))}</tbody></table></div>"
        '<p class="td-hint">± is half of a 95 % interval; – where a figure has no meaning: an '
        "order without a map has no peak, and random maps are as expected by chance.</p>"
    )


def quality_counted() -> Markup:
    """Return what each measure is."""
    rows = "".join(
        f"<p><b>{COLUMNS[name][0]}</b>: {escape(words)}.</p>" for name, words in MEASURES.items()
    )
    return Markup(  # noqa: S704 - our own words
        f"{rows}<p>Insertion and deletion drop tokens, so nothing grey is ever shown to the "
        "target; both areas are divided by the length of their axis, so that a flat curve has its "
        "own height.</p>"
    )


def missing_html(what: str, reason: str) -> str:
    """Return what to say in place of figures that are not there.

    Args:
        what: which figures.
        reason: why they are missing, as a sentence.
    """
    return (
        f'<p class="td-honest cg-missing">{escape(what)}: not measured here. {escape(reason)}</p>'
        f'<p class="td-hint">This command measures it: <code>{COMMAND}</code>.</p>'
    )


def foot_html(known: QualityProvenance | None, trace: str) -> str:
    """Return where the figures come from.

    Args:
        known: of the tables; None without them.
        trace: what the cards are made of, as a sentence.
    """
    if known is None:
        return f'<p class="td-foot">{escape(trace)}</p>'
    versions = ", ".join(f"{name} {version}" for name, version in known.versions.items())
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in known.skipped.items())
    left = f" Left out: {skipped}." if skipped else ""
    notes = " ".join(known.notes)
    text = (
        f"{trace} Tables: {known.pictures:,} pictures of {known.data}, {known.boxes:,} with a box; "
        f"pair {known.pair} ({known.pair_digest[:12]}), seed {known.seed}, map read at "
        f"{known.map_layer}, own map of the target by {known.own_map or 'nothing'}, "
        f"{known.redraws} redrawn guidances; {versions}.{left} {notes} Measured with "
    )
    return f'<p class="td-foot">{escape(text.rstrip())} <code>{COMMAND}</code>.</p>'


def _row(method: MethodQuality) -> str:
    cells = "".join(_cell(method, name) for name in COLUMNS)
    unranked = f"<small>{method.unranked:,} pictures not ranked</small>" if method.unranked else ""
    name = escape(label_of(method.name))
    head = f'<th scope="row">{name}{unranked}</th>'
    return f'<tr data-method="{escape(method.name)}">{head}{cells}</tr>'


def _cell(method: MethodQuality, measure: str) -> str:
    found = method.measures.get(measure)
    if found is None:
        return "<td>–</td>"
    _, factor, digits, _ = COLUMNS[measure]
    value, half = factor * found.value, factor * (found.high - found.low) / 2
    return f"<td>{value:.{digits}f}<small>± {half:.{digits}f}</small></td>".replace("-", "−")
