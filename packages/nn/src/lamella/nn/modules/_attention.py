"""Multi-head attention (Vaswani et al. 2017) with torch's parameter names; batches come first."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, bool_, dropout, linear, logical_not, matmul

from .. import init
from .._module import Module
from .._parameter import Parameter, fresh
from ..functional import scaled_dot_product_attention
from ..functional._attention import attention_weights
from ._arguments import positive, probability
from ._linear import Linear

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in num_heads subspaces of embed_dim: query [N, L, E], key and value [N, S, E] to [N, L, E]."""

    in_proj_weight: Parameter
    in_proj_bias: Parameter | None
    out_proj: Linear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        *,
        batch_first: bool = True,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        super().__init__()
        if not batch_first:
            raise NotImplementedError("MultiheadAttention takes batches first; transpose inputs [L, N, E] to [N, L, E]")
        self.embed_dim = positive("MultiheadAttention", "embed_dim", embed_dim)
        self.num_heads = positive("MultiheadAttention", "num_heads", num_heads)
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim {embed_dim} must be a multiple of num_heads {num_heads}")
        self.dropout = probability("MultiheadAttention", dropout)
        self.in_proj_weight = fresh((3 * embed_dim, embed_dim), dtype, device)
        self.register_parameter("in_proj_bias", fresh((3 * embed_dim,), dtype, device) if bias else None)
        self.out_proj = Linear(embed_dim, embed_dim, bias, dtype=dtype, device=device)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the input projections anew (Xavier uniform) and set the biases to 0."""
        init.xavier_uniform_(self.in_proj_weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """(result [N, L, E], weights [N, L, S] averaged over heads, [N, heads, L, S] if not, or None unless needed).

        As in torch, a bool mask is True where a query may NOT look: key_padding_mask [N, S], attn_mask [L, S], [N, L,
        S] or [N * heads, L, S]; a float attn_mask is added to the scores.
        """
        if query.ndim != 3 or key.ndim != 3 or key.shape != value.shape or query.shape[0] != key.shape[0]:
            raise ValueError(
                f"MultiheadAttention needs query [N, L, E] and key, value [N, S, E], got {query.shape}, "
                f"{key.shape}, {value.shape}"
            )
        n, length, width = query.shape
        if width != self.embed_dim or key.shape[2] != self.embed_dim:
            raise ValueError(
                f"MultiheadAttention({self.embed_dim}) got query of width {width} and key of width {key.shape[2]}"
            )
        q, k, v = self._project(query, key, value)
        mask = self._mask(key_padding_mask, attn_mask, n, length, key.shape[1])
        drop = self.dropout if self.training else 0.0
        weights: Tensor | None = None
        if need_weights:
            weights = attention_weights(q, k, mask, is_causal)
            out = matmul(dropout(weights, drop) if drop else weights, v)
        else:
            out = scaled_dot_product_attention(q, k, v, mask, drop, is_causal)
        out = self.out_proj(out.transpose(1, 2).reshape(n, length, width))
        return out, weights.mean(1) if weights is not None and average_attn_weights else weights

    def _project(self, query: Tensor, key: Tensor, value: Tensor) -> list[Tensor]:
        e = self.embed_dim
        if query is key and key is value:
            rows = linear(query, self.in_proj_weight, self.in_proj_bias)
            parts = [rows[..., i * e : (i + 1) * e] for i in range(3)]
        else:
            parts = []
            for i, x in enumerate((query, key, value)):
                bias = None if self.in_proj_bias is None else self.in_proj_bias[i * e : (i + 1) * e]
                parts.append(linear(x, self.in_proj_weight[i * e : (i + 1) * e], bias))
        return [p.reshape(*p.shape[:2], self.num_heads, -1).transpose(1, 2) for p in parts]

    def _mask(self, padding: Tensor | None, mask: Tensor | None, n: int, length: int, keys: int) -> Tensor | None:
        # one mask that broadcasts to [N, heads, L, S]; True where a bool mask lets a query look
        if mask is not None:
            allowed = {(length, keys), (n, length, keys), (n * self.num_heads, length, keys)}
            if mask.shape not in allowed:
                raise ValueError(
                    f"MultiheadAttention: attn_mask must have one of the shapes {sorted(allowed)}, got {mask.shape}"
                )
            if mask.ndim == 3:
                mask = mask.reshape(n, -1, length, keys) if mask.shape[0] != n else mask.unsqueeze(1)
            if mask.dtype is bool_:
                mask = logical_not(mask)
            elif not mask.dtype.is_floating_point:
                raise TypeError(f"MultiheadAttention: attn_mask must be bool or floating, got {mask.dtype}")
        if padding is None:
            return mask
        if padding.shape != (n, keys) or padding.dtype is not bool_:
            raise ValueError(
                f"MultiheadAttention: key_padding_mask must be bool [{n}, {keys}], got {padding.dtype} {padding.shape}"
            )
        seen = logical_not(padding).reshape(n, 1, 1, keys)
        if mask is None:
            return seen
        if mask.dtype is bool_:
            return mask.logical_and(seen)
        return mask.masked_fill(padding.reshape(n, 1, 1, keys), float("-inf"))

    def extra_repr(self) -> str:
        """The sizes."""
        return f"{self.embed_dim}, num_heads={self.num_heads}, dropout={self.dropout}"
