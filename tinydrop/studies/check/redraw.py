"""Drawing a model's weights anew, so that what sleeps in an untrained one is awake."""

from __future__ import annotations

import torch
from torch import nn


def redraw_weights(module: nn.Module, seed: int = 0) -> None:
    """Draw every floating-point parameter and running statistic again, in place.

    Matrices get the scale that keeps activations near one; scales lie between 0.5 and 1.5. Tables
    that follow from the configuration and are in no weights file (rotary angles, relative
    coordinates, window masks) stay as they are: they are facts, not weights.
    """
    generator = torch.Generator().manual_seed(seed)
    stored = module.state_dict().keys()
    with torch.no_grad():
        for name, value in (*module.named_parameters(), *module.named_buffers()):
            if name not in stored or not value.is_floating_point() or value.numel() == 0:
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
