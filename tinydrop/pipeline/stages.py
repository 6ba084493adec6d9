"""What passes between the pipeline's stages: frozen values that later stages only read."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from tinydrop.core.results import Answer
from tinydrop.core.tokens import Saliency, TokenSelection
from tinydrop.data import InputSpec, Picture, View
from tinydrop.models.backbones import Features
from tinydrop.pipeline.batch import Guided


@dataclass(frozen=True, eq=False)
class Guide:
    """What the guidance made of one picture; later stages read it and never change it.

    Attributes:
        picture: the upright RGB picture.
        view: the region both models see.
        guided: what the guidance says of it, as a batch of one.
        answer: the guidance's answer at temperature 1, with the time of its forward pass.
    """

    picture: Picture
    view: View
    guided: Guided
    answer: Answer

    @property
    def features(self) -> Features:
        """The guidance's last feature map and what its head needs beside it, a batch of one."""
        return self.guided.features

    def pixels(self, spec: InputSpec) -> torch.Tensor:
        """Return the picture as a model wants it, (1, 3, H, W) float32; made anew at every call."""
        return torch.from_numpy(self.view.pixels(self.picture, spec))[None]


@dataclass(frozen=True, eq=False)
class Selected:
    """The kept set of one picture and why it is what it is.

    Attributes:
        selection: the kept patches.
        order: (N,) int64, patches from first to last kept; None for a map that cannot be ranked.
        saliency: the map on the target's grid; None for selectors that use none.
        raw: the same map as the guidance made it, on its own grid.
        warnings: sentences a person should read.
        latency_ms: time of the head-only gradient and the ranking, in milliseconds.
    """

    selection: TokenSelection
    order: npt.NDArray[np.int64] | None
    saliency: Saliency | None
    raw: Saliency | None
    warnings: tuple[str, ...]
    latency_ms: float
