"""What a benchmark found: frozen values, as JSON and as tables for a terminal."""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import numpy.typing as npt

_NOISE = 0.2


@dataclass(frozen=True)
class Spread:
    """A median between its quartiles."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: npt.NDArray[np.float64]) -> Spread:
        """Return the quartiles of the values, any shape."""
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
        return cls(float(median), float(low), float(high))


@dataclass(frozen=True)
class SaliencyOverhead:
    """What Grad-CAM adds to the guidance at one batch size.

    Attributes:
        batch_size: pictures per call.
        guidance_ms: the plain model's forward pass without gradient.
        ours_ms: forward pass, head-only Grad-CAM of the winning class and its resizing.
        library_ms: pytorch-grad-cam's GradCAM on the same layer; it backpropagates through the
            whole model. None where it cannot be laid on that layer.
        ratio: ours / guidance.
        library_ratio: library / guidance.
    """

    batch_size: int
    guidance_ms: Spread
    ours_ms: Spread
    library_ms: Spread | None
    ratio: Spread
    library_ratio: Spread | None


@dataclass(frozen=True)
class TargetSpeed:
    """The target on K patches at batch 1, beside the target on all of them.

    Attributes:
        keep_ratio: the share asked for.
        num_keep: K.
        target_ms: time of one forward pass.
        time_ratio: of the time on every patch.
        macs_ratio: of the MACs on every patch.
    """

    keep_ratio: float
    num_keep: int
    target_ms: Spread
    time_ratio: Spread
    macs_ratio: float


@dataclass(frozen=True)
class BreakEven:
    """The share of patches at which guidance and saliency cost what dropping saves.

    Keeping more costs more than the full target. None: it costs more at any share that was looked
    at. These are for a picture that does not exit; an early exit always saves.

    Attributes:
        macs: by MACs, with the head-only gradient.
        macs_literal: by MACs, with a full backward pass.
        measured: by time at batch 1, interpolated between the measured shares.
    """

    macs: float | None
    macs_literal: float | None
    measured: float | None


@dataclass(frozen=True)
class BenchReport:
    """Everything one run measured and where.

    Attributes:
        guidance: the guidance's name.
        target: the target's name.
        device: where both ran.
        threads: threads that torch may use within one operation.
        torch: its version.
        repeats: turns per comparison.
        overhead: one entry per batch size.
        speed: one entry per keep ratio, rising.
        break_even: where the method stops paying.
    """

    guidance: str
    target: str
    device: str
    threads: int
    torch: str
    repeats: int
    overhead: tuple[SaliencyOverhead, ...]
    speed: tuple[TargetSpeed, ...]
    break_even: BreakEven

    @property
    def noisy(self) -> bool:
        """True when a ratio's quartiles lie over 20 % apart: other work disturbed the machine."""
        ratios = [row.ratio for row in self.overhead] + [row.time_ratio for row in self.speed]
        return any(ratio.high - ratio.low > _NOISE * ratio.median for ratio in ratios)

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-ready values; times are in milliseconds."""
        return asdict(self) | {"noisy": self.noisy}

    def to_text(self) -> str:
        """Return the report as tables for a terminal."""
        lines = [
            f"guidance {self.guidance}, target {self.target}",
            f"{self.device}, {self.threads} threads, torch {self.torch}, "
            f"medians of {self.repeats} turns [quartiles]",
            "",
            "Grad-CAM on top of the guidance",
            f"{'batch':>5}  {'guidance':>10}  {'with ours':>10}  {'ratio':<18}"
            f"{'pytorch-grad-cam':>16}  ratio",
        ]
        for row in self.overhead:
            library = "-" if row.library_ms is None else f"{row.library_ms.median:.1f} ms"
            lines.append(
                f"{row.batch_size:>5}  {row.guidance_ms.median:>7.1f} ms  "
                f"{row.ours_ms.median:>7.1f} ms  {_spread(row.ratio):<18}{library:>16}  "
                f"{'-' if row.library_ratio is None else _spread(row.library_ratio)}"
            )
        lines += [
            "",
            "Target on the kept patches, batch 1",
            f"{'kept':>5}  {'K':>5}  {'time':>10}  {'of full time':<18}of full MACs",
        ]
        lines += [
            f"{row.keep_ratio:>5.0%}  {row.num_keep:>5}  {row.target_ms.median:>7.1f} ms  "
            f"{_spread(row.time_ratio):<18}{row.macs_ratio:.2f}"
            for row in self.speed
        ]
        even = self.break_even
        lines += [
            "",
            "Break-even: a picture that does not exit saves only if it keeps less than",
            f"  {_share(even.macs)} of the patches by MACs",
            f"  {_share(even.macs_literal)} by MACs if a full backward pass were paid",
            f"  {_share(even.measured)} by measured time",
        ]
        if self.noisy:
            lines += ["", "These times scatter widely: run it again while the machine is idle."]
        return "\n".join(lines)


def _spread(spread: Spread) -> str:
    return f"{spread.median:.2f} [{spread.low:.2f} {spread.high:.2f}]"


def _share(share: float | None) -> str:
    return "no share" if share is None else f"{share:.0%}"
