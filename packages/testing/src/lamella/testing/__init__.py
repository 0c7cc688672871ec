"""What the tests of every layer share: comparison, arrays worth testing with, samples of every op, gradient checks."""

from ._arrays import ALL_DTYPES, COMPLEX_DTYPES, FLOAT_DTYPES, INT_DTYPES, LAYOUTS, arrays, layout_of, special_values
from ._close import TOLERANCES, Tolerance, assert_close, tolerance_of
from ._gradcheck import gradcheck, gradgradcheck
from ._ops import OpSample, op_samples

__version__ = "0.1.0"

__all__ = [
    "ALL_DTYPES",
    "COMPLEX_DTYPES",
    "FLOAT_DTYPES",
    "INT_DTYPES",
    "LAYOUTS",
    "TOLERANCES",
    "OpSample",
    "Tolerance",
    "__version__",
    "arrays",
    "assert_close",
    "gradcheck",
    "gradgradcheck",
    "layout_of",
    "op_samples",
    "special_values",
    "tolerance_of",
]
