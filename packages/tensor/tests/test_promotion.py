"""Which dtype operands meet in, against tables made with PyTorch; what integers, bools and numbers out of range do."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor.extend import BY_NAME
from lamella.testing import assert_close

TABLE = json.loads((Path(__file__).parent / "tables" / "promotion.json").read_text(encoding="utf-8"))
NAMES = TABLE["dtypes"]
NUMBERS = dict(zip(TABLE["numbers"], (True, 1, 1.0, 1j), strict=True))


def ones(name: str, shape: tuple[int, ...]) -> lt.Tensor:
    return lt.ones(shape, dtype=BY_NAME[name])


@pytest.mark.parametrize("a", NAMES)
@pytest.mark.parametrize("kind", ("tensor_tensor", "tensor_scalar_tensor"))
def test_two_tensors(kind: str, a: str) -> None:
    shape = (2,) if kind == "tensor_tensor" else ()
    for b, expected in zip(NAMES, TABLE[kind][a], strict=True):
        x, y = ones(a, (2,)), ones(b, shape)
        for out in (lt.result_type(x, y), (x + y).dtype, (y * x).dtype, lt.where(x == y, x, y).dtype):
            assert out.name == expected, f"{a} with {b}"


@pytest.mark.parametrize("a", NAMES)
@pytest.mark.parametrize("kind", ("tensor_number", "scalar_tensor_number"))
def test_a_tensor_and_a_number(kind: str, a: str) -> None:
    x = ones(a, (2,) if kind == "tensor_number" else ())
    for (name, number), expected in zip(NUMBERS.items(), TABLE[kind][a], strict=True):
        assert (x + number).dtype.name == (number * x).dtype.name == expected, f"{a} with {name}"


WIDE_UNSIGNED = (
    # PyTorch refuses these; here numpy's lattice of integers holds, and a float beats every integer
    ("uint16", "uint8", "uint16"),
    ("uint16", "int8", "int32"),
    ("uint32", "int64", "int64"),
    ("uint64", "uint32", "uint64"),
    ("uint64", "float16", "float16"),
    ("uint32", "complex64", "complex64"),
    ("uint64", "bool", "uint64"),
)


@pytest.mark.parametrize(("a", "b", "expected"), WIDE_UNSIGNED)
def test_wide_unsigned(a: str, b: str, expected: str) -> None:
    assert (ones(a, (2,)) + ones(b, (2,))).dtype.name == expected


def test_uint64_with_a_signed_integer_is_refused() -> None:
    with pytest.raises(TypeError, match="no integer type holds both uint64 and int32; cast one of them first"):
        ones("uint64", (2,)) + ones("int32", (2,))
    assert (ones("uint64", (2,)) + 1).dtype is lt.uint64


def test_float8_meets_wider_floats() -> None:
    a, b = ones("float8_e4m3fn", (2,)), ones("float8_e5m2", (2,))
    assert (a + a).dtype is lt.float8_e4m3fn
    assert (a + b).dtype is lt.float32
    assert (a + ones("bfloat16", (2,))).dtype is lt.bfloat16
    assert (a * 2.0).dtype is lt.float8_e4m3fn
    assert_close(lt.sum(lt.ones(300, dtype=lt.float8_e5m2)), 320.0)  # 300 in float32, rounded once


@pytest.mark.parametrize("name", NAMES)
def test_numpy_scalars_are_numbers(name: str) -> None:
    x = ones(name, (3,))
    for scalar, number in (
        (np.float64(2), 2.0),
        (np.float32(2), 2.0),
        (np.int64(2), 2),
        (np.uint8(2), 2),
        (np.bool_(True), True),
    ):
        assert (x * scalar).dtype is (x * number).dtype is (scalar * x).dtype is lt.mul(x, scalar).dtype
        assert lt.where(x == x, x, scalar).dtype is (x + number).dtype


def test_every_numpy_number_is_taken() -> None:
    x = lt.ones(2)
    for scalar in (np.longdouble(2), np.float16(2), lt.bfloat16.numpy.type(2), np.uint64(2), np.clongdouble(2)):
        assert lt.mul(x, scalar).tolist() == [2.0, 2.0]
    for other in (np.str_("a"), np.datetime64(0, "s"), np.void(b"abcd")):
        with pytest.raises(TypeError, match="mul: b must be a tensor or a number, got"):
            lt.mul(x, other)


@pytest.mark.parametrize("op", ("exp", "log", "sqrt", "sin", "sigmoid", "erf", "reciprocal", "rsqrt", "tanh"))
def test_integers_become_the_default_float(op: str) -> None:
    assert getattr(lt, op)(lt.tensor([1, 2])).dtype is lt.float32
    assert getattr(lt, op)(lt.tensor([True])).dtype is lt.float32
    assert (lt.tensor([1]) / lt.tensor([2])).dtype is lt.float32
    lt.set_default_dtype(lt.float64)
    try:
        assert getattr(lt, op)(lt.tensor([1, 2])).dtype is lt.float64
        assert (lt.tensor([1]) / 2).dtype is (lt.tensor([1]) * 1.5).dtype is lt.tensor([0.5]).dtype is lt.float64
        assert (lt.tensor([1]) * 1j).dtype is lt.complex128
    finally:
        lt.set_default_dtype(lt.float32)
    with pytest.raises(TypeError, match="default dtype must be a floating"):
        lt.set_default_dtype(lt.int32)


# (dtype, operation, values it gives for [1, 7, 100]); from PyTorch, except where a comment says otherwise
INTEGERS: tuple[tuple[str, str, Any], ...] = (
    ("uint8", "x + 300", [45, 51, 144]),
    ("uint8", "x - 300", [213, 219, 56]),
    ("uint8", "x * 300", [44, 52, 48]),
    ("uint8", "x * -1", [255, 249, 156]),
    ("uint8", "300 - x", [43, 37, 200]),
    ("uint8", "x + 2**40", [1, 7, 100]),
    ("uint8", "x == 300", [False, False, False]),
    ("uint8", "x < 300", [True, True, True]),  # PyTorch wraps the number and says False at 100
    ("uint8", "-x", [255, 249, 156]),
    ("uint8", "x ** 2", [1, 49, 16]),
    ("uint8", "x // 2", [0, 3, 50]),
    ("uint8", "x % 3", [1, 1, 1]),
    ("uint8", "x - x - 1", [255, 255, 255]),
    ("int8", "x + 300", [45, 51, -112]),
    ("int8", "x - 300", [-43, -37, 56]),
    ("int8", "x * 300", [44, 52, 48]),
    ("int8", "x // -2", [-1, -4, -50]),
    ("int8", "x % -3", [-2, -2, -2]),
    ("int8", "x > -1000", [True, True, True]),
    ("int8", "x * 2", [2, 14, -56]),
    ("int32", "x * 1.5", [1.5, 10.5, 150.0]),
    ("int32", "x / 0", [float("inf")] * 3),
    ("int32", "x + True", [2, 8, 101]),
    ("int32", "x + 2**40", [1, 7, 100]),
    ("int64", "x + 2**40", [2**40 + 1, 2**40 + 7, 2**40 + 100]),
    ("int64", "2 ** x[:2]", [2, 128]),
    ("int64", "2.0 ** x[:2]", [2.0, 128.0]),
    ("int64", "x // 7", [0, 1, 14]),
    ("int64", "-x // 7", [-1, -1, -15]),
    ("int64", "-x % 7", [6, 0, 5]),
    ("int64", "100 // x", [100, 14, 1]),
    ("int64", "100 % x", [0, 2, 0]),
)


@pytest.mark.parametrize(("dtype", "expression", "expected"), INTEGERS, ids=lambda v: str(v)[:20])
def test_integer_arithmetic(dtype: str, expression: str, expected: Any) -> None:
    x = lt.tensor([1, 7, 100], dtype=BY_NAME[dtype])
    assert eval(expression, {"x": x}).tolist() == expected


# (expression, values, dtype), from PyTorch
BOOLS = (
    ("t + t", [True, True], "bool"),
    ("t * f", [False, False], "bool"),
    ("t / t", [1.0, 1.0], "float32"),
    ("t ** 2", [1, 1], "int64"),
    ("t & f", [False, False], "bool"),
    ("t | f", [True, True], "bool"),
    ("t ^ t", [False, False], "bool"),
    ("~t", [False, False], "bool"),
    ("lt.exp(f)", [1.0, 1.0], "float32"),
    ("lt.sum(t)", 2, "int64"),
    ("lt.prod(t)", 1, "int64"),
    ("lt.cumsum(t, 0)", [1, 2], "int64"),
    ("lt.amax(f)", False, "bool"),
    ("lt.logical_and(lt.tensor([1.0, 0.0]), lt.tensor([2, 2]))", [True, False], "bool"),
    ("t // 2", [0, 0], "int64"),
    ("t % 0.75", [0.25, 0.25], "float32"),
    ("lt.tensor([7, -7]) % 2.5", [2.0, 0.5], "float32"),
    ("lt.where(t, lt.tensor([1, 2]), 2.5)", [1.0, 2.0], "float32"),
    ("lt.where(f, 1, 2.5)", [2.5, 2.5], "float32"),
)


@pytest.mark.parametrize(("expression", "values", "dtype"), BOOLS, ids=lambda v: str(v)[:20])
def test_bool_arithmetic(expression: str, values: Any, dtype: str) -> None:
    out = eval(expression, {"lt": lt, "t": lt.tensor([True, True]), "f": lt.tensor([False, False])})
    assert (out.tolist(), out.dtype.name) == (values, dtype)


REFUSED = (
    ("t - t", TypeError, "sub of bool tensors has no meaning; use logical_not or a != b"),
    ("t - 1", TypeError, "sub of bool tensors"),
    ("-t", TypeError, "neg of bool tensors"),
    ("t ** t", TypeError, "pow of bool tensors"),
    ("lt.relu(t)", TypeError, "relu of bool tensors"),
    ("lt.floor(t)", TypeError, "floor of bool tensors"),
    ("c < c", TypeError, "lt is not defined for complex numbers"),
    ("c > 1j", TypeError, "gt is not defined for complex numbers"),
    ("lt.maximum(c, c)", TypeError, "maximum is not defined for complex"),
    ("lt.amax(c)", TypeError, "amax is not defined for complex"),
    ("lt.argmin(c)", TypeError, "argmin is not defined for complex"),
    ("lt.sign(c)", TypeError, "sign is not defined for complex"),
    ("lt.erf(c)", TypeError, "erf is not defined for complex"),
    ("lt.softmax(c, 0)", TypeError, "softmax needs a floating tensor, got the complex dtype"),
    ("i ** -1", ValueError, "an integer tensor to a negative power is not an integer; cast it to a floating dtype"),
    ("i // 0", ZeroDivisionError, "floor_divide of an integer tensor by 0"),
    ("i % 0", ZeroDivisionError, "remainder of an integer tensor by 0"),
    (
        "lt.maximum(b, 300)",
        OverflowError,
        "maximum: 300 does not fit the tensor's lamella.uint8; cast the tensor first",
    ),
    ("b ** 300", OverflowError, "pow: 300 does not fit"),
    ("lt.full((1,), 300, dtype=lt.uint8)", OverflowError, "full.*300"),
    ("lt.tensor([300], dtype=lt.uint8)", OverflowError, "300"),
    ("lt.mean(i)", TypeError, "mean needs a floating tensor, got lamella.int64; convert it with .to"),
    ("lt.where(i, 1, 2)", TypeError, "where needs a bool condition, got int64; compare it first"),
)


@pytest.mark.parametrize(("expression", "error", "message"), REFUSED, ids=lambda v: str(v)[:24])
def test_what_has_no_meaning_is_refused(expression: str, error: type[Exception], message: str) -> None:
    names = {"t": lt.tensor([True]), "c": lt.tensor([1j]), "i": lt.tensor([1]), "b": lt.tensor([1], dtype=lt.uint8)}
    for where in ("cpu", "meta"):
        known = {n: x.to(where) for n, x in names.items()}
        with pytest.raises(error, match=message):
            eval(expression, {"lt": lt, **known})


def test_floor_division_of_the_largest_integers() -> None:
    rng = np.random.default_rng(5)
    a = rng.integers(-(2**63), 2**63 - 1, 2000)
    b = np.concatenate([rng.integers(-(2**63), 2**63 - 1, 1000), rng.integers(1, 50, 500), rng.integers(-50, -1, 500)])
    a[:4], b[:4] = (2**63 - 1, -(2**63), 2**63 - 1, -(2**63)), (1, 1, 2**63 - 1, 2**63 - 1)
    q, r = lt.from_numpy(a) // lt.from_numpy(b), lt.from_numpy(a) % lt.from_numpy(b)
    assert q.tolist() == [int(x) // int(y) for x, y in zip(a, b, strict=True)]
    assert r.tolist() == [int(x) % int(y) for x, y in zip(a, b, strict=True)]


def test_floor_division_of_floats_and_zero_divisors() -> None:
    x = lt.tensor([7.0, -7.0, 7.5])
    assert (x // 2).tolist() == [3.0, -4.0, 3.0]
    assert (x % 2).tolist() == [1.0, 1.0, 1.5]
    assert (x // 0).tolist() == [float("inf"), float("-inf"), float("inf")]
    assert np.isnan((x % 0).numpy()).all()
    i = lt.tensor([7, -7])
    zero = lt.tensor([0, 2])
    for divide in (lt.floor_divide, lt.remainder, lt.fmod):
        with pytest.raises(ZeroDivisionError, match=f"{divide.__name__} of an integer tensor by 0"):
            divide(i, zero)
    i //= 2
    assert i.tolist() == [3, -4]
    with pytest.raises(TypeError, match="//= would put lamella.float32"):
        i //= 2.5


def test_casts() -> None:
    assert lt.tensor([1.7, -1.7]).to(lt.int32).tolist() == [1, -1]
    assert lt.tensor([300]).to(lt.uint8).tolist() == [44]
    assert lt.tensor([1 + 2j]).to(lt.float32).tolist() == [1.0]
    assert lt.tensor([2j, 0j]).to(lt.bool_).tolist() == [True, False]
    assert lt.tensor([0.0, float("nan")]).to(lt.bool_).tolist() == [False, True]
    x = lt.tensor([1.0])
    assert x.to(lt.float32) is x
    assert x.to(lt.float32, copy=True) is not x
    assert x.to("float64").dtype is x.to(np.float64).dtype is x.to(lt.zeros(1, dtype=lt.float64)).dtype is lt.float64
    assert x.half().dtype is lt.float16
    assert (x.double().dtype, x.long().dtype, x.int().dtype, x.bool().dtype) == (
        lt.float64,
        lt.int64,
        lt.int32,
        lt.bool_,
    )
