"""What the guidance hands over: its logits, a feature map, and what its head needs beside it."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from tinydrop.core.errors import SettingError


@dataclass(frozen=True, eq=False)
class Features:
    """One guidance pass over a batch; slice it to get the same values for some of its pictures.

    Attributes:
        map: (B, C, rows, cols) output of the named layer, without gradient.
        rest: what else ``Guidance.head`` needs, each (B, ...): for a token-pooled transformer the
            pooled rows before the last block and the normed prefix tokens; often empty.
        logits: (B, classes), the model's own answer.

    Raises:
        SettingError: if the parts disagree about B or the map is not four-dimensional.
    """

    map: torch.Tensor
    rest: tuple[torch.Tensor, ...]
    logits: torch.Tensor

    def __post_init__(self) -> None:
        if self.map.dim() != 4 or self.logits.dim() != 2:
            raise SettingError(
                "Features hold a (B, C, rows, cols) map and (B, classes) logits, "
                f"got {tuple(self.map.shape)} and {tuple(self.logits.shape)}."
            )
        if any(part.shape[0] != self.map.shape[0] for part in (*self.rest, self.logits)):
            raise SettingError("Every part of the features needs the same number of pictures.")

    def __len__(self) -> int:
        return int(self.map.shape[0])

    def __getitem__(self, index: int | slice) -> Features:
        """Return the features of one picture (as a batch of one) or of a slice of them."""
        if isinstance(index, int):
            count = len(self)
            if not -count <= index < count:
                raise IndexError(f"picture {index} of a batch of {count}")
            index = slice(index % count, index % count + 1)
        return Features(
            self.map[index], tuple(part[index] for part in self.rest), self.logits[index]
        )
