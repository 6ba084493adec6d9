"""The guidance adapter: any timm classifier with a spatial last feature map.

``Guidance.features`` is one pass without gradient; ``Guidance.head`` is the rest of the model
after the map and is the only part that is ever differentiated. Both are stateless and safe to call
from many threads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from tinydrop.core.errors import TinyDropError, UnsupportedModelError
from tinydrop.core.tokens import PatchGrid
from tinydrop.data import InputSpec
from tinydrop.models.backbones.build import build_model, model_input
from tinydrop.models.backbones.cut import cut_guidance
from tinydrop.models.backbones.features import Features
from tinydrop.models.backbones.hub import DownloadProgress
from tinydrop.models.backbones.parity import (
    check_pixels,
    in_full,
    largest_difference,
    placed_like,
    probe_pixels,
    require_colour,
    require_eval,
    require_ready,
    require_run,
    tolerance,
)
from tinydrop.models.backbones.splits import Split


@dataclass(frozen=True)
class GuidanceSpec:
    """Facts about a guidance model.

    Attributes:
        name: the name it was asked for.
        family: the model's class in timm.
        layer: the layer whose output the saliency is read from.
        num_classes: the length of its logits.
        input: the input it wants.
        map_grid: rows and columns of the feature map.
        map_channels: C of the feature map.
        parameters: the number of weights.
        constant_query_macs: in a transformer's head, the MACs that project its query, which does
            not depend on the map; None for every other head.
    """

    name: str
    family: str
    layer: str
    num_classes: int
    input: InputSpec
    map_grid: PatchGrid
    map_channels: int
    parameters: int
    constant_query_macs: int | None


class Guidance:
    """A frozen classifier cut at its last feature map; make it with ``wrap_guidance``.

    Attributes:
        spec: facts about the model.
        module: the live model, never changed.
    """

    def __init__(self, spec: GuidanceSpec, module: nn.Module, split: Split) -> None:
        self.spec = spec
        self.module = module
        self._split = split

    def features(self, pixels: torch.Tensor) -> Features:
        """Return logits and feature map of ``pixels``, (B, 3, H, W), normalised; no gradient.

        Raises:
            SettingError: if the shape is not the one that ``spec.input`` asks for.
            UnsupportedModelError: if somebody has put the model into training mode since.
        """
        check_pixels(pixels, self.spec.input)
        require_eval(self.module, self.spec.name, role="guidance")
        # Inference mode is left even where the caller is in it: the head differentiates with
        # respect to these very tensors, and some models keep tensors of the first pass.
        with torch.inference_mode(mode=False), torch.no_grad():
            found = self._split.features(placed_like(self.module, pixels))
        return Features(found.map, found.rest, in_full(found.logits))

    def head(self, feature_map: torch.Tensor, rest: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Return the logits, (B, classes), from a feature map (B, C, rows, cols) and its rest.

        Differentiable in ``feature_map`` where gradients are enabled:
        ``head(features.map, features.rest)`` equals ``features.logits``.
        """
        return self._split.head(feature_map, rest)

    def rebuilt(self, module: nn.Module) -> Guidance:
        """Return the same adapter around a copy of the model, for example on the meta device."""
        return Guidance(self.spec, module, self._split.rebuilt(module))


def wrap_guidance(module: nn.Module, name: str, input_spec: InputSpec | None = None) -> Guidance:
    """Return the adapter of a timm classifier in eval mode, after proving that it fits.

    Args:
        module: the model; it is not changed.
        name: how to call it in messages and results.
        input_spec: the input it wants; by default what timm says about it.

    Raises:
        UnsupportedModelError: if it cannot be cut, or the cut changes the answer; with the reason.
    """
    require_ready(module, name, role="guidance")
    require_colour(module, name, role="guidance")
    spec_input = model_input(module) if input_spec is None else input_spec
    pixels = probe_pixels(module, spec_input.size)
    expected = require_run(module, pixels, name)
    if not isinstance(expected, torch.Tensor) or expected.dim() != 2:
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: it does not answer with one row of logits per picture."
        )
    split = cut_guidance(module, name, spec_input.size)
    try:
        with torch.no_grad():
            features = split.features(pixels)
            again = split.head(features.map, features.rest)
    except TinyDropError:
        raise
    except (RuntimeError, AssertionError, ValueError, TypeError) as error:
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: it does not run when cut at {split.layer}."
        ) from error
    limit = tolerance(expected.dtype)
    difference = max(
        largest_difference(features.logits, expected), largest_difference(again, expected)
    )
    if not difference <= limit:
        raise UnsupportedModelError(
            f"{name} cannot be a guidance: cut at {split.layer} its logits differ by "
            f"{difference:.1e} of their largest value, where at most {limit:.0e} is allowed."
        )
    channels, rows, cols = (int(side) for side in features.map.shape[1:])
    spec = GuidanceSpec(
        name=name,
        family=type(module).__name__,
        layer=split.layer,
        num_classes=int(expected.shape[1]),
        input=spec_input,
        map_grid=PatchGrid(rows, cols),
        map_channels=channels,
        parameters=sum(p.numel() for p in module.parameters()),
        constant_query_macs=split.constant_query_macs,
    )
    return Guidance(spec, module, split)


def load_guidance(
    name: str, *, pretrained: bool = True, progress: DownloadProgress | None = None
) -> Guidance:
    """Build a timm model by name and wrap it.

    Raises:
        UnsupportedModelError: for an unknown name or a model that does not fit.
        WeightsUnavailableError: if its weights cannot be had.
    """
    return wrap_guidance(build_model(name, pretrained=pretrained, progress=progress), name)
