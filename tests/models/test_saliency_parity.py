"""Head-only maps against pytorch-grad-cam on the whole model, with its hooks and full backward.

The layer, its layout and the classes are written down here per model, independently of how the
adapters find them. Every parameter is re-drawn, since default weights hide mistakes; each equality
has negative twins that must miss by a wide margin.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import pytorch_grad_cam
import timm
import torch
from pytorch_grad_cam.utils.image import scale_cam_image
from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

from tinydrop.core.selection import SALIENCY_METHODS
from tinydrop.data.view import InputSpec
from tinydrop.models.backbones import Features, Guidance, wrap_guidance
from tinydrop.models.saliency import compute_saliency

TOLERANCE = 1e-4  # DESIGN part 4, after the library's post-processing
WIDE = 0.05  # what a negative twin must exceed, in the same unit: maps run from 0 to 1

LIBRARY = {
    "gradcam": pytorch_grad_cam.GradCAM,
    "gradcam++": pytorch_grad_cam.GradCAMPlusPlus,
    "hirescam": pytorch_grad_cam.HiResCAM,
    "layercam": pytorch_grad_cam.LayerCAM,
    "eigencam": pytorch_grad_cam.EigenCAM,
}


def redraw(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Return the module in eval mode with every parameter and statistic re-drawn."""
    generator = torch.Generator().manual_seed(seed)

    def noise(like: torch.Tensor) -> torch.Tensor:
        return torch.randn(like.shape, generator=generator)

    with torch.no_grad():
        for name, value in module.named_parameters():
            if value.dim() > 1:
                fan_in = max(1, value[0].numel())
                value.copy_(noise(value) * (2 / fan_in) ** 0.5)
            elif name.endswith("weight") or "gamma" in name:
                value.copy_(1 + 0.3 * noise(value))
            else:
                value.copy_(0.3 * noise(value))
        for name, value in module.named_buffers():
            if name.endswith("running_mean"):
                value.copy_(0.3 * noise(value))
            elif name.endswith("running_var"):
                value.copy_(0.75 + 0.5 * torch.rand(value.shape, generator=generator))
    return module.eval()


def tokens_to_map(rows: int, cols: int, prefix: int) -> Callable[[torch.Tensor], torch.Tensor]:
    def reshape(tokens: torch.Tensor) -> torch.Tensor:
        patches = tokens[:, prefix:]
        return patches.reshape(len(tokens), rows, cols, -1).permute(0, 3, 1, 2)

    return reshape


@dataclass(frozen=True)
class Case:
    """A model, the layer to read and another layer that must give another map."""

    arguments: dict[str, object]
    size: tuple[int, int]
    layer: str
    wrong_layer: str
    reshape: Callable[[torch.Tensor], torch.Tensor] | None = None


VIT = {
    "model_name": "vit_tiny_patch16_224", "img_size": (64, 96), "patch_size": 16, "embed_dim": 48,
    "depth": 3, "num_heads": 3, "num_classes": 11,
}  # fmt: skip
FORMER = tokens_to_map(7, 7, prefix=0)
PATCHES = tokens_to_map(4, 6, prefix=1)
CASES = {
    "efficientformer_l1": Case(  # native size, depth and width: its last stage is fixed to 7x7
        {"model_name": "efficientformer_l1", "num_classes": 11},
        (224, 224), "stages", "norm", FORMER,
    ),
    "resnet18": Case(
        {"model_name": "resnet18", "num_classes": 11}, (96, 64), "layer4", "layer3"
    ),
    "mobilenetv3": Case(
        {"model_name": "mobilenetv3_small_050", "num_classes": 11},
        (64, 96), "blocks", "blocks.4",
    ),
    "convnext": Case(
        {"model_name": "convnext_atto", "num_classes": 11, "depths": (1, 1, 2, 1)},
        (64, 96), "stages", "stages.2",
    ),
    "vit_token_pooled": Case(VIT, (64, 96), "blocks.2.norm1", "blocks.1.norm1", PATCHES),
    "vit_average_pooled": Case(
        VIT | {"global_pool": "avg"}, (64, 96), "blocks.2", "blocks.1", PATCHES
    ),
}  # fmt: skip
BATCH = 2


@dataclass(frozen=True)
class Prepared:
    """A guidance, its own copy for the library to lay hooks on, two pictures and two classes."""

    case: Case
    guidance: Guidance
    model: torch.nn.Module
    pixels: torch.Tensor
    features: Features
    classes: list[int]


@pytest.fixture(scope="module", params=CASES)
def prepared(request) -> Prepared:
    return prepare(request.param)


@cache
def prepare(name: str) -> Prepared:
    case = CASES[name]
    model = redraw(timm.create_model(**case.arguments))
    spec = InputSpec(
        size=case.size, mean=(0.5,) * 3, std=(0.5,) * 3, interpolation="bicubic", crop_pct=1.0,
        crop_mode="center",
    )  # fmt: skip
    guidance = wrap_guidance(model, name, spec)
    pixels = torch.randn((BATCH, 3, *case.size), generator=torch.Generator().manual_seed(1))
    features = guidance.features(pixels)
    # The winner, and for the second picture its best other class: noise has one favourite.
    ranked = features.logits.argsort(dim=1, descending=True).tolist()
    classes = [ranked[0][0], next(index for index in ranked[1] if index != ranked[0][0])]
    return Prepared(case, guidance, copy.deepcopy(model), pixels, features, classes)


@dataclass(frozen=True)
class Library:
    """What pytorch-grad-cam finds with hooks and a backward pass through the whole model."""

    finished: np.ndarray  # (B, H, W) Grad-CAM after ReLU, min-max and resize
    activations: np.ndarray
    gradients: np.ndarray

    def raw(self, method: str) -> np.ndarray:
        """Return the method's map before any scaling, (B, rows, cols)."""
        cam = LIBRARY[method](torch.nn.Linear(1, 1), [])
        arrays = (self.activations, self.gradients)
        return cam.get_cam_image(None, None, None, *arrays, eigen_smooth=False)


@cache
def library(name: str, *, swap_classes: bool = False, wrong_layer: bool = False) -> Library:
    p = prepare(name)
    layer = p.model.get_submodule(p.case.wrong_layer if wrong_layer else p.case.layer)
    classes = p.classes[::-1] if swap_classes else p.classes
    with pytorch_grad_cam.GradCAM(p.model, [layer], p.case.reshape) as cam:
        finished = cam(p.pixels, [ClassifierOutputTarget(index) for index in classes])
        (activations,) = cam.activations_and_grads.activations
        (gradients,) = cam.activations_and_grads.gradients
        return Library(finished, activations.numpy(), gradients.numpy())


def finish(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return maps (B, rows, cols) after the library's own ReLU, min-max and resize."""
    height, width = size
    return scale_cam_image(scale_cam_image(np.maximum(maps, 0), (width, height)))


def ours(prepared: Prepared, method: str = "gradcam") -> np.ndarray:
    found = compute_saliency(prepared.guidance, prepared.features, prepared.classes, method)
    return np.stack([saliency.values for saliency in found])


def test_the_layer_is_named(prepared):
    (first, *_) = compute_saliency(prepared.guidance, prepared.features, prepared.classes)
    assert first.layer == prepared.guidance.spec.layer == prepared.case.layer


def distance(prepared: Prepared, theirs: Library, maps: np.ndarray | None = None) -> float:
    """Return the largest difference of finished maps, which run from 0 to 1."""
    mine = ours(prepared) if maps is None else maps
    return float(np.abs(finish(mine, prepared.case.size) - theirs.finished).max())


def test_head_only_gradcam_equals_the_library_end_to_end(prepared):
    difference = distance(prepared, library(prepared.guidance.spec.name))
    print(f"{prepared.guidance.spec.name}: {difference:.1e}")  # noqa: T201 - shown by -rP
    assert difference <= TOLERANCE


@pytest.mark.parametrize("method", SALIENCY_METHODS)
def test_raw_signed_maps_equal_the_librarys(prepared, method):
    """Before the ReLU, which hides half of a map; EigenCAM up to each map's sign."""
    theirs = library(prepared.guidance.spec.name).raw(method)
    mine = ours(prepared, method)
    if method == "eigencam":
        theirs = np.sign((mine * theirs).sum(axis=(1, 2), keepdims=True)) * theirs
    scale = np.abs(theirs).max(axis=(1, 2), keepdims=True)
    assert (scale > 0).all()
    assert (np.abs(mine - theirs) / scale).max() <= TOLERANCE


def test_negative_twin_the_other_pictures_class(prepared):
    """A wrong class, and what a batch whose gradients mix would give."""
    assert distance(prepared, library(prepared.guidance.spec.name, swap_classes=True)) > WIDE


def test_negative_twin_the_wrong_layer(prepared):
    assert distance(prepared, library(prepared.guidance.spec.name, wrong_layer=True)) > WIDE


def test_negative_twin_no_gradient(prepared):
    """Equal weights for all channels are not Grad-CAM."""
    unweighted = prepared.features.map.mean(dim=1).numpy()
    assert distance(prepared, library(prepared.guidance.spec.name), unweighted) > WIDE


@pytest.mark.parametrize("method", ["gradcam", "hirescam"])
def test_closed_form_of_a_pooled_linear_head(method):
    """Global average and one linear layer: alpha = W_k / (rows * cols), so the map is CAM's."""
    p = prepare("resnet18")
    weights = p.guidance.module.fc.weight.detach()[p.classes]  # (B, C)
    rows, cols = p.guidance.spec.map_grid.rows, p.guidance.spec.map_grid.cols
    expected = torch.einsum("bc,bcij->bij", weights, p.features.map) / (rows * cols)
    difference = np.abs(ours(p, method) - expected.numpy()).max()
    assert difference <= 1e-5 * float(expected.abs().max())
    wrong = torch.einsum("bc,bcij->bij", weights.roll(1, 0), p.features.map) / (rows * cols)
    assert np.abs(ours(p, method) - wrong.numpy()).max() > WIDE * float(expected.abs().max())


def test_a_token_pooled_transformer_has_no_gradient_at_its_last_blocks_output():
    """Why its map is read at norm1: the library gives all zeros there."""
    p = prepare("vit_token_pooled")
    with pytorch_grad_cam.GradCAM(p.model, [p.model.blocks[-1]], PATCHES) as cam:
        finished = cam(p.pixels, [ClassifierOutputTarget(index) for index in p.classes])
    assert not finished.any()
    assert np.abs(ours(p)).max() > 0


def test_sixteen_threads_give_the_sequential_maps():
    """All methods on two shared guidances; the library alone gets 7 of 8 maps wrong this way."""
    guides = [prepare("resnet18"), prepare("vit_token_pooled")]
    jobs = [
        (p, p.features[picture], (p.classes[picture] + shift) % 11, method)
        for p in guides
        for picture in range(BATCH)
        for shift in range(6)
        for method in SALIENCY_METHODS
    ] * 3

    def run(job) -> np.ndarray:
        p, features, index, method = job
        (found,) = compute_saliency(p.guidance, features, [index], method)
        return found.values

    sequential = [run(job) for job in jobs]
    with ThreadPoolExecutor(16) as pool:
        threaded = list(pool.map(run, jobs))
    assert len(jobs) == 360
    wrong = [
        job[3]
        for job, one, other in zip(jobs, sequential, threaded, strict=True)
        if not np.array_equal(one, other)
    ]
    assert wrong == []
