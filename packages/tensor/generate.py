"""Writes the generated surfaces of lamella.tensor: pointwise functions, arithmetic operators with their fast paths,
in-place twins, methods, the public names.

`outputs()` returns {path relative to this folder: text}; `nox -s generate` writes them, and a test fails when they
are stale.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections.abc import Iterable
from pathlib import Path
from typing import Any

SRC = "src/lamella/tensor/"
HERE = Path(__file__).resolve().parent / SRC
# Families of functions beside those in _functions/: their `__all__` is public too.
FAMILIES = ("_composites", "_creation", "_division", "_drawn")
# What else `lamella.tensor` holds, by module.
FIXED = {
    "_asked": (
        "are_deterministic_algorithms_enabled", "get_float32_matmul_precision",
        "is_deterministic_algorithms_warn_only_enabled", "set_float32_matmul_precision", "use_deterministic_algorithms",
    ),
    "_autocast": ("autocast", "custom_bwd", "custom_fwd", "get_autocast_dtype", "is_autocast_enabled"),
    "_constants": ("e", "inf", "nan", "newaxis", "pi"),
    "_device": ("Device", "Device as device"),
    "_dtype": (
        "DType", "DType as dtype",
        "bfloat16", "bool_", "complex64", "complex128", "float8_e4m3fn", "float8_e5m2", "float16", "float32",
        "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64",
    ),
    "_dtype_info": ("can_cast", "finfo", "iinfo", "promote_types", "result_type"),
    "_environment": ("environment",),
    "_errors": ("FileFormatError",),
    "_exchange": ("from_arrow", "from_dlpack", "frombuffer"),
    "_files": ("load", "save"),
    "_memory_format": (
        "MemoryFormat as memory_format", "channels_last", "channels_last_3d", "contiguous_format", "preserve_format",
    ),
    "_modes": (
        "enable_grad", "inference_mode", "is_grad_enabled", "is_inference_mode_enabled", "no_grad", "set_grad_enabled",
    ),
    "_op": ("MissingRule",),
    "_print": ("get_printoptions", "printoptions", "set_printoptions"),
    "_promotion": ("get_default_dtype", "set_default_dtype"),
    "_random": ("Generator", "default_generator", "get_num_threads", "manual_seed", "set_num_threads"),
    "_rng_state": ("fork_rng", "get_rng_state", "initial_seed", "seed", "set_rng_state"),
    "_size": ("Size",),
    "_state": ("LevelClosedError",),
    "_tensor": ("Tensor",),
}  # fmt: skip
# modules that are imported when they are first asked for
ON_DEMAND = ("array_api", "fft", "linalg")
SUBMODULES = {"_scalar": "scalar"}
ALIASES = {
    "float": "float32", "double": "float64", "half": "float16", "cfloat": "complex64", "cdouble": "complex128",
    "long": "int64", "int": "int32", "short": "int16", "bool": "bool_",
}  # fmt: skip
VERSION = "0.1.0"

UNARY = {
    "neg": "Elementwise -x; TypeError for bool.",
    "abs": "Elementwise absolute value.",
    "sign": "Elementwise sign: -1, 0 or 1; 0 for NaN.",
    "exp": "Elementwise e**x; integer input becomes the default float.",
    "log": "Elementwise natural logarithm; integer input becomes the default float.",
    "log1p": "Elementwise log(1 + x), exact near 0.",
    "sqrt": "Elementwise square root; NaN below 0.",
    "rsqrt": "Elementwise 1 / sqrt(x).",
    "sin": "Elementwise sine, radians.",
    "cos": "Elementwise cosine, radians.",
    "tanh": "Elementwise hyperbolic tangent.",
    "sigmoid": "Elementwise 1 / (1 + exp(-x)).",
    "erf": "Elementwise error function.",
    "reciprocal": "Elementwise 1 / x.",
    "relu": "Elementwise max(x, 0); NaN stays NaN.",
    "floor": "Elementwise largest integer not above x.",
    "logical_not": "Elementwise truth inverted, as bool.",
    "isnan": "Elementwise test for NaN, as bool.",
    "exp2": "Elementwise 2**x; integer input becomes the default float.",
    "expm1": "Elementwise exp(x) - 1, exact near 0.",
    "log2": "Elementwise logarithm to base 2.",
    "log10": "Elementwise logarithm to base 10.",
    "tan": "Elementwise tangent, radians.",
    "asin": "Elementwise inverse sine, in radians; NaN outside [-1, 1].",
    "acos": "Elementwise inverse cosine, in radians; NaN outside [-1, 1].",
    "atan": "Elementwise inverse tangent, in radians.",
    "sinh": "Elementwise hyperbolic sine.",
    "cosh": "Elementwise hyperbolic cosine.",
    "asinh": "Elementwise inverse hyperbolic sine.",
    "acosh": "Elementwise inverse hyperbolic cosine; NaN below 1.",
    "atanh": "Elementwise inverse hyperbolic tangent; NaN outside [-1, 1].",
    "sinc": "Elementwise sin(pi x) / (pi x), 1 at 0.",
    "erfc": "Elementwise 1 - erf(x), exact in the tail.",
    "erfinv": "Elementwise inverse of erf; NaN outside [-1, 1].",
    "lgamma": "Elementwise log |Gamma(x)|.",
    "digamma": "Elementwise derivative of lgamma.",
    "i0": "Elementwise modified Bessel function of the first kind, order 0.",
    "ceil": "Elementwise smallest integer not below x.",
    "trunc": "Elementwise integer part, towards 0.",
    "isfinite": "Elementwise test for what is neither infinite nor NaN, as bool.",
    "isinf": "Elementwise test for infinities, as bool.",
    "signbit": "Elementwise test of the sign bit, as bool: true for -0.0.",
    "bitwise_not": "Elementwise bits inverted, of integers; logical_not of bools.",
}
BINARY = {
    "add": "Elementwise a + alpha * b with broadcasting and promotion.",
    "sub": "Elementwise a - alpha * b with broadcasting and promotion; TypeError for bool.",
    "mul": "Elementwise a * b with broadcasting and promotion.",
    "div": "Elementwise true division a / b; integers become the default float.",
    "pow": "Elementwise a ** b; ValueError for an integer tensor to a negative int.",
    "maximum": "Elementwise larger of a and b; NaN wins.",
    "minimum": "Elementwise smaller of a and b; NaN wins.",
    "eq": "Elementwise a == b, as bool.",
    "ne": "Elementwise a != b, as bool.",
    "lt": "Elementwise a < b, as bool.",
    "le": "Elementwise a <= b, as bool.",
    "gt": "Elementwise a > b, as bool.",
    "ge": "Elementwise a >= b, as bool.",
    "logical_and": "Elementwise truth of both, as bool.",
    "logical_or": "Elementwise truth of either, as bool.",
    "logical_xor": "Elementwise truth of one but not of both, as bool.",
    "atan2": "Elementwise angle of the point (b, a), in (-pi, pi].",
    "hypot": "Elementwise sqrt(a**2 + b**2) without overflow; TypeError unless floating.",
    "copysign": "Elementwise |a| with the sign of b.",
    "nextafter": "Elementwise next number of the dtype after a towards b; TypeError unless floating.",
    "logaddexp": "Elementwise log(exp(a) + exp(b)) without overflow; TypeError unless floating.",
    "logaddexp2": "Elementwise log2(2**a + 2**b) without overflow; TypeError unless floating.",
    "xlogy": "Elementwise a * log(b), 0 where a is 0.",
    "fmax": "Elementwise larger of a and b; a number wins over NaN.",
    "fmin": "Elementwise smaller of a and b; a number wins over NaN.",
    "gcd": "Elementwise greatest common divisor of integers, not negative.",
    "lcm": "Elementwise least common multiple of integers, not negative.",
    "bitwise_and": "Elementwise bits of both, of integers or bools.",
    "bitwise_or": "Elementwise bits of either, of integers or bools.",
    "bitwise_xor": "Elementwise bits of one but not of both, of integers or bools.",
    "bitwise_left_shift": "Elementwise a * 2**b of integers; 0 where every bit leaves.",
    "bitwise_right_shift": "Elementwise floor(a / 2**b) of integers.",
}
# sums whose second operand may be scaled: add(a, b, alpha=2)
SCALED = ("add", "sub")
# ops that floats refuse have no fast path, which is theirs
NO_FLOATS = ("bitwise_not",)
_TESTS = ("isnan", "isfinite", "isinf", "signbit")
IN_PLACE_UNARY = tuple(n for n in UNARY if n not in _TESTS)
IN_PLACE_BINARY = tuple(n for n in BINARY if n not in ("fmax", "fmin", "logaddexp", "logaddexp2", *SCALED, "div"))
# what a family wraps under the same name, with an argument more
WRAPPED = ("div",)

# operator: (op, ufunc, dtypes of the fast path, whether a Python number may take it)
OPERATORS = {
    "add": ("add", "add", "_NUMERIC", True),
    "sub": ("sub", "subtract", "_NUMERIC", True),
    "mul": ("mul", "multiply", "_NUMERIC", True),
    "truediv": ("div", "divide", "_FLOATS", True),
    "pow": ("pow", "power", "_FLOATS", True),
    "eq": ("eq", "equal", "_NUMERIC", False),
    "ne": ("ne", "not_equal", "_NUMERIC", False),
    "lt": ("lt", "less", "_NUMERIC", False),
    "le": ("le", "less_equal", "_NUMERIC", False),
    "gt": ("gt", "greater", "_NUMERIC", False),
    "ge": ("ge", "greater_equal", "_NUMERIC", False),
}
# what & | ^ ~ << >> call
OF_BITS = (
    "logical_and", "logical_or", "logical_not", "bitwise_and", "bitwise_or", "bitwise_xor", "bitwise_not",
    "bitwise_left_shift", "bitwise_right_shift",
)  # fmt: skip
COMPARISONS = ("eq", "ne", "lt", "le", "gt", "ge")

BIND = [
    "",
    "",
    "def bind(cls: type[Tensor]) -> None:",
    '    """Name the final tensor class; called once, by the module that defines it."""',
    "    global _class",
    "    _class = cls",
]

HEADER = '"""{doc}\n\nWritten by `nox -s generate` from packages/tensor/generate.py; edit that file.\n"""\n'


def pointwise() -> str:
    """Functions of one or two operands."""
    lines = [HEADER.format(doc="Pointwise functions: one def per op.")]
    lines += ["from __future__ import annotations\n", "from typing import TYPE_CHECKING, Any, cast\n"]
    lines += ["import numpy as np\n"]
    lines += [
        "from . import _ops  # declares the ops",
        "from ._base import TensorBase",
        "from ._dispatch import dispatch",
    ]
    lines += ["from ._engine import autograd", "from ._kernels import LARGE"]
    lines += ["from ._op import OPS", "from ._operand import scaled", "from ._state import HOT\n"]
    lines += ["if TYPE_CHECKING:", "    from ._tensor import Tensor\n"]
    names = sorted([*UNARY, *BINARY, "bind"])
    lines.append(exports(names))
    lines.append("assert _ops")
    lines += ["_ndarray = np.ndarray", "_asarray = np.asarray", "_new = object.__new__"]
    lines += ["_class: Any = TensorBase", "_EMPTY: dict[str, Any] = {}"]
    lines.append("_FLOAT32 = np.dtype(np.float32)  # identity answers before the hash does")
    lines.append("_FLOATS = frozenset(map(np.dtype, (np.float32, np.float64)))")
    for n in (*UNARY, *BINARY):
        lines.append(f'_{n} = OPS["{n}"]')
    for n in UNARY:
        if n in NO_FLOATS:
            continue
        lines.append(f'_np_{n} = _{n}.rules["numpy"]')
    lines += BIND
    for n, doc in UNARY.items():
        lines += [
            "",
            "",
            f"def {n}(x: Any) -> Tensor:",
            f'    """{doc}"""',
        ]
        if n in NO_FLOATS:
            lines.append(f'    return cast("Tensor", dispatch(_{n}, (x,)))')
            continue
        lines += [
            "    if isinstance(x, _class):",
            "        flags = x._flags | HOT[0]",
            "        if flags <= 1:",
            "            a = x._data",
            "            dtype = a.dtype",
            "            if (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:",
            f"                out = _np_{n}(a)",
            "                r: Tensor = _new(_class)",
            "                r._data = out if type(out) is _ndarray else _asarray(out)",
            "                r._flags = 0",
            "                r._edge = r._cell = r._view = None",
            "                if flags:",
            f"                    autograd().record(_{n}, (x,), _EMPTY, r)",
            "                return r",
            f'    return cast("Tensor", dispatch(_{n}, (x,)))',
        ]
    for n, doc in BINARY.items():
        lines += [
            "",
            "",
            f"def {n}(a: Any, b: Any{', *, alpha: Any = 1' if n in SCALED else ''}) -> Tensor:",
            f'    """{doc}"""',
            *(["    if alpha != 1:", f'        b = scaled("{n}", a, b, alpha)'] if n in SCALED else []),
            *_by_operator(n),
            f'    return cast("Tensor", dispatch(_{n}, (a, b)))',
        ]
    return "\n".join(lines) + "\n"


def _by_operator(op: str) -> list[str]:
    """The fast path of the op's operator, where it has one."""
    names = [name for name, of in OPERATORS.items() if of[0] == op]
    if not names:
        return []
    return [
        "    if isinstance(a, _class):",
        f"        r: Tensor = a.__{names[0]}__(b)",
        "        if r is not NotImplemented:  # what is no operand is refused by name below",
        "            return r",
    ]


def _fast_operator(name: str, op: str, ufunc: str, dtypes: str, numbers: bool) -> list[str]:
    comparison = op in COMPARISONS

    def record(recorder: str) -> list[str]:
        if comparison:
            return []
        return ["                if flags:", f"                    {recorder}[0](_{op}, self, other, r)"]

    lines = [
        "",
        f"    def __{name}__(self, other: Any) -> Tensor:"
        + ("  # type: ignore[override]" if name in ("eq", "ne") else ""),
        "        if isinstance(other, _class):",
        "            flags = self._flags | other._flags | HOT[0]",
        "            if flags <= 1:",
        "                a = self._data",
        "                b = other._data",
        "                dtype = a.dtype",
        f"                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in {dtypes}):",
        "                    try:",
        f"                        out = _np_{ufunc}(a, b)",
        "                    except ValueError as error:",
        f"                        raise explained(_{op}, (self, other), _EMPTY, error) from None",
        "                    r: Tensor = _new(_class)",
        "                    r._data = out if type(out) is _ndarray else _asarray(out)",
        "                    r._flags = 0",
        "                    r._edge = r._cell = r._view = None",
        *["    " + x for x in record("PAIR")],
        "                    return r",
    ]
    if numbers:
        lines += [
            "        elif type(other) is float or type(other) is int:",
            "            flags = self._flags | HOT[0]",
            "            if flags <= 1:",
            "                a = self._data",
            "                dtype = a.dtype",
            "                if dtype is _FLOAT32 or dtype in _FLOATS:",
            f"                    out = _np_{ufunc}(a, other)",
            "                    r = _new(_class)",
            "                    r._data = out if type(out) is _ndarray else _asarray(out)",
            "                    r._flags = 0",
            "                    r._edge = r._cell = r._view = None",
            *["    " + x for x in record("NUMBER")],
            "                    return r",
        ]
    lines += [
        "        elif not is_operand(other):",
        "            return NotImplemented",
        f'        return cast("Tensor", dispatch(_{op}, (self, other)))',
    ]
    return lines


def _fast_product() -> list[str]:
    """`@` of two plain arrays of one floating dtype, unless kernels of other packages might want them."""
    return [
        "        if isinstance(other, _class):",
        "            flags = self._flags | other._flags | HOT[0]",
        "            if flags <= 1:",
        "                a = self._data",
        "                b = other._data",
        "                dtype = a.dtype",
        "                if dtype is b.dtype and (dtype is _FLOAT32 or dtype in _FLOATS) and a.size < LARGE:",
        "                    try:",
        "                        out = _np_matmul(a, b)",
        "                    except ValueError as error:",
        "                        raise explained(_matmul, (self, other), _EMPTY, error) from None",
        "                    r: Tensor = _new(_class)",
        "                    r._data = out if type(out) is _ndarray else _asarray(out)",
        "                    r._flags = 0",
        "                    r._edge = r._cell = r._view = None",
        "                    if flags:",
        "                        PAIR[0](_matmul, self, other, r)",
        "                    return r",
    ]


def arith() -> str:
    """Operators with their fast paths."""
    lines = [HEADER.format(doc="Operators of a tensor, with the fast path for two plain arrays of one dtype.")]
    lines += [
        "from __future__ import annotations\n",
        "from typing import TYPE_CHECKING, Any, cast\n",
        "import numpy as np\n",
        "from . import _ops  # declares the ops",
        "from . import _pointwise as _p",
        "from ._base import TensorBase",
        "from ._dispatch import dispatch, explained",
        "from ._division import div",
        "from ._engine import NUMBER, PAIR, autograd",
        "from ._inplace import assign, inplace",
        "from ._kernels import LARGE",
        "from ._op import OPS",
        "from ._operand import is_operand, scaled",
        "from ._state import HOT\n",
        "if TYPE_CHECKING:",
        "    from ._tensor import Tensor\n",
        '__all__ = ["Arithmetic", "bind"]\n',
        "assert _ops",
        "_ndarray = np.ndarray",
        "_asarray = np.asarray",
        "_new = object.__new__",
        "_class: Any = TensorBase",
        "_EMPTY: dict[str, Any] = {}",
        "_FLOAT32 = np.dtype(np.float32)  # identity answers before the hash does",
        "_FLOATS = frozenset(map(np.dtype, (np.float32, np.float64)))",
        "_NUMERIC = _FLOATS | frozenset(map(np.dtype, (np.int64, np.int32, np.int16, np.int8, np.uint8)))",
    ]
    for u in sorted({v[1] for v in OPERATORS.values()}):
        lines.append(f"_np_{u} = np.{u}")
    for op in sorted({*(v[0] for v in OPERATORS.values()), "matmul", *OF_BITS}):
        lines.append(f'_{op} = OPS["{op}"]')
    lines.append('_np_matmul = _matmul.rules["numpy"]')
    lines += [
        "",
        "",
        "def bind(cls: type[Tensor]) -> None:",
        '    """Name the final tensor class; called once, by the module that defines it."""',
        "    global _class",
        "    _class = cls",
        "",
        "",
        "class Arithmetic(TensorBase):",
        '    """The operators."""',
        "",
        "    __slots__ = ()",
        "    __hash__ = object.__hash__",
    ]
    for name, (op, ufunc, dtypes, numbers) in OPERATORS.items():
        lines += _fast_operator(name, op, ufunc, dtypes, numbers)
    for name in ("add", "mul"):
        lines += ["", f"    __r{name}__ = __{name}__"]
    for name in ("sub", "truediv", "pow"):
        op, ufunc, dtypes, _ = OPERATORS[name]
        lines += [
            "",
            f"    def __r{name}__(self, other: Any) -> Tensor:",
            "        if type(other) is float or type(other) is int:",
            "            flags = self._flags | HOT[0]",
            "            if flags <= 1:",
            "                a = self._data",
            "                dtype = a.dtype",
            "                if dtype is _FLOAT32 or dtype in _FLOATS:",
            f"                    out = _np_{ufunc}(other, a)",
            "                    r: Tensor = _new(_class)",
            "                    r._data = out if type(out) is _ndarray else _asarray(out)",
            "                    r._flags = 0",
            "                    r._edge = r._cell = r._view = None",
            "                    if flags:",
            f"                        autograd().record(_{op}, (other, self), _EMPTY, r)",
            "                    return r",
            "        elif not is_operand(other):",
            "            return NotImplemented",
            f'        return cast("Tensor", dispatch(_{op}, (other, self)))',
        ]
    for side, pair in (("", "(self, other)"), ("r", "(other, self)")):
        lines += [
            "",
            f"    def __{side}matmul__(self, other: Any) -> Tensor:",
            *(_fast_product() if not side else []),
            "        if not is_operand(other):",
            "            return NotImplemented",
            "        if not isinstance(other, TensorBase):",
            "            given = type(other).__name__",
            "            raise TypeError(",
            '                f"@ needs a tensor on both sides, got {given}; wrap an array with from_numpy(...)"',
            "            )",
            f'        return cast("Tensor", dispatch(_matmul, {pair}))',
        ]
    for name, op in (("and", "logical_and"), ("or", "logical_or"), ("xor", "ne")):
        lines += [
            "",
            f"    def __{name}__(self, other: Any) -> Tensor:",
            "        if not is_operand(other):",
            "            return NotImplemented",
            f"        op = _{op} if _of_bools(self, other) else _bitwise_{name}",
            '        return cast("Tensor", dispatch(op, (self, other)))',
            "",
            f"    __r{name}__ = __{name}__",
            "",
            f"    def __i{name}__(self, other: Any) -> Tensor:",
            f"        op = _{op} if _of_bools(self, other) else _bitwise_{name}",
            '        return cast("Tensor", inplace(op, self, (other,)))',
        ]
    for name, op in (("lshift", "bitwise_left_shift"), ("rshift", "bitwise_right_shift")):
        for side, pair in (("", "(self, other)"), ("r", "(other, self)")):
            lines += [
                "",
                f"    def __{side}{name}__(self, other: Any) -> Tensor:",
                "        if not is_operand(other):",
                "            return NotImplemented",
                f'        return cast("Tensor", dispatch(_{op}, {pair}))',
            ]
        lines += [
            "",
            f"    def __i{name}__(self, other: Any) -> Tensor:",
            f'        return cast("Tensor", inplace(_{op}, self, (other,)))',
        ]
    lines += ["", "    __neg__ = _p.neg", "    __abs__ = _p.abs"]
    lines += ["", "    def __pos__(self) -> Tensor:", '        return cast("Tensor", self)']
    lines += [
        "",
        "    def __invert__(self) -> Tensor:",
        "        op = _logical_not if self._data.dtype == np.bool_ else _bitwise_not",
        '        return cast("Tensor", dispatch(op, (self,)))',
    ]
    for name, op in (("iadd", "add"), ("isub", "sub"), ("imul", "mul"), ("itruediv", "div"), ("ipow", "pow")):
        lines += [
            "",
            f"    def __{name}__(self, other: Any) -> Tensor:",
            f'        return cast("Tensor", inplace(_{op}, self, (other,)))',
        ]
    for n in IN_PLACE_UNARY:
        lines += [
            "",
            f"    def {n}_(self) -> Tensor:",
            f'        """In-place twin of {n}."""',
            f'        return cast("Tensor", inplace(OPS["{n}"], self, ()))',
        ]
    for n in SCALED:
        lines += [
            "",
            f"    def {n}_(self, other: Any, *, alpha: Any = 1) -> Tensor:",
            f'        """In-place twin of {n}."""',
            "        if alpha != 1:",
            f'            other = scaled("{n}_", self, other, alpha)',
            f'        return cast("Tensor", inplace(OPS["{n}"], self, (other,)))',
        ]
    lines += [
        "",
        "    def div_(self, other: Any, *, rounding_mode: str | None = None) -> Tensor:",
        '        """In-place twin of div."""',
        "        if rounding_mode is not None:",
        '            return cast("Tensor", assign(div, self, (other,), {"rounding_mode": rounding_mode}))',
        '        return cast("Tensor", inplace(OPS["div"], self, (other,)))',
    ]
    for n in IN_PLACE_BINARY:
        lines += [
            "",
            f"    def {n}_(self, other: Any) -> Tensor:",
            f'        """In-place twin of {n}."""',
            f'        return cast("Tensor", inplace(OPS["{n}"], self, (other,)))',
        ]
    lines += [
        "",
        "",
        "def _of_bools(a: Any, b: Any) -> bool:",
        "    for x in (a, b):",
        "        if not isinstance(x, bool) and (not isinstance(x, TensorBase) or x._data.dtype != np.bool_):",
        "            return False",
        "    return True",
    ]
    return "\n".join(lines) + "\n"


def wrapped(start: str, names: Iterable[str], end: str) -> str:
    """`start` names `end`, many names a line."""
    body = textwrap.fill(", ".join(names) + ",", 114, break_on_hyphens=False)
    return f"{start}\n{textwrap.indent(body, '    ')}\n{end}  # fmt: skip"


def imported(module: str, names: Iterable[str]) -> str:
    """An import of names, on one line where they fit."""
    line = f"from .{module} import {', '.join(sorted(names))}"
    return line if len(line) <= 120 else wrapped(f"from .{module} import (", sorted(names), ")")


def exports(names: Iterable[str]) -> str:
    """The list `__all__`."""
    return wrapped("__all__ = [", [f'"{n}"' for n in sorted(names, key=_in_order)], "]")


def _in_order(name: str) -> list[Any]:
    """Sorts atan2 before atanh, and log2 before log10, as the linter does."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def lists_of(path: Path) -> dict[str, tuple[str, ...]]:
    """The lists of names that a module assigns at its top: `__all__`, METHODS, IN_PLACE."""
    found: dict[str, tuple[str, ...]] = {}
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        target: Any = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and target.id in ("__all__", "METHODS", "IN_PLACE"):
            found[target.id] = tuple(ast.literal_eval(node.value))  # type: ignore[attr-defined]
    return found


def families() -> dict[str, dict[str, tuple[str, ...]]]:
    """Module name, relative to the package, to its lists of names."""
    paths = [p for p in sorted((HERE / "_functions").glob("*.py")) if p.stem not in ("__init__", "common")]
    inside = {f"_functions.{p.stem}": lists_of(p) for p in paths}
    return {name: lists_of(HERE / f"{name}.py") for name in FAMILIES} | inside


def functions_init() -> str:
    """The package of functions: every family under one roof, for the modules of this package."""
    doc = (
        "Functions of tensors that bring their arguments to canonical form, one file per family.\n\n"
        "A family lists its functions in `__all__`, those that are methods in METHODS and those with an in-place twin "
        "in\nIN_PLACE: the package's `__init__` and the class `Methods` are written from these lists."
    )
    lines = [HEADER.format(doc=doc)]
    modules = {"common": lists_of(HERE / "_functions/common.py")["__all__"]}
    modules |= {m.partition(".")[2]: of["__all__"] for m, of in families().items() if "." in m}
    lines += [imported(module, names) for module, names in sorted(modules.items())]
    lines += ["", exports(n for names in modules.values() for n in names)]
    return "\n".join(lines) + "\n"


def package_init() -> str:
    """`lamella.tensor` itself: re-exports only."""
    modules: dict[str, tuple[str, ...]] = {m: of["__all__"] for m, of in families().items()}
    modules |= FIXED | {"_pointwise": tuple(n for n in (*UNARY, *BINARY) if n not in WRAPPED)}
    lines = [
        HEADER.format(doc="Tensors in thin layers: the handle, the written op set, dtypes, random numbers, modes.")
    ]
    lines += ["from typing import TYPE_CHECKING", "", "from lamella.interfaces import on_demand", ""]
    lines += [f"from . import {module} as {name}" for module, name in SUBMODULES.items()]
    exported: list[str] = ["__version__", *SUBMODULES.values(), *ALIASES, *ON_DEMAND]
    for module in sorted(modules):
        lines.append(imported(module, modules[module]))
        exported += [name.rpartition(" as ")[2] for name in modules[module]]
    if len(set(exported)) != len(exported):
        raise ValueError(f"public names given twice: {sorted({n for n in exported if exported.count(n) > 1})}")
    lines += ["", "if TYPE_CHECKING:", f"    from . import {', '.join(ON_DEMAND)}", "else:"]
    table = {name: (name,) for name in ON_DEMAND}
    lines += [f"    __getattr__ = on_demand(__name__, {table!r})"]
    lines += ["", *(f"{name} = {dtype}" for name, dtype in ALIASES.items())]
    lines += ["", f'__version__ = "{VERSION}"', ""]
    lines.append(exports(exported))
    return "\n".join(lines) + "\n"


def methods() -> str:
    """The functions that are methods too, and their in-place twins."""
    lines = [HEADER.format(doc="The methods that are functions of a family, and their in-place twins.")]
    lines += ["from __future__ import annotations\n", "from typing import TYPE_CHECKING, Any, cast\n"]
    of_families = {m: of for m, of in families().items() if of.get("METHODS")}
    names = {m: m.replace(".", "_").lstrip("_") for m in of_families}
    for module, name in names.items():
        parent, _, leaf = module.rpartition(".")
        lines.append(f"from .{parent} import {leaf} as {name}")
    lines += [
        "from . import _pointwise as pointwise",
        "from ._arith import Arithmetic",
        "from ._inplace import assign\n",
    ]
    lines += ["if TYPE_CHECKING:", "    from ._tensor import Tensor\n", '__all__ = ["Methods"]', "", ""]
    lines += ["class Methods(Arithmetic):", '    """Methods that are one call of a function."""', ""]
    lines += ["    __slots__ = ()", ""]
    for n in (*UNARY, *BINARY):
        if n not in WRAPPED:
            lines.append(f"    {n} = pointwise.{n}")
    for module, of in of_families.items():
        lines += [f"    {n} = {names[module]}.{n}" for n in of["METHODS"]]
    for module, of in of_families.items():
        for n in of.get("IN_PLACE", ()):
            lines += [
                "",
                f"    def {n}_(self, *args: Any, **kwargs: Any) -> Tensor:",
                f'        """In-place twin of {n}."""',
                f'        return cast("Tensor", assign({names[module]}.{n}, self, args, kwargs))',
            ]
    return "\n".join(lines) + "\n"


def outputs() -> dict[str, str]:
    """Every generated file of this package."""
    return {
        SRC + "_pointwise.py": pointwise(),
        SRC + "_arith.py": arith(),
        SRC + "_methods.py": methods(),
        SRC + "_functions/__init__.py": functions_init(),
        SRC + "__init__.py": package_init(),
    }
