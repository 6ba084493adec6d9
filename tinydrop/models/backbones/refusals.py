"""Why a model is no target here: one sentence for every class of timm that is of no proved family.

To drop a patch means that nothing is computed for it and that the others do not notice but for its
absence as a key. Whatever mixes patches otherwise than by attention over all of them cannot do so.
"""

from __future__ import annotations

from collections.abc import Mapping

from timm.models.vision_transformer import VisionTransformer
from torch import nn

_CONVOLUTIONAL = (
    "is a convolutional network: every layer mixes neighbouring cells, so no patch can be left out"
)
_HYBRID = (
    "mixes neighbouring patches by convolution, beside any attention, so no patch can be left out"
)
_CHANNELS = (
    "attends over channels instead of patches and mixes neighbours by convolution, "
    "so no patch can be left out"
)
_SUBSAMPLED = (
    "merges its tokens from stage to stage by subsampled queries, so no patch goes all the way"
)
_POOLED_KEYS = (
    "pools keys and values of neighbouring patches by convolution, so no patch can be left out"
)
_ANY_SIZE = "is the vision part of a language model, made for any picture size, and is not proved"

# By the name of timm's class.
_REASONS: Mapping[str, str] = {
    _CONVOLUTIONAL: (
        "ByobNet ConvMixer ConvNeXt CspNet CspNext DLA DPN DenseNet EfficientNet FasterNet "
        "GhostNet HighPerfGpuNet HighResolutionNet InceptionResnetV2 InceptionV3 InceptionV4 "
        "LCNetV2 MambaOut MetaNeXt MobileNetV3 NASNetALarge NormFreeNet PNASNet5Large RDNet RegNet "
        "RepGhostNet RepVit ResNet ResNetV2 RexNet SENet SelecSls StarNet TResNet VGG VovNet "
        "Xception XceptionAligned"
    ),
    _HYBRID: (
        "CPUBone CSATv2 DaVit EfficientFormer EfficientFormerV2 EfficientVit EfficientVitLarge "
        "EfficientVitMsra FastVit GlobalContextVit IFormer LowFormer MaxxVit "
        "MobileNetV5 MobileNetV5Encoder NextViT SHViT SwiftFormer TinyVit Visformer"
    ),
    "mixes neighbouring patches by convolution or pooling, so no patch can be left out": (
        "MetaFormer"
    ),
    _CHANNELS: "EdgeNeXt Xcit",
    _SUBSAMPLED: "Levit LevitDistilled",
    _POOLED_KEYS: "MultiScaleVit PyramidVisionTransformerV2 Twins",
    _ANY_SIZE: (
        "DeepseekVitClassifier DeepseekVitEncoder Gemma4VitClassifier Gemma4VitEncoder "
        "Qwen3VitClassifier Qwen3VitEncoder"
    ),
    "mixes patches by state spaces and convolution, so no patch can be left out": (
        "EfficientViM EfficientViMDistilled"
    ),
    "mixes patches by convolutions of growing size instead of attention, so none can be left out": (
        "FocalNet"
    ),
    "mixes patches by layers made for all of them at once, so none can be left out": "MlpMixer",
    "reads its patches row by row and column by column, so none can be left out": "Sequencer2d",
    "attends inside blocks of patches and joins the blocks by convolution and pooling": "Nest",
    "runs two branches with patches of two sizes, which lie on no common grid": "CrossVit",
    "adds and multiplies convolutions of its patches in every block, so none can be left out": (
        "CoaT"
    ),
    "shrinks its grid by convolution from stage to stage, so no patch can be left out": (
        "PoolingVisionTransformer"
    ),
    "weighs the neighbours of every patch by their place, so no patch can be left out": "VOLO",
    "mixes positions and content by two softmaxes over all patches, which is not proved": "ConVit",
    "keeps pixels of their own inside every patch, which is not proved": "TNT",
    "attends inside windows in another way than SwinV2, which is not proved": (
        "SwinTransformerV2Cr"
    ),
    "accepts any input size and pads its windows, so what could be dropped is not fixed": (
        "HieraDet"
    ),
    "keeps its patches on a grid with padded windows and ends in convolutions over that grid": (
        "VisionTransformerSAM"
    ),
}

NOT_TARGETS: Mapping[str, str] = {
    name: reason for reason, names in _REASONS.items() for name in names.split()
}
"""The name of timm's class -> why it cannot be a target, as the end of a sentence."""


def why_no_family(module: nn.Module) -> str:
    """Return why a module of no proved family cannot be a target, as the end of a sentence."""
    kind = type(module).__name__
    if kind in NOT_TARGETS:
        return f"{kind} {NOT_TARGETS[kind]}"
    if isinstance(module, VisionTransformer):
        return f"{kind} changes timm's VisionTransformer in ways that are not proved"
    return (
        f"{kind} is none of timm's classes that are proved to run on some of their patches; "
        "choose a vision transformer"
    )
