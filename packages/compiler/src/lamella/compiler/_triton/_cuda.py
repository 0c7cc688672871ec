"""Launches compiled kernels through CUDA's driver on the current CuPy stream.

Triton's own launcher is not used: it needs a C compiler on the user's machine. What a kernel takes is read out of its
cubin: after our arguments come hidden pointers to scratch memory (global, then profiling), which are null where the
kernel needs none.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

from lamella.compiler._lower._steps import Extern
from lamella.compiler._triton._compile import DeviceFunction
from lamella.compiler._triton._print import Function

ALIGN = 16  # bytes; kernels are compiled for pointers that are multiples of it
_DYNAMIC_SHARED = 8  # CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
_FREE_SHARED = 48 * 1024  # what every launch may use without asking
_WARP = 32
_CELLS = {"fp64": ctypes.c_double, "fp32": ctypes.c_float, "i64": ctypes.c_int64, "i32": ctypes.c_int32}


class CudaError(RuntimeError):
    """The CUDA driver is missing or refused a call."""


class Driver:
    """The few calls of libcuda that launching takes."""

    def __init__(self) -> None:
        try:
            self._library = ctypes.CDLL("libcuda.so.1")
        except OSError as error:
            raise CudaError("no NVIDIA driver: libcuda.so.1 is not to be found") from error
        self._call("cuInit", ctypes.c_uint(0))

    def _call(self, name: str, *arguments: Any) -> None:
        code = getattr(self._library, name)(*arguments)
        if code:
            text = ctypes.c_char_p()
            self._library.cuGetErrorString(code, ctypes.byref(text))
            why = text.value.decode() if text.value else "unknown error"
            raise CudaError(f"{name} failed with {code}: {why}")

    def load(self, cubin: bytes, name: str, shared_bytes: int) -> int:
        """The handle of a kernel in the current context."""
        module, function = ctypes.c_void_p(), ctypes.c_void_p()
        self._call("cuModuleLoadData", ctypes.byref(module), ctypes.c_char_p(cubin))
        self._call("cuModuleGetFunction", ctypes.byref(function), module, ctypes.c_char_p(name.encode()))
        if shared_bytes > _FREE_SHARED:
            self._call("cuFuncSetAttribute", function, ctypes.c_int(_DYNAMIC_SHARED), ctypes.c_int(shared_bytes))
        return int(function.value or 0)

    def launch(self, function: int, programs: int, threads: int, shared: int, stream: int, arguments: Any) -> None:
        """Start a kernel; `arguments` is a C array of pointers to its parameters."""
        sizes = [ctypes.c_uint(n) for n in (programs, 1, 1, threads, 1, 1, shared)]
        self._call(
            "cuLaunchKernel", ctypes.c_void_p(function), *sizes, ctypes.c_void_p(stream), arguments, ctypes.c_void_p(0)
        )


class Cuda:
    """A machine with CuPy's arrays; kernels are loaded at their first launch on each device."""

    def __init__(self, compiled: Callable[[Function], DeviceFunction], xp: Any, driver: Any) -> None:
        self.xp, self._driver, self._compiled = xp, driver, compiled
        self._handles: dict[tuple[int, str], int] = {}

    def launch(self, function: Function, programs: int, values: list[Any]) -> None:
        """Start so many programs of a function on the current stream."""
        if not programs:
            return
        made = self._compiled(function)
        device = int(self.xp.cuda.Device().id)
        handle = self._handles.get((device, function.name))
        if handle is None:
            handle = self._driver.load(made.compiled.cubin, made.compiled.name, made.compiled.shared_bytes)
            self._handles[device, function.name] = handle
        cells = [_cell(kind, value) for (_, kind), value in zip(function.arguments, values, strict=True)]
        scratch = self._hidden(made, programs, cells)
        packed = (ctypes.c_void_p * len(cells))(*[ctypes.addressof(cell) for cell in cells])
        self._driver.launch(
            handle, programs, function.num_warps * _WARP, made.compiled.shared_bytes,
            int(self.xp.cuda.get_current_stream().ptr), packed,
        )  # fmt: skip
        del scratch  # CuPy's pool gives memory back in the order of the stream

    def _hidden(self, made: DeviceFunction, programs: int, cells: list[Any]) -> list[Any]:
        """Append the parameters that Triton added: pointers to scratch memory."""
        compiled, wanted = made.compiled, made.resources.parameters
        sizes = [compiled.global_scratch_bytes, compiled.profile_scratch_bytes]
        hidden = len(wanted) - len(cells)
        if hidden not in (0, 1, 2) or any(size != 8 for _, size in wanted[len(cells) :]):
            raise CudaError(
                f"{compiled.name} takes {len(wanted)} parameters where {len(cells)} and scratch were expected"
            )
        kept = []
        for size in sizes[:hidden]:
            memory = self.xp.empty(size * programs, "u1") if size else None
            kept.append(memory)
            cells.append(ctypes.c_void_p(memory.data.ptr if memory is not None else 0))
        return kept

    def extern(self, step: Extern) -> Callable[..., Any]:
        """CuPy's own for products; TypeError for everything else."""
        if step.name == "matmul":
            matmul: Callable[..., Any] = self.xp.matmul
            return matmul
        raise TypeError(f"{step.name} has no kernel on a GPU: run it outside the compiled graph")


def _cell(kind: str, value: Any) -> Any:
    """A parameter in the C type that the kernel reads."""
    if not kind.startswith("*"):
        return _CELLS[kind](value)
    address = int(value.data.ptr)
    if address % ALIGN and value.size:
        raise CudaError(f"memory of a kernel must be aligned to {ALIGN} bytes, got address {address:#x}")
    return ctypes.c_void_p(address)
