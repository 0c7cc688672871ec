"""Ops that make arrays from numbers; the random ones are pure functions of (seed, offset)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import _random
from .._meta import MetaArray
from .._op import Op, register_rules
from .._scalar import SymSize

__all__: list[str] = []


def _full(value: Any, *, shape: tuple[int, ...], dtype: Any) -> Any:
    if not value:
        # zeros come from untouched pages; -0.0 is falsy too and must stay itself
        if not (isinstance(value, float) and math.copysign(1.0, value) < 0):
            return np.zeros(shape, dtype.numpy)
    return np.full(shape, value, dtype.numpy)


def _arange(start: Any, stop: Any, step: Any, *, dtype: Any) -> Any:
    if step == 0:
        raise ValueError("arange needs a step other than 0")
    # in int64 or float64 first: in a narrow dtype numpy would round the step and then multiply it
    values: Any = np.arange(start, stop, step)
    return values.astype(dtype.numpy, copy=False)


def _arange_shape(start: Any, stop: Any, step: Any, *, dtype: Any) -> MetaArray:
    if step == 0:
        raise ValueError("arange needs a step other than 0")
    if all(isinstance(v, (int, SymSize)) for v in (start, stop, step)):
        return MetaArray((max(0, -((start - stop) // step)),), dtype.numpy)
    return MetaArray((max(0, math.ceil((stop - start) / step)),), dtype.numpy)


def _shaped(*_: Any, shape: tuple[int, ...], dtype: Any, **__: Any) -> MetaArray:
    return MetaArray(shape, dtype.numpy)


def _rand(seed: int, offset: int, *, shape: tuple[int, ...], dtype: Any) -> Any:
    return _random.uniform(seed, offset, shape, dtype.numpy)


def _randn(seed: int, offset: int, *, shape: tuple[int, ...], dtype: Any) -> Any:
    return _random.normal(seed, offset, shape, dtype.numpy)


def _bernoulli(seed: int, offset: int, *, p: float, shape: tuple[int, ...], dtype: Any) -> Any:
    return _random.bernoulli(seed, offset, p, shape).astype(dtype.numpy, copy=False)


def _randint(seed: int, offset: int, *, low: int, high: int, shape: tuple[int, ...], dtype: Any) -> Any:
    return _random.randint(seed, offset, low, high, shape).astype(dtype.numpy, copy=False)


def _randperm(seed: int, offset: int, *, n: int) -> Any:
    return _random.randperm(seed, offset, n)


def _randperm_shape(seed: int, offset: int, *, n: int) -> MetaArray:
    return MetaArray((n,), np.dtype(np.int64))


Op("full", "value; shape, dtype", "creation")
Op("arange", "start, stop, step; dtype", "creation")
Op("rand", "seed, offset; shape, dtype", "creation")
Op("randn", "seed, offset; shape, dtype", "creation")
Op("bernoulli", "seed, offset; p, shape, dtype", "creation")
Op("randint", "seed, offset; low, high, shape, dtype", "creation")
Op("randperm", "seed, offset; n", "creation")

register_rules(
    "numpy",
    {
        "full": _full,
        "arange": _arange,
        "rand": _rand,
        "randn": _randn,
        "bernoulli": _bernoulli,
        "randint": _randint,
        "randperm": _randperm,
    },
)
register_rules(
    "shape",
    dict.fromkeys(("full", "rand", "randn", "bernoulli", "randint"), _shaped)
    | {"arange": _arange_shape, "randperm": _randperm_shape},
)
