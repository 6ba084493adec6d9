"""Grad-CAM by pytorch-grad-cam, on a copy of the guidance: what ours is measured against."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch

from tinydrop.models.backbones import Guidance


def library_gradcam(guidance: Guidance) -> Callable[[torch.Tensor], object] | None:
    """Return pytorch-grad-cam's GradCAM on a copy of the model, or None where it has no layer."""
    import pytorch_grad_cam
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    # A copy: the library lays hooks, sets eval mode and fills every parameter's .grad.
    model = copy.deepcopy(guidance.module).requires_grad_(requires_grad=True)
    layers = dict(model.named_modules())
    if guidance.spec.layer not in layers:
        return None
    grid, channels = guidance.spec.map_grid, guidance.spec.map_channels

    def to_map(output: torch.Tensor) -> torch.Tensor:
        if output.dim() == 4:
            return output if output.shape[1] == channels else output.permute(0, 3, 1, 2)
        patches = output[:, -grid.num_patches :]  # prefix tokens come first
        return patches.transpose(1, 2).reshape(-1, channels, grid.rows, grid.cols)

    def run(pixels: torch.Tensor) -> object:
        with pytorch_grad_cam.GradCAM(model, [layers[guidance.spec.layer]], to_map) as cam:
            return cam(pixels, [ClassifierOutputTarget(0)] * len(pixels))

    return run
