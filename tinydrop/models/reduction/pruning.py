"""Keeping the tokens that the class token attends to, from the paper (EViT, arXiv:2202.07800)."""

from __future__ import annotations

import torch

from tinydrop.core.errors import SettingError, quoted


def class_attention(
    q: torch.Tensor, k: torch.Tensor, bias: torch.Tensor | None = None
) -> torch.Tensor:
    """Return how much the first token attends to each one, (B, T), the mean over the heads.

    Args:
        q: (B, H, T, A) queries, already normalised where the model does so.
        k: (B, H, T, A) keys, likewise.
        bias: added to the scores, (B, 1, 1, T).
    """
    scores = (q[:, :, :1] @ k.transpose(-2, -1)) * q.shape[-1] ** -0.5  # (B, H, 1, T)
    if bias is not None:
        scores = scores + bias
    attended: torch.Tensor = scores.softmax(dim=-1).mean(dim=1)[:, 0]
    return attended


def top_tokens(scores: torch.Tensor, keep: int) -> torch.Tensor:
    """Return the ``keep`` highest of (B, M) scores as sorted indices, (B, keep) int64.

    Ties go to the lowest index.

    Raises:
        SettingError: if ``keep`` is not 1..M.
    """
    if not 1 <= keep <= scores.shape[1]:
        raise SettingError(f"Of {scores.shape[1]} tokens at least 1 is kept, got {quoted(keep)}.")
    ranked = scores.argsort(dim=-1, descending=True, stable=True)
    return ranked[:, :keep].sort(dim=-1).values


def kept_destinations(kept: torch.Tensor, tokens: int, others: int = -1) -> torch.Tensor:
    """Return where each of M tokens goes when ``kept`` (B, K) stay, (B, M) int64.

    Args:
        kept: sorted.
        tokens: M.
        others: where those go that are not kept; -1 is nowhere.
    """
    batch, count = kept.shape
    gone = torch.full((batch, tokens), others, dtype=torch.int64, device=kept.device)
    return gone.scatter(1, kept, torch.arange(count, device=kept.device).expand(batch, -1))


def fuse_dropped(tokens: torch.Tensor, scores: torch.Tensor, kept: torch.Tensor) -> torch.Tensor:
    """Return the mean of the tokens that are not kept, weighted by their scores, (B, 1, C).

    The paper's fused token is the weighted sum. It is the same direction, scaled by the attention
    that the dropped ones get; the mean has the length of a token, which a frozen model expects.

    Args:
        tokens: (B, M, C).
        scores: (B, M), not negative.
        kept: (B, K) int64, K below M.
    """
    dropped = torch.ones_like(scores).scatter(1, kept, 0.0)
    weights = scores * dropped
    # Attention to what is dropped can vanish in low precision: then all of it weighs the same.
    weights = torch.where(weights.sum(dim=1, keepdim=True) > 0.0, weights, dropped)
    total = weights.sum(dim=1)[:, None, None]
    return (tokens * weights[:, :, None]).sum(dim=1, keepdim=True) / total
