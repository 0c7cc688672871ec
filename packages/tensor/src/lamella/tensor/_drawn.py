"""Random tensors: every element reads one slot of a generator, whatever its dtype, the device or the threads."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, cast

from . import _random
from ._arguments import shown, whole
from ._base import wrap
from ._creation import float_dtype, like, made, sized
from ._device import as_device
from ._dims import shape_of
from ._dispatch import dispatch
from ._dtype import BOOL, COMPLEX, FLOAT, DType, as_dtype, int64, limits
from ._engine import autograd
from ._op import OPS
from ._promotion import default_float
from ._state import HOT, tls
from ._values import int_range

if TYPE_CHECKING:
    from ._tensor import Tensor

__all__ = ["rand", "rand_like", "randint", "randint_like", "randn", "randn_like", "randperm"]


def generator_of(generator: Any) -> Any:
    """The generator given, or the default one for None; TypeError for anything else."""
    if generator is None:
        return _random.default_generator
    if not isinstance(generator, _random.Generator):
        raise TypeError(f"generator must be a lamella.tensor.Generator or None, got {shown(generator)}")
    return generator


def reserve(generator: Any, n: int) -> tuple[Any, Any]:
    """(seed, offset) of the next n slots of a generator (None: the default one); symbolic under a trace."""
    g = generator_of(generator)
    if tls.trace is not None:
        return cast("tuple[Any, Any]", tls.trace.reserve(g, n))
    return cast("tuple[Any, Any]", g.reserve(n))


def _draw(
    name: str, shape: tuple[int, ...], generator: Any, device: Any, requires_grad: bool, params: dict[str, Any]
) -> Tensor:
    """One random creation op: reserves one slot an element, more inside a vmap whose randomness is 'different'."""
    if not HOT[0] and device is None:
        # no transform and no trace anywhere: the draw itself, which is what a small one costs
        seed, offset = generator_of(generator).reserve(math.prod(shape))
        plain = wrap(OPS[name].rules["numpy"](seed, offset, shape=shape, **params))
        return plain.requires_grad_() if requires_grad else plain
    levels = _vmaps(name)
    if as_device(device).kind == "meta":
        return made(name, (0, 0), {"shape": shape, **params}, device, requires_grad)
    batch = math.prod(lv.size for lv in levels if lv.randomness == "different")
    seed, offset = reserve(generator, math.prod(shape) * batch)
    out = draw(name, seed, offset, shape, **params)
    if requires_grad:
        out.requires_grad_()
    return cast("Tensor", out)


def _at_once(make: Any, shape: tuple[int, ...]) -> Tensor:
    """A draw without any wishes: most are small, and then what is looked up costs more than what is drawn."""
    seed, offset = _random.default_generator.reserve(math.prod(shape))
    return wrap(make(seed, offset, shape, default_float().numpy))


def _vmaps(name: str) -> list[Any]:
    """The open vmaps; RuntimeError where one of them does not say what a draw inside it means."""
    levels = [lv for lv in tls.levels if lv.kind == "vmap"]
    if any(lv.randomness == "error" for lv in levels):
        raise RuntimeError(
            f"{name} inside vmap: say vmap(..., randomness='different') for a draw per example, or 'same' for one draw"
        )
    return levels


def draw(name: str, seed: Any, offset: Any, shape: tuple[int, ...], **params: Any) -> Any:
    """A random creation op over reserved slots.

    Inside a vmap with randomness 'different' the draw has the batch dims in front.
    """
    if any(lv.kind == "vmap" and lv.randomness == "different" for lv in tls.levels):
        return autograd().draw_batched(name, (seed, offset), shape, params)
    return dispatch(OPS[name], (seed, offset), {"shape": shape, **params})


def rand(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    generator: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Uniform in [0, 1); both parts of complex numbers are."""
    sizes = shape_of(shape) if size is None else sized(shape, size)
    if dtype is None and generator is None and device is None and not (requires_grad or HOT[0]):
        return _at_once(_random.uniform, sizes)
    return _floats("rand", sizes, 1.0, dtype, generator, device, requires_grad)


def randn(
    *shape: Any,
    size: Any = None,
    dtype: Any = None,
    generator: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Standard normal; complex numbers have variance 1 too, half of it in each part."""
    sizes = shape_of(shape) if size is None else sized(shape, size)
    if dtype is None and generator is None and device is None and not (requires_grad or HOT[0]):
        return _at_once(_random.normal, sizes)
    return _floats("randn", sizes, math.sqrt(0.5), dtype, generator, device, requires_grad)


def _floats(
    name: str, sizes: tuple[int, ...], scale: float, dtype: Any, generator: Any, device: Any, requires_grad: bool
) -> Tensor:
    """Draws of a floating dtype, or of a complex one, whose two parts are neighbouring draws times `scale`."""
    kind = _kind(dtype, name)
    if kind.category != COMPLEX:
        return _draw(name, sizes, generator, device, requires_grad, {"dtype": kind})
    parts = _draw(name, (*sizes, 2), generator, device, False, {"dtype": kind.to_real()})
    out = dispatch(OPS["view_as_complex"], (parts if scale == 1 else parts * scale,)).clone()
    return cast("Tensor", out.requires_grad_() if requires_grad else out)


def _kind(dtype: Any, name: str) -> DType:
    if dtype is not None:
        kind = as_dtype(dtype)
        if kind.category == COMPLEX:
            return kind
    return float_dtype(dtype, name)


def rand_like(
    x: Any, *, dtype: Any = None, generator: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Uniform in [0, 1), in the shape and dtype of x."""
    shape, kind, where = like(x, "rand_like", dtype, device)
    return rand(shape, dtype=kind, generator=generator, device=where, requires_grad=requires_grad)


def randn_like(
    x: Any, *, dtype: Any = None, generator: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """Standard normal, in the shape and dtype of x."""
    shape, kind, where = like(x, "randn_like", dtype, device)
    return randn(shape, dtype=kind, generator=generator, device=where, requires_grad=requires_grad)


def coins(shape: tuple[int, ...], p: float, kind: DType, generator: Any = None, device: Any = None) -> Tensor:
    """1 with probability p, else 0."""
    return _draw("bernoulli", shape, generator, device, False, {"p": p, "dtype": kind})


def randint(
    low: Any = None,
    high: Any = None,
    size: Any = None,
    *,
    dtype: Any = None,
    generator: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers in [low, high), as int64 unless given: randint(high, size) starts at 0; size is a tuple."""
    if size is None and isinstance(high, (tuple, list)):
        low, high, size = 0, low, high
    elif high is None:
        low, high = 0, low
    if high is None or size is None:
        raise TypeError("randint needs an end and a size, e.g. randint(0, 10, (3,)) or randint(10, (3,))")
    kind = int64 if dtype is None else as_dtype(dtype)
    shape = shape_of(size if isinstance(size, (tuple, list)) else (size,))
    return integers("randint", 0 if low is None else low, high, shape, kind, generator, device, requires_grad)


def randint_like(
    x: Any,
    low: Any = None,
    high: Any = None,
    *,
    dtype: Any = None,
    generator: Any = None,
    device: Any = None,
    requires_grad: bool = False,
) -> Tensor:
    """Integers in [low, high), or in [0, low) for one bound, in the shape and dtype of x."""
    shape, kind, where = like(x, "randint_like", dtype, device)
    if high is None:
        low, high = 0, low
    if high is None:
        raise TypeError("randint_like needs an end, e.g. randint_like(x, 10)")
    return integers("randint_like", 0 if low is None else low, high, shape, kind, generator, where, requires_grad)


def integers(
    name: str, low: Any, high: Any, shape: Any, kind: DType, generator: Any, device: Any, requires_grad: bool = False
) -> Tensor:
    """Integers in [low, high) of any dtype but complex; ValueError for an empty range or one that leaves the dtype."""
    start, stop = whole(low, f"{name}: low"), whole(high, f"{name}: high")
    if start >= stop:
        raise ValueError(f"{name} needs low < high, got [{low}, {high})")
    least, most = integer_bounds(kind, name)
    if not least <= start <= stop - 1 <= most:
        raise ValueError(f"{name}: [{low}, {high}) does not fit {kind}, which holds {least} to {most}")
    params = {"low": start, "high": stop, "dtype": kind}
    return _draw("randint", shape, generator, device, requires_grad, params)


def integer_bounds(kind: DType, name: str) -> tuple[int, int]:
    """The smallest and the largest integer that a random dtype may take."""
    if kind.category == BOOL:
        return 0, 1
    if kind.category == COMPLEX:
        raise TypeError(f"{name} draws integers or floats, got dtype {kind}")
    if kind.category == FLOAT:
        largest = min(int(limits(kind)[1]), 2**63 - 1)
        return -largest, largest
    least, most = int_range(kind)
    return least, min(most, 2**63 - 1)


def randperm(
    n: int, *, dtype: Any = None, generator: Any = None, device: Any = None, requires_grad: bool = False
) -> Tensor:
    """A random order of 0 .. n-1 as int64 unless given."""
    count = whole(n, "randperm: n")
    if count < 0:
        raise ValueError(f"randperm needs a non-negative n, got {n}")
    kind = int64 if dtype is None else as_dtype(dtype)
    if count and count - 1 > integer_bounds(kind, "randperm")[1]:
        raise ValueError(f"randperm: {kind} does not hold the integers below {n}")
    if as_device(device).kind == "meta":
        out = made("randperm", (0, 0), {"n": count}, device, False)
    elif any(lv.randomness == "different" for lv in _vmaps("randperm")):
        words = integers("randperm", -(2**63), 2**63, (count,), int64, generator, device)
        out = dispatch(OPS["argsort"], (words,), {"dim": 0, "descending": False})
    else:
        seed, offset = reserve(generator, count)
        out = cast("Tensor", dispatch(OPS["randperm"], (seed, offset), {"n": count}))
    out = out.to(kind)
    return out.requires_grad_() if requires_grad else out
