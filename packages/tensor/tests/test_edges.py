"""Edge behaviour, row by row of a table made with PyTorch: casts of special values, integer division, shifts and
powers, rounding, NaN in comparisons and selections, overflow of half types, float8, complex numbers.

`ours` are the rows where lamella differs, each with its reason; `processor` those where C leaves a cast undefined.
"""

from __future__ import annotations

import json
import math
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt

TABLE = json.loads((Path(__file__).parent / "tables" / "edges.json").read_text(encoding="utf-8"))
ROWS = [(section, *row) for section in ("shared", "processor", "ours") for row in TABLE[section]]
ON_X86 = platform.machine() in ("x86_64", "AMD64")


def value_of(text: str) -> tuple[str, str]:
    out = eval(text, {"lib": lt, "nan": math.nan, "inf": math.inf})
    return out.dtype.name, repr((out.double() if out.dtype.is_floating_point else out).tolist())


def by_operation(row: tuple[Any, ...]) -> str:
    text = row[1]
    return text.partition("Y: ")[2].partition(")(lib")[0] if text.startswith("(lambda") else text.partition("]")[2]


GROUPS = sorted({by_operation(row) for row in ROWS})


@pytest.mark.parametrize("operation", GROUPS)
def test_edges(operation: str) -> None:
    wrong = []
    for section, text, dtype, values, *_ in (row for row in ROWS if by_operation(row) == operation):
        if section != "processor" or ON_X86:
            got = value_of(text)
            if got != (dtype, values):
                wrong.append((text, got, (dtype, values)))
    assert wrong == []


def test_every_difference_has_its_reason() -> None:
    for row in TABLE["ours"]:
        assert len(row) == 6
        assert row[1:3] != row[3:5]
        assert row[5]


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "uint16", "int32", "uint32", "int64"])
@pytest.mark.parametrize("source", ["float64", "float32", "float16", "bfloat16", "float8_e5m2"])
def test_a_cast_does_not_depend_on_where_in_the_tensor_a_number_is(source: str, dtype: str) -> None:
    kind, target = getattr(lt, source), getattr(lt, dtype)
    for value in (math.nan, math.inf, -math.inf, -1.5, 300.0, 1e5, -1e10, 1e10, 1e20):
        one = lt.full((), 0.0, dtype=kind) + lt.tensor(value, dtype=lt.float64).to(kind)
        single = one.to(target).item()
        for n in (2, 7, 8, 33):
            for x in (one.expand(n).clone(), one.expand(2 * n).clone()[::2], one.expand(n + 1).clone()[1:]):
                assert set(x.to(target).tolist()) == {single}, (value, n)


def test_writing_into_a_tensor_casts_as_to_does() -> None:
    values = lt.tensor([math.nan, 1e10, -1.0, 465.0, 1e5], dtype=lt.float64)
    for dtype in (lt.uint32, lt.float8_e4m3fn, lt.int16, lt.float16):
        expected = values.to(dtype).numpy()
        written = [lt.zeros(5, dtype=dtype) for _ in range(4)]
        written[0].copy_(values)
        written[1][:] = values
        written[2][[0, 1, 2, 3, 4]] = values
        written[3][lt.ones(5, dtype=lt.bool)] = values
        for t in written:
            assert np.array_equal(t.numpy().view(np.uint8), expected.view(np.uint8))
