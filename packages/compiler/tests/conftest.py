"""Every test of the compiler uses a cache folder of its own session; `helpers` holds what several test files share."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lamella.compiler import _toolchain

sys.path.insert(0, str(Path(__file__).parent / "helpers"))


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("cache")
    folder.chmod(0o700)
    patch = pytest.MonkeyPatch()
    patch.setenv("LAMELLA_CACHE_DIR", str(folder))
    patch.setattr(_toolchain, "FLAGS", (*_toolchain.FLAGS, "-Wall", "-Wextra", "-Wshadow", "-Werror"))
    yield folder
    patch.undo()
