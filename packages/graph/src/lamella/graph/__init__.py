"""The graph of Lamella: typed SSA with an effect log, its text, its verifier, its passes and its interpreter."""

from typing import TYPE_CHECKING

from lamella.interfaces import on_demand

from ._bound import bound, named_sizes
from ._errors import CaptureError, GraphError, ParseError
from ._graph import Effect, Graph, GraphBuilder, Node, Value, as_value
from ._infer import infer_types
from ._interpret import interpret
from ._parse import parse
from ._passes import (
    Marked,
    Pass,
    canonicalize,
    cse,
    dce,
    decompose,
    fold_constants,
    fold_scalars,
    freeze,
    join_pads,
    kept_for,
    live_bytes,
    partition,
    reading,
    rematerialize,
    rule_passes,
    run_passes,
    simplify,
    size_bytes,
    without,
)
from ._stages import staged
from ._sizes import Size, Sizes, bind, plain
from ._text import to_text
from ._trace import Trace
from ._trace_numbers import Steering
from ._types import ScalarType, TensorType, Type
from ._verify import verify

if TYPE_CHECKING:
    from ._picture import to_picture
    from ._svg import to_svg
else:
    __getattr__ = on_demand(__name__, {"_picture": ("to_picture",), "_svg": ("to_svg",)})

__version__ = "0.1.0"

__all__ = [
    "CaptureError",
    "Effect",
    "Graph",
    "GraphBuilder",
    "GraphError",
    "Marked",
    "Node",
    "ParseError",
    "Pass",
    "ScalarType",
    "Size",
    "Sizes",
    "Steering",
    "TensorType",
    "Trace",
    "Type",
    "Value",
    "__version__",
    "canonicalize",
    "as_value",
    "bind",
    "bound",
    "cse",
    "dce",
    "decompose",
    "fold_constants",
    "fold_scalars",
    "freeze",
    "infer_types",
    "interpret",
    "join_pads",
    "kept_for",
    "live_bytes",
    "named_sizes",
    "parse",
    "partition",
    "reading",
    "rematerialize",
    "plain",
    "rule_passes",
    "run_passes",
    "staged",
    "simplify",
    "size_bytes",
    "to_picture",
    "to_svg",
    "to_text",
    "verify",
    "without",
]
