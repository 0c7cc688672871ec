"""Reductions of many short rows, which are taken column by column: every dtype beside numpy, and NaN in its place."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt

SHAPES: tuple[tuple[tuple[int, ...], tuple[int, ...]], ...] = (
    ((300, 2), (1,)),
    ((60, 3, 4), (1, 2)),
    ((60, 4, 3), (2,)),
    ((40, 2, 12), (2,)),
    ((40, 2, 13), (2,)),
    ((600, 1), (1,)),
    ((2, 600), (0,)),
)
FUNCTIONS: dict[str, Any] = {
    "sum": np.sum, "prod": np.prod, "amax": np.max, "amin": np.min, "any": np.any, "all": np.all,
}  # fmt: skip
DTYPES = (lt.float32, lt.float64, lt.int8, lt.int64, lt.bool_, lt.complex64, lt.bfloat16)


# complex numbers have no order
CASES = [(n, d) for n in FUNCTIONS for d in DTYPES if not (d.is_complex and n in ("amax", "amin"))]


@pytest.mark.parametrize(("name", "dtype"), CASES, ids=repr)
def test_short_rows_against_numpy(name: str, dtype: lt.DType) -> None:
    rng = np.random.default_rng(0)
    for shape, dims in SHAPES:
        if name == "prod" and len(dims) > 1:
            continue
        for keep in (False, True):
            a = np.asarray(rng.standard_normal(shape) * 2).astype(dtype.numpy)
            wide = a.astype(np.float64) if dtype is lt.bfloat16 else a.astype(np.int64) if dtype is lt.int8 else a
            wanted = FUNCTIONS[name](wide, axis=dims, keepdims=keep)
            for array in (a, np.asfortranarray(a), np.repeat(a, 2, -1)[..., ::2]):
                t = lt.from_numpy(array)
                got = t.prod(dims[0], keep) if name == "prod" else getattr(lt, name)(t, dims, keep)
                assert got.shape == wanted.shape
                rtol, atol = (2e-2, 5e-2) if dtype is lt.bfloat16 else (1e-4, 1e-4)
                np.testing.assert_allclose(got.numpy().astype(wanted.dtype), wanted, rtol=rtol, atol=atol)


def test_short_rows_with_nan() -> None:
    t = lt.from_numpy(np.array([[1.0, np.nan], [np.inf, -np.inf]] * 300))
    assert str(t.amax(1)[:2].tolist()) == "[nan, inf]"
    assert str(t.sum(1)[:2].tolist()) == "[nan, nan]"
    assert str(t.amin(1)[:2].tolist()) == "[nan, -inf]"
