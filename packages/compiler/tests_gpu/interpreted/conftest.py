"""These tests run kernels in Triton's interpreter, which a process chooses before it imports Triton."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

if "triton" in sys.modules and os.environ.get("TRITON_INTERPRET") != "1":
    raise RuntimeError("Triton is imported already, to compile: run tests_gpu/interpreted in a process of its own")
os.environ["TRITON_INTERPRET"] = "1"

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[2] / "tests" / "helpers")]


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every loop that large sizes would need, at sizes an interpreter gets through."""
    from lamella.compiler._triton import _print, _schedule  # after the environment is set

    for name, value in (
        ("TILE", 32),
        ("MOST_TILE", 32),
        ("LEAST_TILE", 16),
        ("ROW_PARTIALS", 4),
        ("COLUMN_PARTIALS", 3),
        ("COLUMN_TILE", 8),
        ("TRANSPOSE_TILE", 4),
    ):
        monkeypatch.setattr(_schedule, name, value)
    monkeypatch.setattr(_print, "PARTIAL_ROWS", 2)
