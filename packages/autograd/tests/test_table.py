"""The tables of rules are whole: every op has a rule of each of our kinds, derives it, or is exempt with a reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lamella.autograd import vmap
from lamella.autograd.rules import EXEMPT, batch, jvp, vjp
from lamella.tensor import float64, tensor
from lamella.tensor.extend import OPS, MissingRule, Op, dispatch, rule
from lamella.testing import op_samples

TENSOR_OPS = [op for op in OPS.values() if op.package == "lamella.tensor" and op.spec != "scalar"]
TABLES: dict[str, Mapping[str, object]] = {"vjp": vjp.TABLE, "jvp": jvp.TABLE, "batch": batch.TABLE}


def derived(op, kind):
    """What stands in for a missing rule, or None."""
    if kind == "jvp" and op.spec == "elementwise" and "vjp" in op.rules:
        return "diagonal"
    if op.body is not None:
        return "body"
    return "unbatched" if kind == "batch" and op.spec == "creation" else None


@pytest.mark.parametrize("kind", TABLES)
@pytest.mark.parametrize("op", TENSOR_OPS, ids=lambda op: op.name)
def test_every_cell_is_accounted_for(op, kind):
    rule(OPS["matmul"], kind)  # the tables are loaded
    filled = op.name in TABLES[kind]
    reason = EXEMPT[kind].get(op.name)
    if kind == "vjp" and reason:
        assert op.rules["vjp"].fn is vjp.TABLE["detach"].fn, "an exempt op has the rule that records nothing"
    elif reason:
        assert not filled, f"{op.name} has a {kind} rule and an exemption"
    else:
        assert filled or derived(op, kind), f"{op.name} has no {kind} rule, no derivation and no exemption"
    assert reason is None or len(reason) > 10


@pytest.mark.parametrize("kind", TABLES)
def test_tables_and_exemptions_name_ops_that_exist(kind):
    names = {op.name for op in TENSOR_OPS}
    assert set(TABLES[kind]) <= names
    assert set(EXEMPT[kind]) <= names


def test_every_differentiable_op_is_judged_by_a_sample():
    judged = {s.op_name for s in op_samples() if s.wrt and float64 in s.dtypes}
    assert {n for n in vjp.TABLE if n not in EXEMPT["vjp"]} <= judged


def test_an_op_of_a_third_party_without_rules_is_named():
    op = Op("third_party", "x", "opaque", package="other")
    try:
        op.rules["numpy"] = lambda x: x * 2
        x = tensor([1.0, 2.0])
        assert dispatch(op, (x,)).tolist() == [2.0, 4.0]
        with pytest.raises(MissingRule, match=r"op 'third_party' \(of other\) has no rule of kind 'vjp'"):
            dispatch(op, (x.requires_grad_(),))
        with pytest.raises(MissingRule, match=r"op 'third_party' \(of other\) has no rule of kind 'batch'"):
            vmap(lambda y: dispatch(op, (y,)))(tensor([1.0, 2.0]))
    finally:
        del OPS["third_party"]
