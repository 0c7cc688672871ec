"""Scaled dot-product attention (Vaswani et al. 2017) as one op.

Weights are only made where somebody asks for them or drops them.
"""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor
from lamella.tensor.extend import scores_of

from ._arguments import need_tensor, optional_tensor

__all__ = ["attention_weights", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
) -> Tensor:
    """softmax(query key^T * scale + mask) value for [..., L, E], [..., S, E], [..., S, V].

    A bool mask is True where a query may look, a float mask is added to the scores; with is_causal query i also sees
    keys 0..i only. A query that may look nowhere gives 0. dropout_p > 0 drops weights whenever it is given: pass 0
    outside training.
    """
    for name, t in (("query", query), ("key", key), ("value", value)):
        need_tensor(t, "scaled_dot_product_attention", name)
    optional_tensor(attn_mask, "scaled_dot_product_attention", "attn_mask")
    if not dropout_p:
        return lt.attention(query, key, value, attn_mask, scale=scale, causal=is_causal)
    weights = attention_weights(query, key, attn_mask, is_causal, scale)
    return lt.matmul(lt.dropout(weights, dropout_p), value)


def attention_weights(
    query: Tensor, key: Tensor, mask: Tensor | None, causal: bool, scale: float | None = None
) -> Tensor:
    """The weights [..., L, S] of attention; a row that may look nowhere is 0."""
    scores = scores_of(query, key, mask, 1 / math.sqrt(query.shape[-1]) if scale is None else scale, causal)
    if mask is None:
        return lt.softmax(scores, -1).to(query.dtype)
    dead = lt.amax(scores.detach(), -1, True) == -math.inf
    weights = lt.softmax(lt.where(dead, 0.0, scores), -1)
    return lt.where(dead, 0.0, weights).to(query.dtype)
