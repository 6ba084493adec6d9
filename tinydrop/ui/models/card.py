"""What the Check page shows of models: one report as a card, many as a table."""

from __future__ import annotations

from collections.abc import Sequence

from tinydrop.studies.check import ModelReport
from tinydrop.ui.kit.markup import escape


def verdict(report: ModelReport) -> str:
    """Return one sentence (plain text) on what a model can be."""
    if report.supported and report.as_guidance:
        return f"{report.model} fits both roles: as a target on kept patches, and as a guidance."
    if report.supported:
        return f"{report.model} fits as a target: it runs on kept patches alone."
    if report.as_guidance:
        return f"{report.model} fits as a guidance, not as a target."
    return f"{report.model} does not fit."


def report_card(report: ModelReport) -> str:
    """Return the whole report as HTML: verdict, proof, facts and cost."""
    parts = [f'<p class="td-say">{escape(verdict(report))}</p>']
    if not report.supported and report.reason:
        parts.append(f'<p class="td-honest">{escape(report.reason)}</p>')
    if report.supported:
        parts.append(_proof(report))
        parts.append(_cost(report))
    parts.append(_facts(report))
    if report.note:
        parts.append(f'<p class="td-hint">{escape(report.note)}</p>')
    return "".join(parts)


def _proof(report: ModelReport) -> str:
    rows = (
        ("every patch kept", "its own forward pass", report.keep_all_difference),
        ("half of the patches", "the others masked in every block", report.drop_mask_difference),
    )
    body = "".join(
        f"<tr><th scope=row>{mine}</th><td>{theirs}</td><td><b>{_difference(found)}</b></td></tr>"
        for mine, theirs, found in rows
        if found is not None
    )
    return (
        "<h3>Proof</h3>"
        '<div class="tn-scroll"><table class="tn-table"><thead><tr><th>run by stages on</th>'
        "<th>against the whole model with</th><th>largest difference</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
        '<p class="td-hint">As a share of the largest logit, float32, at most 1e-05 is allowed; '
        "every weight was drawn anew, since fresh models hide wrong positions.</p>"
    )


def _difference(found: float) -> str:
    return "0, the same bits" if found == 0.0 else f"{found:.1e}"


def _cost(report: ModelReport) -> str:
    macs = report.macs or {}
    whole = max(macs.values(), default=0) or 1
    times = report.time_ratio or {}
    rows = "".join(
        f"<tr><th scope=row>{share} %</th><td>{value / 1e9:.2f} GMACs</td>"
        f"<td>{_bar(value / whole, 'target')}</td>"
        f"<td>{_bar(times[share], 'guide') if share in times else ''}</td></tr>"
        for share, value in macs.items()
    )
    return (
        "<h3>Cost of the target</h3>"
        '<div class="tn-scroll"><table class="tn-table ck-cost"><thead><tr><th>kept</th>'
        "<th>counted</th><th>of all patches, counted</th><th>of all patches, timed</th></tr>"
        f"</thead><tbody>{rows}</tbody></table></div>"
        '<p class="td-hint">Multiply-accumulates of one picture; time is the median in batches of '
        "8 on this machine's CPU.</p>"
    )


def _bar(share: float, kind: str) -> str:
    width = min(100.0, 100.0 * share)
    return (
        f'<span class="ck-bar"><span class="td-track"><i class="td-{kind}" '
        f'style="width:{width:.1f}%"></i></span><b>{100 * share:.0f} %</b></span>'
    )


def _facts(report: ModelReport) -> str:
    grid = None if report.grid_size is None else f"{report.grid_size[0]}x{report.grid_size[1]}"
    guidance = f"yes, the map is read at {report.layer}" if report.as_guidance else "no"
    if not report.as_guidance and report.guidance_reason not in (None, report.reason):
        guidance += f": {report.guidance_reason}"
    facts = (
        ("timm's class", report.family),
        ("positions", report.positions),
        ("prefix tokens", report.prefix_tokens),
        ("grid", grid),
        ("pooling", report.pooling),
        ("as guidance", guidance),
    )
    rows = "".join(
        f"<dt>{name}</dt><dd>{escape(str(value))}</dd>"
        for name, value in facts
        if value is not None
    )
    return f'<h3>Facts</h3><dl class="tn-facts">{rows}</dl>'


def models_table(reports: Sequence[ModelReport], chosen: str) -> str:
    """Return a table with a button per model; the chosen one is marked.

    Args:
        reports: one row each, in order.
        chosen: the model whose card is shown.
    """
    fits = sum(report.supported for report in reports)
    body = "".join(_line(report, chosen) for report in reports)
    return (
        f'<p class="td-hint">{len(reports)} models that stand for all of timm: {fits} run on kept '
        "patches, the others are refused with a reason.</p>"
        '<input class="ck-filter" type="search" placeholder="filter: swin, rotary, refused ..." '
        'aria-label="filter the models">'
        '<div class="tn-scroll ck-tall"><table class="tn-table ck-models"><thead><tr><th>model</th>'
        "<th>target</th><th>GMACs at half</th><th>time at half</th></tr></thead>"
        f"<tbody>{body}</tbody></table></div>"
    )


def _line(report: ModelReport, chosen: str) -> str:
    cost = time = ""
    if report.supported and report.macs is not None:
        cost = f"{100 * report.macs['50'] / report.macs['100']:.0f} %"
        if report.time_ratio is not None:
            time = f"{100 * report.time_ratio['50']:.0f} %"
    target = (
        escape(report.positions or "")
        if report.supported
        else ("guidance only" if report.as_guidance else "refused")
    )
    said = f"{report.model} {report.family or ''} {report.positions or ''} " + (
        "" if report.supported else "refused"
    )
    pressed = "true" if report.model == chosen else "false"
    return (
        f'<tr data-said="{escape(said.lower())}"><th scope=row><button type="button" '
        f'class="td-link" data-model="{escape(report.model)}" aria-pressed="{pressed}">'
        f"{escape(report.model)}</button></th><td>{target}</td><td>{cost}</td><td>{time}</td></tr>"
    )
