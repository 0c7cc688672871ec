"""Tensors made from values and by formulas, beside numpy in float64; what their dtype is, whose memory they share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing import assert_close

# (expression over lt, expression over np, dtype)
VALUES: tuple[tuple[str, str, str], ...] = (
    ("lt.arange(-5, 5, 3)", "np.arange(-5, 5, 3)", "int64"),
    ("lt.arange(10, 2, -3)", "np.arange(10, 2, -3)", "int64"),
    ("lt.arange(5, 1, -1.5)", "np.array([5, 3.5, 2])", "float32"),
    ("lt.arange(1, 1)", "np.zeros(0)", "int64"),
    ("lt.arange(True)", "np.zeros(1)", "int64"),
    ("lt.arange(3.0)", "np.arange(3)", "float32"),
    ("lt.arange(0.1, 1, 0.1, dtype=lt.float64)", "0.1 + 0.1 * np.arange(9)", "float64"),
    ("lt.arange(0, 1, 0.1, dtype=lt.float16)", "(0.1 * np.arange(10)).astype(np.float16)", "float16"),
    ("lt.arange(0.5, 5.5, 1.5, dtype=lt.int64)", "np.arange(5)", "int64"),
    ("lt.arange(0.5, 5.5, 1.5, dtype=lt.int32)", "np.arange(4)", "int32"),
    ("lt.arange(0, 1, 0.25, dtype=lt.int32)", "np.zeros(4)", "int32"),
    ("lt.arange(2**63 - 3, 2**63 - 1)", "np.array([2**63 - 3, 2**63 - 2])", "int64"),
    ("lt.arange(lt.tensor(1), lt.tensor(4))", "np.arange(1, 4)", "int64"),
    ("lt.linspace(0, 1, 5)", "np.linspace(0, 1, 5)", "float32"),
    ("lt.linspace(-3, 7, 4, dtype=lt.float64)", "np.linspace(-3, 7, 4)", "float64"),
    ("lt.linspace(1, 2, 1)", "np.ones(1)", "float32"),
    ("lt.linspace(1, 2, 0)", "np.ones(0)", "float32"),
    ("lt.linspace(3, 3, 4)", "np.full(4, 3)", "float32"),
    ("lt.linspace(0, 10, 5, dtype=lt.int64)", "np.array([0, 2, 5, 7, 10])", "int64"),
    ("lt.linspace(-1, -10, 7, dtype=lt.int32)", "np.array([-1, -2, -4, -5, -7, -8, -10])", "int32"),
    ("lt.linspace(0, 2j, 3)", "np.array([0, 1j, 2j])", "complex64"),
    ("lt.linspace(lt.tensor(0.0), 1, 3)", "np.linspace(0, 1, 3)", "float32"),
    ("lt.logspace(-2, 3, 6, dtype=lt.float64)", "np.logspace(-2, 3, 6)", "float64"),
    ("lt.logspace(0, 2, 3, base=-2)", "np.array([1, -2, 4])", "float32"),
    ("lt.logspace(0, 2, 3, base=0)", "np.array([1, 0, 0])", "float32"),
    ("lt.logspace(0, 3, 4, 2, dtype=lt.int64)", "np.array([1, 2, 4, 8])", "int64"),
    ("lt.eye(2, 3, dtype=lt.bool)", "np.eye(2, 3)", "bool"),
    ("lt.eye(3, 0)", "np.eye(3, 0)", "float32"),
    ("lt.full((2,), 2.5, dtype=lt.int64)", "np.array([2, 2])", "int64"),
    ("lt.full((2,), -1, dtype=lt.uint8)", "np.array([255, 255])", "uint8"),
    ("lt.full((2,), -255, dtype=lt.uint8)", "np.array([1, 1])", "uint8"),
    ("lt.full((2,), 1 + 0j, dtype=lt.float32)", "np.ones(2)", "float32"),
    ("lt.full((2,), math.inf, dtype=lt.float16)", "np.full(2, np.inf)", "float16"),
    ("lt.full((2,), math.nan, dtype=lt.bool)", "np.ones(2)", "bool"),
    ("lt.full((2,), 2**63, dtype=lt.uint64)", "np.full(2, 2**63, np.uint64)", "uint64"),
    ("lt.full((2,), 2j)", "np.full(2, 2j)", "complex64"),
    ("lt.full((), lt.tensor(3, dtype=lt.int8))", "np.array(3)", "int64"),
    ("lt.full((2,), lt.tensor(2.5))", "np.full(2, 2.5)", "float32"),
    ("lt.full(size=(2,), fill_value=1)", "np.ones(2)", "int64"),
    ("lt.full_like(lt.zeros(2, dtype=lt.int32), 2.5)", "np.full(2, 2)", "int32"),
    ("lt.full_like(lt.zeros(2, dtype=lt.int32), 2.5, dtype=lt.float64)", "np.full(2, 2.5)", "float64"),
    ("lt.zeros(size=(2, 3))", "np.zeros((2, 3))", "float32"),
    ("lt.zeros_like(lt.ones(2), dtype=lt.complex128)", "np.zeros(2)", "complex128"),
    ("lt.tensor([2.7, -2.7], dtype=lt.int64)", "np.array([2, -2])", "int64"),
    ("lt.tensor([-1, 3], dtype=lt.uint8)", "np.array([255, 3])", "uint8"),
    ("lt.tensor([2, 0], dtype=lt.bool)", "np.array([1, 0])", "bool"),
    ("lt.tensor(2**63, dtype=lt.uint64)", "np.array(2**63, np.uint64)", "uint64"),
    ("lt.tensor([1, 2**63], dtype=lt.uint64)", "np.array([1, 2**63], np.uint64)", "uint64"),
    ("lt.tensor([2**64, 1], dtype=lt.float64)", "np.array([2.0**64, 1])", "float64"),
    ("lt.tensor([True, 2])", "np.array([1, 2])", "int64"),
    ("lt.tensor([1, 1j])", "np.array([1, 1j])", "complex64"),
    ("lt.tensor([1e10], dtype=lt.float16)", "np.array([np.inf])", "float16"),
    ("lt.tensor([[]])", "np.zeros((1, 0))", "float32"),
    ("lt.tensor(range(3))", "np.arange(3)", "int64"),
    ("lt.tensor(np.array([300]), dtype=lt.uint8)", "np.array([44])", "uint8"),
    ("lt.tensor([lt.tensor(1), lt.tensor([2])])", "np.array([1, 2])", "int64"),
    ("lt.tensor([[lt.tensor(1.5, dtype=lt.float64), 2]])", "np.array([[1.5, 2]])", "float64"),
    ("lt.tensor([lt.tensor(1, dtype=lt.int8), True])", "np.array([1, 1])", "int8"),
    ("lt.tensor([lt.tensor(2.5), 1], dtype=lt.int32)", "np.array([2, 1])", "int32"),
    ("lt.fill(lt.zeros(2, dtype=lt.int8), 3)", "np.array([3, 3])", "int8"),
    ("lt.clone(lt.ones(2))", "np.ones(2)", "float32"),
    ("lt.ones(2).to(lt.float64, True, True)", "np.ones(2)", "float64"),
    ("lt.ones(2).to('cpu', non_blocking=True)", "np.ones(2)", "float32"),
    ("lt.scalar_tensor(3)", "np.array(3)", "float32"),
    ("lt.scalar_tensor(True, dtype=lt.int8)", "np.array(1)", "int8"),
    ("lt.vander(lt.tensor([1, 2, 3]))", "np.vander([1, 2, 3])", "int64"),
    ("lt.vander(lt.tensor([1.0, 2.0, -0.5]), 5)", "np.vander([1, 2, -0.5], 5)", "float32"),
    ("lt.vander(lt.tensor([1.0, 2.0]), N=3, increasing=True)", "np.vander([1, 2], 3, True)", "float32"),
    ("lt.vander(lt.tensor([1.0, 2.0]), 0)", "np.zeros((2, 0))", "float32"),
    ("lt.vander(lt.tensor([True, False]))", "np.vander([1, 0])", "int64"),
    ("lt.zeros(2, dtype=lt.int64).fill_(2.5)", "np.full(2, 2)", "int64"),
    ("lt.zeros(2, dtype=lt.uint8).fill_(lt.tensor(300))", "np.full(2, 44)", "uint8"),
    ("lt.zeros(3, dtype=lt.int16).new_full((2,), 7)", "np.full(2, 7)", "int16"),
    ("lt.zeros(3).new_tensor([1, 2])", "np.array([1, 2])", "float32"),
    ("lt.zeros(3, dtype=lt.int32).new_tensor([1.5])", "np.array([1])", "int32"),
    ("lt.zeros(3, dtype=lt.int32).new_ones(2, 3)", "np.ones((2, 3))", "int32"),
    ("lt.zeros(3).new_zeros((2,), dtype=lt.bool)", "np.zeros(2)", "bool"),
    ("lt.asarray(b'abc', dtype=lt.uint8)", "np.array([97, 98, 99])", "uint8"),
    ("lt.asarray([1, 2.5])", "np.array([1, 2.5])", "float32"),
    ("lt.as_tensor(3)", "np.array(3)", "int64"),
    ("lt.randint(1, (2,)) + lt.randint(0, 1, (2,))", "np.zeros(2)", "int64"),
    ("lt.randint(high=1, size=(2,), dtype=lt.float16)", "np.zeros(2)", "float16"),
    ("lt.randint_like(lt.zeros(2, 2), 5, 6)", "np.full((2, 2), 5)", "float32"),
)


@pytest.mark.parametrize(("ours", "reference", "dtype"), VALUES, ids=[v[0][3:60] for v in VALUES])
def test_values(ours: str, reference: str, dtype: str) -> None:
    out = eval(ours, {"lt": lt, "np": np, "math": math})
    expected = eval(reference, {"np": np})
    assert out.dtype.name == dtype
    assert_close(out, expected.astype(out.dtype.numpy))


WINDOWS = {
    "bartlett": "bartlett", "blackman": "blackman", "hamming": "hamming", "hann": "hann", "kaiser": ("kaiser", 12.0),
}  # fmt: skip


@pytest.mark.parametrize("name", WINDOWS)
@pytest.mark.parametrize("periodic", [True, False])
@pytest.mark.parametrize("length", [0, 1, 2, 3, 10, 11, 64])
def test_windows_beside_scipy(name: str, periodic: bool, length: int) -> None:
    windows = pytest.importorskip("scipy.signal.windows")
    expected = windows.get_window(WINDOWS[name], length, fftbins=periodic) if length else np.zeros(0)
    make = getattr(lt, f"{name}_window")
    assert_close(make(length, periodic, dtype=lt.float64), expected)
    assert_close(make(length, periodic=periodic), expected.astype(np.float32), check_dtype=True)
    assert make(length, periodic, dtype=lt.bfloat16).dtype is lt.bfloat16


def test_parameters_of_windows() -> None:
    windows = pytest.importorskip("scipy.signal.windows")
    assert_close(lt.kaiser_window(9, False, 3.5, dtype=lt.float64), windows.kaiser(9, 3.5))
    expected = windows.general_hamming(9, 0.6)
    assert_close(lt.hamming_window(9, False, 0.6, 0.4, dtype=lt.float64), expected)
    assert lt.hann_window(4, requires_grad=True).requires_grad


MAKERS = (
    "lt.zeros(2, {})", "lt.ones((2,), {})", "lt.empty(2, {})", "lt.full((2,), 1.5, {})", "lt.arange(0.0, 2.0, {})",
    "lt.linspace(0, 1, 2, {})", "lt.logspace(0, 1, 2, {})", "lt.eye(2, {})", "lt.rand(2, {})", "lt.randn(2, {})",
    "lt.hann_window(2, {})", "lt.kaiser_window(2, {})", "lt.empty_strided((2,), (3,), {})", "lt.tensor([1.0, 2.0], {})",
    "lt.empty_permuted((2, 3), (1, 0), {})", "lt.scalar_tensor(1.0, {})", "lt.normal(0.0, 1.0, (2,), {})",
    "lt.zeros_like(x, {})", "lt.ones_like(x, {})", "lt.empty_like(x, {})", "lt.full_like(x, 2.0, {})",
    "lt.rand_like(x, {})", "lt.randn_like(x, {})", "lt.randint_like(x, 3, {})", "lt.randint(3, (2,), {})",
    "lt.randperm(2, {})", "x.new_zeros(2, {})", "x.new_ones(2, {})", "x.new_empty(2, {})", "x.new_full((2,), 1.0, {})",
    "x.new_tensor([1.0, 2.0], {})",
    "x.new_empty_strided((2,), (3,), {})",
)  # fmt: skip


@pytest.mark.parametrize("text", MAKERS)
def test_dtype_and_device_are_taken_everywhere(text: str) -> None:
    names = {"lt": lt, "x": lt.zeros(2)}
    for dtype in (lt.float64, lt.float16, lt.bfloat16):
        here = eval(text.format("dtype=dtype"), {**names, "dtype": dtype})
        assert (here.dtype, here.device.type) == (dtype, "cpu")
        there = eval(text.format("dtype=dtype, device='meta'"), {**names, "dtype": dtype})
        assert (there.dtype, there.device.type, there.shape) == (dtype, "meta", here.shape)


@pytest.mark.parametrize("text", MAKERS)
def test_what_is_like_a_meta_tensor_is_one(text: str) -> None:
    made = eval(text.format(""), {"lt": lt, "x": lt.zeros(2, device="meta")})
    assert made.is_meta == ("x" in text.replace("lt.", "").split("(")[0] or "_like(x" in text)


def test_requires_grad_is_taken() -> None:
    for text in MAKERS:
        made = eval(text.format("requires_grad=True, dtype=lt.float64"), {"lt": lt, "x": lt.zeros(2)})
        assert made.requires_grad, text
        assert made.is_leaf


def test_arange_does_not_accumulate_its_step() -> None:
    out = lt.arange(0, 1000, 0.1, dtype=lt.float64).numpy()
    assert np.array_equal(out, 0.1 * np.arange(10000))


def test_as_tensor_and_asarray_share_memory_where_they_can() -> None:
    a = np.arange(6.0).reshape(2, 3)
    t = lt.from_numpy(a)
    assert lt.as_tensor(t) is t
    assert lt.asarray(t) is t
    assert lt.as_tensor(t, dtype=lt.float64, device="cpu") is t
    for make in (lt.as_tensor, lt.asarray):
        shared = make(a)
        shared[0, 0] = 7
        assert a[0, 0] == 7
        a[0, 0] = 0
        assert shared[0, 0].item() == 0
        assert not np.shares_memory(make(a, dtype=lt.float32).numpy(), a)
        assert not np.shares_memory(make(a.astype(">f8")).numpy(), a)
        assert make(a.astype(">f8")).tolist() == a.tolist()
    assert not np.shares_memory(lt.asarray(a, copy=True).numpy(), a)
    assert not np.shares_memory(lt.asarray(t, copy=True).numpy(), a)
    assert np.shares_memory(lt.asarray(a, copy=False).numpy(), a)
    memory = bytearray(8)
    over = lt.asarray(memory, dtype=lt.int32)
    over[1] = -1
    assert memory == b"\0\0\0\0\xff\xff\xff\xff"
    assert lt.asarray(memoryview(memory), dtype=lt.int16).tolist() == [0, 0, -1, -1]
    assert lt.as_tensor(a, device="meta").is_meta


def test_layouts_of_memory_that_is_asked_for() -> None:
    t = lt.empty_strided((2, 3), (1, 2), dtype=lt.int16)
    assert (t.shape, t.stride(), t.tolist()) == ((2, 3), (1, 2), [[0] * 3] * 2)
    t[1, 2] = 5
    assert t.sum().item() == 5
    assert lt.empty_strided((), ()).item() == 0
    assert lt.empty_strided((0, 3), (1, 1)).shape == (0, 3)
    assert lt.empty_strided((1, 3), (0, 2)).stride()[1] == 2
    p = lt.empty_permuted((2, 3, 4), (1, 2, 0))
    assert (p.shape, p.stride()) == ((2, 3, 4), (1, 8, 2))
    assert lt.empty_permuted((2, 3), (0, 1)).is_contiguous()


def test_a_full_tensor_follows_its_tensor() -> None:
    x = lt.tensor(2.0, requires_grad=True)
    lt.full((3,), x).sum().backward()
    assert x.grad.item() == 3
    y = lt.tensor([1.0, 2.0, 3.0], requires_grad=True)
    lt.vander(y, 3).sum().backward()
    assert y.grad.tolist() == [3.0, 5.0, 7.0]


# texts, what they raise, what it says
BAD: tuple[tuple[str, type[Exception], str], ...] = (
    ("lt.arange(0, -1)", ValueError, "arange from 0 to -1 goes the other way than its step 1"),
    ("lt.arange(0, 1, -0.5)", ValueError, "goes the other way"),
    ("lt.arange(0.0, -3.0, 1.0, dtype=lt.int32)", ValueError, "goes the other way"),
    ("lt.arange(0, 5, 0)", ValueError, "a step other than 0"),
    ("lt.arange(0, 1, 0.25, dtype=lt.int64)", ValueError, "a step other than 0"),
    ("lt.arange(math.nan)", ValueError, "arange needs finite bounds, got 0 to nan by 1"),
    ("lt.arange(math.inf)", ValueError, "finite bounds"),
    ("lt.arange(1j)", TypeError, "arange makes integers or floats"),
    ("lt.arange(3, dtype=lt.bool)", TypeError, "arange makes integers or floats, got lamella.bool"),
    ("lt.arange('3')", TypeError, "expected a number, got str"),
    ("lt.arange(0, 2**64)", OverflowError, "arange: 18446744073709551616 does not fit lamella.int64"),
    ("lt.linspace(0, 1, -1)", ValueError, "linspace needs a non-negative number of steps, got -1"),
    ("lt.linspace(0, 1, 2.5)", TypeError, "linspace: steps must be an int, got 2.5"),
    ("lt.linspace(0, 1, 3, dtype=lt.bool)", TypeError, "linspace from 0 to 1 cannot be lamella.bool"),
    ("lt.linspace(0, 1j, 3, dtype=lt.float32)", TypeError, "cannot be lamella.float32"),
    ("lt.linspace(0, 300, 3, dtype=lt.uint8)", OverflowError, "linspace: 300 does not fit lamella.uint8"),
    ("lt.logspace(0, 1, -1)", ValueError, "logspace needs a non-negative number of steps"),
    ("lt.logspace(0, 1, 2, base=1j)", TypeError, "give a complex dtype"),
    ("lt.eye(-1)", ValueError, "eye needs sizes of at least 0, got -1 and None"),
    ("lt.eye(2.5)", TypeError, "eye: n must be an int, got 2.5"),
    ("lt.full((2,), 300, dtype=lt.uint8)", OverflowError, "full: 300 does not fit lamella.uint8, which holds 0 to 255"),
    ("lt.full((2,), -256, dtype=lt.uint8)", OverflowError, "full: -256 does not fit lamella.uint8"),
    ("lt.full((2,), -1.5, dtype=lt.uint8)", OverflowError, "full: -1.5 does not fit"),
    ("lt.full((2,), 2**63)", OverflowError, "full: 9223372036854775808 does not fit lamella.int64"),
    ("lt.full((2,), 1j, dtype=lt.float32)", TypeError, "full: the complex number 1j is no lamella.float32"),
    ("lt.full((2,), math.nan, dtype=lt.int64)", OverflowError, "full: nan is no lamella.int64"),
    (
        "lt.full((2,), 1e10, dtype=lt.float16)",
        OverflowError,
        "float16, whose largest number is 65504",
    ),
    ("lt.full((2,), 1e300)", OverflowError, "full: 1e[+]?300 does not fit lamella.float32"),
    ("lt.full((2,), 1e39, dtype=lt.complex64)", OverflowError, "does not fit lamella.complex64"),
    ("lt.full((2,), 1000, dtype=lt.float8_e4m3fn)", OverflowError, "whose largest number is 448"),
    ("lt.full((2,), 'a')", TypeError, "expected a number, got str"),
    ("lt.full((2,), None)", TypeError, "expected a number, got NoneType"),
    ("lt.full((2, -2), 1.0)", ValueError, "a size cannot be negative"),
    ("lt.full((2,), lt.ones(2))", TypeError, r"full needs a number or a tensor without dims, got shape \(2,\)"),
    ("lt.full_like(lt.ones(2), 1j)", TypeError, "full_like: the complex number 1j is no lamella.float32"),
    ("lt.full_like(lt.ones(2, dtype=lt.uint8), 300)", OverflowError, "full_like: 300 does not fit"),
    ("lt.zeros_like([1])", TypeError, "zeros_like needs a tensor, got list"),
    ("lt.zeros(2, dtype='float99')", TypeError, "dtype must be a lamella dtype such as .*, got 'float99'"),
    ("lt.zeros(2, dtype=object)", TypeError, "dtype must be a lamella dtype"),
    ("lt.zeros(2, device='gpu')", ValueError, "unknown device 'gpu'"),
    ("lt.zeros(2, size=(2,))", TypeError, "give the sizes once"),
    ("lt.zeros('a')", TypeError, "a shape is made of ints"),
    ("lt.zeros(2, dtype=lt.uint8).fill_(300)", OverflowError, "fill_: 300 does not fit lamella.uint8"),
    ("lt.zeros(2, dtype=lt.int64).fill_(math.nan)", OverflowError, "fill_: nan is no lamella.int64"),
    ("lt.zeros(2).fill_(1j)", TypeError, "fill_: the complex number"),
    ("lt.zeros(2, dtype=lt.float16).fill_(1e10)", OverflowError, "does not fit lamella.float16"),
    ("lt.zeros(2).fill_(lt.ones(2))", ValueError, r"fill_ needs a number or a 0-d tensor, got shape \(2,\)"),
    ("lt.zeros(2).fill_('a')", TypeError, "fill_ needs a number, got str"),
    ("lt.tensor(2**63)", OverflowError, r"tensor\(...\): 9223372036854775808 does not fit lamella.int64"),
    ("lt.tensor(2**64)", OverflowError, "18446744073709551616 does not fit lamella.int64"),
    ("lt.tensor([1, 2**63])", OverflowError, "9223372036854775808 does not fit"),
    ("lt.tensor([300, 1], dtype=lt.uint8)", OverflowError, "300 does not fit lamella.uint8, which holds 0 to 255"),
    ("lt.tensor([[1, -129]], dtype=lt.int8)", OverflowError, "-129 does not fit lamella.int8"),
    ("lt.tensor([-1.5], dtype=lt.uint8)", OverflowError, "-1.5 does not fit"),
    ("lt.tensor([math.nan], dtype=lt.int64)", OverflowError, "nan does not fit lamella.int64"),
    ("lt.tensor([1e20], dtype=lt.int64)", OverflowError, "1e[+]?20 does not fit"),
    ("lt.tensor(2.0**63, dtype=lt.int64)", OverflowError, "does not fit lamella.int64"),
    ("lt.tensor([1j], dtype=lt.float32)", TypeError, "cannot make lamella.float32 of complex numbers"),
    ("lt.tensor([1j], dtype=lt.int32)", TypeError, "cannot make lamella.int32 of complex numbers"),
    ("lt.tensor([[1, 2], [3]])", ValueError, "needs a regular nesting of numbers"),
    ("lt.tensor([[1, 2], [3]], dtype=lt.float32)", ValueError, "needs a regular nesting of numbers"),
    ("lt.tensor([object()])", TypeError, "needs numbers in a regular nesting, got <object object"),
    ("lt.tensor('a')", TypeError, "needs numbers in a regular nesting, got 'a'"),
    ("lt.tensor(['1'], dtype=lt.float32)", TypeError, "needs numbers in a regular nesting, got '1'"),
    ("lt.tensor([None], dtype=lt.float32)", TypeError, "needs numbers in a regular nesting, got None"),
    ("lt.tensor([1, None], dtype=lt.bool)", TypeError, "needs numbers in a regular nesting, got None"),
    ("lt.tensor({})", TypeError, "needs numbers"),
    ("lt.tensor({1, 2})", TypeError, "needs numbers"),
    ("lt.tensor(np.array(['a']))", TypeError, "a tensor cannot hold numpy dtype"),
    ("lt.tensor([lt.ones(2)])", ValueError, r"takes tensors of one element, got shape \(2,\); use stack"),
    ("lt.tensor([lt.tensor(1), 'a'])", TypeError, "expected a number, got str"),
    ("lt.tensor([lt.tensor(300)], dtype=lt.uint8)", OverflowError, "300 does not fit lamella.uint8"),
    ("lt.fill(lt.ones(2), lt.ones(2))", ValueError, "fill needs a number or a 0-d tensor"),
    ("lt.zeros(1, dtype=lt.uint8).new_tensor([256])", OverflowError, "256 does not fit lamella.uint8"),
    ("lt.scalar_tensor([1.0])", TypeError, r"scalar_tensor needs a number, got \[1.0\]"),
    ("lt.asarray([1, 2], copy=False)", ValueError, r"asarray\(copy=False\) cannot share the memory of a list"),
    ("lt.asarray(lt.ones(2), dtype=lt.int64, copy=False)", ValueError, "cannot share a lamella.float32"),
    ("lt.asarray(b'abc', dtype=lt.int32)", ValueError, "3 bytes from offset 0 on are no whole number of int32"),
    ("lt.vander(lt.ones(2, 2))", ValueError, r"vander needs a tensor of one dim, got shape \(2, 2\)"),
    ("lt.vander(lt.ones(2), -1)", ValueError, "vander needs N >= 0, got -1"),
    ("lt.hann_window(-1)", ValueError, "hann_window needs a length of at least 0, got -1"),
    ("lt.bartlett_window(2.5)", TypeError, "bartlett_window: window_length must be an int, got 2.5"),
    ("lt.kaiser_window(4, dtype=lt.int64)", TypeError, "kaiser_window makes floating tensors, got dtype lamella.int64"),
    ("lt.empty_strided((2, 3), (1,))", ValueError, "one stride a dim"),
    ("lt.empty_strided((2, 3), (-1, 2))", ValueError, "strides of at least 0"),
    ("lt.empty_strided((2, 3), (0, 1))", ValueError, "share memory"),
    ("lt.empty_strided((2, 3), (2, 1))", ValueError, "share memory"),
    ("lt.empty_permuted((2, 3), (0, 0))", ValueError, r"names each of 2 dims once, got \(0, 0\)"),
    ("lt.numel(3)", TypeError, "numel needs a tensor, got int"),
)


@pytest.mark.parametrize(("text", "error", "message"), BAD, ids=[b[0][3:60] for b in BAD])
def test_bad_input(text: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        eval(text, {"lt": lt, "np": np, "math": math})
