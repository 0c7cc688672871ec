"""The page docs/op-set.md is not stale, every op has a row, and what it says of whole classes of ops is so."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from lamella.interfaces import discover
from lamella.tensor.extend import FLOAT, OPS, MetaArray, Op, as_dtype, rule
from lamella.tensor.meanings import NUMERICS

ROOT = Path(__file__).resolve().parents[1]
discover("rules.meaning")
# NaN does not win here, as the rows of these ops say
NOT_NAN = {"pow", "hypot", "fmax", "fmin", "binary_cross_entropy"}
TWICE = {"rsqrt"}  # rounded between its two steps


@pytest.fixture(scope="module")
def page():
    spec = importlib.util.spec_from_file_location("generate_graph", ROOT / "packages/graph/generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_not_stale(page):
    assert (ROOT / "docs/op-set.md").read_text(encoding="utf-8") == page.page(), "run `nox -s generate`"


def test_every_op_has_a_section_and_a_row(page):
    text = page.page()
    for op in page.written():
        assert f"`{page.signature(op)}`" in text, op.name
        assert page.meaning(op).numerics in NUMERICS, op.name


def test_a_missing_row_is_named(page):
    op = Op("op_of_a_test", "x", "opaque", package="test")
    try:
        with pytest.raises(LookupError, match="op 'op_of_a_test' of test has no row of kind 'meaning'"):
            page.meaning(op)
    finally:
        del OPS["op_of_a_test"]


def elementwise(*numerics):
    """Ops of these classes that can be called with nothing but tensors, with how many they take."""
    ours = [op for op in OPS.values() if op.package.startswith("lamella.")]
    found = [op for op in ours if op.spec == "elementwise" and not op.params and not op.optional]
    return [op for op in found if op.rules["meaning"].numerics in numerics and "numpy" in op.rules]


def takes(op, short):
    dtype = as_dtype(short)
    if dtype.numpy.kind in op.refuses or (op.promotes == "float" and dtype.category < FLOAT):
        return False
    try:
        rule(op, "shape")(*[MetaArray((2,), dtype.numpy)] * len(op.operands))
    except TypeError:
        return False
    return True


@pytest.mark.parametrize("op", elementwise("ieee", "close"), ids=lambda op: op.name)
def test_nan_in_nan_out(op):
    kernel = rule(op, "numpy")
    for k in range(len(op.operands)):
        if op.name in NOT_NAN or not takes(op, "f32"):
            continue
        args = [np.full(3, 0.25, np.float32) for _ in op.operands]
        args[k][1] = np.nan
        with np.errstate(all="ignore"):
            assert np.isnan(kernel(*args))[1]


@pytest.mark.parametrize("op", elementwise("ieee", "close", "steps"), ids=lambda op: op.name)
@pytest.mark.parametrize("short", ["f16", "bf16"])
def test_half_types_are_computed_in_float32_and_rounded_once(op, short):
    if op.name in TWICE or not takes(op, short):
        return
    rng = np.random.default_rng(0)
    narrow = as_dtype(short).numpy
    args = [rng.uniform(0.1, 0.9, 200).astype(narrow) for _ in op.operands]
    kernel = rule(op, "numpy")
    with np.errstate(all="ignore"):
        wide = kernel(*[a.astype(np.float32) for a in args]).astype(narrow)
        found = kernel(*args)
    assert found.dtype == narrow
    assert not (found.view(np.uint16) != wide.view(np.uint16))[~np.isnan(wide)].any()
    np.testing.assert_array_equal(np.isnan(found), np.isnan(wide))


@pytest.mark.parametrize("op", elementwise("test"), ids=lambda op: op.name)
def test_tests_give_bools_and_nan_compares_false(op):
    args = [np.array([np.nan, 1.0], np.float32)] * len(op.operands)
    out = rule(op, "numpy")(*args)
    assert out.dtype == np.bool_
    if op.name in ("eq", "lt", "le", "gt", "ge", "ne"):
        assert bool(out[0]) == (op.name == "ne")


@pytest.mark.parametrize(
    "name", ["reshape", "permute", "expand", "slice", "flip", "roll", "cat", "stack", "pad", "copy"]
)
def test_what_moves_values_keeps_their_bits(name):
    x = np.array([[np.nan, -0.0, np.inf], [5e-324, 0.0, -1.0]])
    params = {
        "reshape": {"shape": (3, 2)}, "permute": {"dims": (1, 0)}, "expand": {"shape": (2, 2, 3)},
        "slice": {"index": ((1, -1, -1), 2)}, "flip": {"dims": (0,)}, "roll": {"shifts": (1,), "dims": (1,)},
        "cat": {"dim": 0}, "stack": {"dim": 0}, "pad": {"pads": ((0, 0), (0, 0)), "value": 0.0}, "copy": {},
    }[name]  # fmt: skip
    out = rule(OPS[name], "numpy")(x, **params)
    assert OPS[name].rules["meaning"].numerics == "exact"
    assert set(np.ascontiguousarray(out).view(np.uint64).ravel()) <= set(x.view(np.uint64).ravel())


@pytest.mark.parametrize("name", ["sum", "mean", "prod", "matmul"])
def test_half_types_accumulate_in_float32(name):
    assert OPS[name].rules["meaning"].numerics in ("sum", "product")
    ones = np.ones((1, 4096), as_dtype("bf16").numpy)
    kernel = rule(OPS[name], "numpy")
    out = kernel(ones, ones.T) if name == "matmul" else kernel(ones, dims=(1,), keepdim=False)
    assert float(np.asarray(out).reshape(-1)[0]) == {"sum": 4096, "matmul": 4096, "mean": 1, "prod": 1}[name]
