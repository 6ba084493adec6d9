"""The table of families: what was checked of a list that stands for all of timm."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import torch

from tinydrop.core.errors import SettingError
from tinydrop.studies.check.report import ModelReport

TABLE_START = "<!-- families -->"
TABLE_END = "<!-- /families -->"

REPRESENTATIVE: tuple[str, ...] = (
    # Plain transformers: class token, average pool, registers, distilled, LayerScale, CLIP, SigLIP.
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
    "vit_base_patch16_224",
    "vit_base_patch32_224",
    "vit_large_patch16_224",
    "vit_base_patch16_clip_224",
    "vit_base_patch16_siglip_224",
    "vit_so400m_patch14_siglip_224",
    "vit_base_patch14_dinov2",
    "vit_base_patch14_reg4_dinov2",
    "vit_medium_patch16_reg4_gap_256",
    "vit_little_patch16_reg4_gap_256",
    "vit_huge_patch14_gap_224",
    "vit_base_mci_224",
    "vit_base_patch16_rpn_224",
    "vit_small_r26_s32_224",
    "deit_tiny_patch16_224",
    "deit_base_patch16_224",
    "deit_small_distilled_patch16_224",
    "deit3_base_patch16_224",
    "deit3_large_patch16_224",
    # Relative position biases.
    "beit_base_patch16_224",
    "beitv2_base_patch16_224",
    "beitv2_large_patch16_224",
    "vit_relpos_base_patch16_224",
    "vit_relpos_medium_patch16_cls_224",
    "vit_srelpos_small_patch16_224",
    # Rotary positions.
    "eva_large_patch14_196",
    "eva_giant_patch14_224",
    "eva02_tiny_patch14_224",
    "eva02_base_patch14_224",
    "eva02_base_patch16_clip_224",
    "vit_base_patch16_rope_224",
    "vit_small_patch16_rope_mixed_224",
    "vit_base_patch16_rope_mixed_ape_224",
    "vit_small_patch16_dinov3",
    "vit_base_patch16_dinov3",
    "vit_pe_core_base_patch16_224",
    # A class token that joins after the patches.
    "cait_xxs24_224",
    # Patches of any aspect.
    "naflexvit_base_patch16_gap",
    "naflexvit_base_patch16_siglip",
    # Windows and mask units.
    "swin_tiny_patch4_window7_224",
    "swin_base_patch4_window7_224",
    "swin_base_patch4_window12_384",
    "swinv2_tiny_window8_256",
    "swinv2_base_window16_256",
    "swinv2_cr_tiny_224",
    "hiera_tiny_224",
    "hiera_base_224",
    "hieradet_small",
    # Refused with a reason: convolutions, subsampled queries, other token orders.
    "xcit_small_12_p16_224",
    "levit_128",
    "mvitv2_tiny",
    "pvt_v2_b0",
    "twins_svt_small",
    "coatnet_0_224",
    "tnt_s_legacy_patch16_224",
    "volo_d1_224",
    "samvit_base_patch16",
    # Guidances.
    "efficientformer_l1",
    "efficientformer_l3",
    "efficientformerv2_s0",
    "mobilenetv3_large_100",
    "mobilenetv4_conv_small",
    "efficientnet_b0",
    "convnext_tiny",
    "fastvit_t8",
    "resnet18",
    "resnet50",
    "regnety_004",
)
"""Names that together show every family, every position scheme and every kind of refusal."""

_HEADER = (
    "| model | target | positions | prefix | grid | keep all | drop = mask "
    "| GMACs 25 / 50 / 75 / 100 % | time at 50 % | guidance, map read at |"
)


def versions_line() -> str:
    """Return a line that says with what the table was made and how its times were taken."""
    return (
        f"timm {version('timm')}, torch {torch.__version__}; weights drawn anew, models shrunk to "
        "a few blocks for parity and time, MACs of the whole model. Time: median over the time on "
        f"every patch, batch 8, {torch.get_num_threads()} threads of a CPU."
    )


@dataclass(frozen=True)
class FamiliesTable:
    """The reports of a list of models, and with what they were made.

    Attributes:
        made_with: one line that names the versions and how times were taken.
        reports: one per model, in order.
    """

    made_with: str
    reports: tuple[ModelReport, ...]

    def to_markdown(self) -> str:
        """Return the line and a Markdown table with a row per model."""
        ruler = "|" + "---|" * (_HEADER.count("|") - 1)
        return "\n".join((self.made_with, "", _HEADER, ruler, *map(_row, self.reports)))


def write_families(table: FamiliesTable, path: Path) -> None:
    """Write a table: as JSON into a ``.json`` file, else as Markdown between its two markers.

    A new Markdown file gets the markers; an existing one without them is refused, unchanged.

    Raises:
        SettingError: if the file has no place for the table or cannot be written.
    """
    try:
        if path.suffix == ".json":
            path.write_text(json.dumps(asdict(table), indent=1) + "\n", encoding="utf-8")
            return
        marked = f"{TABLE_START}\n{TABLE_END}\n"
        text = path.read_text(encoding="utf-8") if path.is_file() else marked
        before, start, rest = text.partition(TABLE_START)
        _, end, after = rest.partition(TABLE_END)
        if not (start and end):
            raise SettingError(
                f"{path} has no place for the table; add a line {TABLE_START} and below it a line "
                f"{TABLE_END}, or name a new file."
            )
        content = f"{before}{start}\n{table.to_markdown()}\n{end}{after}"
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise SettingError(f"{path} cannot be written ({error.strerror}); name another.") from error


def read_families(path: Path) -> FamiliesTable:
    """Return the table in a ``.json`` file that ``write_families`` wrote.

    Raises:
        SettingError: if it is none.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        reports = tuple(map(ModelReport.from_dict, content["reports"]))
        return FamiliesTable(str(content["made_with"]), reports)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingError(
            f"{path} is no table of families; make one with python -m tinydrop check --table FILE."
        ) from error


def _row(report: ModelReport) -> str:
    guidance = f"`{report.layer}`" if report.as_guidance else "no"
    if not report.supported or report.macs is None or report.grid_size is None:
        reason = (report.reason or "").removeprefix(f"{report.model} cannot be a target: ")
        return f"| {report.model} | no: {reason} | | | | | | | | {guidance} |"
    macs = " / ".join(f"{value / 1e9:.2f}" for value in report.macs.values())
    time = "" if report.time_ratio is None else f"{report.time_ratio['50']:.2f}"
    kind = report.family if report.classifier else f"{report.family}, encoder without classifier"
    rows, cols = report.grid_size
    return (
        f"| {report.model} | {kind} | {report.positions} | {report.prefix_tokens} | {rows}x{cols} "
        f"| {report.keep_all_difference:.0e} | {report.drop_mask_difference:.0e} | {macs} "
        f"| {time} | {guidance} |"
    )
