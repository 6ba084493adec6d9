"""Bipartite soft matching of tokens, from the paper (ToMe, arXiv:2210.09461); own implementation.

Tokens are split alternately into two halves. Each one of the first half finds the most similar one
of the second half; the r most similar pairs are merged. A matching says *how* tokens are joined, so
that features, sizes and sources go the same way.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from tinydrop.core.errors import SettingError, quoted


@dataclass(frozen=True, eq=False)
class Matching:
    """Which of M tokens are merged into which; r of them disappear.

    The even tokens 0, 2, ... are the first half, the odd ones the second. After merging come those
    of the first half that stay, in their order, then the whole second half.

    Attributes:
        num_tokens: M.
        staying: (B, E - r) int64, rising: places in the first half, of E tokens, that stay.
        moving: (B, r) int64: places in the first half that are merged, most similar pair first.
        into: (B, r) int64: for each of them the place in the second half.
    """

    num_tokens: int
    staying: torch.Tensor
    moving: torch.Tensor
    into: torch.Tensor

    def sums(self, values: torch.Tensor) -> torch.Tensor:
        """Return the sum of every merged token's parts, (B, M - r, ...) of (B, M, ...)."""
        even, odd = values[:, ::2], values[:, 1::2]
        moved = _rows(even, self.moving)
        into = _like(self.into, moved)
        return torch.cat((_rows(even, self.staying), odd.scatter_add(1, into, moved)), dim=1)

    def merged(
        self, tokens: torch.Tensor, sizes: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the means of the tokens' parts weighted by their sizes, and the sizes' sums.

        Args:
            tokens: (B, M, C).
            sizes: (B, M), typed like the tokens.
        """
        total = self.sums(sizes)
        return self.sums(tokens * sizes[:, :, None]) / total[:, :, None], total

    def destinations(self) -> torch.Tensor:
        """Return where each of the M tokens goes, (B, M) int64 in 0..M - r - 1."""
        batch, stay = self.staying.shape
        second = self.num_tokens // 2
        place = torch.arange(stay + second, device=self.staying.device).expand(batch, -1)
        result = self.staying.new_empty((batch, self.num_tokens))
        result[:, ::2] = result[:, ::2].scatter(1, self.staying, place[:, :stay])
        result[:, ::2] = result[:, ::2].scatter(1, self.moving, stay + self.into)
        result[:, 1::2] = place[:, stay:]
        return result


def match_tokens(metric: torch.Tensor, removed: int) -> Matching:
    """Return the ``removed`` most similar pairs between the even and the odd tokens.

    Args:
        metric: (B, M, A), what is compared by its cosine: the mean of the heads' keys.
        removed: r, from 0 to M // 2.

    Raises:
        SettingError: if r is out of range.
    """
    tokens = metric.shape[1]
    if not 0 <= removed <= tokens // 2:
        raise SettingError(
            f"Of {tokens} tokens 0 to {tokens // 2} can be merged into others, got "
            f"{quoted(removed)}."
        )
    unit = F.normalize(metric, dim=-1)
    if tokens == 1:
        alone = torch.zeros((len(metric), 1), dtype=torch.int64, device=metric.device)
        return Matching(tokens, alone, alone[:, :0], alone[:, :0])
    nearest = (unit[:, ::2] @ unit[:, 1::2].transpose(1, 2)).max(dim=-1)  # (B, E) of (B, E, O)
    ranked = nearest.values.argsort(dim=-1, descending=True, stable=True)
    moving = ranked[:, :removed]
    return Matching(
        num_tokens=tokens,
        staying=ranked[:, removed:].sort(dim=-1).values,
        moving=moving,
        into=nearest.indices.gather(1, moving),
    )


def size_bias(sizes: torch.Tensor, prefix: int) -> torch.Tensor:
    """Return what makes a key count as often as its size, (B, 1, 1, P + M), to add to the scores.

    ``exp(score + log(size)) = size * exp(score)``: attention to a token of size s is attention to
    s equal tokens. Prefix tokens have size 1.

    Args:
        sizes: (B, M).
        prefix: P.
    """
    return F.pad(sizes.log(), (prefix, 0))[:, None, None, :]


def _rows(values: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """Return rows ``index`` (B, K) of ``values`` (B, M, ...)."""
    shape = (*index.shape, *values.shape[2:])
    return values.gather(1, index.reshape(*index.shape, *[1] * (values.dim() - 2)).expand(shape))


def _like(index: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
    """Return ``index`` (B, K) repeated over what follows in ``values`` (B, K, ...)."""
    return index.reshape(*index.shape, *[1] * (values.dim() - 2)).expand(values.shape)
