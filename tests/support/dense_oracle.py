"""Transformers that attend over all their tokens, written out once more, with patches hidden.

Nothing here comes from the adapters: every token of the grid is there in every block, dropped
patches are masked as keys (minus infinity before the softmax) and left out of the pooling. Where a
patch is believed to be is an argument, apart for tables, queries and keys, so that the mistakes
people make with positions can be made on purpose.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import nn
from torch.nn import functional as F

__all__ = [
    "Belief",
    "difference",
    "first_cells",
    "kept",
    "masked_model",
    "noise",
    "placed_cells",
]


def difference(ours: torch.Tensor, theirs: torch.Tensor) -> float:
    return float((ours - theirs).abs().max() / theirs.abs().max())


def noise(size: tuple[int, int], batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(5)
    return torch.randn((batch, 3, *size), generator=generator, dtype=torch.float64)


def kept(patches: int, num_keep: int, batch: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(num_keep)
    rows = [torch.randperm(patches, generator=generator)[:num_keep] for _ in range(batch)]
    return torch.stack(rows).sort(dim=1).values


@dataclass(frozen=True)
class Belief:
    """At which cell every patch is believed to be, (B, N) int64 each; None for nowhere.

    Attributes:
        table: for the position table.
        query: for its rotation, or its rows of the bias, as a query.
        key: as a key.
    """

    table: torch.Tensor | None
    query: torch.Tensor | None
    key: torch.Tensor | None

    @classmethod
    def same(cls, cells: torch.Tensor | None) -> Belief:
        return cls(cells, cells, cells)

    @classmethod
    def right(cls, batch: int, patches: int) -> Belief:
        return cls.same(torch.arange(patches).expand(batch, -1))

    def but(self, **wrong: torch.Tensor | None) -> Belief:
        return replace(self, **wrong)


def first_cells(keep: torch.Tensor, patches: int) -> torch.Tensor:
    """Return (B, N): kept patch number i believed at cell i."""
    return placed_cells(keep, torch.arange(keep.shape[1]).expand_as(keep), patches)


def placed_cells(keep: torch.Tensor, cells: torch.Tensor, patches: int) -> torch.Tensor:
    """Return (B, N): every kept patch at its cell; the others, which nobody sees, at cell 0."""
    return torch.zeros((len(keep), patches), dtype=torch.int64).scatter(1, keep, cells)


def masked_model(
    model: nn.Module,
    grid: tuple[int, int],
    pixels: torch.Tensor,
    keep: torch.Tensor,
    belief: Belief | None = None,
    *,
    see_all: bool = False,
    pool_all: bool = False,
) -> torch.Tensor:
    """The whole model with all but ``keep`` (B, K) hidden."""
    batch, patches, prefix = len(pixels), grid[0] * grid[1], prefix_of(model)
    belief = belief or Belief.right(batch, patches)
    x = embedded(model, grid, pixels, belief.table)
    seen = torch.zeros(x.shape[:2], dtype=torch.bool)
    seen[:, :prefix] = True
    seen[:, prefix:].scatter_(1, keep, value=True)
    hidden = torch.zeros_like(seen) if see_all else ~seen
    for index, block in enumerate(model.blocks):
        bias = torch.zeros((1, 1, 1, 1), dtype=x.dtype) + biases(model, block, grid, belief, prefix)
        bias = bias.masked_fill(hidden[:, None, None, :], float("-inf"))
        turn = rotation(model, index, grid, belief, prefix)
        x = run_block(block, x, bias, turn)
    pooled = torch.ones_like(seen) if pool_all else seen
    if hasattr(model, "blocks_token_only"):
        x, pooled = read_by_class_token(model, x, pooled)
    return classified(model, model.norm(x), pooled)


def prefix_of(model: nn.Module) -> int:
    """How many prefix tokens run through the blocks; CaiT's class token comes after them."""
    return 0 if hasattr(model, "blocks_token_only") else model.num_prefix_tokens


def embedded(
    model: nn.Module, grid: tuple[int, int], pixels: torch.Tensor, cells: torch.Tensor | None
) -> torch.Tensor:
    """Prefix and patches with their rows of the position table."""
    holder = getattr(model, "embeds", model)
    embed = getattr(model, "patch_embed", holder)
    side = embed.proj.weight.shape[-1]
    if type(embed.proj) is nn.Linear:
        side = round((embed.proj.in_features / 3) ** 0.5)
        x = F.unfold(pixels, side, stride=side).transpose(1, 2)  # channel, row, column
        x = embed.proj(x.unflatten(-1, (3, side * side)).transpose(-1, -2).flatten(-2))
    else:
        x = embed.proj(pixels).flatten(2).transpose(1, 2)
    x = embed.norm(x)
    own = [getattr(holder, name, None) for name in ("cls_token", "reg_token")]
    if not prefix_of(model):
        own = []
    tokens = [token.expand(len(x), -1, -1) for token in own if token is not None]
    before, table = position_table(model, grid)
    if cells is not None:
        x = x + table[cells]
    x = torch.cat([*tokens, x], dim=1)
    x[:, : prefix_of(model)] += before
    return getattr(model, "norm_pre", nn.Identity())(x)


def position_table(
    model: nn.Module, grid: tuple[int, int]
) -> tuple[torch.Tensor | float, torch.Tensor]:
    """What the table adds to the prefix, and its rows for the patches, (N, C)."""
    patches = grid[0] * grid[1]
    nothing = torch.zeros((patches, model.embed_dim), dtype=torch.float64)
    if hasattr(model, "embeds"):
        return 0.0, resized_table(model.embeds, grid, nothing)
    table = getattr(model, "pos_embed", None)
    if table is None:
        return 0.0, nothing
    if table.shape[1] == patches:
        return 0.0, table[0]
    return table[0, :-patches], table[0, -patches:]


def resized_table(embeds: nn.Module, grid: tuple[int, int], nothing: torch.Tensor) -> torch.Tensor:
    longest = (max(grid), max(grid))
    size = longest if embeds.pos_embed_ar_preserving else grid
    if embeds.pos_embed_type == "learned":
        table = embeds.pos_embed.permute(0, 3, 1, 2).float()
        table = F.interpolate(table, size, mode="bicubic", antialias=True)[0]
        return table[:, : grid[0], : grid[1]].flatten(1).T.double()
    if embeds.pos_embed_type == "factorized":
        lines = [
            F.interpolate(line.transpose(1, 2).float(), length, mode="linear")[0].T.double()
            for line, length in zip((embeds.pos_embed_y, embeds.pos_embed_x), size, strict=True)
        ]
        return (lines[0][: grid[0], None] + lines[1][None, : grid[1]]).flatten(0, 1)
    return nothing


def biases(
    model: nn.Module, block: nn.Module, grid: tuple[int, int], belief: Belief, prefix: int
) -> torch.Tensor | float:
    """The sum of the block's own and the shared bias on every pair, (B, H, T, T)."""
    attn = block.attn
    makers = [getattr(attn, "rel_pos", None), getattr(model, "shared_rel_pos", None)]
    makers += [attn, getattr(model, "rel_pos_bias", None)]
    total = 0.0
    for maker in makers:
        if getattr(maker, "relative_position_bias_table", None) is not None:
            entries = maker.relative_position_bias_table
            total = total + table_bias(entries, grid, belief, prefix)
        elif hasattr(maker, "rel_coords_log"):
            total = total + network_bias(maker, grid, belief, prefix)
    return total


def offsets(grid: tuple[int, int], belief: Belief) -> tuple[torch.Tensor, torch.Tensor]:
    """Rows and columns by which every query lies after every key, (B, N, N) each."""
    q, k = belief.query[:, :, None], belief.key[:, None, :]
    return q // grid[1] - k // grid[1], q % grid[1] - k % grid[1]


def table_bias(
    entries: torch.Tensor, grid: tuple[int, int], belief: Belief, prefix: int
) -> torch.Tensor:
    """Entries by row and column difference; the last three are for pairs with the class token."""
    if belief.query is None:
        pairs = torch.zeros((1, grid[0] * grid[1], grid[0] * grid[1], entries.shape[1]))
    else:
        down, right = offsets(grid, belief)
        pairs = entries[(down + grid[0] - 1) * (2 * grid[1] - 1) + right + grid[1] - 1]
    if not prefix:
        return pairs.permute(0, 3, 1, 2)
    bias = entries.new_empty((len(pairs), *(side + 1 for side in pairs.shape[1:3]), pairs.shape[3]))
    bias[:, 1:, 1:] = pairs
    bias[:, 0, :], bias[:, :, 0], bias[:, 0, 0] = entries[-3], entries[-2], entries[-1]
    return bias.permute(0, 3, 1, 2)


def network_bias(
    maker: nn.Module, grid: tuple[int, int], belief: Belief, prefix: int
) -> torch.Tensor | float:
    """A network on the signed logarithms of the differences; nothing for the class token."""
    if belief.query is None:
        return 0.0
    apart = torch.stack(offsets(grid, belief), dim=-1).float()  # (B, N, N, 2)
    if maker.bias_gain is not None:  # as SwinV2 has it
        apart = apart / (torch.tensor(grid) - 1.0) * 8
        logs = apart.sign() * torch.log2(1 + apart.abs()) / 3
        bias = 16 * maker.mlp(logs.double()).sigmoid()
    else:
        bias = maker.mlp((apart.sign() * torch.log(1 + apart.abs())).double())
    return F.pad(bias.permute(0, 3, 1, 2), (prefix, 0, prefix, 0))


def rotation(
    model: nn.Module, index: int, grid: tuple[int, int], belief: Belief, prefix: int
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Sine and cosine tables of a block for queries and keys, prefix unturned; None for none."""
    if getattr(model, "rope", None) is None or belief.query is None:
        return None
    table = model.rope.get_embed(shape=grid).double()
    table = table[index] if table.dim() == 4 else table[None]  # (H or 1, N, 2 x head size)
    size = table.shape[-1] // 2
    unturned = torch.cat((table.new_zeros(prefix, size), table.new_ones(prefix, size)), dim=1)
    turned = []
    for cells in (belief.query, belief.key):
        of_cells = table[:, cells].transpose(0, 1)  # (B, H or 1, N, 2 x head size)
        own = unturned.expand(*of_cells.shape[:2], -1, -1)
        turned.append(torch.cat((own, of_cells), dim=2))
    return turned[0], turned[1]


def turn_by(x: torch.Tensor, table: torch.Tensor, *, halves: bool) -> torch.Tensor:
    """Multiply pairs of channels, as complex numbers, by cosine + i sine."""
    sine, cosine = table.chunk(2, dim=-1)
    half = x.shape[-1] // 2
    if halves:  # channel c is paired with c + half
        turned = torch.complex(x[..., :half], x[..., half:])
        turned = turned * torch.complex(cosine[..., :half], sine[..., :half])
        return torch.cat((turned.real, turned.imag), dim=-1)
    turned = torch.complex(x[..., ::2], x[..., 1::2])
    turned = turned * torch.complex(cosine[..., ::2], sine[..., ::2])
    return torch.stack((turned.real, turned.imag), dim=-1).flatten(-2)


def run_block(
    block: nn.Module,
    x: torch.Tensor,
    bias: torch.Tensor,
    turn: tuple[torch.Tensor, torch.Tensor] | None,
) -> torch.Tensor:
    scales = [scale(block, which) for which in ("1", "2")]
    if "Post" in type(block).__name__:
        x = x + block.norm1(attention(block.attn, x, bias, turn))
        return x + block.norm2(block.mlp(x))
    x = x + scales[0] * attention(block.attn, block.norm1(x), bias, turn)
    return x + scales[1] * block.mlp(block.norm2(x))


def scale(block: nn.Module, which: str) -> torch.Tensor | float:
    gamma = getattr(block, f"gamma_{which}", None)
    layer = getattr(block, f"ls{which}", None)
    return gamma if gamma is not None else getattr(layer, "gamma", 1.0)


def attention(
    attn: nn.Module,
    x: torch.Tensor,
    bias: torch.Tensor,
    turn: tuple[torch.Tensor, torch.Tensor] | None,
) -> torch.Tensor:
    def heads(y: torch.Tensor, number: int) -> torch.Tensor:
        y = y.unflatten(-1, (number, -1)).transpose(1, 2)
        return y.repeat_interleave(attn.num_heads // number, dim=1)

    groups = getattr(attn, "num_kv_heads", attn.num_heads)
    if attn.qkv is not None:
        q, k, v = attn.qkv(x).chunk(3, dim=-1)
        if getattr(attn, "q_bias", None) is not None:
            q, v = q + attn.q_bias, v + attn.v_bias
    else:
        q, k, v = attn.q_proj(x), attn.k_proj(x), attn.v_proj(x)
    q, k, v = heads(q, attn.num_heads), heads(k, groups), heads(v, groups)
    nothing = nn.Identity()
    q, k = getattr(attn, "q_norm", nothing)(q), getattr(attn, "k_norm", nothing)(k)
    if turn is not None:
        halves = getattr(attn, "rotate_half", False)
        q, k = turn_by(q, turn[0], halves=halves), turn_by(k, turn[1], halves=halves)
    scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
    if hasattr(attn, "proj_l"):  # heads talk: hidden keys also lose their values
        mix = torch.einsum("oh,bhqk->boqk", attn.proj_l.weight, scores)
        weights = (mix + attn.proj_l.bias[:, None, None] + bias).softmax(-1)
        mix = torch.einsum("oh,bhqk->boqk", attn.proj_w.weight, weights)
        weights = (mix + attn.proj_w.bias[:, None, None]) * bias.isfinite()
    else:
        weights = (scores + bias).softmax(-1)
    mixed = (weights @ v).transpose(1, 2).flatten(2)
    return attn.proj(getattr(attn, "norm", nothing)(mixed))


def read_by_class_token(
    model: nn.Module, x: torch.Tensor, seen: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """CaiT's last blocks: the class token attends to itself and to the patches that are seen."""
    token = model.cls_token.expand(len(x), -1, -1)
    seen = torch.cat((torch.ones_like(seen[:, :1]), seen), dim=1)
    for block in model.blocks_token_only:
        attn, u = block.attn, block.norm1(torch.cat((token, x), dim=1))
        q, k, v = (
            part.unflatten(-1, (attn.num_heads, -1)).transpose(1, 2)
            for part in (attn.q(u[:, :1]), attn.k(u), attn.v(u))
        )
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        weights = scores.masked_fill(~seen[:, None, None, :], float("-inf")).softmax(-1)
        read = attn.proj((weights @ v).transpose(1, 2).flatten(2))
        token = token + block.gamma_1 * read
        token = token + block.gamma_2 * block.mlp(block.norm2(token))
    return torch.cat((token, x), dim=1), seen


def classified(model: nn.Module, x: torch.Tensor, pooled: torch.Tensor) -> torch.Tensor:
    """Logits from the tokens (B, T, C) that are pooled (B, T)."""
    pool = model.global_pool
    # Eva's attention pooling takes every token; the others leave the prefix out unless told.
    with_prefix = getattr(model, "pool_include_prefix", pool == "map")
    if not with_prefix:
        pooled = pooled.clone()
        pooled[:, : getattr(model, "num_prefix_tokens", 1)] = False  # old CaiT does not say
    if pool == "token":
        row = x[:, 0]
    elif pool == "map":
        latent = model.attn_pool
        q = latent.q(latent.latent).unflatten(-1, (latent.num_heads, -1)).transpose(1, 2)
        k, v = latent.kv(x).unflatten(-1, (2, latent.num_heads, -1)).permute(2, 0, 3, 1, 4)
        scores = latent.q_norm(q) @ latent.k_norm(k).transpose(-2, -1) / q.shape[-1] ** 0.5
        scores = scores.masked_fill(~pooled[:, None, None, :], float("-inf"))
        row = latent.proj((scores.softmax(-1) @ v).transpose(1, 2).flatten(2))
        row = (row + latent.mlp(latent.norm(row)))[:, 0]
    else:
        weights = pooled[..., None].to(x)
        row = (x * weights).sum(1) / weights.sum(1)
    return model.head(getattr(model, "fc_norm", nn.Identity())(row))
