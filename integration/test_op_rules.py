"""The page docs/op-rules.md: each cell of op x rule is filled, derived or exempt with a reason, and it is not stale."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from lamella.tensor.extend import OPS, Op

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def page():
    path = ROOT / "packages/autograd/generate.py"
    spec = importlib.util.spec_from_file_location("generate_autograd", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_cell_is_filled_derived_or_exempt(page):
    for op in page.ops():
        for kind in page.KINDS:
            mark, reason = page.cell(op, kind)
            assert mark in (page.FILLED, "-", *page.DERIVED)
            assert (mark == page.FILLED) == (reason == ""), f"{op.name}, {kind}"


def test_a_gap_is_named(page):
    op = Op("gap_of_a_test", "x", "opaque", package="test")
    try:
        with pytest.raises(LookupError, match="op 'gap_of_a_test' has no rule of kind 'batch'"):
            page.cell(op, "batch")
    finally:
        del OPS["gap_of_a_test"]


def test_the_page_is_not_stale(page):
    assert (ROOT / "docs/op-rules.md").read_text(encoding="utf-8") == page.table(), "run `nox -s generate`"
