"""The rules of kind `precision`: what autocast does with the floating operands of an op.

`low`: cast to the context's dtype, for products, whose accumulation is wide anyway. `float32`: cast up, for what
loses range or digits. Ops without a rule run in the dtype their operands meet in, the widest of them.
"""

from __future__ import annotations

from . import _composites, _ops  # they declare the ops
from ._op import register_rules

__all__ = ["PRECISION"]

assert _ops
assert _composites
_LOW = ("matmul", "linear", "conv", "conv_input_grad", "attention", "rnn_layer", "lstm_layer")
_FLOAT32 = (
    "acos", "acosh", "asin", "atanh", "cosh", "digamma", "erfinv", "exp", "exp2", "expm1", "lgamma", "log", "log10",
    "log1p", "log2", "logaddexp", "logaddexp2", "polygamma", "pow", "reciprocal", "rsqrt", "sinh", "softplus",
    "sum", "tan", "nansum", "prod", "cumsum", "cumprod",
    "logcumsumexp", "logsumexp", "norm", "var", "std", "softmax", "log_softmax", "cross_entropy", "layer_norm",
    "batch_norm", "cdist", "gru_layer",
)  # fmt: skip

PRECISION: dict[str, str] = {**dict.fromkeys(_LOW, "low"), **dict.fromkeys(_FLOAT32, "float32")}
"""Op name to rule."""
register_rules("precision", PRECISION)
