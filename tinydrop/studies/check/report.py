"""What a check found: frozen values, as JSON and as a few lines for a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class ModelReport:
    """What the check found; the field names are those of the command-line contract.

    Attributes:
        model: the name that was asked for.
        supported: whether it can be a target.
        as_guidance: whether it can be a guidance.
        classifier: whether it has one of its own; without, a random linear head was used.
        reason: why it cannot be a target; None if it can.
        family: timm's class; None for an unknown model, like everything below.
        positions: how positions enter.
        prefix_tokens: P.
        grid_size: (rows, cols) of the patch grid.
        pooling: what is pooled.
        keep_all_difference: largest difference of the logits on every patch, as a share of their
            largest value.
        drop_mask_difference: the same between running half of the patches and masking the rest.
        macs: share kept in per cent ("25" ... "100") -> MACs of the target; where they depend on
            which patches are kept, the mean over random kept sets.
        macs_range: the same shares -> the lowest and highest of those sets; None where the number
            kept decides.
        time_ratio: the same shares -> measured time over the time on every patch; None if it was
            not measured.
        layer: where a guidance's map is read; None if it cannot be one.
        guidance_reason: why it cannot be a guidance; None if it can.
        note: what was done otherwise than for an ordinary model, or None.
    """

    model: str
    supported: bool = False
    as_guidance: bool = False
    classifier: bool | None = None
    reason: str | None = None
    family: str | None = None
    positions: str | None = None
    prefix_tokens: int | None = None
    grid_size: tuple[int, int] | None = None
    pooling: str | None = None
    keep_all_difference: float | None = None
    drop_mask_difference: float | None = None
    macs: Mapping[str, int] | None = field(default=None)
    macs_range: Mapping[str, tuple[int, int]] | None = field(default=None)
    time_ratio: Mapping[str, float] | None = field(default=None)
    layer: str | None = None
    guidance_reason: str | None = None
    note: str | None = None

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> ModelReport:
        """Return the report of all its fields, as JSON gives them back."""
        grid = row["grid_size"]
        return cls(**(dict(row) | {"grid_size": None if grid is None else (grid[0], grid[1])}))

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-ready values: the command-line contract's, and three more."""
        return {
            "model": self.model,
            "supported": self.supported,
            "as_guidance": self.as_guidance,
            "classifier": self.classifier,
            "reason": self.reason,
            "family": self.family,
            "positions": self.positions,
            "prefix_tokens": self.prefix_tokens,
            "grid_size": None if self.grid_size is None else list(self.grid_size),
            "pooling": self.pooling,
            "keep_all_difference": self.keep_all_difference,
            "drop_mask_difference": self.drop_mask_difference,
            "macs": None if self.macs is None else dict(self.macs),
            "time_ratio": None if self.time_ratio is None else dict(self.time_ratio),
            "layer": self.layer,
            "note": self.note,
        }

    def to_text(self) -> str:
        """Return the report as a few lines for a person."""
        lines = [f"{self.model} ({self.family or 'unknown'})"]
        if self.supported and self.grid_size is not None and self.macs is not None:
            rows, cols = self.grid_size
            lines += [
                f"  target: yes, {rows}x{cols} patches, {self.prefix_tokens} prefix tokens, "
                f"pooling {self.pooling}, positions: {self.positions}",
                f"  parity: keep all {self.keep_all_difference:.1e}, "
                f"drop = mask {self.drop_mask_difference:.1e} of the largest logit",
                "  GMACs: "
                + ", ".join(f"{ratio} % {macs / 1e9:.3f}" for ratio, macs in self.macs.items()),
            ]
            if self.macs_range is not None:
                ranges = self.macs_range.items()
                sets = ", ".join(
                    f"{key} % {a / 1e9:.3f} to {b / 1e9:.3f}" for key, (a, b) in ranges
                )
                lines.append(f"  GMACs over random kept sets: {sets}")
            if self.time_ratio is not None:
                shares = ", ".join(f"{key} % {one:.2f}" for key, one in self.time_ratio.items())
                lines.append(f"  time over the time on every patch: {shares}")
        else:
            lines.append(f"  target: no. {self.reason}")
        if self.as_guidance:
            lines.append(f"  guidance: yes, map read at {self.layer}")
        elif self.guidance_reason not in (None, self.reason):
            lines.append(f"  guidance: no. {self.guidance_reason}")
        if self.classifier is False:
            lines.append("  It has no classifier of its own; a random linear head was used here.")
        if self.note is not None:
            lines.append(f"  {self.note}")
        return "\n".join(lines)
