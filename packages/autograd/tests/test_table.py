"""The tables of rules are whole: every op has a rule of each of our kinds, derives it, or is exempt with a reason."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from lamella.autograd import vmap
from lamella.autograd.rules import EXEMPT, batch, jvp, vjp
from lamella.tensor import Tensor, float64, tensor
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


# floating operands that no gradient is asked of, and why
CONSTANT: dict[tuple[str, str], str] = {}
# floating outputs that carry no gradient, and why
SILENT: dict[tuple[str, int], str] = {}


# from real numbers to complex ones, or back: judged in test_complex, by the way there and back
IN_COMPLEX = {"view_as_real", "view_as_complex"}
# steps of backward rules: the second gradients of these ops are the gradients of the step by all of its operands
STEP_OF = {"band_grad": "hardtanh", "linear_weight_grad": "linear", "layer_norm_input_grad": "layer_norm"}


def step_of(op):
    """The op whose backward a step is, or None: a body of ops, and the op's name with _grad behind it."""
    if op.body is None or op.unit or not op.name.endswith("_grad"):
        return None
    return STEP_OF.get(op.name, op.name.removesuffix("_grad"))


def judged():
    """The samples that gradients, second gradients, forward mode and batching are judged by."""
    return [s for s in op_samples() if s.wrt and float64 in s.dtypes and s.op_name not in EXEMPT["vjp"]]


def test_every_differentiable_op_is_judged_by_a_sample():
    # composites without a rule of their own are no exception: their bodies may be wrong too
    names = {s.op_name for s in judged()}
    missing = {op.name for op in TENSOR_OPS} - set(EXEMPT["vjp"]) - names - IN_COMPLEX
    assert not missing, f"no smooth sample in float64 for {sorted(missing)}: add one, or exempt the op with a reason"


@pytest.mark.parametrize("name", sorted({s.op_name for s in judged()}))
def test_every_operand_and_output_is_judged(name):
    op = OPS[name]
    if step_of(op) is not None:
        assert step_of(op) in {s.op_name for s in judged()}
        return
    samples = [s for s in judged() if s.op_name == name]
    followed = {0 if op.variadic else i for s in samples for i in s.wrt}
    recorded = False
    for s in samples:
        given = s.tensors(float64)
        for i, x in enumerate(given):
            operand = op.operands[0 if op.variadic else i]
            if isinstance(x, Tensor) and x.dtype.is_floating_point and (name, operand) not in CONSTANT:
                assert (0 if op.variadic else i) in followed, f"no sample of {name} asks for the gradient of {operand}"
        outs = dispatch(op, s.tensors(float64, requires_grad=True), s.params(float64))
        for k, out in enumerate(outs if isinstance(outs, tuple) else (outs,)):
            if out.dtype.is_floating_point and (name, k) not in SILENT:
                assert out.requires_grad, f"output {k} of {name} is floating and not followed"
                recorded = True
    assert recorded, f"no sample of {name} has a floating output"


def test_reasons_name_what_exists():
    assert all(name in OPS and operand in OPS[name].operands for name, operand in CONSTANT)
    assert all(name in OPS and k < OPS[name].outputs for name, k in SILENT)
    assert all(len(reason) > 10 for reason in (*CONSTANT.values(), *SILENT.values()))


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
