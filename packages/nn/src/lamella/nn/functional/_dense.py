"""Dense maps."""

from __future__ import annotations

from typing import Any

from lamella.tensor import Tensor, linear

from ._arguments import need_tensor, optional_tensor

__all__ = ["bilinear", "linear"]


def bilinear(input1: Any, input2: Any, weight: Any, bias: Any = None) -> Tensor:
    """x1 [..., in1] and x2 [..., in2] to [..., out]: x1 weight[o] x2 + bias[o], for weight [out, in1, in2]."""
    a, b = need_tensor(input1, "bilinear", "input1"), need_tensor(input2, "bilinear", "input2")
    w, c = need_tensor(weight, "bilinear", "weight"), optional_tensor(bias, "bilinear", "bias")
    if w.ndim != 3 or not a.ndim or a.shape[:-1] != b.shape[:-1] or (a.shape[-1], b.shape[-1]) != w.shape[1:]:
        raise ValueError(
            f"bilinear needs x1 [..., in1], x2 [..., in2] and weight [out, in1, in2], "
            f"got {a.shape}, {b.shape} and {w.shape}"
        )
    if c is not None and c.shape != w.shape[:1]:
        raise ValueError(f"bilinear: bias must be [{w.shape[0]}], got {c.shape}")
    out, in1, in2 = w.shape
    rows = a.numel() // in1 if in1 else 0
    # [N, 1, in1] with [out, in1, in2] seen as one matrix, then the product with x2 summed over in2
    left = linear(a.reshape(rows, in1), w.permute(0, 2, 1).reshape(out * in2, in1)).reshape(rows, out, in2)
    y = (left @ b.reshape(rows, in2, 1)).squeeze(-1)
    if c is not None:
        y = y + c
    return y.reshape(*a.shape[:-1], out)
