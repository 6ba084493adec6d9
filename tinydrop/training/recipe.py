"""Recipes as values: every number that a training depends on stands in one frozen dataclass."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from types import MappingProxyType
from typing import Any

from tinydrop.core.errors import SettingError, quoted
from tinydrop.data import InputSpec

MEAN = (0.485, 0.456, 0.406)
STD = (0.229, 0.224, 0.225)
STAGES = ("teacher", "guidance", "target")
"""The models of a recipe in the order they are trained."""
OPTIMIZERS = ("adamw", "muon")


def _require(holds: object, rule: str, value: object) -> None:
    if not holds:
        raise SettingError(f"In a training recipe {rule}, got {quoted(value)}; correct the recipe.")


@dataclass(frozen=True)
class Augmentation:
    """How a training picture is changed, anew in every step.

    Attributes:
        crop_area: smallest and largest area of the crop as shares of the picture's. Above 1 the
            picture is shrunk into a canvas of the mean colour, so that background surrounds it.
        crop_aspect: smallest and largest width / height of the crop.
        flip: chance to be mirrored left to right.
        jitter: brightness, contrast and saturation are multiplied by 1 - jitter to 1 + jitter.
        grey: chance to lose its colours.
        erase: chance that a rectangle of 2 to 25 % of the area takes the mean colour.
        mixup: Beta(mixup, mixup) draws the share of the other picture; 0 for never.
        cutmix: Beta(cutmix, cutmix) draws the area from the other picture; 0 for never.
        mixed: chance that a batch is mixed, evenly by either of the two that is not 0.
        bicubic: resample bicubic instead of bilinear.
    """

    crop_area: tuple[float, float] = (0.25, 1.0)
    crop_aspect: tuple[float, float] = (0.75, 4 / 3)
    flip: float = 0.5
    jitter: float = 0.3
    grey: float = 0.1
    erase: float = 0.25
    mixup: float = 0.2
    cutmix: float = 1.0
    mixed: float = 0.8
    bicubic: bool = False

    def __post_init__(self) -> None:
        low, high = self.crop_area
        thin, wide = self.crop_aspect
        _require(0 < low <= high <= 16, "crop_area is two rising shares in (0, 16]", self.crop_area)
        _require(0 < thin <= wide <= 16, "crop_aspect is two rising ratios", self.crop_aspect)
        for name in ("flip", "grey", "erase", "mixed", "jitter"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"{name} lies between 0 and 1", value)
        for name in ("mixup", "cutmix"):
            value = getattr(self, name)
            _require(0 <= value <= 10, f"{name} lies between 0 and 10", value)


@dataclass(frozen=True)
class StageRecipe:
    """How one model is built and trained.

    Attributes:
        model: timm name.
        kwargs: arguments of its constructor without ``num_classes``; they go into ``pair.json``.
        size: side of its input in pixels.
        epochs: passes over the training pictures, or over ``epoch_pictures`` of them.
        batch: pictures per step.
        lr: learning rate at the end of the warm-up, for this batch.
        train_kwargs: further arguments while it is trained, such as ``drop_path_rate``; they
            change no weight's shape.
        sizes: sides of the input while training, each for an equal part of the steps, the last
            one ``size``; empty for ``size`` all along.
        optimizer: "adamw"; or "muon", which orthogonalises the steps of weight matrices (timm's,
            scaled to AdamW's step sizes) and takes Nesterov's AdamW for the rest.
        lr_end: share of ``lr`` that the cosine ends at.
        warmup_epochs: epochs (a fraction too) in which the rate rises evenly from 0.
        weight_decay: decoupled; not on norms, biases and positions.
        clip: largest norm of all gradients together; 0 for no clipping.
        smoothing: share of the label spread evenly over the classes.
        ema: largest decay of the moving average of the weights, which is what is kept.
        distil: share of the teacher in the loss; 0 for none.
        distil_hard: learn the teacher's best class instead of its probabilities.
        distil_temperature: softens both sides of the Kullback-Leibler divergence.
        augment: how pictures are changed.
        epoch_pictures: an epoch ends after so many pictures and the next goes on from there; 0
            for a whole pass.
        pretrained: weights to start from, a name of ``pretrained.SOURCES``; empty draws them.
        layer_decay: the rate of each layer is so many times that of the layer above it.
        head_lr: the rate of the classifier, as a multiple.
        mean: of the input's channels, in 0 to 1.
        std: of the input's channels.
        seed: of the weights, the order of the pictures and everything drawn.
        bf16_on_cpu: bfloat16 autocast on a CPU as well; on a GPU it is always on.
        channels_last: the memory format that convolutions like.
        fused_attention: torch's fused attention; on a CPU it is slower in training.

    Raises:
        SettingError: if a number is outside what its line allows.
    """

    model: str
    kwargs: Mapping[str, Any]
    size: int
    epochs: int
    batch: int
    lr: float
    train_kwargs: Mapping[str, Any] = field(default_factory=dict)
    sizes: tuple[int, ...] = ()
    optimizer: str = "adamw"
    lr_end: float = 0.01
    warmup_epochs: float = 3.0
    weight_decay: float = 0.05
    clip: float = 1.0
    smoothing: float = 0.1
    ema: float = 0.999
    distil: float = 0.0
    distil_hard: bool = False
    distil_temperature: float = 1.0
    augment: Augmentation = Augmentation()
    epoch_pictures: int = 0
    pretrained: str = ""
    layer_decay: float = 1.0
    head_lr: float = 1.0
    mean: tuple[float, float, float] = MEAN
    std: tuple[float, float, float] = STD
    seed: int = 0
    bf16_on_cpu: bool = False
    channels_last: bool = False
    fused_attention: bool = True

    def __post_init__(self) -> None:
        for name in ("kwargs", "train_kwargs"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))
        for name in ("size", "epochs", "batch"):
            value = getattr(self, name)
            _require(type(value) is int and value >= 1, f"{name} is a whole number from 1", value)
        _require(
            type(self.epoch_pictures) is int and self.epoch_pictures >= 0,
            "epoch_pictures is a whole number from 0",
            self.epoch_pictures,
        )
        _require(0 < self.lr < math.inf, "lr is above 0", self.lr)
        _require(
            self.optimizer in OPTIMIZERS, f"optimizer is {' or '.join(OPTIMIZERS)}", self.optimizer
        )
        for name in ("lr_end", "smoothing", "ema", "distil", "layer_decay"):
            value = getattr(self, name)
            _require(0 <= value <= 1, f"{name} lies between 0 and 1", value)
        for name in ("warmup_epochs", "weight_decay", "clip"):
            value = getattr(self, name)
            _require(0 <= value < math.inf, f"{name} is 0 or more", value)
        _require(self.layer_decay > 0, "layer_decay is above 0", self.layer_decay)
        _require(0 < self.head_lr < math.inf, "head_lr is above 0", self.head_lr)
        _require(
            0 < self.distil_temperature < math.inf,
            "distil_temperature is above 0",
            self.distil_temperature,
        )
        _require(
            all(type(side) is int and side >= 1 for side in self.sizes)
            and (not self.sizes or self.sizes[-1] == self.size),
            f"sizes are whole numbers that end at {self.size}",
            self.sizes,
        )

    @property
    def input(self) -> InputSpec:
        """The input as the pair format describes it."""
        return InputSpec((self.size, self.size), self.mean, self.std, "bicubic", 1.0)

    def size_at(self, epoch: float) -> int:
        """Return the side of the input after so many epochs, fractions included."""
        if not self.sizes:
            return self.size
        return self.sizes[min(int(epoch * len(self.sizes) / self.epochs), len(self.sizes) - 1)]

    def to_dict(self) -> dict[str, Any]:
        """Return every field as JSON-ready values."""
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        values |= {
            name: _plain(values[name])
            for name in ("kwargs", "train_kwargs", "sizes", "mean", "std")
        }
        return values | {"augment": {k: _plain(v) for k, v in asdict(self.augment).items()}}


@dataclass(frozen=True)
class PairRecipe:
    """How a teacher, a guidance and a target are made from one set of labelled pictures.

    Attributes:
        name: what ``--recipe`` takes.
        title: of the pair, for a person.
        summary: one or two sentences on the pair.
        side: pictures are stored as squares of so many pixels before they are augmented.
        teacher: a convolutional net that guidance and target learn from.
        guidance: the small model of the pair.
        target: the big one.
        guidance_share: what the guidance may cost at most, as a share of the target's MACs.
        tau: the pair's default exit threshold.
        gamma: the pair's default curvature.
        data_licence: what the pair's card says of the pictures' terms.
    """

    name: str
    title: str
    summary: str
    side: int
    teacher: StageRecipe
    guidance: StageRecipe
    target: StageRecipe
    guidance_share: float
    tau: float = 0.7
    gamma: float = 1.0
    data_licence: str = (
        "Tiny ImageNet, which this recipe is written for, is a subset of ImageNet: research use "
        "only. No picture is in this folder."
    )

    def stage(self, name: str) -> StageRecipe:
        """Return the recipe of one model; SettingError if there is no such stage."""
        if name not in STAGES:
            raise SettingError(
                f"There is no stage {quoted(name)}; choose one of {', '.join(STAGES)}."
            )
        recipe: StageRecipe = getattr(self, name)
        return recipe

    def changed(self, changes: Sequence[str]) -> PairRecipe:
        """Return the recipe with numbers replaced, as in ``target.epochs=40``.

        Args:
            changes: ``STAGE.FIELD=VALUE`` or ``STAGE.augment.FIELD=VALUE``; several values of a
                field with several are separated by commas.

        Raises:
            SettingError: if there is no such number, or the value is of another kind.
        """
        recipe = self
        for change in changes:
            path, equals, text = change.partition("=")
            stage, _, name = path.partition(".")
            if not equals or stage not in STAGES:
                raise SettingError(
                    f"{quoted(change)} changes no number of the recipe; write STAGE.FIELD=VALUE, "
                    f"for "
                    f"example target.epochs=40, with a stage of {', '.join(STAGES)}."
                )
            old = recipe.stage(stage)
            if name.startswith("augment."):
                inner = _with_field(old.augment, name.removeprefix("augment."), text, change)
                new = replace(old, augment=inner)
            else:
                new = _with_field(old, name, text, change)
            recipe = replace(recipe, **{stage: new})  # type: ignore[arg-type]
        return recipe


def _with_field(value: Any, name: str, text: str, change: str) -> Any:  # noqa: ANN401
    """Return a dataclass with one of its plain fields read from text."""
    known = {
        f.name: getattr(value, f.name)
        for f in fields(value)
        if isinstance(getattr(value, f.name), (bool, int, float, tuple))
    }
    if name not in known:
        raise SettingError(
            f"{quoted(change)} names no number of the recipe; it has {', '.join(sorted(known))}."
        )
    try:
        parsed = _parse(known[name], text)
    except ValueError:
        raise SettingError(
            f"{quoted(change)} is of another kind than the recipe's {quoted(known[name])}; give "
            f"such a value."
        ) from None
    return replace(value, **{name: parsed})


def _parse(old: object, text: str) -> object:
    if isinstance(old, tuple):
        kind = float if old and isinstance(old[0], float) else int
        return tuple(kind(part) for part in text.split(",") if part)
    if isinstance(old, bool):
        return ("false", "true").index(text.lower()) == 1
    return int(text) if isinstance(old, int) else float(text)


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Return mappings as dicts and tuples as lists, all the way down."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, (tuple, list)) else value
