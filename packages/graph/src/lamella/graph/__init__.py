"""The graph of Lamella: typed SSA with an effect log, its text, its verifier, its passes and its interpreter."""

from ._errors import CaptureError, GraphError, ParseError
from ._graph import Effect, Graph, GraphBuilder, Node, Value
from ._infer import infer_types
from ._interpret import interpret
from ._parse import parse
from ._passes import Pass, cse, dce, decompose, fold_scalars, run_passes
from ._stages import staged
from ._text import to_text
from ._trace import Trace
from ._trace_numbers import Steering
from ._types import ScalarType, TensorType, Type
from ._verify import verify

__version__ = "0.1.0"

__all__ = [
    "CaptureError",
    "Effect",
    "Graph",
    "GraphBuilder",
    "GraphError",
    "Node",
    "ParseError",
    "Pass",
    "ScalarType",
    "Steering",
    "TensorType",
    "Trace",
    "Type",
    "Value",
    "__version__",
    "cse",
    "dce",
    "decompose",
    "fold_scalars",
    "infer_types",
    "interpret",
    "parse",
    "run_passes",
    "staged",
    "to_text",
    "verify",
]
