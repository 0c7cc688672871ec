"""Elementwise laws: exact division and remainders, bits, selection, closeness; operators, twins in place, aliases."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import lamella.tensor as lt
from lamella.tensor.extend import BY_NAME

FLOATS = ("float32", "float64")
INTS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")


def floats(dtype: str) -> st.SearchStrategy[Any]:
    return hnp.arrays(dtype, 40, elements=st.floats(width=8 * np.dtype(dtype).itemsize, allow_subnormal=False))


@pytest.mark.parametrize("dtype", FLOATS)
@given(data=st.data())
@settings(deadline=None, max_examples=60)
def test_division_of_floats_is_exact(dtype: str, data: Any) -> None:
    a, b = data.draw(floats(dtype)), data.draw(floats(dtype))
    x, y = lt.from_numpy(a), lt.from_numpy(b)
    with np.errstate(all="ignore"):
        for name, ufunc in (("fmod", np.fmod), ("remainder", np.remainder), ("floor_divide", np.floor_divide)):
            np.testing.assert_array_equal(getattr(lt, name)(x, y).numpy(), ufunc(a, b), err_msg=name)


@pytest.mark.parametrize("dtype", INTS)
@given(data=st.data())
@settings(deadline=None, max_examples=30)
def test_division_of_integers_is_python_s(dtype: str, data: Any) -> None:
    info = np.iinfo(dtype)
    values = st.integers(int(info.min), int(info.max))
    a = data.draw(hnp.arrays(dtype, 20, elements=values))
    b = data.draw(hnp.arrays(dtype, 20, elements=values.filter(lambda v: v not in (0, -1))))
    x, y = lt.from_numpy(a), lt.from_numpy(b)
    pairs = [(int(p), int(q)) for p, q in zip(a, b, strict=True)]
    assert (x // y).tolist() == [p // q for p, q in pairs]
    assert (x % y).tolist() == [p % q for p, q in pairs]
    assert x.fmod(y).tolist() == [abs(p) % abs(q) * (-1 if p < 0 else 1) for p, q in pairs]
    truncated = [abs(p) // abs(q) * (1 if (p < 0) == (q < 0) else -1) for p, q in pairs]
    assert lt.div(x, y, rounding_mode="trunc").tolist() == truncated
    assert lt.div(x, y, rounding_mode="floor").tolist() == [p // q for p, q in pairs]
    assert divmod(x, y)[0].tolist() == (x // y).tolist()
    assert divmod(x, y)[1].tolist() == (x % y).tolist()


def test_python_s_floor_division_of_tenths() -> None:
    for dtype in (lt.float32, lt.float64):
        x = lt.tensor([1.0, -1.0, 7.5], dtype=dtype)
        tenth = float(np.array(0.1, dtype.numpy))
        assert (x // 0.1).tolist() == [1.0 // tenth, -1.0 // tenth, 7.5 // tenth]


@pytest.mark.parametrize("dtype", ("int8", "int32", "int64", "uint8"))
def test_bits(dtype: str) -> None:
    a = np.array([1, 6, 100, 127], dtype)
    b = np.array([3, 5, 1, 0], dtype)
    x, y = lt.from_numpy(a), lt.from_numpy(b)
    for got, wanted in (
        (x & y, a & b), (x | y, a | b), (x ^ y, a ^ b), (~x, ~a), (x << 1, a << 1), (x >> 1, a >> 1),
        (6 & x, 6 & a), (1 << y, np.left_shift(1, b, dtype=dtype)), (x & 5, a & 5), (lt.bitwise_not(y), ~b),
    ):  # fmt: skip
        assert got.dtype is BY_NAME[dtype]
        np.testing.assert_array_equal(got.numpy(), wanted)
    bits = 8 * np.dtype(dtype).itemsize
    # as in PyTorch: every bit leaves to the left; to the right the sign stays
    assert (x << bits).tolist() == [0] * 4
    if dtype != "uint8":
        assert (x << -1).tolist() == [0] * 4
    assert (lt.tensor([-5], dtype=lt.int64) >> 70).tolist() == [-1]
    x = x.clone()
    x &= 3
    x |= 8
    x ^= 1
    x <<= 1
    x >>= 1
    np.testing.assert_array_equal(x.numpy(), ((a & 3) | 8) ^ 1)


def test_bits_of_bools_and_integers() -> None:
    t, i = lt.tensor([True, False]), lt.tensor([3, 2])
    assert ((t & True).dtype, (t ^ t).dtype, (t & i).dtype) == (lt.bool_, lt.bool_, lt.int64)
    assert (t & i).tolist() == [1, 0]
    t |= True
    assert t.tolist() == [True, True]
    with pytest.raises(TypeError, match="would put int64 values into a bool tensor"):
        t &= i


@pytest.mark.parametrize(
    "dtype", ("bool", "int8", "int64", "float16", "bfloat16", "float32", "float64", "complex64", "complex128")
)
@pytest.mark.parametrize("n", (5, 1024, 50_001))
def test_selection_in_blocks(dtype: str, n: int) -> None:
    rng = np.random.default_rng(n)
    kind = BY_NAME[dtype].numpy
    a, b = (rng.integers(0, 100, n).astype(kind) for _ in range(2))
    mask = rng.random(n) < 0.5
    k, x, y = lt.from_numpy(mask), lt.from_numpy(a), lt.from_numpy(b)
    np.testing.assert_array_equal(lt.where(k, x, y).numpy(), np.where(mask, a, b))
    np.testing.assert_array_equal(lt.where(k, x, y[0]).numpy(), np.where(mask, a, b[0]))
    np.testing.assert_array_equal(x.masked_fill(k, 1).numpy(), np.where(mask, np.ones((), kind), a))
    if dtype in FLOATS:
        special = np.array([np.nan, np.inf, -0.0, 1.0], kind)[rng.integers(0, 4, n)]
        got = lt.where(k, lt.from_numpy(special), y).numpy()
        np.testing.assert_array_equal(
            got.view(f"i{kind.itemsize}"), np.where(mask, special, b).view(f"i{kind.itemsize}")
        )


@given(a=hnp.arrays("float64", 30, elements=st.floats()), b=hnp.arrays("float64", 30, elements=st.floats()))
@settings(deadline=None, max_examples=60)
def test_closeness(a: Any, b: Any) -> None:
    x, y = lt.from_numpy(a), lt.from_numpy(b)
    with np.errstate(all="ignore"):
        for equal_nan in (False, True):
            wanted = np.isclose(a, b, rtol=1e-3, atol=1e-2, equal_nan=equal_nan)
            got = lt.isclose(x, y, rtol=1e-3, atol=1e-2, equal_nan=equal_nan).numpy()
            # an error that overflows is not close to an infinite bound here
            finite = np.isfinite(np.abs(a - b)) | (a == b) | np.isnan(a) | np.isnan(b)
            np.testing.assert_array_equal(got[finite], wanted[finite])
    assert lt.equal(x, x) == (not np.isnan(a).any())


@given(a=hnp.arrays("float64", 30, elements=st.floats(allow_nan=False)), k=st.floats(-5, 5), width=st.floats(0, 3))
@settings(deadline=None, max_examples=40)
def test_clamp_is_numpy_s_clip(a: Any, k: float, width: float) -> None:
    x = lt.from_numpy(a)
    np.testing.assert_array_equal(x.clamp(k, k + width).numpy(), np.clip(a, k, k + width))
    low = np.linspace(-1, 1, 30)
    np.testing.assert_array_equal(lt.clamp(x, lt.from_numpy(low)).numpy(), np.maximum(a, low))
    assert x.clamp(1.0, -1.0).tolist() == [-1.0] * 30


@pytest.mark.parametrize("dtype", (lt.float16, lt.bfloat16, lt.float32, lt.float64), ids=repr)
def test_frexp_and_ldexp_undo_each_other(dtype: lt.DType) -> None:
    x = lt.tensor([0.0, 1.0, -3.75, 1e-4, 2.0**-14, 1000.0], dtype=dtype)
    mantissa, exponent = lt.frexp(x)
    assert (mantissa.dtype, exponent.dtype) == (dtype, lt.int32)
    size = mantissa.abs().to(lt.float64)
    assert bool((((size >= 0.5) & (size < 1)) | (x.to(lt.float64) == 0)).all())
    assert lt.ldexp(mantissa, exponent).tolist() == x.tolist()


def test_frexp_of_the_smallest_numbers() -> None:
    for dtype in (np.float32, np.float64):
        info = np.finfo(dtype)
        a = np.array([info.tiny, info.smallest_subnormal, info.max, np.inf, np.nan], dtype)
        mantissa, exponent = lt.frexp(lt.from_numpy(a))
        wanted, power = np.frexp(a)
        np.testing.assert_array_equal(mantissa.numpy(), wanted)
        np.testing.assert_array_equal(exponent.numpy()[:3], power[:3])


@pytest.mark.parametrize("name", ("float16", "bfloat16", "float32", "float64"))
def test_nan_to_num_takes_the_limits_of_the_dtype(name: str) -> None:
    import ml_dtypes

    info: Any = ml_dtypes.finfo(BY_NAME[name].numpy)
    got = lt.nan_to_num(lt.tensor([math.nan, math.inf, -math.inf, 1.5], dtype=BY_NAME[name])).tolist()
    assert got == [0.0, float(info.max), float(info.min), 1.5]


def test_views_of_bits_share_memory() -> None:
    x = lt.zeros(3)
    x.view(lt.int32).fill_(0x3F800000)
    assert x.tolist() == [1.0, 1.0, 1.0]
    assert x.view(lt.uint8).shape == (12,)
    assert x.view(lt.int32).view(lt.float32).tolist() == [1.0, 1.0, 1.0]
    z = lt.view_as_complex(lt.tensor([[1.0, 2.0], [3.0, 4.0]]))
    assert z.dtype is lt.complex64
    lt.view_as_real(z)[0, 1] = 5.0
    assert z.tolist() == [1 + 5j, 3 + 4j]
    with pytest.raises(ValueError, match=r"side by side; call .contiguous\(\) first"):
        lt.view_as_complex(lt.zeros(2, 3).T)
    with pytest.raises(ValueError, match=r"the last dim without gaps; call .contiguous\(\) first"):
        lt.zeros(3, 4, dtype=lt.float64)[:, ::2].view(lt.int32)
