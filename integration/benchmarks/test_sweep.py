"""The sweep without its timings: every row runs, once in every dtype and direction, at its smallest size."""

from __future__ import annotations

import pytest

import lamella.tensor as lt
from benchmarks.sweep import FAMILIES
from benchmarks.sweep._row import prepared, variants
from lamella.nn import functional

ROWS = [row for rows in FAMILIES.values() for row in rows]


def test_names_are_distinct():
    assert len({row.name for row in ROWS}) == len(ROWS)


@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_a_row_runs(row):
    for dtype, size, way in variants(row):
        if size == row.sizes[0]:
            prepared(lt, functional, row, dtype, size, way)()
