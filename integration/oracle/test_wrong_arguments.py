"""Every number in the calls of the function table, replaced by what is none: no error shows what is inside."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from integration.oracle.inputs import ours
from integration.oracle.rows import FUNCTIONS, VALUES

pytestmark = pytest.mark.oracle

WRONG = ("1.5", "'a'", "object()")
LEAKS = re.compile(
    r"cannot be interpreted|not supported between|unsupported operand|has no attribute|slice indices|not subscriptable|"
    r"can't multiply|must be real number|not iterable|ufunc|unhashable|not callable|integer scalar|could not convert|"
    r"invalid literal|bad operand|argument must be|to unpack|indices must be|integer is required"
)
OF_PYTHON = ("range", "round")
BASE: dict[str, Any] = {"x": np.ones((3, 4)), "y": np.ones((3, 4)), "m": np.ones((4, 5)), "v": np.ones(4)}
BASE |= {"i": np.zeros((2, 3), np.int64), "k": np.ones((3, 4), bool)}


def numbers_of(call: ast.Call) -> Iterator[ast.Constant]:
    """The numbers among the arguments, and the first ones of lists and tuples there."""
    for given in (*call.args, *[k.value for k in call.keywords]):
        value = given.elts[0] if isinstance(given, (ast.Tuple, ast.List)) and given.elts else given
        value = value.operand if isinstance(value, ast.UnaryOp) else value
        if isinstance(value, ast.Constant) and type(value.value) in (int, float, bool):
            yield value


def mistakes(text: str) -> Iterator[str]:
    tree = ast.parse(text, mode="eval")
    for call in [n for n in ast.walk(tree) if isinstance(n, ast.Call)]:
        if isinstance(call.func, ast.Name) and call.func.id in OF_PYTHON:
            continue
        for number in numbers_of(call):
            for wrong in WRONG:
                kept, number.value = number.value, 987654321
                yield re.sub("-?987654321", wrong, ast.unparse(tree))
                number.value = kept


@pytest.mark.parametrize("text", [t for t in FUNCTIONS if next(mistakes(t), None)])
def test_no_error_shows_the_inside(text: str) -> None:
    for wrong in mistakes(text):
        values = {n: ours(v) if isinstance(v, np.ndarray) else v for n, v in (BASE | VALUES).items()}
        try:
            eval(wrong, {**values, "lib": lt})
        except (TypeError, ValueError, IndexError, OverflowError, RuntimeError) as error:
            assert not LEAKS.search(str(error)), f"{wrong}: {error}"
