"""Wrong Python values as arguments: the message names the function and the argument, and nothing of numpy's leaks."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt

# a call with `bad` in place of one argument, and what messages call that argument
INTS = {
    "lt.topk(x, bad)": "topk: k",
    "lt.kthvalue(x, bad)": "kthvalue: k",
    "lt.chunk(x, bad)": "chunk: chunks",
    "lt.diff(x, bad)": "diff: n",
    "lt.tril(x, bad)": "tril: diagonal",
    "lt.triu(x, bad)": "triu: diagonal",
    "lt.rot90(x, bad)": "rot90: k",
    "lt.diagonal(x, bad)": "diagonal: offset",
    "lt.diag_embed(x, bad)": "diag_embed: offset",
    "lt.diagonal_scatter(x, x[0, :2], bad)": "diagonal_scatter: offset",
    "lt.select_scatter(x, x[0], 0, bad)": "select_scatter: index",
    "x.unfold(0, bad, 1)": "unfold: size",
    "x.unfold(0, 1, bad)": "unfold: step",
    "lt.mvlgamma(x, bad)": "mvlgamma: p",
    "lt.multinomial(x, bad)": "multinomial: num_samples",
    "lt.bincount(i, minlength=bad)": "bincount: minlength",
    "lt.histc(x, bad)": "histc: bins",
    "lt.histogram(x, bad)": "histogram: bins",
    "lt.layer_norm(x, bad)": "layer_norm: normalized_shape",
    "lt.rms_norm(x, bad)": "rms_norm: normalized_shape",
    "lt.broadcast_to(x, bad)": "broadcast_to: size",
    "lt.broadcast_shapes(bad)": "broadcast_shapes: a shape",
    "lt.as_strided(x, bad, (1,))": "as_strided: size",
    "lt.as_strided(x, (1,), bad)": "as_strided: a stride",
    "lt.empty_strided((2,), bad)": "empty_strided: a stride",
    "lt.empty_permuted((2,), bad)": "empty_permuted: a dim of physical_layout",
    "lt.as_strided(x, (1,), (1,), bad)": "as_strided: storage_offset",
    "lt.as_strided_scatter(x, x[0, :1], (1,), (1,), bad)": "as_strided: storage_offset",
    "lt.narrow(x, 0, bad, 1)": "narrow: start",
    "lt.narrow_copy(x, 0, 0, bad)": "narrow: length",
    "x.select(0, bad)": "select: index",
    "x.tensor_split((1, bad))": "tensor_split: an index",
    "lt.hsplit(x, [bad])": "hsplit: an index",
    "lt.slice_scatter(x, x, 0, bad)": "slice_scatter: start",
    "lt.slice_scatter(x, x, 0, 0, bad)": "slice_scatter: end",
    "lt.slice_scatter(x, x, 0, 0, 2, bad)": "slice_scatter: step",
    "x.unflatten(0, (1, bad))": "unflatten: a size",
    "lt.diag(x, bad)": "diag: diagonal",
    "lt.diagflat(x, bad)": "diagflat: offset",
    "lt.combinations(x[0], bad)": "combinations: r",
    "lt.tril_indices(bad, 2)": "tril_indices: row",
    "lt.tril_indices(2, bad)": "tril_indices: col",
    "lt.triu_indices(2, 2, bad)": "triu_indices: offset",
    "lt.unravel_index(i, bad)": "unravel_index: shape",
    "lt.one_hot(i, bad)": "one_hot: num_classes",
    "lt.vander(x[0], bad)": "vander: N",
    "lt.hann_window(bad)": "hann_window: window_length",
    "lt.linspace(0, 1, bad)": "linspace: steps",
    "lt.eye(bad)": "eye: n",
    "lt.eye(2, bad)": "eye: m",
    "lt.randint(bad, (2,))": "randint: high",
    "lt.randint(bad, 3, (2,))": "randint: low",
    "lt.randperm(bad)": "randperm: n",
    "lt.cov(x, correction=bad)": "cov: correction",
    "lt.round(x, decimals=bad)": "round: decimals",
    "lt.histogramdd(x, (2, 2, bad))": "histogramdd: bins",
    "lt.fft.fftfreq(bad)": "fft.fftfreq: n",
    "lt.frombuffer(b'12', dtype=lt.int8, count=bad)": "frombuffer: count",
    "lt.frombuffer(b'12', dtype=lt.int8, offset=bad)": "frombuffer: offset",
}
NUMBERS = {
    "lt.leaky_relu(x, bad)": "leaky_relu: negative_slope",
    "lt.elu(x, bad)": "elu: alpha",
    "lt.celu(x, bad)": "celu: alpha",
    "lt.rrelu(x, bad)": "rrelu: lower",
    "lt.softplus(x, bad)": "softplus: beta",
    "lt.softplus(x, 1, bad)": "softplus: threshold",
    "lt.hardtanh(x, bad)": "hardtanh: min_val",
    "lt.hardtanh(x, 0, bad)": "hardtanh: max_val",
    "lt.softshrink(x, bad)": "softshrink: lambd",
    "lt.dropout(x, bad)": "dropout: p",
    "lt.quantile(x, bad)": "quantile: q",
    "lt.nanquantile(x, bad)": "nanquantile: q",
    "lt.normal(x, bad)": "normal: std",
    "lt.histc(x, 3, bad)": "histc: min",
    "lt.nan_to_num(x, posinf=bad)": "nan_to_num: posinf",
    "lt.logit(x, object())": "logit: eps",
    "lt.isclose(x, x, bad)": "isclose: rtol",
    "lt.isclose(x, x, atol=bad)": "isclose: atol",
    "lt.renorm(x, bad, 0, 1.0)": "renorm: p",
    "lt.renorm(x, 2, 0, bad)": "renorm: maxnorm",
    "lt.normal(bad, x)": "normal: mean",
    "x.normal_(bad)": "normal_: mean",
    "x.normal_(0, bad)": "normal_: std",
    "x.uniform_(bad)": "uniform_: low",
    "x.exponential_(bad)": "exponential_: lambd",
    "x.geometric_(bad)": "geometric_: p",
    "lt.fft.rfftfreq(4, bad)": "fft.rfftfreq: d",
    "lt.hamming_window(4, True, bad)": "hamming_window: alpha",
    "lt.kaiser_window(4, True, bad)": "kaiser_window: beta",
    "lt.logspace(0, 1, 2, bad)": "logspace: base",
    "lt.linalg.pinv(x, atol=bad)": "linalg.pinv: atol",
    "lt.histogram(x, 3, range=(bad, 1.0))": "histogram: range",
    "lt.histogramdd(x, 2, range=[0, 1, 0, 1, 0, bad])": "histogramdd: range",
    "lt.attention(x, x, x, scale=bad)": "attention: scale",
}
VALUES: dict[str, tuple[Any, str]] = {
    "text": ("a", "'a'"),
    "object": (object(), "an object"),
    "array": (np.ones((2, 3)), r"an array of shape \(2, 3\)"),
    "set": ({1}, "a set"),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("call", [*INTS, *NUMBERS])
def test_the_argument_is_named(call: str, value: str) -> None:
    bad, shown = VALUES[value]
    x, i = lt.ones(2, 3), lt.tensor([0, 1])
    what, kind = (INTS[call], "an int") if call in INTS else (NUMBERS[call], "a number")
    shown = "an object" if "object()" in call else shown
    with pytest.raises(TypeError, match=f"^{re.escape(what)} must be {kind}, got {shown}$"):
        eval(call, {"lt": lt, "x": x, "i": i, "bad": bad})


@pytest.mark.parametrize("call", [c for c in INTS if "normalized" not in INTS[c]])
def test_fractions_are_no_ints(call: str) -> None:
    with pytest.raises(TypeError, match=f"^{re.escape(INTS[call])} must be an int, got 1.5$"):
        eval(call, {"lt": lt, "x": lt.ones(2, 3), "i": lt.tensor([0, 1]), "bad": 1.5})


def test_numbers_are_also_numpys_and_tensors_of_one_element() -> None:
    x = lt.tensor([-2.0, 3.0])
    expected = lt.leaky_relu(x, 0.5).tolist()
    for slope in (np.float32(0.5), np.float64(0.5), lt.tensor(0.5), lt.tensor([0.5])):
        assert lt.leaky_relu(x, slope).tolist() == expected
    for k in (np.int64(1), lt.tensor(1), True):
        assert lt.topk(x, k).values.tolist() == [3.0]
    with pytest.raises(TypeError, match=r"leaky_relu: negative_slope must be a number, got a tensor of shape \(2,\)"):
        lt.leaky_relu(x, x)


OTHERS = (
    ("x.add(x, alpha='a')", TypeError, "^add: alpha must be a number, got 'a'$"),
    ("x.sub_(x, alpha=object())", TypeError, "^sub_: alpha must be a number, got an object$"),
    ("lt.histogram(x, 3, range=1.0)", ValueError, "histogram needs range as 2 numbers, two a dim, got 1.0"),
    ("lt.histogramdd(x, 3, range=(0, 1))", ValueError, "histogramdd needs range as 6 numbers, two a dim, got .0, 1."),
    ("x.lerp(x, 'a')", TypeError, "^lerp: weight must be a tensor or a number, got 'a'$"),
    (
        "x.scatter_reduce(0, lt.zeros_like(x).long(), x, 'sum', include_self='a')",
        TypeError,
        "include_self must be True or False, got 'a'",
    ),
    ("lt.rand(2, generator=5)", TypeError, "generator must be a lamella.tensor.Generator or None, got 5"),
    ("lt.dropout(x, generator='a')", TypeError, "generator must be a lamella.tensor.Generator or None, got 'a'"),
    ("lt.linalg.matrix_norm(x, None)", TypeError, "linalg.matrix_norm: ord must be 'fro', 'nuc', .* got None"),
    ("lt.linalg.matrix_norm(x, dim=1)", ValueError, "linalg.matrix_norm needs two dims of a matrix, got dim=1"),
    ("lt.linalg.multi_dot(x)", TypeError, "linalg.multi_dot needs a tuple or list of tensors, got Tensor"),
    ("lt.fft.fft2(x, dim=9)", IndexError, "dim 9 is out of range for a tensor of 2 dims"),
    ("lt.fft.fftn(x, 1.5)", TypeError, "fft.fftn: a length must be an int, got 1.5"),
    ("lt.fft.fftshift(x, 7)", IndexError, "dim 7 is out of range"),
    ("lt.fft.ifftshift(x, 'a')", TypeError, "dim must be an int, got 'a'"),
    ("lt.bitwise_not(x)", TypeError, "bitwise_not is defined for integers and bools, not for floating tensors"),
    ("lt.bitwise_not(x[:0])", TypeError, "bitwise_not is defined for integers and bools"),
    ("lt.isfinite(10**30)", (TypeError, OverflowError), "isfinite"),
    ("lt.promote_types(x, x)", TypeError, "dtype must be a lamella dtype such as lamella.tensor.float32, got tensor"),
    ("x.sum(x)", TypeError, "dim must be an int, got a Tensor"),
    ("lt.rand(10**30)", ValueError, "a size is at most 9223372036854775807, got shape"),
    ("lt.zeros(2, 10**20)", ValueError, "a size is at most 9223372036854775807"),
    ("lt.histogramdd(x, 'a')", TypeError, "histogramdd: bins must be an int, got 'a'"),
    ("lt.max(x, x, True)", TypeError, r"max of two tensors takes nothing more; it is maximum\(a, b\)"),
    ("lt.min(x, x, axis=0)", TypeError, "min of two tensors takes nothing more"),
    ("lt.nan_to_num(x.long(), x)", TypeError, r"nan_to_num: nan must be a number, got a tensor of shape \(2, 3\)"),
    ("lt.scalar_tensor(x)", TypeError, r"scalar_tensor needs a number, got a tensor of shape \(2, 3\)"),
    ("lt.scalar_tensor([1])", TypeError, r"scalar_tensor needs a number, got \[1\]"),
    ("lt.float_power(x, 'a')", TypeError, "float_power: exponent must be a tensor or a number, got 'a'"),
)


@pytest.mark.parametrize(("call", "error", "message"), OTHERS)
def test_nothing_leaks(call: str, error: Any, message: str) -> None:
    with pytest.raises(error, match=message):
        eval(call, {"lt": lt, "x": lt.ones(2, 3)})
