"""Creation, questions about dtypes, casts by method; whose memory is shared. Draws are compared by dtype and shape."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

__all__ = ["ERRORS", "EXEMPT", "FUNCTIONS", "VALUES"]

VALUES: dict[str, Any] = {
    "cr_ints": np.array([3, -1, 0, 7]), "cr_half": np.array([0.5, -2.25, 3.0], np.float16),
    "cr_cube": np.arange(24, dtype=np.float32).reshape(2, 3, 4),
}  # fmt: skip

_DTYPES = (
    "bool", "uint8", "int8", "int16", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64",
    "complex128",
)  # fmt: skip
_FLOATS = ("float16", "bfloat16", "float32", "float64", "float8_e4m3fn", "float8_e5m2")

FUNCTIONS = [
    # ranges
    "lib.arange(-5, 5, 3)", "lib.arange(10, 2, -3)", "lib.arange(5, 1, -1.5)", "lib.arange(1, 1)", "lib.arange(True)",
    "lib.arange(3.0)", "lib.arange(0.1, 1, 0.1, dtype=lib.float64)", "lib.arange(0.5, 5.5, 1.5, dtype=lib.int64)",
    "lib.arange(0.5, 5.5, 1.5, dtype=lib.int32)", "lib.arange(0, 1, 0.25, dtype=lib.int32)",
    "lib.arange(250, 260, dtype=lib.uint8)", "lib.arange(0, 1, 0.1, dtype=lib.float16)", "lib.arange(lib.tensor(4))",
    "lib.arange(2**63 - 3, 2**63 - 1)", "lib.arange(start=1, end=4, step=2)",
    "lib.linspace(0, 1, 7, dtype=lib.float64)", "lib.linspace(-3, 8, 10, dtype=lib.float64)", "lib.linspace(2, 1, 1)",
    "lib.linspace(2, 1, 0)", "lib.linspace(0, 9, 28, dtype=lib.int64)", "lib.linspace(-1, -10, 7, dtype=lib.int32)",
    "lib.linspace(0, 2j, 3)", "lib.linspace(start=0, end=4, steps=3)", "lib.linspace(lib.tensor(1.0), 3.0, 3)",
    "lib.logspace(-1, 2, 4, dtype=lib.float64)", "lib.logspace(0, 2, 3, base=-2)", "lib.logspace(0, 2, 3, base=0)",
    "lib.logspace(0, 3, 4, 2, dtype=lib.int64)",
    # one number, an identity
    "lib.full((2,), 2.5, dtype=lib.int64)", "lib.full((2,), -1, dtype=lib.uint8)", "lib.full((2,), 1j)",
    "lib.full((2,), -255, dtype=lib.uint8)", "lib.full((2,), 1 + 0j, dtype=lib.float32)", "lib.full((), True)",
    "lib.full(size=(2,), fill_value=3)", "lib.full((2,), lib.tensor(3, dtype=lib.int32))",
    "lib.full((2,), lib.tensor(2.5))", "lib.full_like(cr_ints, 2.5)", "lib.full_like(x, 3)",
    "lib.full_like(x, 3, dtype=lib.bool)", "lib.zeros(size=(2, 3))", "lib.ones((2, 3), dtype=lib.complex64)",
    "lib.zeros_like(cr_half)", "lib.ones_like(cr_ints, dtype=lib.float32)", "lib.empty_like(x).shape == x.shape",
    "lib.eye(3, 2)", "lib.eye(2, dtype=lib.bool)", "lib.eye(0)", "lib.eye(2, 0)", "lib.scalar_tensor(3)",
    "lib.scalar_tensor(True)", "lib.scalar_tensor(2.5, dtype=lib.float64)",
    # values
    "lib.tensor([2.7, -2.7], dtype=lib.int64)", "lib.tensor([-1, 3], dtype=lib.uint8)",
    "lib.tensor([2], dtype=lib.bool)",
    "lib.tensor([1e10], dtype=lib.float16)", "lib.tensor([True, 2])", "lib.tensor([True, 2.5])",
    "lib.tensor([1, 1j])",
    "lib.tensor([x.detach()[0, 0], lib.tensor(1)])", "lib.tensor([[lib.tensor(1.5), 2]])",
    "lib.tensor([lib.tensor(1), lib.tensor([2])])",
    "lib.tensor([lib.tensor(1, dtype=lib.int8), True])", "lib.fill(cr_ints, 3)",
    "lib.fill(x.detach(), lib.tensor(2.5))",
    "lib.clone(x)", "x.to(lib.float32, True)", "x.to('cpu', non_blocking=True)", "x.get_device()", "x.is_mps",
    "x.is_xpu",
    "lib.tensor([])", "lib.tensor([[]])", "lib.tensor(range(3))", "lib.tensor(2**63, dtype=lib.uint64)",
    "lib.tensor(2**63, dtype=lib.float32)", "lib.as_tensor(x)", "lib.as_tensor([1.5, 2], dtype=lib.int32)",
    "lib.as_tensor(x, dtype=lib.float32)", "lib.asarray([1, 2], dtype=lib.float64)", "lib.asarray(3.0)",
    "lib.asarray(bytearray(b'abcd'), dtype=lib.uint8)", "lib.asarray(x.detach(), copy=True)",
    "lib.asarray(x.detach(), dtype=lib.int64)",
    "lib.zeros(2, dtype=lib.int64).fill_(2.5)", "lib.zeros(2, dtype=lib.uint8).fill_(-1)",
    "lib.zeros(2, dtype=lib.uint8).fill_(lib.tensor(300))", "x.new_zeros(2, 3)",
    "x.new_zeros((2, 3), dtype=lib.int64)",
    "x.new_ones(2)", "x.new_full((2,), 3)", "x.new_full((2,), True)", "x.new_empty(2, 3).shape",
    "x.new_tensor([1, 2])",
    "cr_ints.new_tensor([1.5])", "x.new_full((2,), 2.5, dtype=lib.int64)",
    # formulas
    "lib.vander(x[0].detach())", "lib.vander(v.detach(), 6)", "lib.vander(v.detach(), N=3, increasing=True)",
    "lib.vander(v, 0)", "lib.vander(v, 1)", "lib.vander(cr_ints)", "lib.vander(k[0])",
    *[
        f"lib.{name}_window({length}, {periodic}, dtype=lib.float64)"
        for name in ("bartlett", "blackman", "hamming", "hann", "kaiser")
        for length in (0, 1, 2, 7, 8)
        for periodic in (True, False)
    ],
    "lib.kaiser_window(9, True, 3.5, dtype=lib.float64)", "lib.hamming_window(9, False, 0.6, 0.4, dtype=lib.float64)",
    "lib.hann_window(3).dtype == lib.float32", "lib.empty_strided((2, 3), (1, 2)).stride()",
    "lib.empty_permuted((2, 3, 4), (1, 2, 0)).stride()",
    # draws: what does not depend on the numbers
    "lib.randint(3, (2, 3)).shape", "lib.randint(1, (2, 3))", "lib.randint(4, 5, (2,), dtype=lib.float32)",
    "lib.randint(high=1, size=(2,))", "lib.randint_like(x, 1)", "lib.randint_like(x, 4, 5)",
    "lib.randperm(5).sort()[0]",
    "lib.randperm(4, dtype=lib.float32).sum()", "lib.rand(2, 3, dtype=lib.complex64).shape",
    "lib.rand_like(cr_half).shape", "lib.randn_like(x, dtype=lib.float32).shape", "lib.normal(2.0, 0.0, (3,))",
    "lib.normal(v.detach(), 0.0)", "lib.normal(lib.zeros(2, 3), lib.ones(3) * 0)",
    "lib.normal(0, lib.zeros(2, dtype=lib.float64))", "lib.bernoulli(k.double())", "lib.bernoulli(cr_ints, 1.0)",
    "lib.bernoulli(x.detach(), 0.0)", "lib.zeros(2, 3).bernoulli_(lib.ones(3))",
    "lib.zeros(2, dtype=lib.int64).bernoulli_(1)",
    "lib.poisson(lib.zeros(3))", "lib.poisson(cr_half.abs()).shape", "lib.zeros(3).normal_(2.5, 0)",
    "lib.zeros(3).uniform_(2, 2)", "lib.zeros(3, dtype=lib.bool).random_(1, 2)",
    "lib.zeros(3, dtype=lib.int8).random_(5, 6)", "lib.zeros(3).random_(7, 8)",
    "lib.zeros(3).exponential_(float('inf'))",
    # dtypes
    *[
        f"lib.finfo(lib.{d}).{a}"
        for d in _FLOATS
        for a in ("bits", "eps", "max", "min", "tiny", "smallest_normal", "dtype")
    ],
    *[f"round(lib.finfo(lib.{d}).resolution, 17)" for d in _FLOATS],
    *[f"lib.iinfo(lib.{d}).{a}" for d in ("uint8", "int8", "int16", "int32", "int64", "uint16", "uint32", "uint64")
      for a in ("bits", "min", "max", "dtype")],
    *[f"lib.can_cast(lib.{a}, lib.{b})" for a, b in itertools.product(_DTYPES, _DTYPES)],
    "lib.finfo() == lib.finfo(lib.float32)", "lib.finfo(float) == lib.finfo(lib.float64)",
    "lib.result_type(cr_ints, 1.5) == lib.float32", "lib.result_type(1, 1.5) == lib.float32",
    "lib.result_type(cr_ints, lib.tensor(1j)) == lib.complex64",
    "lib.promote_types(lib.int8, lib.uint8) == lib.int16",
    "lib.float32.to_complex() == lib.complex64", "lib.complex128.to_real() == lib.float64",
    "lib.int32.to_real() == lib.int32", "[lib.bool.is_signed, lib.uint8.is_signed, lib.bfloat16.is_signed]",
    *[f"x.{cast}()" for cast in ("float", "double", "half", "long", "int", "short", "char", "bool")],
    "x.detach().cfloat()", "x.detach().cdouble()",
    "abs(x).byte()", "x.type_as(cr_half)", "x.type_as(y)", "cr_half.bfloat16()", "lib.is_tensor(x)",
    "lib.is_tensor(3)",
    "lib.numel(x)", "x.nelement()", "x.itemsize", "x.nbytes", "x.is_cpu", "x.is_cuda", "x.is_meta", "x.is_sparse",
    "x.is_quantized", "x.is_signed()", "lib.is_nonzero(v[0])", "lib.pi", "lib.inf", "lib.e", "x[lib.newaxis]",
    "cr_ints.view(lib.int32).shape", "cr_cube.view(lib.int32) + 0", "cr_cube.view(lib.float64) * 1",
    "cr_cube[:, :, :2].view(lib.int64) + 0",
    "cr_cube.view(lib.uint8).shape", "cr_cube.view(lib.complex64) * 1", "cr_cube[0].t().view(lib.int32) + 0",
    "x.view(lib.int64) + 0", "x.detach().view(lib.complex128) * 1", "lib.Size([2, 3]).numel()",
    "x.shape.numel()", "x.size() == lib.Size([3, 4])", "isinstance(x.shape, lib.Size)", "lib.Size([2, 3]) == (2, 3)",
    "lib.device('cpu').type", "isinstance(x.device, lib.device)", "lib.device(lib.device('cpu')).index",
    "lib.Generator('cpu').device.type", "lib.Generator().manual_seed(7).initial_seed()",
    "lib.get_rng_state().dtype.itemsize",
    "lib.set_rng_state(lib.get_rng_state())", "lib.are_deterministic_algorithms_enabled()",
    "lib.get_float32_matmul_precision()",
    "x.new_empty_strided((2, 3), (1, 2)).stride()", "x.is_pinned()",
]  # fmt: skip

EXEMPT = {"poisson": "draws from words of our own; its distribution is tested in packages/tensor"}

ERRORS = [
    "lib.tensor([v])", "lib.fill(x, v)",
    "lib.poisson(lib.tensor([-1.0]))", "lib.poisson(cr_ints)", "lib.poisson(lib.tensor([float('nan')]))",
    "lib.arange(0, -1)", "lib.arange(0, 1, -0.5)", "lib.arange(float('nan'))", "lib.arange(float('inf'))",
    "lib.arange(1j)", "lib.arange(3, dtype=lib.bool)", "lib.arange(0, 2**63)",
    "lib.arange(0, 1, 0.25, dtype=lib.int64)",
    "lib.linspace(0, 1, 3, dtype=lib.bool)", "lib.linspace(0, 300, 3, dtype=lib.uint8)", "lib.linspace(0, 1, 2.5)",
    "lib.logspace(0, 1, -1)", "lib.eye(2.5)", "lib.full((2,), 300, dtype=lib.uint8)", "lib.full((2,), 2**63)",
    "lib.full((2,), -256, dtype=lib.uint8)", "lib.full((2,), -1.5, dtype=lib.uint8)", "lib.full((2,), 1e300)",
    "lib.full((2,), 1j, dtype=lib.float32)", "lib.full((2,), float('nan'), dtype=lib.int64)", "lib.full((2,), x)",
    "lib.full((2,), 1e10, dtype=lib.float16)", "lib.full((2,), 1000.0, dtype=lib.float8_e4m3fn)",
    "lib.full_like(x, 1j)", "lib.zeros_like([1])", "lib.zeros(2, dtype=lib.uint8).fill_(300)",
    "lib.zeros(2, dtype=lib.int64).fill_(float('nan'))", "lib.zeros(2).fill_(1j)", "lib.zeros(2).fill_(lib.ones(2))",
    "lib.tensor(2**63)", "lib.tensor(2**64)", "lib.tensor([300], dtype=lib.uint8)",
    "lib.tensor(-129, dtype=lib.int8)",
    "lib.tensor([-1.5], dtype=lib.uint8)", "lib.tensor([float('nan')], dtype=lib.int64)", "lib.tensor([object()])",
    "lib.tensor([1e20], dtype=lib.int64)", "lib.tensor([1j], dtype=lib.float32)", "lib.tensor(['a'])",
    "lib.tensor({})",
    "lib.asarray([1, 2], copy=False)", "lib.asarray(x, dtype=lib.int64, copy=False)", "lib.vander(x)",
    "lib.vander(v, -1)", "lib.hann_window(-1)", "lib.kaiser_window(4, dtype=lib.int64)",
    "lib.empty_strided((2, 3), (1,))", "lib.empty_strided((2, 3), (-1, 1))", "lib.empty_permuted((2, 3), (0, 0))",
    "lib.randint(300, (2,), dtype=lib.uint8)", "lib.randint(5, 5, (2,))", "lib.rand(2, dtype=lib.int64)",
    "lib.randperm(300, dtype=lib.uint8)", "lib.randperm(-1)", "lib.rand_like(cr_ints)", "lib.normal(0.0, -1.0, (2,))",
    "lib.normal(lib.zeros(2), lib.tensor([-1.0, 1.0]))", "lib.normal(1.0, 1.0)", "lib.normal(cr_ints, 1.0)",
    "lib.bernoulli(lib.tensor([2.0]))", "lib.bernoulli(cr_ints)", "lib.bernoulli(v, 1.5)",
    "lib.zeros(2).bernoulli_(2)",
    "lib.zeros(2).bernoulli_(lib.ones(3))", "lib.zeros(2).bernoulli_(cr_ints[:2])",
    "lib.zeros(2, dtype=lib.complex64).bernoulli_(0.5)", "lib.zeros(2).exponential_(0)",
    "lib.zeros(2).exponential_(-1)",
    "lib.zeros(2, dtype=lib.int64).exponential_()", "lib.zeros(2).cauchy_(0, 0)", "lib.zeros(2).log_normal_(0, 0)",
    "lib.zeros(2, dtype=lib.int64).cauchy_()", "lib.zeros(2, dtype=lib.int64).log_normal_()",
    "lib.zeros(2).geometric_(0)", "lib.zeros(2).geometric_(1)", "lib.zeros(2, dtype=lib.bool).geometric_(0.5)",
    "lib.zeros(2).normal_(0, -1)", "lib.zeros(2, dtype=lib.int64).normal_()", "lib.zeros(2).uniform_(1, 0)",
    "lib.zeros(2, dtype=lib.int64).uniform_()", "lib.zeros(2).uniform_(0, float('inf'))",
    "lib.zeros(2).random_(5, 5)",
    "lib.zeros(2, dtype=lib.uint8).random_(0, 300)", "lib.zeros(2, dtype=lib.complex64).random_()",
    "lib.zeros(2, dtype=lib.int32).random_(2**31 + 1)", "lib.zeros(2, dtype=lib.int32).random_(0)",
    "lib.zeros(2, requires_grad=True).bernoulli_()", "lib.zeros(2, requires_grad=True).normal_()",
    "lib.iinfo(lib.bool)", "lib.iinfo(lib.float32)", "lib.finfo(lib.int32)",
    "lib.iinfo()", "lib.int32.to_complex()", "lib.numel(3)", "lib.ones(2, 3, dtype=lib.int16).view(lib.int32)",
    "lib.ones(4, 2).t().view(lib.int16)", "lib.ones(2, 4).t().view(lib.int64)", "lib.tensor(1.0).view(lib.int16)",
    "lib.ones(3, 5)[:, :2].view(lib.int64)", "lib.ones(3, 4)[:, 1:3].view(lib.int64)", "x.type_as(3)",
    "lib.device('gpu')", "lib.Size((2.5,))", "lib.use_deterministic_algorithms(1)",
    "lib.Generator(1.5)",
    "lib.set_rng_state(lib.zeros(3))",
]  # fmt: skip
