"""Named pairs of real ImageNet models; their weights live on the Hub."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True)
class PairPreset:
    """A named pair of real ImageNet models whose weights live on the Hub.

    Attributes:
        name: what ``--pair`` takes.
        title: what a person reads.
        guidance: exact timm name with its tag.
        target: exact timm name with its tag.
        megabytes: float32 weights of both models, in MB (10^6 bytes): parameters x 4.
        note: one sentence on what to expect.
    """

    name: str
    title: str
    guidance: str
    target: str
    megabytes: int
    note: str


_L1 = "efficientformer_l1.snap_dist_in1k"
PRESETS: Mapping[str, PairPreset] = MappingProxyType(
    {
        preset.name: preset
        for preset in (
            PairPreset(
                "l1-vit-b",
                "EfficientFormer-L1 with ViT-B/16 (AugReg)",
                _L1,
                "vit_base_patch16_224.augreg2_in21k_ft_in1k",
                395,
                "The guide costs 7 % of the target and is about 4.6 points less accurate.",
            ),
            PairPreset(
                "l1-vit-l",
                "EfficientFormer-L1 with ViT-L/16 (AugReg)",
                _L1,
                "vit_large_patch16_224.augreg_in21k_ft_in1k",
                1266,
                "The guide costs 2 % of the target and is about 5.4 points less accurate.",
            ),
            PairPreset(
                "l1-deit3-b",
                "EfficientFormer-L1 with DeiT3-B (ImageNet-22k)",
                _L1,
                "deit3_base_patch16_224.fb_in22k_ft_in1k",
                396,
                "The guide costs 7 % of the target and is about 5.2 points less accurate.",
            ),
            PairPreset(
                "l1-deit3-l",
                "EfficientFormer-L1 with DeiT3-L (ImageNet-22k)",
                _L1,
                "deit3_large_patch16_224.fb_in22k_ft_in1k",
                1267,
                "The guide costs 2 % of the target and is about 6.5 points less accurate.",
            ),
            PairPreset(
                "l1-beitv2-l",
                "EfficientFormer-L1 with BEiTv2-L (ImageNet-22k)",
                _L1,
                "beitv2_large_patch16_224.in1k_ft_in22k_in1k",
                1267,
                "The guide costs 2 % of the target and is about 7.9 points less accurate.",
            ),
            PairPreset(
                "l1-eva02-b",
                "EfficientFormer-L1 with EVA02-B (448 px)",
                _L1,
                "eva02_base_patch14_448.mim_in22k_ft_in22k_in1k",
                398,
                "A target of 1,024 patches: the guide costs 1 % of it and is about 8 points less "
                "accurate.",
            ),
            PairPreset(
                "l1-swin-b",
                "EfficientFormer-L1 with Swin-B (ImageNet-22k)",
                _L1,
                "swin_base_patch4_window7_224.ms_in22k_ft_in1k",
                400,
                "The target attends in windows, so 49 units of 32x32 pixels are kept or dropped; "
                "the guide is about 4.8 points less accurate.",
            ),
            PairPreset(
                "l1-clip-b",
                "EfficientFormer-L1 with CLIP ViT-B/16 (fine-tuned)",
                _L1,
                "vit_base_patch16_clip_224.openai_ft_in12k_in1k",
                395,
                "The target saw web pictures first, so it and the guide err on different pictures.",
            ),
            PairPreset(
                "l1-deit-s",
                "EfficientFormer-L1 with DeiT-S",
                _L1,
                "deit_small_patch16_224.fb_in1k",
                137,
                "For the paper's sake: the guide alone is already more accurate than this target, "
                "so do not expect a gain over the guide.",
            ),
        )
    }
)
