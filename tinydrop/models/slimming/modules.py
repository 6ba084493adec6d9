"""The trained parts of a slimmed transformer: fewer tokens out, and back again while training.

Written from the formulas of Zong et al., Self-slimmed Vision Transformer (ECCV 2022). Patch tokens
only: prefix tokens are set aside by the caller.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F


class TokenSlimming(nn.Module):
    """Token slimming module (TSM): every token that goes on is a convex mix of those that came.

    A = softmax over the N tokens of s * W2 GELU(W1 LN(x)), and K rows of A times x go on. The mix
    is of x itself: no norm, no projection, no residual. K is built in, whatever N is.

    Args:
        dim: C.
        num_out: K.
    """

    def __init__(self, dim: int, num_out: int) -> None:
        super().__init__()
        self.num_out = num_out
        self.norm = nn.LayerNorm(dim)
        self.hidden = nn.Linear(dim, dim // 2)
        self.out = nn.Linear(dim // 2, num_out)
        self.scale = nn.Parameter(torch.ones(()))

    def scores(self, x: torch.Tensor) -> torch.Tensor:
        """Return s * Z, (B, N, K), for patch tokens (B, N, C)."""
        scores: torch.Tensor = self.scale * self.out(F.gelu(self.hidden(self.norm(x))))
        return scores

    def weights(self, x: torch.Tensor) -> torch.Tensor:
        """Return A, (B, K, N): rows are not negative and sum to 1."""
        return self.scores(x).softmax(dim=1).transpose(1, 2)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the slim tokens (B, K, C) and the weights (B, K, N) they are mixed with."""
        weights = self.weights(x)
        return weights @ x, weights

    def macs(self, tokens: int) -> int:
        """Return the MACs on so many tokens: two linear layers, then the mix."""
        dim, half, num_out = self.hidden.in_features, self.hidden.out_features, self.num_out
        return tokens * (dim * half + half * num_out) + tokens * num_out * dim


class HardTopK(nn.Module):
    """The ablation: the K tokens with the highest learned score go on as they are, in order.

    The same small network with one output scores a token. A choice has no gradient, so while
    training each chosen token is multiplied by a factor that is exactly 1 and has the gradient of
    N times the softmax of the scores (straight through).

    Args:
        dim: C.
        num_out: K.
    """

    def __init__(self, dim: int, num_out: int) -> None:
        super().__init__()
        self.num_out = num_out
        self.norm = nn.LayerNorm(dim)
        self.hidden = nn.Linear(dim, dim // 2)
        self.out = nn.Linear(dim // 2, 1)
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the chosen tokens (B, K, C) and the choice as one-hot rows (B, K, N)."""
        scores = (self.scale * self.out(F.gelu(self.hidden(self.norm(x))))).squeeze(2)  # (B, N)
        # A stable sort: among equals the lowest index wins, as everywhere in this project.
        order = scores.argsort(dim=1, descending=True, stable=True)
        chosen = order[:, : self.num_out].sort(dim=1).values
        kept = x.gather(1, chosen[:, :, None].expand(-1, -1, x.shape[2]))
        share = scores.shape[1] * scores.softmax(dim=1).gather(1, chosen)
        factor = (share - share.detach()) + 1  # the difference is exactly 0
        return kept * factor[:, :, None], F.one_hot(chosen, x.shape[1]).to(x.dtype)

    def macs(self, tokens: int) -> int:
        """Return the MACs on so many tokens: two linear layers; choosing multiplies nothing."""
        return tokens * (self.hidden.in_features + 1) * self.hidden.out_features


class ReverseSlimming(nn.Module):
    """Reverse module (RTSM): K slim tokens back to N, to be compared with the teacher's.

    y = MLP over tokens (K to 4N to N) of LN(x), then y + MLP over channels (C to 4C to C) of
    LN(y). It is needed in training alone.

    Args:
        dim: C.
        num_in: K.
        num_out: N.
    """

    def __init__(self, dim: int, num_in: int, num_out: int) -> None:
        super().__init__()
        self.norm_tokens = nn.LayerNorm(dim)
        self.mix_tokens = nn.Sequential(
            nn.Linear(num_in, 4 * num_out), nn.GELU(), nn.Linear(4 * num_out, num_out)
        )
        self.norm_channels = nn.LayerNorm(dim)
        self.mix_channels = nn.Sequential(
            nn.Linear(dim, 4 * dim), nn.GELU(), nn.Linear(4 * dim, dim)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (B, N, C) for slim tokens (B, K, C)."""
        y = self.mix_tokens(self.norm_tokens(x).transpose(1, 2)).transpose(1, 2)
        full: torch.Tensor = y + self.mix_channels(self.norm_channels(y))
        return full
