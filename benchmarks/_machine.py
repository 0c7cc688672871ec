"""The machine a number was measured on: processor, BLAS core, load, commit, and the environment of a measuring process.

numpy's OpenBLAS chooses its kernels when it is loaded, and OPENBLAS_CORETYPE forces an older core than the machine's:
it is taken out of every measuring process, and the core in use is asked from the library itself, never guessed.
"""

from __future__ import annotations

import ctypes
import datetime
import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

__all__ = ["IDLE_LIMIT", "ROOT", "THREADS", "Machine", "Watch", "blas_core", "worker_environment"]

ROOT = Path(__file__).resolve().parents[1]
THREADS = 2
# When others use more than this share of the processors, times are not to be trusted.
IDLE_LIMIT = 0.10

_DROPPED = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED")
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NPROC")  # the last one is XLA's


def worker_environment() -> dict[str, str]:
    """The environment of a measuring process: both sides get the same threads and no forced BLAS core."""
    environment = {key: value for key, value in os.environ.items() if key not in _DROPPED}
    environment.update(dict.fromkeys(_THREAD_VARIABLES, str(THREADS)))
    return environment


def blas_core() -> str:
    """Name of the kernels in use by the OpenBLAS that numpy's wheel brings; "not OpenBLAS" for other builds."""
    import numpy as np

    package = Path(np.__file__).parent
    folders = [package.parent / "numpy.libs", package / ".dylibs"]
    for library in (path for folder in folders for path in sorted(folder.glob("*openblas*"))):
        handle = ctypes.CDLL(str(library))  # loaded already: this only finds it again
        for symbol in ("scipy_openblas_get_corename64_", "scipy_openblas_get_corename", "openblas_get_corename"):
            try:
                function = getattr(handle, symbol)
            except AttributeError:
                continue
            function.restype = ctypes.c_char_p
            return f"OpenBLAS {function().decode()}"
    return "not OpenBLAS"


def _cpu_name() -> str:
    info = Path("/proc/cpuinfo")
    name = platform.processor() or platform.machine()
    if info.exists():
        for line in info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                name = line.split(":", 1)[1].strip()
                break
    return f"{name} x{os.cpu_count()}"


def _commit() -> str:
    """Short hash of the working tree's commit, `+` behind it when files differ, "unknown" outside a checkout."""
    command = ["git", "describe", "--always", "--abbrev=7", "--dirty=+", "--exclude=*"]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "unknown"
    return done.stdout.strip() if done.returncode == 0 else "unknown"


@dataclass(frozen=True)
class Machine:
    """What a run's rows have in common."""

    cpu: str
    blas: str
    commit: str
    date: str

    @classmethod
    def here(cls) -> Machine:
        """This machine, now; the BLAS core is that of a measuring process."""
        asked = subprocess.run(
            [sys.executable, "-c", "from benchmarks._machine import blas_core; print(blas_core())"],
            cwd=ROOT, env=worker_environment(), capture_output=True, text=True, check=True,
        )  # fmt: skip
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        return cls(_cpu_name(), asked.stdout.strip(), _commit(), today)


class Watch:
    """How much of the processors others use while a case runs: busy time less that of this process and its children.

    Windows does not tell the time of children, which there count as others.
    """

    def __init__(self) -> None:
        self._busy, self._own, self._wall = _busy_seconds(), _own_seconds(), time.perf_counter()

    def load(self) -> float:
        """Share of all processors since the start, in [0, 1]; child processes count once they have ended."""
        others = (_busy_seconds() - self._busy) - (_own_seconds() - self._own)
        available = (time.perf_counter() - self._wall) * (os.cpu_count() or 1)
        return min(1.0, max(0.0, others / available))


def _busy_seconds() -> float:
    import psutil

    now = psutil.cpu_times()._asdict()
    # guest times are part of user and nice
    idle = ("idle", "iowait", "guest", "guest_nice")
    return float(sum(value for kind, value in now.items() if kind not in idle))


def _own_seconds() -> float:
    now = os.times()
    return now.user + now.system + now.children_user + now.children_system
