"""One plain sentence on a kept set: coherent, or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tinydrop.core.coherence.percentiles import DRAWS, Entry, describe_box, describe_coherence
from tinydrop.core.errors import SettingError, quoted
from tinydrop.core.tokens import TokenSelection

VERDICT_KINDS: tuple[str, ...] = (
    "coherent",
    "fragmented",
    "border-bound",
    "flat map",
    "off-object",
)

# All three are percentiles, never raw values: 88 % of a random half of 14x14 patches are in one
# piece, so a raw share would call chance coherent. 95 and 5 mean that one random set in twenty
# passes by luck.

COHERENT_FROM = 95.0
"""Percentile of Moran's I from which a kept set hangs together.

Moran's I, since its spread among random sets is nearly the same for every K (95 % quantile 0.08 to
0.09 on 14x14), where the number of pieces and the largest one's share stop telling sets apart once
most patches are kept. A set in one piece without a hole is coherent whatever its percentile: I
counts shared sides alone, of which a diagonal has none, and it judges a nearly complete set by how
the few dropped patches lie."""

BORDER_FROM = 95.0
"""Percentile of the border share from which a kept set hugs the edge of the picture, where few
objects are; maps of vision transformers that light up in the corners end here."""

OFF_OBJECT_BELOW = 5.0
"""Percentile of the share in the object's box below which a kept set avoids the object. A set with
no patch in the box misses it whatever the percentile: of a small box, random sets miss all too."""


@dataclass(frozen=True)
class Verdict:
    """What one can say of a kept set at a glance.

    Attributes:
        kind: a name in ``VERDICT_KINDS``.
        sentence: the same in plain words, with the figure it rests on.

    Raises:
        SettingError: if the kind is unknown.
    """

    kind: str
    sentence: str

    def __post_init__(self) -> None:
        if self.kind not in VERDICT_KINDS:
            raise SettingError(
                f"Unknown kind of verdict {quoted(self.kind)}; choose one of "
                f"{', '.join(VERDICT_KINDS)}."
            )

    def to_dict(self) -> dict[str, str]:
        """Return the verdict as JSON-ready values."""
        return {"kind": self.kind, "sentence": self.sentence}


def judge_coherence(
    selection: TokenSelection,
    *,
    problem: str | None = None,
    box: npt.NDArray[np.bool_] | None = None,
    draws: int = DRAWS,
    seed: int = 0,
) -> Verdict:
    """Return the verdict on a kept set; the first of these that holds.

    1. ``flat map``: the map could not be ranked.
    2. ``off-object``: a box is given, and the set misses it or avoids it more than chance would.
    3. ``border-bound``: unusually many of its patches lie on the outermost ring.
    4. ``coherent``: its patches lie together more than those of random sets, or are one piece
       without a hole.
    5. ``fragmented``: they do not.

    Args:
        selection: the kept set.
        problem: ``Saliency.problem`` of the map that chose it; None without one.
        box: (N,) or (rows, cols) bool, True = the patch belongs to the object; None if no box is
            known.
        draws: how many random sets each percentile rests on.
        seed: of the draws.

    Raises:
        SettingError: if the box has another shape or ``draws`` is not positive.
    """
    found = describe_coherence(selection, draws=draws, seed=seed)
    if problem is not None:
        return Verdict("flat map", f"No patch can be ranked, because {problem}.")
    off = None if box is None else _off_object(describe_box(selection, box))
    if off is not None:
        return off
    k = selection.num_keep
    if k == selection.grid.num_patches:
        return Verdict("coherent", f"All {k} patches are kept, in one piece.")
    if k == 1:
        return Verdict("coherent", "One patch is kept, which is one piece.")
    return _border_bound(k, found["border_share"]) or _in_pieces(k, found)


def _border_bound(num_keep: int, entry: Entry) -> Verdict | None:
    share, percentile = entry["value"], entry["percentile"]
    if share is None or percentile is None or percentile < BORDER_FROM:
        return None
    return Verdict(
        "border-bound",
        f"{100 * share:.0f} % of the {num_keep} kept patches lie on the edge of the picture, more "
        f"than in {_percent(percentile)}.",
    )


def _in_pieces(num_keep: int, found: Mapping[str, Entry]) -> Verdict:
    pieces, holes = (int(found[name]["value"] or 0) for name in ("components", "holes"))
    kept = f"The {num_keep} kept patches form {_count(pieces, 'piece')}"
    kept += f" with {_count(holes, 'hole')}" if holes else ""
    moran = found["morans_i"]["percentile"]
    if moran is not None and moran >= COHERENT_FROM:
        return Verdict("coherent", f"{kept}, closer together than {_percent(moran)}.")
    if pieces == 1 and not holes:
        return Verdict("coherent", f"{kept} without a hole.")
    if moran is not None and moran <= 100.0 - COHERENT_FROM:
        return Verdict("fragmented", f"{kept}, more scattered than {_percent(100 - moran)}.")
    return Verdict("fragmented", f"{kept} and lie together no more than chance could have it.")


def _off_object(entry: Entry) -> Verdict | None:
    share, percentile = entry["value"], entry["percentile"]
    if share is None or percentile is None:  # the box is empty or the whole picture
        return None
    if share == 0.0:
        return Verdict("off-object", "None of the kept patches lies on the object.")
    if percentile < OFF_OBJECT_BELOW:
        return Verdict(
            "off-object",
            f"{100 * share:.0f} % of the kept patches lie on the object, fewer than in "
            f"{_percent(100 - percentile)}.",
        )
    return None


def _count(number: int, noun: str) -> str:
    return f"{'one' if number == 1 else number} {noun}{'' if number == 1 else 's'}"


def _percent(percentile: float) -> str:
    """Return a percentile as a share of the random sets, rounded down: 99.9 is not all of them."""
    return "all random sets tried" if percentile >= 100.0 else f"{int(percentile)} % of random sets"
