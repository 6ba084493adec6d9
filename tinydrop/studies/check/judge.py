"""Does a timm model fit? Parity is measured on weights drawn anew, or the reason is given.

Untrained models hide mistakes: LayerScale starts near zero and position tables too. So every
parameter is drawn again before anything is measured.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from tinydrop.core.errors import TinyDropError, UnsupportedModelError
from tinydrop.models.backbones import (
    Target,
    TargetSpec,
    build_model,
    describe_target,
    largest_difference,
    map_layer,
    masked_logits,
    probe_pixels,
    tolerance,
    wrap_guidance,
    wrap_target,
)
from tinydrop.models.macs import MacsSpread, target_macs_spread
from tinydrop.studies.bench import measure_target_speed
from tinydrop.studies.check.redraw import redraw_weights
from tinydrop.studies.check.report import ModelReport

PHASES = ("building", "drawing weights", "parity", "MACs", "timing")
"""What a check does, in this order; a refusal ends it early."""

MACS_RATIOS = (25, 50, 75, 100)
LARGEST_MEGABYTES = 1000.0
SHRUNK_DEPTH = 2
# How timm's constructors are told to make fewer blocks, and with how many of each kind.
_SHRINKING: tuple[dict[str, object], ...] = (
    {"depth": SHRUNK_DEPTH},
    {"depths": (SHRUNK_DEPTH,) * 4},
    {"stages": (1, 1, SHRUNK_DEPTH, 1)},
)
TIMED_BATCH = 8
TIMED_TURNS = 3
HEAD_CLASSES = 10


def check_model(
    name: str,
    *,
    pretrained: bool = False,
    shrunk: bool = False,
    timed: bool = False,
    tell: Callable[[str], None] = lambda _phase: None,
) -> ModelReport:
    """Return what a timm model can be here; refusals are in the report and never raised.

    Args:
        name: a timm name (at the command line also ``hf-hub:`` and ``local-dir:`` names).
        pretrained: measure on the model's own weights instead of weights drawn anew.
        shrunk: judge it with a few of its blocks, whatever its size; its MACs are those of the
            whole model. A model larger than 1 GB is always judged so.
        timed: also measure its time at each share kept, in batches of 8.
        tell: told each of ``PHASES`` as it begins.
    """
    tell("building")
    try:
        candidate = _built(name, pretrained=pretrained, shrunk=shrunk)
    except TinyDropError as error:
        return ModelReport(name, reason=str(error), guidance_reason=str(error))
    module, whole = candidate.module, candidate.whole
    if not pretrained:
        tell("drawing weights")
        redraw_weights(module)
    module.requires_grad_(requires_grad=False)
    layer, guidance_reason = _as_guidance(module, name, classifier=candidate.classifier)
    if layer is not None and whole is not module:
        layer = map_layer(whole, name)
    common = {
        "model": name,
        "as_guidance": layer is not None,
        "classifier": candidate.classifier,
        "family": type(module).__name__,
        "layer": layer,
        "guidance_reason": guidance_reason,
        "note": candidate.note,
    }
    tell("parity")
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
    tell("MACs")
    macs = _macs(spec if whole is module else describe_target(whole, name))
    depends = spec.cost.depends_on_set
    if timed:
        tell("timing")
    return ModelReport(
        **common,  # type: ignore[arg-type]
        supported=True,
        positions=spec.positions.words,
        prefix_tokens=spec.num_prefix_tokens,
        grid_size=(spec.grid.rows, spec.grid.cols),
        pooling=spec.pooling,
        keep_all_difference=differences[0],
        drop_mask_difference=differences[1],
        macs={ratio: spread.mean for ratio, spread in macs.items()},
        macs_range={r: (s.low, s.high) for r, s in macs.items()} if depends else None,
        time_ratio=_time_ratio(target) if timed else None,
    )


def _time_ratio(target: Target) -> dict[str, float]:
    """Return the median time at each stated share over the time on every patch."""
    shares = tuple(ratio / 100 for ratio in MACS_RATIOS)
    speed = measure_target_speed(target, shares, batch_size=TIMED_BATCH, repeats=TIMED_TURNS)
    return {
        str(ratio): row.time_ratio.median for ratio, row in zip(MACS_RATIOS, speed, strict=True)
    }


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


def _built(name: str, *, pretrained: bool, shrunk: bool) -> _Candidate:
    """Build the model, with fewer blocks if asked or too large, with a head if it has none."""
    megabytes = 0.0 if pretrained else _megabytes(name)
    too_large = megabytes > LARGEST_MEGABYTES
    fewer = None
    if not pretrained and (shrunk or too_large):
        fewer = _fewer_blocks(name, megabytes)
        if fewer is None and too_large:
            raise UnsupportedModelError(
                f"{name} has {megabytes:.0f} MB of weights, more than the "
                f"{LARGEST_MEGABYTES:.0f} MB that are checked, and it cannot be built with fewer "
                "blocks; check a smaller one."
            )
    kwargs = fewer or {}
    module = build_model(name, pretrained=pretrained, kwargs=kwargs)
    classifier = getattr(module, "num_classes", None) != 0
    head: dict[str, object] = {} if classifier else {"num_classes": HEAD_CLASSES}
    if head:
        module = build_model(name, pretrained=pretrained, kwargs=kwargs | head)
    if not kwargs:
        return _Candidate(module, module, classifier, None)
    with torch.device("meta"):
        whole = build_model(name, kwargs=head)
    why = f", since all its weights would take {megabytes:.0f} MB" if too_large else ""
    note = (
        f"It was judged with {_blocks_in(kwargs)} of {_blocks_of(whole)} blocks{why}; the MACs are "
        "those of the whole model."
    )
    return _Candidate(module, whole, classifier, note)


def _fewer_blocks(name: str, megabytes: float) -> dict[str, object] | None:
    """Return the arguments that build the model with fewer blocks, or None if it takes none."""
    for arguments in _SHRINKING:
        try:
            with torch.device("meta"):
                module = build_model(name, kwargs=arguments)
        except UnsupportedModelError:
            continue
        if _weights_of(module) < megabytes:
            return arguments
    return None


def _blocks_in(arguments: dict[str, object]) -> int:
    """Return how many blocks the shrinking arguments ask for."""
    (count,) = arguments.values()
    return sum(count) if isinstance(count, tuple) else SHRUNK_DEPTH


def _blocks_of(whole: nn.Module) -> str:
    blocks = getattr(whole, "blocks", None)
    return f"its {len(blocks)}" if isinstance(blocks, nn.Sequential | nn.ModuleList) else "its"


def _megabytes(name: str) -> float:
    """Return the size of a model's float32 weights in MB, or 0 if it only builds in memory.

    Unlike ``download_megabytes`` this also knows ``hf-hub:`` and ``local-dir:`` names.
    """
    try:
        with torch.device("meta"):
            module = build_model(name)
    except UnsupportedModelError:
        return 0.0
    return _weights_of(module)


def _weights_of(module: nn.Module) -> float:
    """Return the size of a model's weights in MB as float32."""
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


def _macs(spec: TargetSpec) -> dict[str, MacsSpread]:
    """Return the MACs at each stated share of the patches, K rounded up."""
    patches = spec.grid.num_patches
    return {
        str(ratio): target_macs_spread(spec, (patches * ratio + 99) // 100) for ratio in MACS_RATIOS
    }
