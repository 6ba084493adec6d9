"""Recipes whose models begin with drawn weights; see ``PairRecipe`` for what each number means."""

from __future__ import annotations

from tinydrop.training.recipe import Augmentation, PairRecipe, StageRecipe

# The crops of the GPU's guidance keep half of the picture or more, and about every second one shows
# it shrunk, anywhere in the frame. Meant to keep a guide from always looking at the centre, but in
# short trainings on a CPU plain crops without mixing localised better.
_GUIDE_CROPS = Augmentation(
    crop_area=(0.5, 1.6), jitter=0.3, grey=0.05, erase=0.1, mixup=0.0, cutmix=1.0, mixed=0.5
)
# In so few epochs a model sees too little to overfit, and strong augmentation only slows it.
_FEW_EPOCHS = Augmentation(
    crop_area=(0.4, 1.0), jitter=0.2, grey=0.05, erase=0.1, mixup=0.0, mixed=0.15
)
# timm's stage order, with the last map at stride 16 instead of 32: half the side of an 8 px patch
# grid. One attention block per late stage: each costs as much as three convolutional ones here.
_STRIDE_16 = (False, True, False, True)

GPU = PairRecipe(
    name="gpu",
    title="EfficientFormerV2 with a plain ViT, 200 classes at 112 px",
    summary=(
        "200 classes of Tiny ImageNet, 64x64 pictures seen at 112x112 pixels; both models were "
        "trained from scratch by this project and are often wrong."
    ),
    side=64,
    teacher=StageRecipe(
        model="resnet34d",
        kwargs={},
        train_kwargs={"drop_path_rate": 0.1},
        size=112,
        sizes=(80, 96, 112, 112),
        epochs=40,
        batch=1024,
        lr=2e-3,
        weight_decay=0.1,
        ema=0.998,
        augment=Augmentation(crop_area=(0.25, 1.0), mixup=0.2, cutmix=1.0, mixed=0.8),
        channels_last=True,
        seed=1,
    ),
    guidance=StageRecipe(
        model="efficientformerv2_s0",
        kwargs={
            "img_size": 112,
            "embed_dims": (24, 48, 48, 160),
            "depths": (2, 2, 2, 5),
            "downsamples": _STRIDE_16,
            "mlp_ratios": 4.0,
            "num_vit": 1,
            "layer_scale_init_value": 0.1,
            "distillation": False,
        },
        train_kwargs={"drop_path_rate": 0.02},
        size=112,
        epochs=30,
        batch=1024,
        lr=3e-3,
        ema=0.998,
        smoothing=0.05,
        distil=0.7,
        distil_temperature=2.0,
        augment=_GUIDE_CROPS,
        channels_last=True,
        seed=2,
    ),
    target=StageRecipe(
        model="vit_tiny_patch16_224",
        kwargs={
            "img_size": 112,
            "patch_size": 8,
            "embed_dim": 192,
            "depth": 12,
            "num_heads": 3,
        },
        train_kwargs={"drop_path_rate": 0.1, "dynamic_img_size": True},
        size=112,
        sizes=(64, 80, 96, 112, 112),
        epochs=45,
        batch=1024,
        lr=2e-3,
        warmup_epochs=4.0,
        ema=0.999,
        distil=0.7,
        distil_temperature=1.0,
        augment=Augmentation(crop_area=(0.2, 1.0), mixup=0.4, cutmix=1.0, mixed=0.9),
        seed=3,
    ),
    guidance_share=0.12,
)

CPU = PairRecipe(
    name="cpu",
    title="Small ResNet with a plain ViT, 200 classes at 64 px",
    summary=(
        "200 classes of Tiny ImageNet at 64x64 pixels, trained on a CPU; both models are small "
        "and often wrong."
    ),
    side=64,
    teacher=StageRecipe(
        model="resnet18d",
        kwargs={"channels": (64, 128, 192, 256), "output_stride": 16},
        size=64,
        sizes=(32, 48, 64),
        epochs=9,
        batch=256,
        lr=1.5e-2,
        optimizer="muon",
        warmup_epochs=0.5,
        ema=0.998,
        augment=Augmentation(
            crop_area=(0.35, 1.0), jitter=0.2, grey=0.1, erase=0.1, mixup=0.0, mixed=0.5
        ),
        bf16_on_cpu=True,
        channels_last=True,
        seed=1,
    ),
    guidance=StageRecipe(
        model="resnet10t",
        kwargs={
            # Three stages, so that the 8x8 map needs no dilated convolution: those look far
            # aside, and the map's peak then misses the object more often.
            "layers": (1, 2, 1, 0),
            "channels": (24, 48, 80, 80),
            "stem_width": 8,
            "output_stride": 8,
        },
        size=64,
        sizes=(32, 48, 64, 64),
        epochs=4,
        batch=256,
        lr=2e-2,
        optimizer="muon",
        warmup_epochs=0.5,
        ema=0.998,
        smoothing=0.05,
        distil=0.7,
        distil_temperature=2.0,
        augment=_FEW_EPOCHS,
        bf16_on_cpu=True,
        channels_last=True,
        seed=2,
    ),
    target=StageRecipe(
        model="vit_tiny_patch16_224",
        kwargs={
            "img_size": 64,
            "patch_size": 8,
            "embed_dim": 192,
            "depth": 9,
            "num_heads": 3,
        },
        train_kwargs={"dynamic_img_size": True},
        size=64,
        sizes=(32, 32, 48, 48, 64),
        epochs=10,
        batch=256,
        lr=5e-3,
        optimizer="muon",
        warmup_epochs=0.5,
        ema=0.998,
        smoothing=0.05,
        distil=0.95,
        augment=_FEW_EPOCHS,
        bf16_on_cpu=True,
        fused_attention=False,
        seed=3,
    ),
    guidance_share=0.15,
)

_GENTLE = Augmentation(
    crop_area=(0.7, 1.2), jitter=0.1, grey=0.0, erase=0.1, mixup=0.2, cutmix=1.0, mixed=0.3
)
TINY = PairRecipe(
    name="tiny",
    title="A pair for tests",
    summary="Made in seconds to prove that the training works; it knows nothing.",
    side=32,
    teacher=StageRecipe(
        model="resnet10t",
        kwargs={"channels": (8, 8, 16, 16), "stem_width": 8, "output_stride": 16},
        size=32,
        epochs=4,
        batch=8,
        lr=5e-3,
        warmup_epochs=0.5,
        ema=0.9,
        augment=_GENTLE,
        channels_last=True,
        seed=1,
    ),
    guidance=StageRecipe(
        model="efficientformerv2_s0",
        kwargs={
            "img_size": 32,
            "embed_dims": (8, 8, 8, 16),
            "depths": (1, 1, 1, 1),
            "downsamples": _STRIDE_16,
            "mlp_ratios": 2.0,
            "num_vit": 0,
            "layer_scale_init_value": 1.0,
            "distillation": False,
        },
        size=32,
        epochs=8,
        batch=8,
        lr=5e-3,
        warmup_epochs=0.5,
        ema=0.9,
        distil=0.5,
        distil_temperature=2.0,
        augment=_GENTLE,
        channels_last=True,
        seed=2,
    ),
    target=StageRecipe(
        model="vit_tiny_patch16_224",
        kwargs={
            "img_size": 32,
            "patch_size": 8,
            "embed_dim": 48,
            "depth": 3,
            "num_heads": 3,
        },
        train_kwargs={"drop_path_rate": 0.1, "dynamic_img_size": True},
        size=32,
        sizes=(16, 32),
        epochs=10,
        batch=8,
        lr=3e-3,
        optimizer="muon",
        warmup_epochs=0.5,
        ema=0.9,
        distil=0.5,
        distil_hard=True,
        augment=_GENTLE,
        fused_attention=False,
        seed=3,
    ),
    guidance_share=0.25,
)
