"""The table of op samples is sound: named once, reproducible, and refusing what it does not have."""

from __future__ import annotations

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor.extend import OPS, dispatch
from lamella.testing import op_samples


def test_names_are_unique_and_known() -> None:
    ids = [s.id for s in op_samples()]
    assert len(ids) == len(set(ids))
    assert all(s.op is OPS[s.op_name] for s in op_samples())
    assert {s.op_name for s in op_samples("add", "sum")} == {"add", "sum"}
    with pytest.raises(KeyError, match="no samples of an op named 'no_such'"):
        op_samples("no_such")


@pytest.mark.parametrize("sample", op_samples(), ids=lambda s: s.id)
def test_a_sample_fits_its_op(sample: object) -> None:
    from lamella.testing import OpSample

    assert isinstance(sample, OpSample)
    op, dtype = sample.op, sample.dtypes[0]
    assert set(sample.params(dtype)) == set(op.params)
    assert op.variadic or len(sample.operands) == len(op.operands)
    first, again, other = sample.arrays(dtype), sample.arrays(dtype), sample.arrays(dtype, seed=1)
    for a, b in zip(first, again, strict=True):
        assert np.array_equal(a, b) if isinstance(a, np.ndarray) else a is b or a == b
    assert len(other) == len(first)
    out = dispatch(op, sample.tensors(dtype), sample.params(dtype))
    assert isinstance(out, tuple) == (op.outputs > 1)
    for i in sample.wrt:
        assert isinstance(first[i], np.ndarray)


def test_a_dtype_it_lacks_is_refused() -> None:
    with pytest.raises(ValueError, match="the sample erf is not made in lamella.int8; it has float64, float32"):
        op_samples("erf")[0].arrays(lt.int8)


def test_ops_without_gradient_have_nothing_to_differentiate() -> None:
    assert all(not s.wrt for s in op_samples("argmax", "detach", "adam"))
    assert op_samples("cross_entropy")[0].wrt == (0,)
    assert repr(op_samples("add")[0]) == "<sample add>"
