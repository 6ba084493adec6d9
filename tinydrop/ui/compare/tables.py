"""The comparison over a data set as a table per cost level, and where its figures come from."""

from __future__ import annotations

from tinydrop.core.numbers import signed_points
from tinydrop.core.statistics import Estimate
from tinydrop.studies.comparison import COMPARE_LEVELS, REFERENCE, CompareRow, CompareTable
from tinydrop.ui.compare.words import GROUPS, group_of, method_note, method_title
from tinydrop.ui.kit.markup import escape

COMMAND = "python -m tinydrop compare DATA --save-tables assets/tables"
FIRST_LEVEL = 8
COLUMNS = (
    ("method", "method", ""),
    ("accuracy", "top-1", "% of pictures, 95 % interval"),
    ("gain", "gain on Grad-CAM", "points, paired 95 % interval"),
    ("macs", "MACs", "% of the full target"),
    ("time", "measured time", "% of the full target"),
)


def compare_table(table: CompareTable) -> str:
    """Return the rows of all cost levels; the browser shows one level and sorts by a column.

    What has a cost of its own, whatever the level, stands at every level.
    """
    levels = [n for n in COMPARE_LEVELS if any(row.level == n for row in table.rows)]
    first = FIRST_LEVEL if FIRST_LEVEL in levels else levels[0]
    chips = "".join(
        f'<button type="button" class="td-chip" data-level="{level}" '
        f'aria-pressed="{str(level == first).lower()}">{level}</button>'
        for level in levels
    )
    head = "".join(
        f'<th scope="col" aria-sort="{"descending" if key == "accuracy" else "none"}">'
        f'<button type="button" data-sort="{key}">{title}</button><small>{unit}</small></th>'
        for key, title, unit in COLUMNS
    )
    rows = sorted(table.rows, key=lambda row: -row.accuracy.value)
    body = "".join(_row(row, table, first, levels) for row in rows)
    return (
        '<div class="td-chips cp-levels" role="group" aria-label="Cost level">'
        f'<span class="td-hint">Cost level, of 16</span>{chips}</div>'
        '<div class="tn-scroll"><table class="tn-table cg-table cp-table"><thead><tr>'
        f"{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def compare_foot(table: CompareTable) -> str:
    """Return where the figures come from, and what a reader must not miss."""
    known = table.provenance
    skipped = ", ".join(f"{count:,} {reason}" for reason, count in known.skipped.items())
    left = f" Left out: {skipped}." if skipped else ""
    unranked = (
        f" {known.unranked:,} of them have a map that cannot be ranked and keep every patch."
        if known.unranked
        else ""
    )
    threads = f"{known.threads} thread{'' if known.threads == 1 else 's'}"
    batch = "1 picture" if known.batch_size == 1 else f"{known.batch_size} pictures"
    versions = ", ".join(
        f"{name} {value}" for name, value in known.versions.items() if name != "device"
    )
    noisy = (
        '<p class="td-honest">The machine was busy while times were measured: some spread by more '
        "than a fifth, so trust the MACs more than the times.</p>"
        if table.noisy
        else ""
    )
    notes = "".join(f"<li>{escape(_named(note))}</li>" for note in known.notes)
    listed = (
        f'<details class="td-more"><summary>What is not in the table ({len(known.notes)})</summary>'
        f'<ul class="td-hint">{notes}</ul></details>'
        if notes
        else ""
    )
    text = (
        f"{known.pictures:,} pictures of {known.data}; pair {known.pair} "
        f"({known.pair_digest[:12]}), seed {known.seed}.{unranked}{left} Times: {known.device}, "
        f"{threads}, {batch} per call, medians of {known.repeats} turns; the full target takes "
        f"{known.full_ms:.1f} ms, guidance and map {known.guide_ms:.1f} ms. {versions}. Measured "
        "with "
    )
    return f'{noisy}{listed}<p class="td-foot">{escape(text.rstrip())} <code>{COMMAND}</code>.</p>'


def compare_missing(reason: str) -> str:
    """Return what to say in place of the figures: why they are not there, and what makes them."""
    return (
        f'<p class="td-honest cg-missing">The comparison over a data set is not shown. '
        f'{escape(reason)}</p><p class="td-hint">This command measures it: <code>{COMMAND}</code>.'
        "</p>"
    )


def _named(note: str) -> str:
    """Return a note with the page's name for the method that it begins with."""
    first, _, rest = note.partition(" ")
    return f"{method_title(first)} {rest}"


def _row(row: CompareRow, table: CompareTable, first: int, levels: list[int]) -> str:
    own = row.level not in levels
    top, known = row.accuracy, table.provenance
    order = {
        "method": _place(row.method, table),
        "accuracy": top.value,
        "gain": -9.0 if row.gain is None else row.gain.value,
        "macs": row.macs,
        "time": 99.0 if row.time is None else row.time.median,
    }
    data = " ".join(f'data-{key}="{value:.6g}"' for key, value in order.items())
    level = "own" if own else str(row.level)
    hidden = "" if own or row.level == first else " hidden"
    kind = ' class="cp-own"' if own else ""
    note = method_note(row.method) or f"{table.students.get(row.method, '')}."
    tag = " <small>own cost</small>" if own else ""
    return (
        f'<tr{kind} data-of="{level}" {data}{hidden}><th scope="row" title="{escape(note)}">'
        f"{escape(method_title(row.method))}{tag}</th>"
        f"<td>{100 * top.value:.1f} <small>{100 * top.low:.1f}–{100 * top.high:.1f}</small></td>"
        f"{_gain(row)}{_macs(row, known.full_macs)}{_times(row)}</tr>"
    )


def _place(method: str, table: CompareTable) -> float:
    """Return where a method stands on the page, group by group."""
    names = [name for group in GROUPS for name in group.methods]
    if method in names:
        return float(names.index(method))
    group = [group.key for group in GROUPS]
    key = group_of(method)
    outside = len(names) + table.methods.index(method)
    return names.index(REFERENCE) + 0.5 if key in group and REFERENCE in names else float(outside)


def _gain(row: CompareRow) -> str:
    if row.gain is None:
        return "<td>–</td>"
    return f"<td>{signed_points(row.gain.value)}{_between(row.gain)}</td>"


def _between(gain: Estimate) -> str:
    return f" <small>{signed_points(gain.low)} to {signed_points(gain.high)}</small>"


def _macs(row: CompareRow, full: int) -> str:
    alone, total = row.target_macs / full, row.macs / full
    if not alone:
        return f"<td>{100 * total:.0f}</td>"
    guide = f" <small>{100 * total:.0f} with the guide</small>" if total > alone else ""
    return f"<td>{100 * alone:.0f}{guide}</td>"


def _times(row: CompareRow) -> str:
    alone, total = row.target_time, row.time
    if row.method == "target":
        return "<td>100</td>"
    if alone is None:
        return "<td>–</td>"
    guide = ""
    if total is not None and total.median > alone.median:
        guide = f" <small>{100 * total.median:.0f} with the guide</small>"
    return f"<td>{100 * alone.median:.0f}{guide}</td>"
