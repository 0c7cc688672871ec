"""The one module that imports Triton: loading printed modules, compiling them, and interpreting them on numpy memory.

Triton decides at its import, from `TRITON_INTERPRET`, whether a process compiles or interprets, so one process does one
of the two. torch is never imported: compiling names its target, and the interpreter gets `_Memory`, which has what it
asks of a tensor.
"""

from __future__ import annotations

import functools
import importlib.util
import linecache
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from lamella.tensor.extend import OPS, rule


class TritonMissing(RuntimeError):
    """Triton is not installed; the message says how to get it."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Machine code of one function, and what its launch must provide."""

    cubin: bytes
    name: str
    shared_bytes: int
    global_scratch_bytes: int  # for each program
    profile_scratch_bytes: int


def installed() -> bool:
    """Whether Triton can be imported."""
    return importlib.util.find_spec("triton") is not None


@functools.cache
def _triton() -> Any:
    if not installed():
        raise TritonMissing("the GPU target needs Triton: pip install 'lamella-compiler[triton]'")
    import triton

    return triton


def version() -> str:
    """Triton's version."""
    return str(_triton().__version__)


def interprets() -> bool:
    """Whether this process interprets kernels (`TRITON_INTERPRET=1` when Triton was imported)."""
    return bool(_triton().knobs.runtime.interpret)


def load(text: str, path: Path) -> dict[str, Any]:
    """The functions of a printed module by name; `path` is where readers and tracebacks find the text."""
    _triton()
    name = str(path)
    linecache.cache[name] = (len(text), None, text.splitlines(keepends=True), name)  # Triton reads sources through it
    namespace: dict[str, Any] = {"__name__": f"lamella_triton_{path.stem}", "__file__": name}
    exec(compile(text, name, "exec"), namespace)
    if interprets():
        namespace["libdevice"] = _host_libdevice()
        for name in [n for n in namespace if n.startswith("lm_")]:
            # the plain function: Triton's wrapper prepares the whole language again at each call
            plain = namespace[name] = namespace[name].rewrite()
            plain.fn = plain  # where Triton looks for what a reduction combines by
        if "lm_product" in namespace:
            namespace["lm_product"].ufunc = np.multiply
    return namespace


def compile_function(function: Any, arguments: Sequence[tuple[str, str]], num_warps: int, arch: int) -> Compiled:
    """Compile a loaded function for `sm_{arch}`; pointers are taken to be aligned to 16 bytes.

    Products and sums are not contracted to FMA, and nothing flushes subnormal numbers.
    """
    triton = _triton()
    if interprets():
        raise RuntimeError("TRITON_INTERPRET is set: this process interprets kernels and cannot compile them")
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    aligned = {(k,): [["tt.divisibility", 16]] for k, (_, kind) in enumerate(arguments) if kind.startswith("*")}
    source = ASTSource(function, dict(arguments), {}, aligned)
    options = {"num_warps": num_warps, "enable_fp_fusion": False, "enable_reflect_ftz": False}
    with _own_cache(triton):
        made = triton.compile(source, target=GPUTarget("cuda", arch, 32), options=options)
    about = made.metadata
    return Compiled(
        made.asm["cubin"], about.name, about.shared, about.global_scratch_size, about.profile_scratch_size
    )  # fmt: skip


@contextmanager
def _own_cache(triton: Any) -> Iterator[None]:
    """Triton's own cache is per user and unchecked; what is kept is kept in ours."""
    with tempfile.TemporaryDirectory(prefix="lamella-triton-") as folder, triton.knobs.cache.scope():
        triton.knobs.cache.dir = folder
        yield


# -- the interpreter --------------------------------------------------------------------------------------------------


class _Memory:
    """A numpy array with what Triton's interpreter asks of a tensor; its storage is itself and lies on the host."""

    def __init__(self, array: np.ndarray[Any, Any], dtype: str) -> None:
        self.array, self.dtype = array, dtype

    def data_ptr(self) -> int:
        return int(self.array.ctypes.data)

    def untyped_storage(self) -> _Memory:
        return self

    def cpu(self) -> _Memory:
        return self

    def new_empty(self, size: int, device: str) -> _Memory:  # noqa: ARG002  (what the interpreter passes)
        return _Memory(self.array, self.dtype)

    def set_(self, storage: _Memory, offset: int, size: tuple[int, ...], stride: tuple[int, ...]) -> None:  # noqa: ARG002
        self.array = storage.array

    def storage_offset(self) -> int:
        return 0

    def size(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.array.shape)

    def stride(self) -> tuple[int, ...]:
        return tuple(int(s) for s in self.array.strides)

    def copy_(self, other: _Memory) -> None:
        if other.data_ptr() != self.data_ptr():
            raise AssertionError("the interpreter works on the memory it was given")


# What printed kernels call of libdevice, by numpy's name for it.
_ALIKE = ("fmod", "log1p", "tanh", "copysign", "exp2", "expm1", "log2", "log10", "tan", "sinh", "cosh", "hypot")
_LIBDEVICE = {
    "pow": "power", "asin": "arcsin", "acos": "arccos", "atan": "arctan", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh", "atan2": "arctan2", "nextafter": "nextafter", "trunc": "trunc", "rint": "rint",
    **{name: name for name in _ALIKE},
}  # fmt: skip
_SPECIAL = ("erfc", "lgamma")  # tensor has kernels of these


@functools.cache
def _interpreter() -> Any:
    """Triton's interpreter module, taught what printed kernels need beyond it."""
    if not interprets():
        raise RuntimeError("set TRITON_INTERPRET=1 before Triton is imported to interpret kernels")
    from triton.runtime import interpreter

    def splat(type_: Any, scalar: Any) -> Any:
        # Triton's own makes numbers of the truth values that comparing two scalars gives
        return interpreter.TensorHandle(np.full(type_.shape, scalar.data, scalar.data.dtype), scalar.dtype.scalar)

    whole = interpreter.ReduceOps.apply_impl

    def reduce(self: Any, operands: tuple[Any, ...]) -> Any:
        # Triton combines element by element what it does not know; a numpy ufunc that does the same is much faster
        ufunc = getattr(self.combine_fn, "ufunc", None)
        return whole(self, operands) if ufunc is None else self.min_max(operands[0], ufunc.reduce)

    interpreter.interpreter_builder.create_splat = splat
    interpreter.ReduceOps.apply_impl = reduce
    return interpreter


def _host_libdevice() -> SimpleNamespace:
    """Libdevice's functions over interpreted tensors: Triton's are for devices only."""
    module = _interpreter()
    from triton import language as tl

    def lift(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*operands: Any) -> Any:
            like = sum(operands[1:], operands[0])  # has the shape that the operands broadcast to
            values = function(*(o.handle.data for o in operands))
            return tl.tensor(module.TensorHandle(values, like.dtype.scalar), like.type)

        return call

    functions = {name: getattr(np, numpy_name) for name, numpy_name in _LIBDEVICE.items()}
    functions |= {name: rule(OPS[name], "numpy") for name in _SPECIAL}
    return SimpleNamespace(**{name: lift(function) for name, function in functions.items()})


def interpret(function: Any, arguments: Sequence[tuple[str, str]], values: Sequence[Any], programs: int) -> None:
    """Run all programs of a loaded function one after another; values are arrays for pointers, else numbers."""
    module = _interpreter()
    from triton import language as tl

    if not programs:
        return
    kinds = {
        "fp64": (np.float64, tl.float64), "fp32": (np.float32, tl.float32), "i64": (np.int64, tl.int64),
        "i32": (np.int32, tl.int32),
    }  # fmt: skip
    given: list[Any] = []
    for (_, kind), value in zip(arguments, values, strict=True):
        if kind.startswith("*"):
            given.append(_Memory(value, kind[1:]))
        else:
            numpy_type, triton_type = kinds[kind]
            given.append(tl.tensor(module.TensorHandle(np.array([value], numpy_type), triton_type), triton_type))
    with np.errstate(all="ignore"):  # what numpy would warn about is a value here, as on a GPU
        function[(programs,)](*given)
