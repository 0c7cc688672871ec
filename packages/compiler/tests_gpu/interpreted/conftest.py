"""These tests run kernels in Triton's interpreter, which a process chooses before it imports Triton."""

from __future__ import annotations

import os
import sys
from pathlib import Path

if "triton" in sys.modules and os.environ.get("TRITON_INTERPRET") != "1":
    raise RuntimeError("Triton is imported already, to compile: run tests_gpu/interpreted in a process of its own")
os.environ["TRITON_INTERPRET"] = "1"

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2] / "tests" / "helpers")]
