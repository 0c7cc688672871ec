"""DLPack capsules: numpy makes and reads them, keeping the memory alive and calling its owner's deleter.

numpy has no bfloat16 and float8. Memory of these goes through it as unsigned integers of their width, and the one byte
of the capsule's header that says so is set here to DLPack's code of the type: for good in a capsule of ours, in one of
another library only while numpy looks. The header is also where a capsule is checked before numpy trusts it.
"""

from __future__ import annotations

import ctypes
from typing import Any

import ml_dtypes
import numpy as np

from .._device import as_device

__all__ = ["exported", "imported"]

CPU = (1, 0)
# kinds of memory (dlpack.h) that a processor reads as its own: its own, and what is pinned or managed for a GPU
_READABLE = (1, 3, 11, 13)
_DEVICES = {
    1: "cpu", 2: "cuda", 3: "cuda_host", 4: "opencl", 7: "vulkan", 8: "metal", 10: "rocm", 11: "rocm_host",
    13: "cuda_managed", 14: "oneapi", 15: "webgpu", 16: "hexagon", 17: "maia",
}  # fmt: skip
_MAX_VERSION = (1, 1)  # the first with float8; 1.x have one layout
_UINT = 1
_CODES = {
    0: "int", 1: "uint", 2: "float", 3: "handle", 4: "bfloat", 5: "complex", 6: "bool", 7: "float8_e3m4",
    8: "float8_e4m3", 9: "float8_e4m3b11fnuz", 10: "float8_e4m3fn", 11: "float8_e4m3fnuz", 12: "float8_e5m2",
    13: "float8_e5m2fnuz", 14: "float8_e8m0fnu", 15: "float6_e2m3fn", 16: "float6_e3m2fn", 17: "float4_e2m1fn",
}  # fmt: skip
_PLAIN = {
    (0, 8), (0, 16), (0, 32), (0, 64), (1, 8), (1, 16), (1, 32), (1, 64), (2, 16), (2, 32), (2, 64), (5, 64), (5, 128),
    (6, 8),
}  # fmt: skip
_BEYOND = {
    (4, 16): np.dtype(ml_dtypes.bfloat16),
    (10, 8): np.dtype(ml_dtypes.float8_e4m3fn),
    (12, 8): np.dtype(ml_dtypes.float8_e5m2),
}
_CODE_OF = {dtype: code for (code, _), dtype in _BEYOND.items()}


class _Tensor(ctypes.Structure):
    """DLTensor of dlpack.h."""

    _fields_ = (
        ("data", ctypes.c_void_p), ("device", ctypes.c_int32), ("device_id", ctypes.c_int32), ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8), ("bits", ctypes.c_uint8), ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)), ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    )  # fmt: skip


class _Versioned(ctypes.Structure):
    """DLManagedTensorVersioned; the older DLManagedTensor begins with its DLTensor."""

    _fields_ = (
        ("major", ctypes.c_uint32), ("minor", ctypes.c_uint32), ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p), ("flags", ctypes.c_uint64), ("tensor", _Tensor),
    )  # fmt: skip


_pointer_of = ctypes.PYFUNCTYPE(ctypes.c_void_p, ctypes.py_object, ctypes.c_char_p)(
    ("PyCapsule_GetPointer", ctypes.pythonapi)
)
_name_of = ctypes.PYFUNCTYPE(ctypes.c_char_p, ctypes.py_object)(("PyCapsule_GetName", ctypes.pythonapi))


class _Given:
    """A capsule in hand as the object that numpy asks for one."""

    def __init__(self, capsule: Any) -> None:
        self._capsule = capsule

    def __dlpack__(self, **_: Any) -> Any:
        return self._capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return CPU


def exported(
    array: Any, max_version: tuple[int, int] | None, dl_device: tuple[Any, int] | None, copy: bool | None
) -> Any:
    """A capsule over an array's memory, or over a copy; BufferError for what DLPack, or its readers, cannot take."""
    if dl_device is not None and (int(dl_device[0]), int(dl_device[1])) != CPU:
        raise BufferError(f"this memory is on the cpu {CPU}, and cannot be exported to the device {tuple(dl_device)}")
    if not copy:
        if any(stride < 0 and n > 1 for stride, n in zip(array.strides, array.shape, strict=True)):
            raise BufferError("readers of DLPack take no negative strides; export x.contiguous(), or pass copy=True")
        if not array.flags.writeable and (max_version is None or max_version[0] < 1):
            raise BufferError(
                "this memory is read-only (an expanded tensor, or one over a read-only owner), which only capsules of "
                "version 1 can say: pass max_version=(1, 0), or copy=True"
            )
    code = _CODE_OF.get(array.dtype)
    if code is None:
        return array.__dlpack__(max_version=max_version, copy=copy)
    capsule = array.view(f"u{array.dtype.itemsize}").__dlpack__(max_version=max_version, copy=copy)
    _header(capsule).code = code
    return capsule


def imported(obj: Any, device: Any, copy: bool | None) -> Any:
    """An array over the memory of a DLPack object or capsule; the array keeps it alive."""
    if device is not None and as_device(device).kind != "cpu":
        raise ValueError(f"from_dlpack makes tensors over memory on the cpu, not on {device}")
    capsule = _asked(obj, device is not None, copy) if hasattr(obj, "__dlpack__") else obj
    header = _header(capsule)
    beyond = _checked(header)
    code = header.code
    try:
        if beyond is not None:
            header.code = _UINT
        array = np.from_dlpack(_Given(capsule))
    finally:
        header.code = code
    if beyond is not None:
        array = array.view(beyond)
    return array.copy(order="K") if copy else array


def _asked(obj: Any, to_cpu: bool, copy: bool | None) -> Any:
    """The capsule of an object, by the protocol of today or the one before keywords."""
    if not to_cpu:
        kind = int(obj.__dlpack_device__()[0])
        if kind not in _READABLE:
            raise BufferError(
                f"from_dlpack: the memory of this {type(obj).__name__} is on the device {_device(kind)}; "
                f"pass device='cpu' to have its owner copy it"
            )
    try:
        # a copy is made here, so that an owner that cannot make one is no hindrance
        return obj.__dlpack__(max_version=_MAX_VERSION, dl_device=CPU if to_cpu else None, copy=None if copy else copy)
    except TypeError:
        # an owner from before DLPack 1.0 takes no keywords; it never copies, which is what copy=False asks
        return obj.__dlpack__()


def _header(capsule: Any) -> _Tensor:
    """The DLTensor in a capsule that nobody has read yet."""
    if type(capsule).__name__ != "PyCapsule":
        raise TypeError(
            f"from_dlpack needs an object with __dlpack__ or a DLPack capsule, got {type(capsule).__name__}"
        )
    name = _name_of(capsule)
    if name == b"dltensor":
        return _Tensor.from_address(_pointer_of(capsule, name))
    if name == b"dltensor_versioned":
        managed = _Versioned.from_address(_pointer_of(capsule, name))
        if managed.major != 1:
            raise BufferError(f"this DLPack capsule has version {managed.major}.{managed.minor}; 1.x can be read here")
        return managed.tensor  # type: ignore[no-any-return]
    if name is not None and name.startswith(b"used_dltensor"):
        raise BufferError(
            "this DLPack capsule has been read already, which can be done once; ask its owner for another"
        )
    raise BufferError(f"this capsule is named {name!r}, a DLPack capsule is named 'dltensor' or 'dltensor_versioned'")


def _checked(header: _Tensor) -> np.dtype[Any] | None:
    """What numpy would trust or misread; the dtype where it is one that numpy has not."""
    if header.device not in _READABLE:
        raise BufferError(f"this DLPack memory is on the device {_device(header.device)}; bring it to the cpu first")
    kind = (header.code, header.bits)
    if header.lanes != 1 or (kind not in _PLAIN and kind not in _BEYOND):
        lanes = f" in vectors of {header.lanes}" if header.lanes != 1 else ""
        name = _CODES.get(header.code, f"type {header.code}")
        raise BufferError(f"a tensor cannot hold DLPack's {name} of {header.bits} bits{lanes}")
    if not 0 <= header.ndim <= 64 or (header.ndim and not header.shape):
        raise BufferError(f"this DLPack capsule is damaged: {header.ndim} dims, shape at {bool(header.shape)}")
    shape = header.shape[: header.ndim] if header.ndim else []
    if any(n < 0 for n in shape) or (not header.data and 0 not in shape):
        raise BufferError(f"this DLPack capsule is damaged: shape {shape}, memory at {header.data}")
    return _BEYOND.get(kind)


def _device(kind: int) -> str:
    return f"{_DEVICES.get(kind, 'unknown')} ({kind})"
