"""What a visitor of the Coherence page asks for."""

from __future__ import annotations

from dataclasses import dataclass

from tinydrop.core.errors import SettingError
from tinydrop.ui.kit.look import Look

ARRANGEMENTS = (
    "gradcam", "coherent", "coverage", "scattered", "random", "uniform", "centre", "inverse",
)  # fmt: skip
"""The selectors that the page sets side by side, Grad-CAM's own first."""

PAINTED = "painted"


@dataclass(frozen=True)
class Wish:
    """One visitor's wish.

    Attributes:
        look: picture and pair; its selector is the arrangement, its setting plays no part.
        positions: where the kept patches on the stage get their positions from.
        painted: the patches that were painted by hand, or None.
        by_hand: whether the painted set is on the stage, and not the arrangement.
        pinned: whether the painted set stays when another picture is chosen.
        filming: whether every K of the arrangement is being asked for.
    """

    look: Look
    positions: str = "right"
    painted: frozenset[int] | None = None
    by_hand: bool = False
    pinned: bool = False
    filming: bool = False

    def __post_init__(self) -> None:
        if self.look.selector not in ARRANGEMENTS:
            raise SettingError(
                f"There is no arrangement {self.look.selector!r}; choose one of those shown."
            )
        if self.by_hand and not self.painted:
            raise SettingError("The target needs at least one patch; paint one of them.")

    @property
    def arrangement(self) -> str:
        """The selector whose patches are compared with what is painted."""
        return self.look.selector
