"""What the Check page shows of models: one report as a card, many as a table."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from tinydrop.studies.check import ModelReport
from tinydrop.ui.kit.table import Cell, Row, table
from tinydrop.ui.kit.templates import draw

FILE = "models/card.html"


def verdict(report: ModelReport) -> str:
    """Return one sentence (plain text) on what a model can be."""
    if report.supported and report.as_guidance:
        return f"{report.model} fits both roles: as a target on kept patches, and as a guidance."
    if report.supported:
        return f"{report.model} fits as a target: it runs on kept patches alone."
    if report.as_guidance:
        return f"{report.model} fits as a guidance, not as a target."
    return f"{report.model} does not fit."


def report_card(report: ModelReport) -> Markup:
    """Return the whole report as HTML: verdict, proof, facts and cost."""
    return draw(
        FILE,
        "report",
        verdict=verdict(report),
        refused="" if report.supported else report.reason,
        proof=_proof(report) if report.supported else "",
        cost=_cost(report) if report.supported else "",
        known=_facts(report),
        remark=report.note,
    )


def _proof(report: ModelReport) -> Markup:
    rows = (
        ("every patch kept", "its own forward pass", report.keep_all_difference),
        ("half of the patches", "the others masked in every block", report.drop_mask_difference),
    )
    return table(
        ("run by stages on", "against the whole model with", "largest difference"),
        [
            Row((mine, theirs, Cell(_difference(found), strong=True)))
            for mine, theirs, found in rows
            if found is not None
        ],
        note="As a share of the largest logit, float32, at most 1e-05 is allowed; every weight was "
        "drawn anew, since fresh models hide wrong positions.",
    )


def _difference(found: float) -> str:
    return "0, the same bits" if found == 0.0 else f"{found:.1e}"


def _cost(report: ModelReport) -> Markup:
    macs = report.macs or {}
    whole = max(macs.values(), default=0) or 1
    times = report.time_ratio or {}
    rows = [
        Row(
            (
                f"{share} %",
                f"{value / 1e9:.2f} GMACs",
                _bar(value / whole, "target"),
                _bar(times[share], "guide") if share in times else "",
            )
        )
        for share, value in macs.items()
    ]
    return table(
        ("kept", "counted", "of all patches, counted", "of all patches, timed"),
        rows,
        kind="ck-cost",
        note="Multiply-accumulates of one picture; time is the median in batches of 8 on this "
        "machine's CPU.",
    )


def _bar(share: float, kind: str) -> Markup:
    width = f"{min(100.0, 100.0 * share):.1f}"
    return draw(FILE, "bar", kind=kind, width=width, said=f"{100 * share:.0f} %")


def _facts(report: ModelReport) -> list[tuple[str, object]]:
    grid = None if report.grid_size is None else f"{report.grid_size[0]}x{report.grid_size[1]}"
    guidance = f"yes, the map is read at {report.layer}" if report.as_guidance else "no"
    if not report.as_guidance and report.guidance_reason not in (None, report.reason):
        guidance += f": {report.guidance_reason}"
    facts = [
        ("timm's class", report.family),
        ("positions", report.positions),
        ("prefix tokens", report.prefix_tokens),
        ("grid", grid),
        ("pooling", report.pooling),
        ("as guidance", guidance),
    ]
    return [(name, value) for name, value in facts if value is not None]


def models_table(reports: Sequence[ModelReport], chosen: str) -> Markup:
    """Return a table with a button per model; the chosen one is marked.

    Args:
        reports: one row each, in order.
        chosen: the model whose card is shown.
    """
    fits = sum(report.supported for report in reports)
    said = (
        f"{len(reports)} models that stand for all of timm: {fits} run on kept patches, the others "
        "are refused with a reason."
    )
    rows = table(
        ("model", "target", "GMACs at half", "time at half"),
        [_row(report, chosen) for report in reports],
        kind="ck-models",
        scroll="ck-tall",
    )
    return draw(FILE, "models", said=said, table=rows)


def _row(report: ModelReport, chosen: str) -> Row:
    cost = time = ""
    if report.supported and report.macs is not None:
        cost = f"{100 * report.macs['50'] / report.macs['100']:.0f} %"
        if report.time_ratio is not None:
            time = f"{100 * report.time_ratio['50']:.0f} %"
    refused = "guidance only" if report.as_guidance else "refused"
    target = report.positions or "" if report.supported else refused
    said = f"{report.model} {report.family or ''} {report.positions or ''} "
    said += "" if report.supported else "refused"
    button = draw(FILE, "choice", model=report.model, pressed=report.model == chosen)
    return Row((button, target, cost, time), {"data-said": said.lower()})
