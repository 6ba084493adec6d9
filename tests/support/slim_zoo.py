"""Small plain transformers to slim, every weight drawn anew."""

from __future__ import annotations

from typing import Any

import timm
import torch

from tinydrop.data.view import InputSpec
from tinydrop.models.backbones import Target, wrap_target
from tinydrop.models.slimming import SlimmedTransformer
from tinydrop.studies.check import redraw_weights

__all__ = ["CLASSES", "VARIANTS", "make_permuting", "pictures", "small_teacher"]

CLASSES = 5
VARIANTS: dict[str, dict[str, Any]] = {
    "class token": {},
    "distilled": {"model": "deit_tiny_distilled_patch16_224"},
    "registers": {"reg_tokens": 2, "init_values": 0.5},
    "averaged": {"class_token": False, "global_pool": "avg"},
    "attention pool": {"class_token": False, "global_pool": "map"},
}


def small_teacher(variant: str = "class token", side: int = 32, depth: int = 4) -> Target:
    """Return a target on patches of 8x8 pixels, (side / 8)^2 of them."""
    kwargs = {"model": "vit_tiny_patch16_224"} | VARIANTS[variant]
    module = timm.create_model(
        kwargs.pop("model"),
        img_size=side,
        patch_size=8,
        embed_dim=24,
        depth=depth,
        num_heads=3,
        num_classes=CLASSES,
        **kwargs,
    )
    redraw_weights(module, 3)
    spec = InputSpec((side, side), (0.5, 0.5, 0.5), (0.25, 0.25, 0.25), crop_pct=1.0)
    return wrap_target(module.eval(), variant, spec)


def pictures(count: int, side: int = 32, seed: int = 0) -> torch.Tensor:
    return torch.randn((count, 3, side, side), generator=torch.Generator().manual_seed(seed))


def entering_tokens(
    student: SlimmedTransformer, pixels: torch.Tensor, module: torch.nn.Module
) -> torch.Tensor:
    """Return the patch tokens (B, N, C) that a module of the student is given."""
    seen: list[torch.Tensor] = []
    handle = module.register_forward_hook(lambda _m, args, _out: seen.append(args[0]))
    with torch.no_grad():
        student(pixels)
    handle.remove()
    return seen[0]


def make_permuting(student: SlimmedTransformer, pixels: torch.Tensor, orders: list[list[int]]):
    """Give every slimming module the weights that pick its tokens in this order, on one picture.

    Its last layer is the solution of a linear system, so it needs N at most C / 2.
    """
    for number, order in enumerate(orders):
        module = student.slimmers[number]
        entering = entering_tokens(student, pixels, module)[0]
        hidden = torch.nn.functional.gelu(module.hidden(module.norm(entering)))  # (N, C/2)
        wanted = torch.zeros(hidden.shape[0], len(order), dtype=hidden.dtype)
        for slim, token in enumerate(order):
            wanted[token, slim] = 200.0
        with torch.no_grad():
            module.out.weight.copy_((torch.linalg.pinv(hidden) @ wanted).T)
            module.out.bias.zero_()
            module.scale.fill_(1.0)
