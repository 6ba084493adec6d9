"""Which parts of the picture speak for the guidance's answer: class activation maps, head only.

The gradient runs through the guidance's head alone, from one logit back to the feature map that
``Guidance.features`` already computed without a graph. That costs a few per cent of the guidance's
forward pass, where a backward pass through the whole model costs about twice that pass. No hook is
laid on a model, no ``backward()`` fills its ``.grad``, nothing is kept between calls: any number of
threads may share one guidance.

Grad-CAM is computed here. The other methods run pytorch-grad-cam's own weighting code on the same
activations and gradients, behind one lock, since that library makes no promise about threads.

Every map is the raw signed one, before the ReLU and the min-max that the papers draw with: a ReLU
ties all negative cells, and the order of the last kept patches would then be chance.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional as F

from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.selection import SALIENCY_METHODS
from tinydrop.core.tokens import PatchGrid, Saliency
from tinydrop.models.backbones import Features, Guidance

Maps = npt.NDArray[np.floating]
"""(B, rows, cols), signed."""
MapRule = Callable[[torch.Tensor, torch.Tensor], Maps]
"""(B, C, rows, cols) activations and the gradient of one logit each, same shape -> maps."""

_LIBRARY_LOCK = threading.Lock()


def _gradcam(activations: torch.Tensor, gradients: torch.Tensor) -> Maps:
    alpha = gradients.mean(dim=(2, 3), keepdim=True)  # (B, C, 1, 1)
    maps: Maps = (alpha * activations).sum(dim=1).numpy(force=True)
    return maps


def _library_rule(class_name: str) -> MapRule:
    """Return a rule that asks pytorch-grad-cam's class of that name for its unscaled map."""

    def rule(activations: torch.Tensor, gradients: torch.Tensor) -> Maps:
        with _LIBRARY_LOCK:
            import pytorch_grad_cam

            # The library wants a model only to lay hooks on it and to find its device. It gets one
            # without layers, and its own steps before and after the weighting are left out.
            cam = getattr(pytorch_grad_cam, class_name)(nn.LayerNorm(1), [])
            with np.errstate(all="ignore"):  # what is not finite is reported by Saliency.problem
                maps: Maps = cam.get_cam_image(
                    None,
                    None,
                    None,
                    activations.numpy(force=True),
                    gradients.numpy(force=True),
                    eigen_smooth=False,
                )
        return maps

    return rule


def _eigencam(activations: torch.Tensor, gradients: torch.Tensor) -> Maps:
    """Give the first principal component the sign of its largest entry; its own sign is chance.

    Source of the rule: Eq. 13 of Chung and Ying, Appl. Sci. 15(13):7562 (2025).
    """
    maps = _library_rule("EigenCAM")(activations, gradients)
    low, high = maps.min(axis=(1, 2), keepdims=True), maps.max(axis=(1, 2), keepdims=True)
    return np.where(-low > high, -maps, maps)


_METHODS: Mapping[str, MapRule] = MappingProxyType(
    {
        "gradcam": _gradcam,
        "gradcam++": _library_rule("GradCAMPlusPlus"),
        "hirescam": _library_rule("HiResCAM"),
        "layercam": _library_rule("LayerCAM"),
        "eigencam": _eigencam,
    }
)
"""What each ranks on, with A the feature map, G the gradient of the class's logit on it, and sums
over channels:

* ``gradcam``: sum of mean(G) * A (arXiv:1610.02391, without its ReLU);
* ``gradcam++``: sum of w * A with w >= 0 from the positive gradients (arXiv:1710.11063, eq. 19);
* ``hirescam``: sum of G * A (arXiv:2011.08891); the same as ``gradcam`` where G is constant;
* ``layercam``: sum of relu(G) * A (10.1109/TIP.2021.3089943); signed where A is;
* ``eigencam``: the centred A on its first principal component (arXiv:2008.00299); it knows no
  class, and the end with the largest magnitude counts as salient.
"""

_GRADIENT_FREE = frozenset({"eigencam"})


def compute_saliency(
    guidance: Guidance,
    features: Features,
    class_indices: Sequence[int],
    method: str = "gradcam",
) -> tuple[Saliency, ...]:
    """Return one raw signed map per picture, on the guidance's own map grid.

    All pictures share one backward pass through the head: that of the sum of the chosen logits,
    each of which depends on its own picture alone. Works with frozen parameters and under a
    caller's ``no_grad`` or ``inference_mode``.

    Args:
        guidance: the adapter that made ``features``.
        features: of B pictures.
        class_indices: B classes, the one to explain for each picture.
        method: a name in ``SALIENCY_METHODS``.

    Returns:
        B maps. A map that is flat, zero or not finite is returned as it is; its ``problem`` says
        so. Where a feature or a gradient of a picture is not finite, its whole map is NaN.

    Raises:
        SettingError: if the method is unknown or the classes do not fit the features.
    """
    if method not in _METHODS:
        raise SettingError(
            f"Unknown saliency method {quoted(method)}; choose one of "
            f"{', '.join(SALIENCY_METHODS)}."
        )
    classes = [int(index) for index in class_indices]
    num_classes = guidance.spec.num_classes
    if len(classes) != len(features):
        raise SettingError(
            f"Saliency explains one class for each of the {len(features)} pictures, "
            f"got {len(classes)}."
        )
    if not all(0 <= index < num_classes for index in classes):
        raise SettingError(
            f"{guidance.spec.name} has classes 0 to {num_classes - 1}, got {classes}."
        )
    activations = features.map.detach()
    if method in _GRADIENT_FREE:
        gradients = torch.zeros_like(activations)
    else:
        gradients = _head_gradient(guidance, features, classes)
    # Half precision would round the sums over channels.
    wide = torch.promote_types(activations.dtype, torch.float32)
    activations, gradients = activations.to(wide), gradients.to(wide)
    finite = (activations.isfinite() & gradients.isfinite()).all(dim=(1, 2, 3), keepdim=True)
    # The library reads NaN as 0 and would then rank what is left.
    maps = _METHODS[method](activations.where(finite, 0), gradients.where(finite, 0))
    maps = np.where(finite[:, 0].numpy(force=True), maps, np.nan)
    return tuple(Saliency(one, method, guidance.spec.layer) for one in maps)


def _head_gradient(guidance: Guidance, features: Features, classes: Sequence[int]) -> torch.Tensor:
    """Return d logit[class] / d feature map, (B, C, rows, cols), each picture for its own class."""
    # A caller's inference mode is left: tensors made in it cannot be differentiated, so what comes
    # from there is copied too.
    with torch.inference_mode(mode=False), torch.enable_grad():
        leaf = features.map.detach().clone().requires_grad_()
        rest = tuple(part.clone() if part.is_inference() else part for part in features.rest)
        logits = guidance.head(leaf, rest)
        index = torch.tensor(classes, device=logits.device)[:, None]
        # grad() of this one leaf: unlike backward() it leaves the parameters' .grad alone.
        gradient: torch.Tensor = torch.autograd.grad(logits.gather(1, index).sum(), leaf)[0]
    return gradient


def resize_saliency(saliency: Saliency, grid: PatchGrid) -> Saliency:
    """Return the map on another grid, bilinear between cell centres (``align_corners=False``).

    A map with a ``problem`` keeps it: interpolation might skip a NaN on a coarser grid, or turn
    the rounding of a flat map into an order.

    Args:
        saliency: (rows, cols) on any grid.
        grid: usually the target's patch grid.
    """
    if saliency.grid == grid:
        return saliency
    if saliency.problem is not None:
        finite = bool(np.isfinite(saliency.values).all())
        constant = saliency.values[0, 0] if finite else np.float32(np.nan)
        values = np.full((grid.rows, grid.cols), constant, dtype=np.float32)
    else:
        # float64: in float32 the cell centres are off by 1e-6 cells, differently on either side.
        source = torch.from_numpy(saliency.values.astype(np.float64))[None, None]
        values = F.interpolate(
            source, size=(grid.rows, grid.cols), mode="bilinear", align_corners=False
        )[0, 0].numpy()  # Saliency stores float32
    return Saliency(values, saliency.method, saliency.layer)
