"""Random tensors whose distribution is given by tensors. Nothing that is drawn follows its parameters for autograd:
the gradient of a draw is 0 (for normal numbers with gradients write mean + std * randn_like(mean)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _pointwise as p
from .._arguments import number
from .._base import TensorBase
from .._creation import zeros
from .._dims import shape_of
from .._drawn import coins, integers, rand, randn
from .._dtype import COMPLEX, FLOAT, float32, float64, int64
from .._meta import MetaArray, broadcast_shapes
from .._promotion import result_type as meeting
from .._state import tls
from .common import require_float, run, tensor_of, to_dtype
from .movement import expand

if TYPE_CHECKING:
    from .._tensor import Tensor

__all__ = ["bernoulli", "normal", "poisson"]
# What the class Tensor has too, and what of that has an in-place twin (`nox -s generate` reads these two).
METHODS = ("bernoulli",)
IN_PLACE: tuple[str, ...] = ()


def _meta(*tensors: Any) -> str | None:
    found = any(isinstance(t, TensorBase) and type(t._data) is MetaArray for t in tensors)
    return "meta" if found and tls.trace is None else None


def _check(name: str, what: str, t: Any, low: float, high: float) -> None:
    """ValueError for elements outside [low, high] or NaN; what a transform or a trace holds is not looked at."""
    array = t._data
    if type(array) is np.ndarray and tls.trace is None and array.size:
        least, most = np.min(array), np.max(array)
        if not (least >= low and most <= high):
            where = f"in [{low:g}, {high:g}]" if high < np.inf else f">= {low:g}"
            raise ValueError(f"{name} needs {what} {where}, got {float(least):g} to {float(most):g}")


def bernoulli(x: Any, p: Any = None, *, generator: Any = None) -> Tensor:
    """1 with the probability that x says, else 0, in the shape and dtype of x [...]; with a number p, by p throughout.

    ValueError for what is no probability, TypeError where x is not floating and there is no p.
    """
    t = require_float(x, "bernoulli") if p is None else tensor_of(x, "bernoulli")
    return coin_flips("bernoulli", t, t if p is None else p, generator)


def coin_flips(name: str, t: Any, chance: Any, generator: Any) -> Tensor:
    """1 or 0 in the shape and dtype of t, by a probability that is a number or a tensor that broadcasts to t."""
    if t.dtype.category == COMPLEX:
        raise TypeError(f"{name} draws 0 and 1, not {t.dtype}")
    if not isinstance(chance, TensorBase):
        if not isinstance(chance, (int, float, np.integer, np.floating)):
            raise TypeError(f"{name} needs a probability or a tensor of them, got {type(chance).__name__}")
        if not 0 <= chance <= 1:
            raise ValueError(f"{name} needs a probability in [0, 1], got {chance}")
        return coins(t.shape, float(chance), t.dtype, generator, _meta(t))
    odds = require_float(chance, name).detach()
    _check(name, "probabilities", odds, 0, 1)
    if odds.shape != t.shape:
        odds = expand(odds, t.shape)
    uniform = rand(t.shape, dtype=float64, generator=generator, device=_meta(t, odds))
    return to_dtype(p.lt(uniform, odds), t.dtype)


def normal(
    mean: Any,
    std: Any = 1.0,
    size: Any = None,
    *,
    dtype: Any = None,
    generator: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Normal draws: normal(mean, std) over the broadcast shape of tensors, or of two numbers with a size.

    In the dtype of the tensors, else the default one. ValueError for a negative std, TypeError unless floating.
    """
    tensors = [a for a in (mean, std) if isinstance(a, TensorBase)]
    if not tensors:
        if size is None:
            raise TypeError("normal of two numbers needs a size, e.g. normal(0.0, 1.0, (3,))")
        sizes = shape_of(size if isinstance(size, (tuple, list)) else (size,))
        out = zeros(sizes, dtype=dtype, device=device).normal_(mean, std, generator=generator)
        return out.requires_grad_() if requires_grad else out
    if size is not None or dtype is not None or device is not None or requires_grad:
        raise TypeError("normal of tensors takes shape, dtype and device from them; give these with two numbers only")
    kind = meeting(tensors)
    if kind.category != FLOAT:
        raise TypeError(f"normal needs floating tensors, got {kind}")
    shape: tuple[int, ...] = ()
    for t in tensors:
        shape = broadcast_shapes(shape, tuple(t._data.shape))
    if isinstance(std, TensorBase):
        _check("normal", "std", std, 0, np.inf)
        std = tensor_of(std, "normal").detach()
    elif not number(std, "normal: std") >= 0:
        raise ValueError(f"normal needs std >= 0, got {std}")
    mean = tensor_of(mean, "normal").detach() if isinstance(mean, TensorBase) else number(mean, "normal: mean")
    draws = randn(shape, dtype=kind if kind.itemsize >= 4 else float32, generator=generator, device=_meta(*tensors))
    return to_dtype(draws * std + mean, kind)


def poisson(x: Any, *, generator: Any = None) -> Tensor:
    """Counts of events whose mean is x, in the shape and dtype of x; one slot of the generator an element.

    ValueError for a mean that is negative or not finite, TypeError unless floating.
    """
    t = require_float(x, "poisson").detach()
    words = integers("poisson", -(2**63), 2**63, t.shape, int64, generator, _meta(t))
    return run("poisson", (t, words))
