"""What is no target: every class of timm is a family or has a sentence, and changed parts too."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable

import pytest
import timm
import torch
from backbone_zoo import make_target
from timm.layers import AttentionPoolLatent, RotaryEmbedding
from torch import nn

from tinydrop.core.errors import UnsupportedModelError
from tinydrop.models.backbones import FAMILIES, why_not_target, wrap_target
from tinydrop.models.backbones.refusals import NOT_TARGETS

PROVED = {kind.__name__ for family in FAMILIES for kind in family.classes}


def timm_classes() -> set[str]:
    """The names of timm's public model classes: those whose classifier can be changed."""
    found = set()
    for path, module in list(sys.modules.items()):
        if path.startswith("timm.models."):
            named = [(name, getattr(module, name, None)) for name in getattr(module, "__all__", ())]
            found |= {
                name
                for name, kind in named
                if inspect.isclass(kind)
                and issubclass(kind, nn.Module)
                and hasattr(kind, "reset_classifier")
                and not name.endswith("Features")
            }
    return found


def test_every_class_of_timm_is_a_family_or_has_a_sentence_of_its_own() -> None:
    classes = timm_classes()
    assert len(classes) > 60
    assert classes - PROVED - NOT_TARGETS.keys() == set()
    assert PROVED & NOT_TARGETS.keys() == set()


def test_reasons_read_as_the_end_of_a_sentence() -> None:
    for name, reason in NOT_TARGETS.items():
        assert reason[0].islower(), name
        assert not reason.endswith("."), name
        assert len(reason.split()) > 6, name
        assert reason.split()[0].endswith("s"), name  # the class's name is its subject


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("xcit_nano_12_p16_224", "attends over channels"),
        ("levit_128s", "subsampled queries"),
        ("crossvit_9_240", "two sizes"),
        ("pvt_v2_b0", "pools keys"),
        ("twins_svt_small", "pools keys"),
        ("pit_ti_224", "shrinks its grid"),
        ("coat_tiny", "convolutions of its patches"),
        ("mvitv2_tiny", "pools keys"),
        ("coatnet_0_224", "by convolution"),
        ("efficientformer_l1", "by convolution"),
        ("convit_tiny", "two softmaxes"),
        ("mixer_s32_224", "all of them at once"),
        ("convnext_atto", "convolutional network"),
        ("samvit_base_patch16_224", "padded windows"),
        ("vit_base_r26_s32_224", "HybridEmbed"),
    ],
)
def test_what_people_try_is_refused_with_its_reason(name: str, says: str) -> None:
    with torch.device("meta"):
        module = timm.create_model(name)
    reason = why_not_target(module)
    assert reason is not None
    assert says in reason


def test_a_class_nobody_knows_gets_the_general_sentence() -> None:
    with pytest.raises(UnsupportedModelError, match="Linear is none of timm's classes") as caught:
        wrap_target(nn.Linear(2, 2).eval(), "mine")
    assert str(caught.value).startswith("mine cannot be a target: ")


def renamed(part: nn.Module) -> nn.Module:
    """Make a module an instance of a subclass, which may do anything."""
    part.__class__ = type("Own", (type(part),), {})
    return part


CHANGES: list[tuple[str, Callable[[nn.Module], object], str]] = [
    ("beit", renamed, "Own is none"),
    ("beit", lambda m: renamed(m.patch_embed), "its patches come from Own"),
    ("beit", lambda m: renamed(m.blocks[1]), "block 1 is a Own"),
    ("beit", lambda m: renamed(m.blocks[1].attn), "block 1 has Own instead of BEiT's"),
    ("beit", lambda m: renamed(m.blocks[0].mlp), "block 0 has Own instead of a plain MLP"),
    ("beit", lambda m: renamed(m.blocks[0].attn.proj), "not plain linear"),
    ("beitv2-shared", lambda m: renamed(m.rel_pos_bias), "its shared bias is a Own"),
    ("beit-absolute", lambda m: setattr(m, "pos_embed", None), "neither a position table"),
    ("beit", lambda m: setattr(m, "global_pool", ""), "its pooling '' is not proved"),
    ("beit", lambda m: renamed(m.head), "its classifier is not"),
    ("dinov3", lambda m: renamed(m.rope), "its rotations come from Own"),
    ("dinov3", lambda m: setattr(m, "rope", RotaryEmbedding(16)), "come from RotaryEmbedding"),
    ("dinov3", lambda m: setattr(m, "rope", None), "neither a position table nor rotations"),
    ("dinov3", lambda m: renamed(m.blocks[0]), "block 0 is a Own"),
    ("dinov3", lambda m: renamed(m.blocks[0].attn), "instead of rotary attention"),
    ("dinov3", lambda m: setattr(m.blocks[1].attn, "num_prefix_tokens", 1), "unturned"),
    ("perception", lambda m: renamed(m.attn_pool), "pools with Own"),
    ("dinov3", lambda m: setattr(m, "attn_pool", AttentionPoolLatent(48, num_heads=3)), "match"),
    ("dinov3", lambda m: setattr(m.patch_embed, "dynamic_img_pad", True), "no fixed grid"),
    ("relpos-mlp", lambda m: renamed(m.blocks[0]), "block 0 is a Own"),
    ("relpos-mlp", lambda m: renamed(m.blocks[0].ls1), "unknown scale"),
    ("relpos-mlp", lambda m: renamed(m.blocks[0].attn.rel_pos), "bias comes from Own"),
    ("relpos-mlp", lambda m: setattr(m.blocks[0].attn, "rel_pos", None), "neither one relative"),
    ("relpos-mlp-shared", lambda m: setattr(m, "shared_rel_pos", None), "neither one relative"),
    ("cait", lambda m: renamed(m.blocks[0]), "block 0 is a Own"),
    ("cait", lambda m: renamed(m.blocks[0].attn), "instead of talking heads"),
    ("cait", lambda m: renamed(m.blocks[0].attn.proj_w), "not plain linear"),
    ("cait", lambda m: renamed(m.blocks_token_only[1].attn), "class block 1 is not"),
    ("naflex", lambda m: renamed(m.embeds), "its patches come from Own"),
    ("naflex", lambda m: renamed(m.embeds.proj), "embedded by Own"),
    ("naflex", lambda m: setattr(m.embeds, "pos_embed_type", "fourier"), "'fourier' is not proved"),
    ("naflex", lambda m: setattr(m.embeds, "pos_embed_type", "none"), "neither a position table"),
    ("naflex", lambda m: setattr(m, "rope", RotaryEmbedding(16)), "its blocks do not take"),
    ("naflex", lambda m: setattr(m.embeds, "in_chans", 1), "1 channels"),
    ("naflex-rope", lambda m: renamed(m.rope), "its rotations come from Own"),
]


@pytest.mark.parametrize(("variant", "change", "says"), CHANGES)
def test_a_changed_part_is_refused(
    variant: str, change: Callable[[nn.Module], object], says: str
) -> None:
    model = make_target(variant)
    assert why_not_target(model) is None
    change(model)
    with pytest.raises(UnsupportedModelError) as caught:
        wrap_target(model, "mine")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_size_of_broken_patches_is_refused() -> None:
    model = make_target("naflex")
    model.pretrained_cfg["input_size"] = (3, 60, 64)
    with pytest.raises(UnsupportedModelError, match="whole patches of 8x8 pixels, got 60x64"):
        wrap_target(model, "naflex")
