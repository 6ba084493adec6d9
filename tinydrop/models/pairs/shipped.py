"""The pairs that come with the project, weights included; nothing of them is downloaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from tinydrop.core.assets import asset

_STUDENTS = ("bundled-sit", "bundled-sit-small")


@dataclass(frozen=True)
class ShippedPair:
    """A pair whose folder lies in ``assets/pairs``.

    Attributes:
        name: what ``--pair`` takes, and the folder's name.
        title: what a person reads in the menu.
        note: one sentence on what to expect.
    """

    name: str
    title: str
    note: str

    @property
    def folder(self) -> Path:
        """Where its ``pair.json`` and its weights lie."""
        return asset("pairs", self.name)


SHIPPED: Mapping[str, ShippedPair] = MappingProxyType(
    {
        pair.name: pair
        for pair in (
            ShippedPair(
                "bundled",
                "200 classes, offline",
                "Comes with the app: small, works offline, and often wrong.",
            ),
            ShippedPair(
                "bundled-efficientformer",
                "EfficientFormer guide, offline",
                "Comes with the app: the same target, with a guide of the paper's family that is "
                "as often right as its target; the other pages stay with the first pair.",
            ),
            ShippedPair(
                "bundled-24",
                "24 everyday classes, offline",
                "Comes with the app: tells 24 groups of classes apart, such as cats from dogs; the "
                "other pages stay with the first pair.",
            ),
        )
    }
)
"""By name; the first is the one that the app opens with and that traces and tables are of."""


def bundled_students() -> tuple[Path, ...]:
    """Return the folders of the bundled target's slimmed students, the one that costs most first.

    Each is for ``load_slimmed``.
    """
    return tuple(asset("pairs", name) for name in _STUDENTS)
