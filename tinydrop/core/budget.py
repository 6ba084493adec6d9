"""How many patches the target gets: confidence -> keep ratio -> level -> K.

The paper's printed formula could not be read. The ``curvature`` rule is our reconstruction: it uses
the three symbols the paper names, falls with confidence, and low gamma drops more, which is all
that is known about the original (arXiv:2509.03379).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydrop.core.errors import SettingError, quoted

BUDGET_LEVELS = 16
MIN_KEEP = 1 / BUDGET_LEVELS
MAX_GAMMA = 8.0

Array = npt.NDArray[np.float64]
BudgetRule = Callable[[Array, "Setting"], Array]


def _curvature(confidence: Array, setting: Setting) -> Array:
    """1 - (c / tau)^gamma, a reconstruction; 0 from tau on."""
    return 1.0 - np.power(np.minimum(confidence, setting.tau) / setting.tau, setting.gamma)


def _linear(confidence: Array, setting: Setting) -> Array:
    """1 - c / tau, 0 from tau on; gamma plays no part."""
    return 1.0 - np.minimum(confidence, setting.tau) / setting.tau


def _fixed(confidence: Array, setting: Setting) -> Array:
    """The same share for every picture; confidence and gamma play no part."""
    return np.full_like(confidence, setting.fixed_keep_ratio)


BUDGET_RULES: Mapping[str, BudgetRule] = MappingProxyType(
    {"curvature": _curvature, "linear": _linear, "fixed": _fixed}
)


@dataclass(frozen=True)
class Setting:
    """One operating point: the thresholds, the temperature they go with and the budget rule.

    Attributes:
        tau: exit threshold in (0, 1]; the guidance's answer stands when confidence > tau.
        gamma: curvature in (0, 8]; low drops aggressively, high is conservative.
        temperature: T in softmax(logits / T), above 0 and at most 100.
        rule: a name in ``BUDGET_RULES``.
        fixed_keep_ratio: share in (0, 1] kept by the ``fixed`` rule; unused by the others.

    Raises:
        SettingError: if a value is not a number or lies outside its range.
    """

    tau: float = 0.8
    gamma: float = 1.0
    temperature: float = 1.0
    rule: str = "curvature"
    fixed_keep_ratio: float = 0.5

    def __post_init__(self) -> None:
        for name, top, advice in (
            ("tau", 1.0, "use for example 0.8"),
            ("gamma", MAX_GAMMA, "use for example 1.0"),
            ("temperature", 100.0, "use 1.0 for the model's own confidence"),
            ("fixed_keep_ratio", 1.0, "use for example 0.5"),
        ):
            value = getattr(self, name)
            if (
                isinstance(value, bool)
                or not isinstance(value, (int, float, np.floating, np.integer))
                or not 0.0 < value <= top  # False for NaN and for infinities
            ):
                raise SettingError(
                    f"{name} must be a number above 0 and at most {top:g}, got {quoted(value)}; "
                    f"{advice}."
                )
            object.__setattr__(self, name, float(value))
        if not isinstance(self.rule, str) or self.rule not in BUDGET_RULES:
            raise SettingError(
                f"Unknown budget rule {quoted(self.rule)}; choose one of {', '.join(BUDGET_RULES)}."
            )

    def as_dict(self, names: Iterable[str] = ()) -> dict[str, Any]:
        """Return the fields of these names, in their order; all of them without names."""
        chosen = tuple(names) or tuple(field.name for field in fields(self))
        return {name: getattr(self, name) for name in chosen}

    def changed(self, **changes: object) -> Setting:
        """Return the setting with other values; SettingError if one is out of range.

        A value may come from a browser, so it may be anything.
        """
        given: dict[str, Any] = changes
        return replace(self, **given)

    def to_query(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Return fields as they stand in a link; ``keys`` gives each field's name there."""
        values = self.as_dict(keys)
        return {
            key: values[name] if isinstance(values[name], str) else f"{values[name]:.12g}"
            for name, key in keys.items()
        }

    def from_query(self, query: Mapping[str, str], keys: Mapping[str, str]) -> Setting:
        """Return the setting that a link names; what it does not name stays as it is here.

        Args:
            query: the link's parameters.
            keys: field -> its name in the link.

        Raises:
            SettingError: if a value is unknown or out of range.
        """
        given = {name: query[key] for name, key in keys.items() if key in query}
        return self.changed(
            **{
                name: text if name == "rule" else _number(name, text)
                for name, text in given.items()
            }
        )


CONTROLS = ("tau", "gamma", "temperature", "rule")
"""The fields that a page's controls and its links set, in their order."""


def _number(name: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise SettingError(
            f"The link's {name} must be a number, got {quoted(text)}; open the page without it."
        ) from None


@dataclass(frozen=True)
class Budget:
    """What one confidence buys.

    Attributes:
        confidence: the guidance's confidence at the setting's temperature.
        exited: True when the guidance's answer is final.
        keep_ratio: the rule's share before rounding, or None after an exit.
        level: 1..16, or None after an exit.
        num_keep: K, 0 after an exit.
    """

    confidence: float
    exited: bool
    keep_ratio: float | None
    level: int | None
    num_keep: int


def keep_ratio(confidence: npt.ArrayLike, setting: Setting) -> Array:
    """Return the share of all patches to keep, float64 in [1/16, 1], the shape of ``confidence``.

    Args:
        confidence: any shape, in [0, 1]; above tau (exits) every rule that looks at the
            confidence gives the floor.
        setting: the operating point.

    Raises:
        SettingError: if a confidence is not finite or outside [0, 1].
    """
    c = np.asarray(confidence, dtype=np.float64)
    if not np.isfinite(c).all() or (c < 0.0).any() or (c > 1.0).any():
        raise SettingError(
            "The guidance's confidence is not a number between 0 and 1; "
            "its logits are not finite, so check its weights and the picture."
        )
    return np.clip(BUDGET_RULES[setting.rule](c, setting), MIN_KEEP, 1.0)


def keep_level(ratio: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return the budget level 1..16 of a keep ratio, rounded up, int64 of the same shape.

    Raises:
        SettingError: if a ratio is not a number.
    """
    scaled = np.ceil(BUDGET_LEVELS * np.asarray(ratio, dtype=np.float64))
    if np.isnan(scaled).any():
        raise SettingError("A keep ratio is a number between 0 and 1, got NaN.")
    return np.clip(scaled, 1, BUDGET_LEVELS).astype(np.int64)


def num_keep(level: int, num_patches: int) -> int:
    """Return K = ceil(N * level / 16) in integers, as a plain int.

    Raises:
        SettingError: if the level is not 1..16 or there is no patch.
    """
    if not 1 <= level <= BUDGET_LEVELS:
        raise SettingError(
            f"A budget level lies between 1 and {BUDGET_LEVELS}, got {quoted(level)}."
        )
    if num_patches < 1:
        raise SettingError(f"A patch grid has at least one patch, got {quoted(num_patches)}.")
    share = operator.index(num_patches) * operator.index(level)  # numpy's integers become int
    return (share + BUDGET_LEVELS - 1) // BUDGET_LEVELS


def decide_budget(confidence: float, setting: Setting, num_patches: int) -> Budget:
    """Return exit or K for one picture (DESIGN part 1, steps 1 and 3).

    Raises:
        SettingError: if the confidence is not a number in [0, 1].
    """
    confidence = float(confidence)  # a float32 would be compared with tau in float32
    ratio = float(keep_ratio(confidence, setting))  # validates the confidence, exit or not
    if confidence > setting.tau:
        return Budget(confidence, exited=True, keep_ratio=None, level=None, num_keep=0)
    level = int(keep_level(ratio))
    return Budget(
        confidence,
        exited=False,
        keep_ratio=ratio,
        level=level,
        num_keep=num_keep(level, num_patches),
    )
