"""Multi-head attention (Vaswani et al. 2017) with torch's parameter names."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor

from .. import init
from .._module import Module
from .._parameter import Parameter, fresh
from ..functional._arguments import need_tensor
from ..functional._attention import attend
from ._arguments import positive, probability
from ._linear import Linear

__all__ = ["MultiheadAttention"]


class MultiheadAttention(Module):
    """Attention in num_heads subspaces of embed_dim: query [L, N, E], key [S, N, kdim], value [S, N, vdim] to [L, N,
    E].

    With batch_first N stands first; without a batch N is missing.
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None
    out_proj: Linear

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Any = None,
        dtype: Any = None,
    ) -> None:
        super().__init__()
        self.embed_dim = e = positive("MultiheadAttention", "embed_dim", embed_dim)
        self.num_heads = positive("MultiheadAttention", "num_heads", num_heads)
        if embed_dim % num_heads:
            raise ValueError(f"MultiheadAttention: embed_dim {embed_dim} must be a multiple of num_heads {num_heads}")
        self.kdim = e if kdim is None else positive("MultiheadAttention", "kdim", kdim)
        self.vdim = e if vdim is None else positive("MultiheadAttention", "vdim", vdim)
        self.dropout = probability("MultiheadAttention", dropout)
        self.add_zero_attn = add_zero_attn
        self.batch_first = batch_first
        self.head_dim = e // num_heads

        def made(wanted: bool, *shape: int) -> Parameter | None:
            return fresh(shape, dtype, device) if wanted else None

        separate = self.kdim != e or self.vdim != e
        for name, width in (("q", e), ("k", self.kdim), ("v", self.vdim)):
            self.register_parameter(f"{name}_proj_weight", made(separate, e, width))
        self.register_parameter("in_proj_weight", made(not separate, 3 * e, e))
        self.register_parameter("in_proj_bias", made(bias, 3 * e))
        self.out_proj = Linear(e, e, bias, dtype=dtype, device=device)
        self.register_parameter("bias_k", made(add_bias_kv, 1, 1, e))
        self.register_parameter("bias_v", made(add_bias_kv, 1, 1, e))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the input projections anew (Xavier uniform; bias_k and bias_v normal) and set the biases to 0."""
        for weight in (self.in_proj_weight, self.q_proj_weight, self.k_proj_weight, self.v_proj_weight):
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None and self.out_proj.bias is not None:
            init.zeros_(self.in_proj_bias)
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.xavier_normal_(extra)

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
        """(result, weights [N, L, S] averaged over heads, [N, heads, L, S] if not, or None unless needed).

        As in torch, a bool mask is True where a query may NOT look: key_padding_mask [N, S], attn_mask [L, S], [N, L,
        S] or [N * heads, L, S]; a float mask is added to the scores. With is_causal query i sees keys 0..i only.
        """
        for name, x, width in (
            ("query", query, self.embed_dim),
            ("key", key, self.kdim),
            ("value", value, self.vdim),
        ):
            if need_tensor(x, "MultiheadAttention", name).ndim not in (2, 3) or x.shape[-1] != width:
                raise ValueError(
                    f"MultiheadAttention: {name} must have 2 or 3 dims, the last of {width}, got {x.shape}"
                )
        turned = query.ndim == 3 and not self.batch_first
        if turned:
            same = query is key and key is value
            query, key, value = (x.transpose(0, 1) if x.ndim == 3 else x for x in (query, key, value))
            if same:
                key = value = query
        weights = self.in_proj_weight
        out, seen = attend(
            query, key, value, self.num_heads,
            weights if weights is not None else (self.q_proj_weight, self.k_proj_weight, self.v_proj_weight),
            self.in_proj_bias, self.out_proj.weight, self.out_proj.bias, self.bias_k, self.bias_v, self.add_zero_attn,
            self.dropout if self.training else 0.0, key_padding_mask, need_weights, attn_mask, None, None,
            average_attn_weights, is_causal,
        )  # fmt: skip
        return (out.transpose(0, 1) if turned else out), seen
