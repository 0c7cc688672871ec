"""What a bug report says about the machine: versions, processor, BLAS, threads, the variables that change results.

Nothing is imported to be asked for its version, so the report also works where a package is broken. Variables whose
value may be a path are told as set or not: a report names no folder of its author's.
"""

from __future__ import annotations

import os
import re
import sys

__all__ = ["environment"]

_REQUIRED = ("numpy", "ml_dtypes", "safetensors")
_OPTIONAL = ("scipy", "pyarrow", "torch", "jax", "threadpoolctl", "ziglang")
_VARIABLES = (
    "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OPENBLAS_CORETYPE", "OPENBLAS_THREAD_TIMEOUT", "MKL_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS", "NPY_DISABLE_CPU_FEATURES", "MALLOC_ARENA_MAX", "LAMELLA_KEEP_MB", "PYTHONHASHSEED",
    "PYTHONOPTIMIZE",
)  # fmt: skip
_PATHS = ("LAMELLA_CACHE_DIR", "CC", "LD_PRELOAD", "PYTHONPATH")


def environment() -> str:
    """A report of the software and the machine as text, to be pasted into a bug report; it holds no paths."""
    rows = [
        *((f"lamella.{name}", version) for name, version in _ours().items()),
        *((name, _installed(name) or "not found") for name in _REQUIRED),
        ("Python", _python()),
        ("OS", _system()),
        ("CPU", _cpu()),
        ("memory", _memory()),
        ("BLAS", _blas()),
        ("threads", _threads()),
        *((name, version) for name in _OPTIONAL if (version := _installed(name)) is not None),
        ("not installed", ", ".join(name for name in _OPTIONAL if _installed(name) is None) or "-"),
        *((name, os.environ[name]) for name in _VARIABLES if name in os.environ),
        *((name, "set") for name in _PATHS if os.environ.get(name)),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)


def _ours() -> dict[str, str]:
    """Versions of the lamella packages that this process would import, read from their text."""
    from pathlib import Path

    found: dict[str, str] = {}
    for folder in map(Path, sys.modules["lamella"].__path__):
        for file in sorted(folder.glob("*/__init__.py")):
            version = re.search(r'^__version__ = "([^"]+)"', file.read_text(encoding="utf-8"), re.MULTILINE)
            if version is not None:
                found.setdefault(file.parent.name, version[1])
    return dict(sorted(found.items()))


def _installed(name: str) -> str | None:
    """The version of an installed distribution, or None."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _python() -> str:
    import platform
    import sysconfig

    bits = 64 if sys.maxsize > 2**32 else 32
    threading = ", free-threaded" if sysconfig.get_config_var("Py_GIL_DISABLED") else ""
    return f"{platform.python_version()} ({platform.python_implementation()}, {bits} bit{threading})"


def _system() -> str:
    import platform

    return f"{platform.platform()}, {platform.machine()}"


def _cpu() -> str:
    import platform
    from pathlib import Path

    import numpy as np

    name = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        line = re.search(r"^model name\s*: *(.+)$", info.read_text(encoding="utf-8"), re.MULTILINE)
        name = line[1].strip() if line else name
    usable = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    features = np.show_config(mode="dicts")["SIMD Extensions"]
    known = " ".join([*features.get("baseline", ()), *features.get("found", ())])
    return f"{name}, {usable} of {os.cpu_count()} processors usable; {known}"


def _memory() -> str:
    if not hasattr(os, "sysconf") or "SC_PHYS_PAGES" not in os.sysconf_names:
        return "unknown"
    return f"{os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.1f} GiB"


def _blas() -> str:
    import numpy as np

    from ._blas import SLEEPS, openblas

    build = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    text = f"{build['name']} {build.get('version', '')}".strip()
    blas = openblas()
    if blas is None:
        return f"{text}; threads as its own variables say"
    idle = "sleep" if SLEEPS else "spin"
    return f"{text}, core {blas.core().decode()}, {blas.get()} threads, idle ones {idle}"


def _threads() -> str:
    from ._random import get_num_threads

    return f"{get_num_threads()} (set_num_threads)"
