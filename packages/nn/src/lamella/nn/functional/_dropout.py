"""Dropout of elements and of channels."""

from __future__ import annotations

import math
from typing import Any

from lamella import tensor as lt
from lamella.tensor import Tensor

from ._arguments import need_tensor

__all__ = ["alpha_dropout", "dropout", "dropout1d", "dropout2d", "dropout3d", "feature_alpha_dropout"]

_SELU_LIMIT = -1.7580993408473766  # of selu at -inf: minus its scale times its alpha


def _placed(y: Tensor, x: Tensor, inplace: bool) -> Tensor:
    return x.copy_(y) if inplace and y is not x else y


def _checked(input: Any, p: Any, function: str, ranks: tuple[int, ...], forms: str) -> Tensor:
    x = need_tensor(input, function, "input")
    if not isinstance(p, (int, float)) or not 0 <= p <= 1:
        raise ValueError(f"{function} needs a probability in [0, 1], got {p!r}")
    if ranks and x.ndim not in ranks:
        raise ValueError(f"{function} needs input {forms}, got shape {x.shape}")
    return x


def dropout(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each element with probability p and scale the rest by 1/(1-p); the input itself outside training."""
    return _placed(lt.dropout(input, p, training), input, inplace)


def _channels(x: Tensor, p: float, training: bool, inplace: bool, lead: int) -> Tensor:
    """Dropout with one draw for each of the first `lead` dims' places."""
    if not training or p == 0:
        return x
    kept = lt.dropout(lt.ones((*x.shape[:lead], *(1,) * (x.ndim - lead)), dtype=x.dtype), p)
    return _placed(x * kept, x, inplace)


def dropout1d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each channel of [N, C, L] or [C, L] with probability p and scale the rest by 1/(1-p)."""
    x = _checked(input, p, "dropout1d", (2, 3), "[N, C, L] or [C, L]")
    return _channels(x, p, training, inplace, x.ndim - 1)


def dropout2d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each channel of [N, C, H, W] with probability p and scale the rest by 1/(1-p).

    Three dims are taken for [N, C, L], as torch does.
    """
    x = _checked(input, p, "dropout2d", (3, 4), "[N, C, H, W]")
    return _channels(x, p, training, inplace, 2)


def dropout3d(input: Any, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
    """Zero each channel of [N, C, D, H, W] or [C, D, H, W] with probability p and scale the rest by 1/(1-p)."""
    x = _checked(input, p, "dropout3d", (4, 5), "[N, C, D, H, W] or [C, D, H, W]")
    return _channels(x, p, training, inplace, x.ndim - 3)


def _alpha(x: Tensor, p: float, inplace: bool, shape: tuple[int, ...]) -> Tensor:
    if p == 1:
        return _placed(x * 0, x, inplace)
    dropped = lt.dropout(lt.ones(shape), p) == 0
    scale = 1 / math.sqrt((1 - p) * (1 + p * _SELU_LIMIT**2))
    y = lt.where(dropped, _SELU_LIMIT, x).to(x.dtype) * scale - scale * _SELU_LIMIT * p
    return _placed(y, x, inplace)


def alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """Dropout that keeps mean 0 and variance 1: dropped elements take SELU's limit (Klambauer et al. 2017)."""
    x = _checked(input, p, "alpha_dropout", (), "")
    return _alpha(x, p, inplace, x.shape) if training and p else x


def feature_alpha_dropout(input: Any, p: float = 0.5, training: bool = False, inplace: bool = False) -> Tensor:
    """alpha_dropout of whole channels of [N, C, ...]."""
    x = _checked(input, p, "feature_alpha_dropout", (), "")
    if x.ndim < 2:
        raise ValueError(f"feature_alpha_dropout needs input [N, C, ...], got shape {x.shape}")
    return _alpha(x, p, inplace, (*x.shape[:2], *(1,) * (x.ndim - 2))) if training and p else x
