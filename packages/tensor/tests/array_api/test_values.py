"""Every function against numpy for every data type it takes, and TypeError for every other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor.array_api as xp

R = np.random.default_rng(3)
INFO = xp.__array_namespace_info__()
DTYPES = INFO.dtypes()
WORDS = {
    "any": tuple(DTYPES),
    "boolean": ("bool",),
    "numeric": tuple(INFO.dtypes(kind="numeric")),
    "real": tuple(INFO.dtypes(kind=("integral", "real floating"))),
    "integer": tuple(INFO.dtypes(kind="integral")),
    "bits": tuple(INFO.dtypes(kind=("integral", "bool"))),
    "floating": tuple(INFO.dtypes(kind=("real floating", "complex floating"))),
    "real floating": tuple(INFO.dtypes(kind="real floating")),
    "complex": tuple(INFO.dtypes(kind="complex floating")),
}
UNARY = {
    "any": {"all": "all", "any": "any", "count_nonzero": "count_nonzero", "flip": "flip"},
    "boolean": {"logical_not": "logical_not"},
    "bits": {"bitwise_invert": "invert"},
    "numeric": {
        "abs": "abs", "conj": "conj", "isfinite": "isfinite", "isinf": "isinf", "isnan": "isnan",
        "negative": "negative",
        "positive": "positive", "real": "real", "round": "round", "sign": "sign", "square": "square", "sum": "sum",
        "prod": "prod", "diff": "diff",
    },
    "real": {
        "ceil": "ceil", "floor": "floor", "trunc": "trunc", "max": "max", "min": "min", "argmax": "argmax",
        "argmin": "argmin", "sort": "sort", "argsort": "argsort",
    },
    "floating": {
        "acos": "arccos", "acosh": "arccosh", "asin": "arcsin", "asinh": "arcsinh", "atan": "arctan", "cos": "cos",
        "atanh": "arctanh", "cosh": "cosh", "exp": "exp", "expm1": "expm1", "log": "log", "log10": "log10",
        "log1p": "log1p", "log2": "log2", "reciprocal": "reciprocal", "sin": "sin", "sinh": "sinh", "sqrt": "sqrt",
        "tan": "tan", "tanh": "tanh", "mean": "mean",
    },
    "real floating": {"signbit": "signbit", "std": "std", "var": "var"},
    "complex": {"imag": "imag"},
}  # fmt: skip
BINARY = {
    "any": {"equal": "equal", "not_equal": "not_equal"},
    "boolean": {"logical_and": "logical_and", "logical_or": "logical_or", "logical_xor": "logical_xor"},
    "bits": {"bitwise_and": "bitwise_and", "bitwise_or": "bitwise_or", "bitwise_xor": "bitwise_xor"},
    "integer": {"bitwise_left_shift": "left_shift", "bitwise_right_shift": "right_shift"},
    "numeric": {"add": "add", "multiply": "multiply", "subtract": "subtract", "pow": "power", "matmul": "matmul"},
    "real": {
        "floor_divide": "floor_divide", "greater": "greater", "greater_equal": "greater_equal", "less": "less",
        "less_equal": "less_equal", "maximum": "maximum", "minimum": "minimum", "remainder": "remainder",
    },
    "floating": {"divide": "divide"},
    "real floating": {
        "atan2": "arctan2", "copysign": "copysign", "hypot": "hypot", "logaddexp": "logaddexp",
        "nextafter": "nextafter",
    },
}  # fmt: skip


def numbers(name: str, low: int = -4, shape: tuple[int, ...] = (3, 3)) -> Any:
    dtype = DTYPES[name].numpy
    if dtype.kind == "b":
        return R.random(shape) > 0.5
    if dtype.kind in "iu":
        return R.integers(0 if dtype.kind == "u" else low, 5, shape).astype(dtype)
    found = R.standard_normal(shape) + (1j * R.standard_normal(shape) if dtype.kind == "c" else 0)
    return (np.abs(found) if low >= 0 and dtype.kind == "f" else found).astype(dtype)


def rows(table: dict[str, dict[str, str]]) -> list[tuple[str, str, str]]:
    return [(ours, theirs, word) for word, names in table.items() for ours, theirs in names.items()]


def same(found: Any, expected: Any) -> None:
    assert type(found) is xp.Array
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    assert found.dtype.numpy == expected.dtype
    np.testing.assert_allclose(np.asarray(found), expected, rtol=1e-5)


@pytest.mark.parametrize(("name", "reference", "word"), rows(UNARY))
def test_functions_of_one_array(name: str, reference: str, word: str) -> None:
    function = getattr(xp, name)
    for dtype in DTYPES:
        x = numbers(dtype)
        if dtype not in WORDS[word]:
            with pytest.raises(TypeError, match=f"^{name} is defined for .* data types, got {dtype}"):
                function(xp.asarray(x))
            continue
        expected = getattr(np, reference)(x)
        if name in ("ceil", "floor", "trunc", "round"):
            expected = np.asarray(expected, x.dtype)  # integers stay
        if name in ("max", "min", "argmax", "argmin"):
            expected = np.asarray(expected)
        if name == "argsort":
            expected = np.argsort(x, kind="stable")
        same(function(xp.asarray(x)), expected)
    for wrong in (1, [1.0], None, np.ones(2)):
        with pytest.raises(TypeError, match=f"{name} needs an array of this namespace, got .*asarray"):
            function(wrong)


@pytest.mark.parametrize(("name", "reference", "word"), rows(BINARY))
def test_functions_of_two_arrays(name: str, reference: str, word: str) -> None:
    function = getattr(xp, name)
    for first in DTYPES:
        for second in DTYPES:
            low = 0 if name in ("pow", "bitwise_left_shift", "bitwise_right_shift") else -4
            x, y = numbers(first, low), numbers(second, low)
            a, b = xp.asarray(x), xp.asarray(y)
            try:
                xp.result_type(a, b)
            except TypeError:
                meet = False
            else:
                meet = True
            if first in WORDS[word] and second in WORDS[word] and meet:
                same(function(a, b), getattr(np, reference)(x, y))
            else:
                with pytest.raises(TypeError):
                    function(a, b)
    with pytest.raises(TypeError):
        function(1, 2)


SCALARS = (True, 2, 2.5, 2j)
TAKES = {"bool": (bool,), "i": (int,), "u": (int,), "f": (int, float, complex), "c": (int, float, complex)}


@pytest.mark.parametrize("dtype", DTYPES)
def test_python_scalars_take_the_kind_of_the_array(dtype: str) -> None:
    x = numbers(dtype)
    kind = "bool" if dtype == "bool" else x.dtype.kind
    for scalar in SCALARS:
        for call in (lambda s: xp.equal(xp.asarray(x), s), lambda s: xp.equal(s, xp.asarray(x)),
                     lambda s: xp.where(xp.asarray(True), xp.asarray(x), s), lambda s: xp.asarray(x) == s):  # fmt: skip
            if type(scalar) in TAKES[kind]:
                call(scalar)
            else:
                with pytest.raises(TypeError, match="does not combine with"):
                    call(scalar)
        if type(scalar) in TAKES[kind] and kind != "bool":
            expected = x * np.asarray(
                scalar, x.dtype if scalar != 2j or kind == "c" else np.result_type(x, np.complex64)
            )
            same(xp.asarray(x) * scalar, expected)
            same(scalar * xp.asarray(x), expected)


def test_a_python_int_out_of_bounds_is_refused() -> None:
    with pytest.raises(OverflowError, match="__add__: 300 is out of bounds for int8"):
        xp.asarray([1], dtype=xp.int8) + 300
    with pytest.raises(OverflowError, match="-1 is out of bounds for uint8"):
        xp.asarray([1], dtype=xp.uint8) - -1


IN_PLACE = {"add": "__iadd__", "mul": "__imul__", "sub": "__isub__", "pow": "__ipow__"}


@pytest.mark.parametrize("method", IN_PLACE.values())
def test_in_place_keeps_the_data_type_and_the_memory(method: str) -> None:
    base = np.array([1.0, 2.0], np.float32)
    x = xp.asarray(base)
    assert getattr(x, method)(xp.asarray([2.0, 3.0], dtype=xp.float32)) is x
    assert np.asarray(x) is base
    with pytest.raises(TypeError, match="cannot keep float32"):
        getattr(x, method)(xp.asarray([2.0, 3.0]))
    with pytest.raises(ValueError, match="broadcast"):
        getattr(x, method)(xp.ones((2, 2), dtype=xp.float32))


NAN, INF = xp.nan, xp.inf
SPECIAL: tuple[tuple[Any, Any], ...] = (
    (lambda: xp.sign(xp.asarray([NAN, -0.0, 3.0])), [NAN, 0.0, 1.0]),
    (lambda: xp.sign(xp.asarray([3 + 4j, 0j])), [0.6 + 0.8j, 0j]),
    (lambda: xp.round(xp.asarray([0.5, 1.5, -2.5])), [0.0, 2.0, -2.0]),
    (lambda: xp.clip(xp.asarray([NAN, 1.0, 5.0]), 2.0, 3.0), [NAN, 2.0, 3.0]),
    (lambda: xp.clip(xp.asarray([1, 9], dtype=xp.int8), None, 300), [1, 9]),
    (lambda: xp.clip(xp.asarray([1, 9], dtype=xp.uint64), xp.asarray(-3, dtype=xp.int8), None), [1, 9]),
    (lambda: xp.maximum(xp.asarray([NAN, 1.0]), 2), [NAN, 2.0]),
    (lambda: xp.hypot(xp.asarray([INF]), xp.asarray([NAN])), [INF]),
    (lambda: xp.logaddexp(xp.asarray([-INF]), xp.asarray([-INF])), [-INF]),
    (lambda: xp.pow(xp.asarray([NAN, 2.0]), 0), [1.0, 1.0]),
    (lambda: xp.remainder(xp.asarray([-5, 5]), xp.asarray([3, -3])), [1, -1]),
    (lambda: xp.mean(xp.zeros((0, 2)), axis=0), [NAN, NAN]),
    (lambda: xp.var(xp.asarray([1.0]), correction=1), NAN),
    (lambda: xp.std(xp.asarray([1.0, 3.0, 5.0]), correction=0.5), np.sqrt(8 / 2.5)),
    (lambda: xp.sum(xp.asarray([100, 100], dtype=xp.int8)), 200),
    (lambda: xp.prod(xp.zeros((0,))), 1.0),
    (lambda: xp.cumulative_sum(xp.asarray([1, 2, 3]), include_initial=True), [0, 1, 3, 6]),
    (lambda: xp.cumulative_prod(xp.asarray([[1, 2], [3, 4]]), axis=1, include_initial=True), [[1, 1, 2], [1, 3, 12]]),
    (lambda: xp.argsort(xp.asarray([1, 2, 1, 2]), descending=True), [1, 3, 0, 2]),
    (lambda: xp.sort(xp.asarray([1, 3, 2]), descending=True), [3, 2, 1]),
    (lambda: xp.unique_counts(xp.asarray([NAN, 1.0, NAN])).counts, [1, 1, 1]),
    (lambda: xp.unique_inverse(xp.asarray([[2, 1], [1, 2]])).inverse_indices, [[1, 0], [0, 1]]),
    (lambda: xp.unique_all(xp.asarray([5, 4, 5])).indices, [1, 0]),
    (lambda: xp.searchsorted(xp.asarray([3, 1, 2]), xp.asarray([2]), sorter=xp.asarray([1, 2, 0])), [1]),
    (lambda: xp.searchsorted(xp.asarray([1, 2, 2]), xp.asarray([2]), side="right"), [3]),
    (lambda: xp.repeat(xp.asarray([1, 2]), xp.asarray([2, 1], dtype=xp.uint64)), [1, 1, 2]),
    (lambda: xp.tile(xp.asarray([1, 2]), (2, 2)), [[1, 2, 1, 2]] * 2),
    (lambda: xp.roll(xp.asarray([1, 2, 3]), 1), [3, 1, 2]),
    (lambda: xp.moveaxis(xp.ones((2, 3)), 0, 1), np.ones((3, 2))),
    (lambda: xp.take(xp.asarray([[1, 2, 3]]), xp.asarray([2, -1]), axis=1), [[3, 3]]),
    (lambda: xp.take_along_axis(xp.asarray([[1, 2]]), xp.asarray([[1]])), [[2]]),
    (lambda: xp.diff(xp.asarray([1, 4, 9]), prepend=xp.asarray([0])), [1, 3, 5]),
    (lambda: xp.diff(xp.asarray([1.0, 4.0, 9.0]), n=2), [2.0]),
    (lambda: xp.concat([xp.asarray([1]), xp.asarray([[2]])], axis=None), [1, 2]),
    (lambda: xp.vecdot(xp.asarray([1j, 1]), xp.asarray([1j, 2])), 3 + 0j),
    (lambda: xp.linalg.vector_norm(xp.asarray([[3.0, 4.0]]), axis=1, keepdims=True), [[5.0]]),
    (lambda: xp.linalg.matrix_rank(xp.ones((2, 2))), 1),
    (lambda: xp.linalg.trace(xp.asarray([[100, 0], [0, 100]], dtype=xp.int8)), 200),
    (lambda: xp.linalg.cross(xp.asarray([1, 0, 0]), xp.asarray([[0, 1, 0]])), [[0, 0, 1]]),
    (lambda: xp.linalg.solve(xp.asarray([[2.0]]), xp.asarray([4.0])), [2.0]),
    (lambda: xp.linalg.cholesky(xp.asarray([[4.0, 2.0], [2.0, 2.0]]), upper=True), [[2.0, 1.0], [0.0, 1.0]]),
    (lambda: xp.linalg.pinv(xp.asarray([[2.0, 0.0], [0.0, 1e-3]]), rtol=1e-2), [[0.5, 0.0], [0.0, 0.0]]),
    (lambda: xp.fft.irfft(xp.asarray([3 + 0j, 0j])), [1.5, 1.5]),
    (lambda: xp.fft.fftn(xp.asarray([[1 + 0j, 1 + 0j]]), s=(2,)), [[2 + 0j, 0j]]),
)  # fmt: skip


@pytest.mark.parametrize(("call", "expected"), SPECIAL)
def test_special_cases(call: Any, expected: Any) -> None:
    found = np.asarray(call())
    assert found.shape == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-15)
