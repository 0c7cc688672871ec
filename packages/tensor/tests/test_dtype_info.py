"""Questions about dtypes, beside numpy and ml_dtypes; casts by method; what a tensor says about itself."""

from __future__ import annotations

import itertools
import math
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor.extend import BY_NAME

DTYPES = list(dict.fromkeys(BY_NAME.values()))
FLOATS = [d for d in DTYPES if d.is_floating_point]
INTS = [d for d in DTYPES if d.numpy.kind in "iu"]


@pytest.mark.parametrize("dtype", FLOATS, ids=lambda d: d.name)
def test_finfo(dtype: lt.DType) -> None:
    info, expected = lt.finfo(dtype), ml_dtypes.finfo(dtype.numpy)
    for name in ("bits", "eps", "max", "min", "smallest_normal", "tiny"):
        assert getattr(info, name) == float(getattr(expected, name)), name
    assert info.dtype == dtype.name
    one = np.ones((), dtype.numpy)
    assert float(np.nextafter(one, one + one)) == 1 + info.eps
    assert info == lt.finfo(dtype)
    assert hash(info) == hash(lt.finfo(dtype))


def test_resolution_is_a_power_of_ten() -> None:
    found = {d.name: lt.finfo(d).resolution for d in FLOATS}
    assert found == pytest.approx(
        {"float8_e4m3fn": 1, "float8_e5m2": 1, "float16": 1e-3, "bfloat16": 1e-2, "float32": 1e-6, "float64": 1e-15},
        rel=1e-12,
    )


def test_finfo_of_other_things() -> None:
    assert lt.finfo() == lt.finfo(lt.get_default_dtype())
    assert lt.finfo(lt.complex64) == lt.finfo(lt.float32)
    assert lt.finfo(float) == lt.finfo(lt.float64)
    assert repr(lt.finfo(lt.bfloat16)).startswith("finfo(resolution=0.01, min=-3.38953e+38, max=3.38953e+38, eps=0.007")
    assert lt.finfo(lt.float16) != lt.finfo(lt.bfloat16)


@pytest.mark.parametrize("dtype", INTS, ids=lambda d: d.name)
def test_iinfo(dtype: lt.DType) -> None:
    info, expected = lt.iinfo(dtype), np.iinfo(dtype.numpy)
    assert (info.bits, info.min, info.max, info.dtype) == (expected.bits, expected.min, expected.max, dtype.name)
    assert info == lt.iinfo(dtype)
    assert repr(info) == f"iinfo(min={info.min}, max={info.max}, dtype={dtype.name})"


def test_can_cast_asks_for_the_category() -> None:
    for a, b in itertools.product(DTYPES, DTYPES):
        assert lt.can_cast(a, b) == (a.category <= b.category)
    assert lt.can_cast(lt.float64, lt.float16)
    assert not lt.can_cast(lt.int8, lt.bool)
    assert not lt.can_cast(lt.complex64, lt.float64)


def test_promote_types_is_what_tensors_do() -> None:
    for a, b in itertools.product(DTYPES, DTYPES):
        if "uint64" in (a.name, b.name) and {a.category, b.category} == {1} and a.is_signed != b.is_signed:
            with pytest.raises(TypeError, match="no integer type holds both"):
                lt.promote_types(a, b)
        else:
            assert lt.promote_types(a, b) is lt.result_type(lt.ones(2, dtype=a), lt.ones(2, dtype=b))


def test_result_type() -> None:
    x = lt.ones(2, dtype=lt.int8)
    assert lt.result_type(x, 1.5) is lt.float32
    assert lt.result_type(x, 300) is lt.int8
    assert lt.result_type(1, 1.0) is lt.float32
    assert lt.result_type(x, lt.tensor(1j)) is lt.complex64
    assert lt.result_type(x, lt.tensor(1)) is lt.int8


def test_real_and_complex_partners() -> None:
    assert lt.float32.to_complex() is lt.complex64
    assert lt.complex128.to_real() is lt.float64
    assert lt.complex64.to_complex() is lt.complex64
    assert lt.int8.to_real() is lt.int8
    assert [d.name for d in DTYPES if not d.is_signed] == ["bool", "uint8", "uint16", "uint32", "uint64"]


CASTS = {
    "float": "float32", "double": "float64", "half": "float16", "bfloat16": "bfloat16", "long": "int64", "int": "int32",
    "short": "int16", "char": "int8", "byte": "uint8", "bool": "bool", "cfloat": "complex64", "cdouble": "complex128",
}  # fmt: skip


@pytest.mark.parametrize("name", CASTS)
def test_casts_by_method(name: str) -> None:
    x = lt.tensor([0.0, 1.0, 2.5])
    out = getattr(x, name)()
    assert out.dtype.name == CASTS[name]
    assert out.tolist() == x.to(out.dtype).tolist()
    assert getattr(out, name)() is out
    assert x.type_as(out).dtype is out.dtype
    assert out.type_as(out) is out


def test_names_of_dtypes_and_constants() -> None:
    assert lt.dtype is lt.DType
    assert isinstance(lt.short, lt.dtype)
    assert (lt.short, lt.cfloat, lt.cdouble) == (lt.int16, lt.complex64, lt.complex128)
    assert (lt.pi, lt.e, lt.inf, lt.newaxis) == (math.pi, math.e, math.inf, None)
    assert math.isnan(lt.nan)
    assert lt.ones(2)[lt.newaxis].shape == (1, 2)


def test_what_a_tensor_says() -> None:
    x = lt.ones(2, 3, dtype=lt.int16)
    assert (x.nelement(), lt.numel(x), x.itemsize, x.nbytes) == (6, 6, 2, 12)
    assert x.is_cpu
    assert [x.is_cuda, x.is_meta, x.is_sparse, x.is_quantized] == [False] * 4
    assert x.to("meta").is_meta
    assert not x.to("meta").is_cpu
    assert (x.is_signed(), x.byte().is_signed()) == (True, False)
    assert lt.is_tensor(x)
    assert not lt.is_tensor(x.numpy())


VIEWED = (
    (((4,), "float32"), "int16", (8,)),
    (((2, 4), "float32"), "int32", (2, 4)),
    (((2, 4), "int16"), "float64", (2, 1)),
    (((2, 4), "uint8"), "bfloat16", (2, 2)),
    (((), "float32"), "int32", ()),
    (((3, 4), "float32"), "complex64", (3, 2)),
    (((0, 4), "float32"), "int64", (0, 2)),
)


@pytest.mark.parametrize(("given", "dtype", "shape"), VIEWED, ids=str)
def test_bits_viewed_in_another_dtype(given: Any, dtype: str, shape: tuple[int, ...]) -> None:
    sizes, name = given
    x = lt.arange(math.prod(sizes), dtype=BY_NAME[name]).reshape(sizes)
    out = x.view(BY_NAME[dtype])
    assert out.shape == shape
    assert out.numpy().tobytes() == x.numpy().tobytes()
    assert np.shares_memory(out.numpy(), x.numpy()) or not x.numel()
    assert out.view(BY_NAME[name]).tolist() == x.tolist()


def test_bits_of_a_part_with_gaps_between_rows() -> None:
    x = lt.arange(12, dtype=lt.int32).reshape(3, 4)
    out = x[:, :2].view(lt.int64)
    assert out.tolist() == [[1 << 32], [(5 << 32) + 4], [(9 << 32) + 8]]
    out.zero_()
    assert x.tolist() == [[0, 0, 2, 3], [0, 0, 6, 7], [0, 0, 10, 11]]
    assert x.t().view(lt.float32).shape == (4, 3)


BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("lt.finfo(lt.int32)", TypeError, "finfo needs a floating dtype, got lamella.int32; iinfo has"),
    ("lt.iinfo(lt.float32)", TypeError, "iinfo needs an integer dtype, got lamella.float32; finfo has"),
    ("lt.iinfo(lt.bool)", TypeError, "iinfo needs an integer dtype, got lamella.bool"),
    ("lt.iinfo()", TypeError, "dtype"),
    ("lt.can_cast(3, lt.int8)", TypeError, "dtype must be a lamella dtype such as"),
    ("lt.promote_types(lt.int8, 'x')", TypeError, "got 'x'"),
    ("lt.result_type()", TypeError, "no operand"),
    ("lt.result_type('a', 1)", TypeError, "expected a number, got str"),
    ("lt.result_type(lt.ones(2), None)", TypeError, "result_type needs tensors and numbers, got None"),
    ("lt.int8.to_complex()", TypeError, "lamella.int8 has no complex type of its width"),
    ("lt.ones(2).type_as(lt.int8)", TypeError, "type_as needs a tensor, got DType"),
    ("lt.ones(2, 3, dtype=lt.int16).view(lt.int32)", ValueError, "not a whole number of elements of 4 bytes"),
    ("lt.tensor(1.0).view(lt.int16)", ValueError, "its last dim is not"),
    ("lt.ones(4, 2).t().view(lt.int16)", ValueError, "the last dim without gaps; call .contiguous"),
    ("lt.ones(3, 5)[:, :2].view(lt.int64)", ValueError, "elements that start at its own multiples in memory"),
    ("lt.ones(3, 4)[:, 1:3].view(lt.int64)", ValueError, "elements that start at its own multiples in memory"),
    ("lt.ones(2, 4).t().view(lt.int64)", ValueError, "the last dim without gaps; call .contiguous"),
)


@pytest.mark.parametrize(("text", "error", "message"), BAD, ids=[b[0][3:50] for b in BAD])
def test_bad_input(text: str, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        eval(text, {"lt": lt})
