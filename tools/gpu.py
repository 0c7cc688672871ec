"""Whether this machine has a GPU that CUDA's driver can use. Standard library only."""

from __future__ import annotations

import ctypes

__all__ = ["missing"]


def missing() -> str:
    """What stands between this machine and running on a GPU; empty where nothing does."""
    try:
        driver = ctypes.CDLL("libcuda.so.1")
    except OSError:
        return "no NVIDIA driver: libcuda.so.1 is not to be found"
    code = driver.cuInit(0)
    if code:
        return f"the NVIDIA driver does not start: cuInit gave {code}"
    count = ctypes.c_int()
    code = driver.cuDeviceGetCount(ctypes.byref(count))
    return "" if code == 0 and count.value else "the NVIDIA driver sees no device"
