"""Attention (Vaswani et al. 2017) as one op, and attention of several heads with its projections.

Weights are only made where somebody asks for them.
"""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor, bool_
from lamella.tensor.extend import scores_of

from ._arguments import need_tensor, optional_tensor

__all__ = ["attend", "multi_head_attention_forward", "scaled_dot_product_attention"]


def scaled_dot_product_attention(
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor:
    """softmax(query key^T * scale + mask) value for [..., L, E], [..., S, E], [..., S, V].

    A bool mask is True where a query may look, a float mask is added to the scores; with is_causal query i also sees
    keys 0..i only. A query that may look nowhere gives 0. dropout_p > 0 drops weights whenever it is given: pass 0
    outside training. With enable_gqa several heads (dim -3) of the query share one of key and value (Ainslie et al.
    2023).
    """
    for name, t in (("query", query), ("key", key), ("value", value)):
        need_tensor(t, "scaled_dot_product_attention", name)
    optional_tensor(attn_mask, "scaled_dot_product_attention", "attn_mask")
    options: dict[str, Any] = {"scale": scale, "causal": is_causal, "dropout_p": dropout_p}
    if not enable_gqa:
        return lt.attention(query, key, value, attn_mask, **options)
    heads, shared = _group(query, key, value)
    grouped = query.reshape(*query.shape[:-3], shared, heads // shared, *query.shape[-2:])
    if attn_mask is not None and attn_mask.ndim > 2:
        if attn_mask.shape[-3] == heads:
            attn_mask = attn_mask.reshape(*attn_mask.shape[:-3], shared, -1, *attn_mask.shape[-2:])
        else:
            attn_mask = attn_mask.unsqueeze(-3)
    out = lt.attention(grouped, key.unsqueeze(-3), value.unsqueeze(-3), attn_mask, **options)
    return out.reshape(*out.shape[:-4], heads, *out.shape[-2:])


def _group(query: Tensor, key: Tensor, value: Tensor) -> tuple[int, int]:
    if min(query.ndim, key.ndim, value.ndim) < 3:
        raise ValueError(
            f"scaled_dot_product_attention: enable_gqa needs heads in dim -3, got {query.shape}, {key.shape}, "
            f"{value.shape}"
        )
    heads, shared = query.shape[-3], key.shape[-3]
    if value.shape[-3] != shared or not shared or heads % shared:
        raise ValueError(
            f"scaled_dot_product_attention: enable_gqa needs as many heads of value as of key, and a multiple of them "
            f"of query, got {heads} of query, {shared} of key and {value.shape[-3]} of value"
        )
    return heads, shared


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    """The weights [..., L, S] of attention; a row that may look nowhere is 0."""
    scores = scores_of(query, key, mask, 1 / math.sqrt(query.shape[-1]), causal)
    if mask is None:
        return lt.softmax(scores, -1).to(query.dtype)
    dead = lt.amax(scores.detach(), -1, True) == -math.inf
    weights = lt.softmax(lt.where(dead, 0.0, scores), -1)
    return lt.where(dead, 0.0, weights).to(query.dtype)


def multi_head_attention_forward(
    query: Any,
    key: Any,
    value: Any,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Attention in num_heads subspaces of query [L, N, E] over key and value [S, N, ..], or all without N.

    Returns (result, weights [N, L, S] averaged over heads, [N, heads, L, S] if not, or None unless needed). A bool mask
    is True where a query may NOT look: key_padding_mask [N, S], attn_mask [L, S] or [N * heads, L, S]; a float one is
    added to the scores.
    """
    for name, t in (("query", query), ("key", key), ("value", value)):
        need_tensor(t, "multi_head_attention_forward", name)
    if query.shape[-1] != embed_dim_to_check:
        raise ValueError(
            f"multi_head_attention_forward: query must be {embed_dim_to_check} wide, got {query.shape[-1]}"
        )
    q, k, v = (x.transpose(0, 1) if x.ndim == 3 else x for x in (query, key, value))
    if query is key and key is value:  # one projection of one tensor
        k = v = q
    projections = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else in_proj_weight
    out, weights = attend(
        q, k, v, num_heads, projections, in_proj_bias, out_proj_weight, out_proj_bias, bias_k, bias_v, add_zero_attn,
        dropout_p if training else 0.0, key_padding_mask, need_weights, attn_mask, static_k, static_v,
        average_attn_weights, is_causal,
    )  # fmt: skip
    return (out.transpose(0, 1) if query.ndim == 3 else out), weights


def attend(
    query: Tensor, key: Tensor, value: Tensor, num_heads: int, in_proj: Any, in_proj_bias: Tensor | None,
    out_proj_weight: Tensor, out_proj_bias: Tensor | None, bias_k: Tensor | None = None, bias_v: Tensor | None = None,
    add_zero_attn: bool = False, dropout_p: float = 0.0, key_padding_mask: Tensor | None = None,
    need_weights: bool = True, attn_mask: Tensor | None = None, static_k: Tensor | None = None,
    static_v: Tensor | None = None, average_attn_weights: bool = True, is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:  # fmt: skip
    """multi_head_attention_forward with batches first; `in_proj` is one weight [3E, E], or three."""
    batched = query.ndim == 3
    _check_inputs(query, key, value)
    if query.shape[-1] % num_heads:
        raise ValueError(f"attention: width {query.shape[-1]} must be a multiple of num_heads {num_heads}")
    if not batched:
        same = query is key and key is value
        query, key, value = (x.unsqueeze(0) for x in (query, key, value))
        if same:
            key = value = query
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    n, length, width = query.shape
    q, k, v = _projected(query, key, value, in_proj, in_proj_bias)
    if (bias_k is None) != (bias_v is None):
        raise ValueError("attention: bias_k and bias_v are given together, or none of them")
    if bias_k is not None and bias_v is not None:
        k = lt.cat([k, bias_k.reshape(1, 1, width).expand(n, 1, width)], 1)
        v = lt.cat([v, bias_v.reshape(1, 1, width).expand(n, 1, width)], 1)
    q, k, v = (x.reshape(*x.shape[:2], num_heads, width // num_heads).transpose(1, 2) for x in (q, k, v))
    k, v = _static(k, static_k, "static_k", n, num_heads), _static(v, static_v, "static_v", n, num_heads)
    if add_zero_attn:
        k, v = (lt.cat([x, lt.zeros(*x.shape[:2], 1, x.shape[3], dtype=x.dtype)], 2) for x in (k, v))
    extra = k.shape[2] - key.shape[1] if static_k is None else int(add_zero_attn)
    mask = _mask(key_padding_mask, attn_mask, n, num_heads, length, k.shape[2] - extra, extra)
    weights: Tensor | None = None
    if need_weights:
        weights = attention_weights(q, k, mask, is_causal)
        if dropout_p:
            weights = lt.dropout(weights, dropout_p)
        out = lt.matmul(weights, v)
        if average_attn_weights:
            weights = weights.mean(1)
    else:
        out = lt.attention(q, k, v, mask, causal=is_causal, dropout_p=dropout_p)
    out = lt.linear(out.transpose(1, 2).reshape(n, length, width), out_proj_weight, out_proj_bias)
    if batched:
        return out, weights
    return out.squeeze(0), None if weights is None else weights.squeeze(0)


def _check_inputs(query: Tensor, key: Tensor, value: Tensor) -> None:
    rank = query.ndim
    if (
        rank not in (2, 3)
        or key.ndim != rank
        or value.ndim != rank
        or key.shape[:-1] != value.shape[:-1]
        or (rank == 3 and query.shape[0] != key.shape[0])
    ):
        raise ValueError(
            f"attention needs query [N, L, E], key [N, S, ..] and value [N, S, ..] (batches first), or all without N, "
            f"got {query.shape}, {key.shape}, {value.shape}"
        )


def _projected(query: Tensor, key: Tensor, value: Tensor, weight: Any, bias: Tensor | None) -> list[Tensor]:
    e = query.shape[-1]
    if not isinstance(weight, tuple) and query is key and key is value:
        rows = lt.linear(query, weight, bias)
        return list(lt.split(rows, e, -1))
    parts = weight if isinstance(weight, tuple) else lt.split(weight, e, 0)
    biases = (None, None, None) if bias is None else lt.split(bias, e, 0)
    return [lt.linear(x, w, b) for x, w, b in zip((query, key, value), parts, biases, strict=True)]


def _static(projected: Tensor, given: Tensor | None, name: str, n: int, heads: int) -> Tensor:
    if given is None:
        return projected
    depth = projected.shape[3]
    if given.ndim != 3 or given.shape[0] != n * heads or given.shape[2] != depth:
        raise ValueError(f"attention: {name} must be [{n * heads}, S, {depth}], got {given.shape}")
    return given.reshape(n, heads, given.shape[1], depth)


def _mask(
    padding: Tensor | None, mask: Tensor | None, n: int, heads: int, length: int, keys: int, extra: int
) -> Tensor | None:
    """One mask that broadcasts to [N, heads, L, S + extra] or None; True where a bool mask lets a query look.

    The extra keys at the end (bias_k, zeros) are seen by every query.
    """
    if mask is not None:
        allowed = {(length, keys), (n, length, keys), (n * heads, length, keys)}
        if mask.shape not in allowed:
            raise ValueError(f"attention: attn_mask must have one of the shapes {sorted(allowed)}, got {mask.shape}")
        if mask.ndim == 3:
            mask = mask.unsqueeze(1) if mask.shape[0] == n else mask.reshape(n, heads, length, keys)
        mask = _seen(mask, "attn_mask")
    if padding is not None:
        if padding.shape != (n, keys):
            raise ValueError(f"attention: key_padding_mask must be [{n}, {keys}], got {padding.shape}")
        padding = _seen(padding, "key_padding_mask").reshape(n, 1, 1, keys)
        mask = padding if mask is None else _both(mask, padding)
    if mask is None or not extra:
        return mask
    seen = (*mask.shape[:-1], extra)
    free = lt.ones(*seen, dtype=bool_) if mask.dtype is bool_ else lt.zeros(*seen, dtype=mask.dtype)
    return lt.cat([mask, free], -1)


def _seen(mask: Tensor, name: str) -> Tensor:
    if mask.dtype is bool_:
        return lt.logical_not(mask)
    if not mask.dtype.is_floating_point:
        raise TypeError(f"attention: {name} must be bool or floating, got {mask.dtype}")
    return mask


def _both(a: Tensor, b: Tensor) -> Tensor:
    if a.dtype is bool_ and b.dtype is bool_:
        return a.logical_and(b)
    if a.dtype is not bool_ and b.dtype is not bool_:
        return a + b
    added, seen = (b, a) if a.dtype is bool_ else (a, b)
    return lt.where(seen, added, -math.inf)
