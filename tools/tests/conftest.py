"""A small repository to point the tools at: `make_repository` writes packages from a table."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Repository = Callable[[Mapping[str, str], Mapping[str, str]], Path]


@pytest.fixture
def make_repository(tmp_path: Path) -> Repository:
    """`make_repository({package: rows of its pyproject}, {path: text})` returns the root of a repository."""

    def make(declared: Mapping[str, str], files: Mapping[str, str]) -> Path:
        (tmp_path / "LICENSE").write_text("licence\n")
        for name, rows in declared.items():
            folder = tmp_path / "packages" / name
            source = folder / "src" / "lamella" / name
            (folder / "tests").mkdir(parents=True)
            (folder / "pyproject.toml").write_text(f'[project]\nname = "lamella-{name}"\n{rows}\n')
            for text_name in ("README.md", "CHANGELOG.md", "LICENSE"):
                (folder / text_name).write_text("licence\n")
            source.mkdir(parents=True)
            (source / "py.typed").write_text("")
            (source / "__init__.py").write_text('__version__ = "0.1.0"\n__all__ = ["__version__"]\n')
        for path, text in files.items():
            target = tmp_path / path
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        return tmp_path

    return make
