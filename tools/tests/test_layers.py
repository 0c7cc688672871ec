"""The layer check accepts what is declared and names every way around it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools import layers

BASE = 'dependencies = ["numpy>=2.1"]\n[project.optional-dependencies]\ntest = ["pytest"]'
UPPER = (
    'dependencies = ["lamella-base>=0.1"]\n[project.optional-dependencies]\nfast = ["ziglang"]\ntest = ["hypothesis"]'
)
SOURCE = "packages/upper/src/lamella/upper/_x.py"
TEST = "packages/upper/tests/test_x.py"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (SOURCE, "from lamella.base import f\nfrom . import _y\nfrom lamella.upper import _z\nimport os.path\n"),
        (SOURCE, "import lamella\nprint(lamella.__path__)\n"),
        (SOURCE, "def f():\n    import ziglang\n"),
        (SOURCE, "from lamella.base import Thing\nThing._hidden\n"),
        (SOURCE, "import importlib\nimportlib.import_module('lamella.base.extend')\n"),
        (TEST, "import hypothesis\nfrom lamella.upper._x import f\nfrom lamella.base import f\n"),
    ],
)
def test_declared_imports_are_accepted(make_repository, path: str, text: str) -> None:
    assert layers.check(make_repository({"base": BASE, "upper": UPPER}, {path: text})) == []


def test_tests_may_share_helpers(make_repository) -> None:
    files = {TEST: "import shared\n", "packages/upper/tests/helpers/shared.py": "import hypothesis\n"}
    assert layers.check(make_repository({"base": BASE, "upper": UPPER}, files)) == []


@pytest.mark.parametrize(
    ("path", "text", "complaint"),
    [
        (SOURCE, "import numpy\n", "do not name numpy"),
        (SOURCE, "from lamella.other import f\n", "do not name lamella-other"),
        (SOURCE, "from lamella import other\n", "do not name lamella-other"),
        (SOURCE, "import lamella\nlamella.other.f()\n", "do not name lamella-other"),
        (SOURCE, "def f():\n    import lamella.other\n", "do not name lamella-other"),
        (SOURCE, "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import lamella.other\n", "do not name"),
        (SOURCE, "import importlib\nimportlib.import_module('lamella.other')\n", "do not name lamella-other"),
        (SOURCE, "__import__('lamella.other')\n", "do not name lamella-other"),
        (SOURCE, "import ziglang\n", "only the extra 'fast'"),
        (SOURCE, "import hypothesis\n", "do not name hypothesis"),
        (SOURCE, "from lamella.base._inner import f\n", "lamella.base._inner, private"),
        (SOURCE, "from lamella.base import _inner\n", "lamella.base._inner, private"),
        (SOURCE, "import lamella.base as b\nb._inner.f()\n", "lamella.base._inner, private"),
        (SOURCE, "import lamella.base\nlamella.base._inner\n", "lamella.base._inner, private"),
        (TEST, "import scipy\n", "the test extra of lamella-upper do not name scipy"),
        (TEST, "from lamella.base import _inner\n", "lamella.base._inner, private"),
        ("integration/test_x.py", "from lamella.base import _inner\n", "lamella.base._inner, private"),
        ("benchmarks/x.py", "import lamella.upper._x\n", "lamella.upper._x, private"),
    ],
)
def test_undeclared_and_private_imports_are_named(make_repository, path: str, text: str, complaint: str) -> None:
    problems = layers.check(make_repository({"base": BASE, "upper": UPPER, "other": BASE}, {path: text}))
    assert len(problems) == 1
    assert problems[0].startswith(f"{path}:")
    assert complaint in problems[0]


@pytest.mark.parametrize(
    ("rows", "complaint"),
    [
        ('dependencies = ["lamella-base==0.1"]', "pins a sister"),
        ('dependencies = ["lamella-base>=0.1,<0.2"]', "only lamella-interfaces is capped"),
        ('dependencies = ["lamella-interfaces>=0.1"]', "only lamella-interfaces is capped"),
        ('dependencies = ["lamella-missing>=0.1"]', "names no package"),
        ('dependencies = ["lamella-testing>=0.1"]', "test extra only"),
    ],
)
def test_bad_declarations_are_named(make_repository, rows: str, complaint: str) -> None:
    (problem,) = layers.check(make_repository({"base": BASE, "interfaces": BASE, "testing": BASE, "upper": rows}, {}))
    assert complaint in problem


def test_a_cycle_is_named(make_repository) -> None:
    declared = {"a": 'dependencies = ["lamella-b>=0.1"]', "b": 'dependencies = ["lamella-a>=0.1"]'}
    (problem,) = layers.check(make_repository(declared, {}))
    assert "in a cycle: " in problem
    assert {"a", "b"} <= set(problem.split())


def test_the_order_comes_from_the_declarations(make_repository) -> None:
    root: Path = make_repository({"a": UPPER, "base": BASE}, {})
    assert layers.order(root) == ["base", "a"]
