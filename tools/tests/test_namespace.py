"""The namespace check names every way a package can leave its shape."""

from __future__ import annotations

import pytest

from tools import namespace

PLAIN = "dependencies = []"
HEAD = '__version__ = "0.1.0"\n__all__ = ["f"]\n'
INITIAL = "packages/base/src/lamella/base/__init__.py"


@pytest.mark.parametrize(
    "text",
    [
        '"""What it is."""\n\nfrom ._x import f\n\n' + HEAD,
        "from ._x import float32\nfloat = float32\n" + HEAD,
        HEAD + "def __getattr__(name):\n    raise AttributeError(name)\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from ._x import f\n" + HEAD,
    ],
)
def test_a_package_that_only_re_exports_is_accepted(make_repository, text: str) -> None:
    assert namespace.check(make_repository({"base": PLAIN}, {INITIAL: text})) == []


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        ("packages/base/src/lamella/__init__.py", "", "must not exist"),
        ("packages/base/src/lamella/stray.py", "", "only the folder base/"),
        ("packages/base/LICENSE", "another\n", "differs from the LICENSE"),
        (INITIAL, HEAD + "from ._x import *\n", "star import"),
        (INITIAL, HEAD + "_cache = {}\n", "assigns _cache"),
        (INITIAL, HEAD + "def f():\n    return 1\n", "only re-exports"),
        (INITIAL, HEAD + "print(1)\n", "only re-exports"),
        (INITIAL, '__all__ = ["f"]\n', "states no __version__"),
    ],
)
def test_every_departure_is_named(make_repository, path: str, text: str, complaint: str) -> None:
    (problem,) = namespace.check(make_repository({"base": PLAIN}, {path: text}))
    assert complaint in problem


def test_missing_files_are_named(make_repository) -> None:
    root = make_repository({"base": PLAIN}, {})
    missing = ["packages/base/CHANGELOG.md", "packages/base/src/lamella/base/py.typed"]
    for path in missing:
        (root / path).unlink()
    problems = namespace.check(root)
    assert [problem.endswith("is missing") for problem in problems] == [True, True]
