"""Rules of one op agree: shape rules with kernels, on memory and on meta tensors, and bodies with kernels."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor.extend import FLOAT, OPS, MetaArray, MissingRule, Op, dispatch, register_rules, rule
from lamella.testing import OpSample, assert_close, op_samples

CASES = [pytest.param(s, d, id=f"{s.id}-{d.short}") for s in op_samples() for d in s.dtypes]
BODIES = [pytest.param(s, d, id=f"{s.id}-{d.short}") for s in op_samples() if s.op.body is not None for d in s.dtypes]


def outputs(result: Any) -> tuple[Any, ...]:
    return result if isinstance(result, tuple) else (result,)


def metas(args: tuple[Any, ...]) -> list[Any]:
    return [MetaArray(a.shape, a.dtype) if isinstance(a, np.ndarray) else a for a in args]


@pytest.mark.parametrize(("sample", "dtype"), CASES)
def test_shape_rule_equals_kernel(sample: OpSample, dtype: lt.DType) -> None:
    params = sample.params(dtype)
    got = outputs(dispatch(sample.op, sample.tensors(dtype), params))
    args = sample.arrays(dtype)
    if "V" in {a.dtype.kind for a in args if isinstance(a, np.ndarray)}:
        # beside ml_dtypes' floats the dispatcher makes numbers tensors, so the rule sees metas only
        args = tuple(np.zeros((), dtype.numpy) if type(a) in (int, float) and sample.op.promotes else a for a in args)
    ruled = outputs(rule(sample.op, "shape")(*metas(args), **params))
    assert [(tuple(r.shape), r.dtype) for r in ruled] == [(g.shape, g.dtype.numpy) for g in got]


@pytest.mark.parametrize(("sample", "dtype"), CASES)
def test_meta_tensors_give_the_same_types(sample: OpSample, dtype: lt.DType) -> None:
    args = tuple(a.to("meta") if isinstance(a, lt.Tensor) else a for a in sample.tensors(dtype))
    got = outputs(dispatch(sample.op, sample.tensors(dtype), sample.params(dtype)))
    if not any(isinstance(a, lt.Tensor) for a in args):
        return
    ruled = outputs(dispatch(sample.op, args, sample.params(dtype)))
    assert all(r.device == "meta" for r in ruled)
    assert [(r.shape, r.dtype) for r in ruled] == [(g.shape, g.dtype) for g in got]


@pytest.mark.parametrize(("sample", "dtype"), BODIES)
def test_body_equals_kernel(sample: OpSample, dtype: lt.DType) -> None:
    args, params = sample.tensors(dtype), sample.params(dtype)
    arrays = [a.numpy() if isinstance(a, lt.Tensor) else a for a in args]
    kernel = tuple(lt.from_numpy(np.asarray(o)) for o in outputs(sample.op.rules["numpy"](*arrays, **params)))
    assert sample.op.body is not None
    body = outputs(sample.op.body(*args, **params))
    assert len(kernel) == len(body) == sample.op.outputs
    for i, (k, b) in enumerate(zip(kernel, body, strict=True)):
        assert_close(b, k, like=dtype if k.dtype.category == FLOAT else None, factor=2, message=f"output {i}")
        assert (b.shape, b.dtype) == (k.shape, k.dtype), f"output {i}"


def test_every_op_has_a_shape_and_a_kernel_or_body() -> None:
    lacking = [
        n
        for n, op in OPS.items()
        if op.package == "lamella.tensor"
        and ("numpy" not in op.rules and op.body is None or ("shape" not in op.rules and op.spec != "scalar"))
    ]
    assert not lacking


def test_registering() -> None:
    with pytest.raises(ValueError, match="an op named 'add' exists already, in lamella.tensor"):
        Op("add", "a, b", "elementwise")
    with pytest.raises(ValueError, match="neither one of"):
        Op("test.other", "a", "sideways")
    with pytest.raises(KeyError, match="names the op 'no_such_op'"):
        register_rules("shape", {"no_such_op": None})
    with pytest.raises(ValueError, match="has a rule of kind 'shape' already"):
        register_rules("shape", {"add": None})
    with pytest.raises(MissingRule, match="'scalar.add'.*no rule of kind 'shape'"):
        rule(OPS["scalar.add"], "shape")


def test_an_op_without_kernel_names_itself() -> None:
    op = Op("test.bare", "x", "opaque", package="test")
    try:
        with pytest.raises(MissingRule, match=r"'test.bare' \(of test\) has no rule of kind 'numpy' and no body"):
            dispatch(op, (lt.zeros(2),))
    finally:
        del OPS["test.bare"]


def test_generated_files_are_fresh() -> None:
    folder = Path(__file__).resolve().parents[1]
    if not (folder / "generate.py").exists():
        pytest.skip("the generator lies in the repository, not in a source distribution")
    spec = importlib.util.spec_from_file_location("generate_tensor", folder / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name, text in module.outputs().items():
        # formatting differs: the same program has the same syntax tree
        import ast

        now = (folder / name).read_text(encoding="utf-8")
        assert ast.dump(sorted_imports(ast.parse(now))) == ast.dump(sorted_imports(ast.parse(text))), (
            f"{name} is stale; run nox -s generate"
        )


def sorted_imports(tree: Any) -> Any:
    """The formatter orders imports; their order means nothing here."""
    import ast

    heads = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
    for n in heads:
        n.names.sort(key=lambda a: a.name)
    tree.body = [*sorted(heads, key=ast.dump), *[n for n in tree.body if n not in heads]]
    return tree


def test_scalar_ops_are_python_arithmetic() -> None:
    for name, args, expected in (
        ("add", (2, 3.5), 5.5), ("sub", (2, 3), -1), ("mul", (2, 3), 6), ("div", (1, 2), 0.5),
        ("floordiv", (-7, 2), -4),
        ("mod", (-7, 2), 1), ("pow", (2, 10), 1024), ("neg", (3,), -3), ("min", (2, 1), 1), ("max", (2, 1), 2),
        ("lt", (1, 2), True), ("ge", (1, 2), False), ("where", (True, 1, 2), 1), ("sqrt", (4.0,), 2.0),
    ):  # fmt: skip
        assert OPS["scalar." + name].rules["numpy"](*args) == expected


def test_a_storage_without_kernel_or_body_names_both_ways_out() -> None:
    from lamella.testing.storage import quantize_blocks

    q = quantize_blocks(lt.ones(4, 8), 4)
    with pytest.raises(TypeError, match=r"exp has no kernel for a tensor with 'block_int8' storage; call .dense\(\)"):
        lt.exp(q)
    assert_close(q.dense(), np.ones((4, 8), np.float32))
