"""The table of environment variables in the README names those that the sources read, and no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import lamella.compiler

SOURCES = Path(lamella.compiler.__file__).parent
README = Path(__file__).resolve().parents[1] / "README.md"
BY_OTHERS = {"TRITON_INTERPRET"}  # what a library we call reads, for us


def read_in_python(text: str) -> Iterator[str]:
    """Names given to `os.environ[...]`, `os.environ.get(...)` and `os.getenv(...)`; "?" for one that is computed."""
    for node in ast.walk(ast.parse(text)):
        key: ast.expr | None = None
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ":
            key = node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("os.environ.get", "os.getenv"):
            key = node.args[0]
        if key is not None:
            yield str(key.value) if isinstance(key, ast.Constant) else "?"


def test_readers_are_seen() -> None:
    text = "import os\nos.environ['A']\nos.environ.get('B', 1)\nos.getenv('C')\nos.getenv(name)\nenviron['D']\n"
    assert set(read_in_python(text)) == {"A", "B", "C", "?"}


def test_the_table_is_whole() -> None:
    found = set(BY_OTHERS)
    for path in sorted(SOURCES.rglob("*.py")):
        found |= set(read_in_python(path.read_text(encoding="utf-8")))
    for path in sorted([*SOURCES.rglob("*.c"), *SOURCES.rglob("*.h")]):
        found |= set(re.findall(r'getenv\("(\w+)"\)', path.read_text(encoding="utf-8")))
    _, _, section = README.read_text(encoding="utf-8").partition("## Environment variables")
    table = re.findall(r"^\| `(\w+)` \|", section.partition("\n## ")[0], re.MULTILINE)
    assert sorted(table) == sorted(found)
