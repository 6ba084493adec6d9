"""What ImageNet's WordNet ids are called, and which ids a list of ImageNet classes stands for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType

from timm.data import ImageNetInfo

from tinydrop.models.backbones.build import _subset_names

_SUBSETS = {1000: "imagenet-1k", 11821: "imagenet-12k", 21841: "imagenet-22k"}
"""Number of classes -> ImageNet set; the larger ones take half a second to read."""


@lru_cache
def imagenet_synonyms() -> Mapping[str, str]:
    """Return WordNet id -> its names between commas, for all of ImageNet."""
    names: dict[str, str] = {}
    for subset in reversed(_SUBSETS.values()):  # the small set has the usual spelling, it goes last
        info = ImageNetInfo(subset)
        names.update(zip(info.label_names(), map(str, info.label_descriptions()), strict=True))
    return MappingProxyType(names)


def imagenet_wnids(classes: Sequence[str]) -> tuple[str, ...] | None:
    """Return the WordNet id of each class if these are an ImageNet set's classes, else None."""
    subset = _SUBSETS.get(len(classes))
    if subset is None or _subset_names(subset) != tuple(classes):
        return None
    return tuple(ImageNetInfo(subset).label_names())
