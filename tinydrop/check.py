"""Does a timm model fit? Parity is measured on weights drawn anew, or the reason is given.

Untrained models hide mistakes: LayerScale starts near zero and position tables too. So every
parameter is drawn again before anything is measured.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import nn

from tinydrop.backbones import (
    Target,
    TargetSpec,
    build_model,
    describe_target,
    masked_logits,
    wrap_guidance,
    wrap_target,
)
from tinydrop.backbones.parity import largest_difference, probe_pixels, tolerance
from tinydrop.errors import TinyDropError, UnsupportedModelError
from tinydrop.macs import target_macs

__all__ = ["ModelReport", "check_model", "redraw_weights"]

MACS_RATIOS = (25, 50, 75, 100)
LARGEST_MEGABYTES = 1000.0
SHRUNK_DEPTH = 2
HEAD_CLASSES = 10


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
        macs: share kept in per cent ("25" ... "100") -> MACs of the target.
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
    layer: str | None = None
    guidance_reason: str | None = None
    note: str | None = None

    def to_dict(self) -> dict[str, object]:
        """Return the report as JSON-ready values, in the form of the command-line contract."""
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


def check_model(name: str, *, pretrained: bool = False) -> ModelReport:
    """Return what a timm model can be here; refusals are in the report and never raised.

    Args:
        name: a timm name (at the command line also ``hf-hub:`` and ``local-dir:`` names).
        pretrained: measure on the model's own weights instead of weights drawn anew.
    """
    try:
        candidate = _built(name, pretrained=pretrained)
    except TinyDropError as error:
        return ModelReport(name, reason=str(error), guidance_reason=str(error))
    module, whole = candidate.module, candidate.whole
    if not pretrained:
        redraw_weights(module)
    module.requires_grad_(requires_grad=False)
    layer, guidance_reason = _as_guidance(module, name, classifier=candidate.classifier)
    common = {
        "model": name,
        "as_guidance": layer is not None,
        "classifier": candidate.classifier,
        "family": type(module).__name__,
        "layer": layer,
        "guidance_reason": guidance_reason,
        "note": candidate.note,
    }
    try:
        target = wrap_target(module, name)
        differences = _keep_all_difference(target), _drop_mask_difference(target)
        limit = tolerance(next(module.parameters()).dtype)
        if not differences[1] <= limit:
            raise UnsupportedModelError(
                f"{name} cannot be a target: on half of its patches its logits differ by "
                f"{differences[1]:.1e} from the model with the others masked."
            )
    except TinyDropError as error:
        return ModelReport(**common, reason=str(error))  # type: ignore[arg-type]
    spec = target.spec
    return ModelReport(
        **common,  # type: ignore[arg-type]
        supported=True,
        positions=spec.positions.words,
        prefix_tokens=spec.num_prefix_tokens,
        grid_size=(spec.grid.rows, spec.grid.cols),
        pooling=spec.pooling,
        keep_all_difference=differences[0],
        drop_mask_difference=differences[1],
        macs=_macs(spec if whole is module else describe_target(whole, name)),
    )


def redraw_weights(module: nn.Module, seed: int = 0) -> None:
    """Draw every floating-point parameter and running statistic again, in place.

    Matrices get the scale that keeps activations near one; scales lie between 0.5 and 1.5.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in (*module.named_parameters(), *module.named_buffers()):
            if not value.is_floating_point() or value.numel() == 0:
                continue
            drawn = torch.empty(value.shape, dtype=torch.float32)
            if value.dim() >= 2 and value.shape[0] > 1:
                drawn.normal_(std=float(value[0].numel()) ** -0.5, generator=generator)
            elif name.endswith(("weight", "running_var", "gamma")):
                drawn.uniform_(0.5, 1.5, generator=generator)
            else:
                drawn.normal_(std=0.5, generator=generator)
            value.copy_(drawn)
    # Some models keep tables made of their weights while they are in eval mode.
    training = module.training
    module.train().train(training)


@dataclass(frozen=True)
class _Candidate:
    """A model to judge.

    Attributes:
        module: what is run.
        whole: the model with all its blocks: ``module`` itself, or a copy without data.
        classifier: whether it has a classifier of its own.
        note: what was done otherwise than for an ordinary model, or None.
    """

    module: nn.Module
    whole: nn.Module
    classifier: bool
    note: str | None


def _built(name: str, *, pretrained: bool) -> _Candidate:
    """Build the model, with fewer blocks if it is too large and with a head if it has none."""
    megabytes = 0.0 if pretrained else _megabytes(name)
    kwargs: dict[str, object] = {}
    if megabytes > LARGEST_MEGABYTES:
        kwargs["depth"] = SHRUNK_DEPTH
    try:
        module = build_model(name, pretrained=pretrained, kwargs=kwargs)
    except UnsupportedModelError as error:
        if not kwargs:
            raise
        raise UnsupportedModelError(
            f"{name} has {megabytes:.0f} MB of weights, more than the {LARGEST_MEGABYTES:.0f} MB "
            "that are checked, and it cannot be built with fewer blocks; check a smaller one."
        ) from error
    classifier = getattr(module, "num_classes", None) != 0
    head: dict[str, object] = {} if classifier else {"num_classes": HEAD_CLASSES}
    if head:
        module = build_model(name, pretrained=pretrained, kwargs=kwargs | head)
    if not kwargs:
        return _Candidate(module, module, classifier, None)
    with torch.device("meta"):
        whole = build_model(name, kwargs=head)
    blocks = getattr(whole, "blocks", None)
    depth = f"its {len(blocks)}" if isinstance(blocks, nn.Sequential | nn.ModuleList) else "its"
    note = (
        f"It was judged with {SHRUNK_DEPTH} of {depth} blocks, since all its weights would take "
        f"{megabytes:.0f} MB; the MACs are those of the whole model."
    )
    return _Candidate(module, whole, classifier, note)


def _megabytes(name: str) -> float:
    """Return the size of a model's float32 weights in MB, or 0 if it only builds in memory.

    Unlike ``download_megabytes`` this also knows ``hf-hub:`` and ``local-dir:`` names.
    """
    try:
        with torch.device("meta"):
            module = build_model(name)
    except UnsupportedModelError:
        return 0.0
    return sum(p.numel() for p in module.parameters()) * 4 / 1e6


def _as_guidance(
    module: nn.Module, name: str, *, classifier: bool
) -> tuple[str | None, str | None]:
    """Return the map's layer, or None and why the model cannot be a guidance."""
    if not classifier:
        return None, f"{name} has no classifier, so it has no answer to be sure of."
    try:
        return wrap_guidance(module, name).spec.layer, None
    except TinyDropError as error:
        return None, str(error)


def _keep_all_difference(target: Target) -> float:
    pixels = probe_pixels(target.module, target.spec.input.size)
    everything = torch.arange(target.spec.grid.num_patches)[None]
    with torch.inference_mode():
        return largest_difference(target.logits(pixels, everything), target.module(pixels))


def _drop_mask_difference(target: Target) -> float:
    """Compare half of the patches with the full model in which the others are masked as keys."""
    pixels = probe_pixels(target.module, target.spec.input.size)
    patches = target.spec.grid.num_patches
    half = torch.randperm(patches, generator=torch.Generator().manual_seed(1))[: (patches + 1) // 2]
    keep = half.sort().values
    return largest_difference(
        target.logits(pixels, keep[None]), masked_logits(target, pixels, keep)
    )


def _macs(spec: TargetSpec) -> dict[str, int]:
    """Return the MACs at each stated share of the patches, K rounded up."""
    patches = spec.grid.num_patches
    return {
        str(ratio): target_macs(spec, (patches * ratio + 99) // 100).total for ratio in MACS_RATIOS
    }
