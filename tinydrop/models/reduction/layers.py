"""One block's attention and the head of a plain transformer, by timm's layers in their own order.

Written out because a plan needs what timm's own ``forward`` hides: the keys, the class token's
attention, and keys and pooled tokens that count several times.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.nn import functional as F

from tinydrop.models.backbones import attend
from tinydrop.models.reduction.merging import size_bias
from tinydrop.models.reduction.pruning import class_attention


def attention(
    attn: Any, x: torch.Tensor, bias: torch.Tensor | None, *, scored: bool
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Return the attention's output, the keys (B, H, T, A), and the class token's attention.

    Args:
        attn: timm's ``Attention``.
        x: (B, T, C), after the block's first norm.
        bias: added to the scores, (B, 1, 1, T).
        scored: whether the class token's attention (B, T) is wanted; None otherwise.
    """
    batch, count, _ = x.shape
    qkv = attn.qkv(x).reshape(batch, count, 3, attn.num_heads, -1).permute(2, 0, 3, 1, 4)
    q, k, v = qkv.unbind(0)
    q, k = attn.q_norm(q), attn.k_norm(k)
    mixed = attn.proj_drop(attn.proj(attn.norm(attend(q, k, v, bias))))
    return mixed, k, class_attention(q, k, bias) if scored else None


def answer(model: Any, x: torch.Tensor, sizes: torch.Tensor | None, prefix: int) -> torch.Tensor:
    """Return the logits, (B, classes).

    Args:
        model: the transformer.
        x: (B, P + M, C), after the last norm.
        sizes: (B, M), how often each patch token counts in the pooling; None for once.
        prefix: P.
    """
    if sizes is None or model.global_pool == "token":
        logits: torch.Tensor = model.forward_head(x)
        return logits
    if not model.pool_include_prefix:
        x = x[:, prefix:]
        weights = sizes
    else:
        weights = F.pad(sizes, (prefix, 0), value=1.0)
    if model.attn_pool is not None:
        row = _latent_pool(model.attn_pool, x, weights)
    else:
        mean = (x * weights[:, :, None]).sum(dim=1) / weights.sum(dim=1, keepdim=True)
        top = x.amax(dim=1)
        row = {"avg": mean, "max": top, "avgmax": 0.5 * (mean + top)}[model.global_pool]
    logits = model.head(model.head_drop(model.fc_norm(row)))
    return logits  # noqa: RET504 - typed above


def _latent_pool(pool: Any, x: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return attention pooling by timm's layers, every token counted ``weights`` times, (B, M).

    Written out because not every release of timm takes a mask here.
    """
    batch, count, _ = x.shape
    latent = pool.q(pool.latent.expand(batch, -1, -1))
    q = latent.reshape(batch, pool.latent_len, pool.num_heads, -1).transpose(1, 2)
    kv = pool.kv(x).reshape(batch, count, 2, pool.num_heads, -1).permute(2, 0, 3, 1, 4)
    k, v = kv.unbind(0)
    bias = size_bias(weights, 0).expand(-1, -1, pool.latent_len, -1)
    mixed = pool.proj_drop(pool.proj(attend(pool.q_norm(q), pool.k_norm(k), v, bias)))
    if pool.mlp is not None:
        mixed = mixed + pool.mlp(pool.norm(mixed))
    row: torch.Tensor = mixed[:, 0] if pool.pool == "token" else mixed.mean(dim=1)
    return row
