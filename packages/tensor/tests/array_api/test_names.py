"""The namespace has every name of the standard, with the standard's parameters."""

from __future__ import annotations

import inspect

import pytest

import lamella.tensor as lt
import lamella.tensor.array_api as xp

# Parameters of a function as they stand in the standard, version 2024.12: `/` and `*` included, `=` for a default.
SIGNATURES = """
__array_namespace_info__ :
all : x / * axis= keepdims=
any : x / * axis= keepdims=
arange : start / stop= step= * dtype= device=
argmax : x / * axis= keepdims=
argmin : x / * axis= keepdims=
argsort : x / * axis= descending= stable=
asarray : obj / * dtype= device= copy=
astype : x dtype / * copy= device=
broadcast_arrays : *arrays
broadcast_to : x / shape
can_cast : from_ to /
clip : x / min= max=
concat : arrays / * axis=
count_nonzero : x / * axis= keepdims=
cumulative_prod : x / * axis= dtype= include_initial=
cumulative_sum : x / * axis= dtype= include_initial=
diff : x / * axis= n= prepend= append=
empty : shape * dtype= device=
empty_like : x / * dtype= device=
expand_dims : x / axis
eye : n_rows n_cols= / * k= dtype= device=
finfo : type /
flip : x / * axis=
from_dlpack : x / * device= copy=
full : shape fill_value * dtype= device=
full_like : x / fill_value * dtype= device=
iinfo : type /
isdtype : dtype kind
linspace : start stop / num * dtype= device= endpoint=
matmul : x1 x2 /
matrix_transpose : x /
max : x / * axis= keepdims=
mean : x / * axis= keepdims=
meshgrid : *arrays indexing=
min : x / * axis= keepdims=
moveaxis : x source destination /
nonzero : x /
ones : shape * dtype= device=
ones_like : x / * dtype= device=
permute_dims : x / axes
prod : x / * axis= dtype= keepdims=
repeat : x repeats / * axis=
reshape : x / shape * copy=
result_type : *arrays_and_dtypes
roll : x / shift * axis=
searchsorted : x1 x2 / * side= sorter=
sort : x / * axis= descending= stable=
squeeze : x / axis
stack : arrays / * axis=
std : x / * axis= correction= keepdims=
sum : x / * axis= dtype= keepdims=
take : x indices / * axis=
take_along_axis : x indices / * axis=
tensordot : x1 x2 / * axes=
tile : x repetitions /
tril : x / * k=
triu : x / * k=
unique_all : x /
unique_counts : x /
unique_inverse : x /
unique_values : x /
unstack : x / * axis=
var : x / * axis= correction= keepdims=
vecdot : x1 x2 / * axis=
where : condition x1 x2 /
zeros : shape * dtype= device=
zeros_like : x / * dtype= device=
linalg.cholesky : x / * upper=
linalg.cross : x1 x2 / * axis=
linalg.det : x /
linalg.diagonal : x / * offset=
linalg.eigh : x /
linalg.eigvalsh : x /
linalg.inv : x /
linalg.matmul : x1 x2 /
linalg.matrix_norm : x / * keepdims= ord=
linalg.matrix_power : x n /
linalg.matrix_rank : x / * rtol=
linalg.matrix_transpose : x /
linalg.outer : x1 x2 /
linalg.pinv : x / * rtol=
linalg.qr : x / * mode=
linalg.slogdet : x /
linalg.solve : x1 x2 /
linalg.svd : x / * full_matrices=
linalg.svdvals : x /
linalg.tensordot : x1 x2 / * axes=
linalg.trace : x / * offset= dtype=
linalg.vecdot : x1 x2 / * axis=
linalg.vector_norm : x / * axis= keepdims= ord=
fft.fft : x / * n= axis= norm=
fft.fftfreq : n / * d= dtype= device=
fft.fftn : x / * s= axes= norm=
fft.fftshift : x / * axes=
fft.hfft : x / * n= axis= norm=
fft.ifft : x / * n= axis= norm=
fft.ifftn : x / * s= axes= norm=
fft.ifftshift : x / * axes=
fft.ihfft : x / * n= axis= norm=
fft.irfft : x / * n= axis= norm=
fft.irfftn : x / * s= axes= norm=
fft.rfft : x / * n= axis= norm=
fft.rfftfreq : n / * d= dtype= device=
fft.rfftn : x / * s= axes= norm=
"""
UNARY = """
abs acos acosh asin asinh atan atanh bitwise_invert ceil conj cos cosh exp expm1 floor imag isfinite isinf
isnan log log1p log2 log10 logical_not negative positive real reciprocal round sign signbit sin sinh sqrt square tan
tanh trunc"""
BINARY = """
add atan2 bitwise_and bitwise_left_shift bitwise_or bitwise_right_shift bitwise_xor copysign divide equal
floor_divide greater greater_equal hypot less less_equal logaddexp logical_and logical_or logical_xor maximum minimum
multiply nextafter not_equal pow remainder subtract"""
VALUES = """
bool complex64 complex128 e fft float32 float64 inf int8 int16 int32 int64 linalg nan newaxis pi uint8
uint16 uint32 uint64 Array __array_api_version__"""

ROWS = dict(line.split(" :") for line in SIGNATURES.strip().splitlines())
ROWS |= dict.fromkeys(UNARY.split(), " x /") | dict.fromkeys(BINARY.split(), " x1 x2 /")


def _found(name: str) -> object:
    owner, _, last = name.rpartition(".")
    return getattr(getattr(xp, owner) if owner else xp, last)


def _spelled(function: object) -> str:
    words: list[str] = []
    last = None
    for parameter in inspect.signature(function).parameters.values():
        if last is parameter.POSITIONAL_ONLY and parameter.kind is not last:
            words.append("/")
        if parameter.kind is parameter.KEYWORD_ONLY and last not in (parameter.kind, parameter.VAR_POSITIONAL):
            words.append("*")
        star = "*" if parameter.kind is parameter.VAR_POSITIONAL else ""
        words.append(f"{star}{parameter.name}" + ("" if parameter.default is parameter.empty else "="))
        last = parameter.kind
    if last is inspect.Parameter.POSITIONAL_ONLY:
        words.append("/")
    return " ".join(words)


@pytest.mark.parametrize("name", ROWS)
def test_signature(name: str) -> None:
    assert _spelled(_found(name)) == ROWS[name].strip()


def test_no_name_is_missing_and_none_is_added() -> None:
    plain = {name for name in ROWS if "." not in name} | set(VALUES.split())
    assert set(xp.__all__) == plain
    assert all(hasattr(xp, name) for name in plain)
    for extension in ("linalg", "fft"):
        assert set(getattr(xp, extension).__all__) == {n.split(".")[1] for n in ROWS if n.startswith(extension + ".")}


def test_every_function_says_what_it_does() -> None:
    assert [name for name in ROWS if not (inspect.getdoc(_found(name)) or "").endswith(".")] == []


def test_data_types_are_those_of_tensors() -> None:
    assert xp.float32 is lt.float32
    assert xp.bool is lt.bool_
