"""These tests compile kernels, with a cache folder of their own, in a process that does not interpret."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

if os.environ.get("TRITON_INTERPRET") == "1":
    raise RuntimeError("TRITON_INTERPRET is set: run tests_gpu/compiled in a process of its own, without it")

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tests" / "helpers"))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    folder.chmod(0o700)
    patch = pytest.MonkeyPatch()
    patch.setenv("LAMELLA_CACHE_DIR", str(folder))
    yield folder
    patch.undo()
