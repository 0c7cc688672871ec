"""Types hold exactly what they may: plain int sizes, known dtypes and kinds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lamella.graph import GraphBuilder, ScalarType, TensorType, infer_types
from lamella.tensor.extend import OPS, as_dtype

F32 = as_dtype("float32")
WORDS = {"bool": "bool", "u8": "uint8", "i64": "int64", "bf16": "bfloat16", "f64": "float64", "c64": "complex64"}


def test_types_print_as_in_the_text() -> None:
    assert str(TensorType(F32, ())) == "f32[]"
    assert str(TensorType(as_dtype("bfloat16"), (2, 0, 3))) == "bf16[2, 0, 3]"
    assert str(ScalarType("i64")) == "i64"


def test_types_are_equal_by_value() -> None:
    assert TensorType(F32, (2,)) == TensorType(F32, (2,))
    assert hash(TensorType(F32, (2,))) == hash(TensorType(F32, (2,)))
    assert TensorType(F32, (2,)) != TensorType(as_dtype("float64"), (2,))


@pytest.mark.parametrize(
    ("dtype", "shape", "error", "message"),
    [
        (F32, (np.int64(2),), TypeError, "sizes in a graph are Python ints, got np.int64"),
        (F32, (True,), TypeError, "sizes in a graph are Python ints, got True"),
        (F32, ("n",), TypeError, "got 'n' of type str"),
        (F32, (2.0,), TypeError, "got 2.0 of type float"),
        (F32, [2], TypeError, "must be a tuple of ints"),
        (F32, (-1,), ValueError, "between 0 and"),
        (F32, (1 << 63,), ValueError, "between 0 and"),
        (F32, (1,) * 65, ValueError, "at most 64 dims"),
        ("float32", (2,), TypeError, "must be a lamella DType, got 'float32'"),
        (np.dtype("float32"), (2,), TypeError, "must be a lamella DType"),
    ],
)
def test_bad_tensor_types_are_refused(dtype: Any, shape: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TensorType(dtype, shape)


def test_bad_scalar_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="one of i64, f64, bool, got 'f32'"):
        ScalarType("f32")


SCALARS = {"i": ScalarType("i64"), "f": ScalarType("f64"), "b": ScalarType("bool")}


@pytest.mark.parametrize(
    ("op", "operands", "kind"),
    [
        ("add", "ii", "i64"),
        ("add", "if", "f64"),
        ("add", "bb", "i64"),
        ("mod", "fi", "f64"),
        ("floordiv", "ii", "i64"),
        ("div", "ii", "f64"),
        ("pow", "ii", "i64"),
        ("neg", "b", "i64"),
        ("abs", "f", "f64"),
        ("min", "bb", "bool"),
        ("max", "if", "f64"),
        ("sin", "i", "f64"),
        ("sqrt", "i", "f64"),
        ("lt", "if", "bool"),
        ("eq", "bb", "bool"),
        ("where", "bii", "i64"),
        ("where", "bif", "f64"),
        ("where", "fbb", "bool"),
    ],
)
def test_kinds_of_scalar_ops(op: str, operands: str, kind: str) -> None:
    builder = GraphBuilder("g")
    args = [builder.input(SCALARS[o]) for o in operands]
    assert infer_types(OPS["scalar." + op], args, {}) == (ScalarType(kind),)


def test_every_scalar_op_has_a_kind() -> None:
    for op in OPS.values():
        if op.spec == "scalar" and op.package == "lamella.tensor":
            operands = [GraphBuilder("g").input(TensorType(F32, ()))] if op.name == "scalar.item" else [1] * 3
            [kind] = infer_types(op, operands[: len(op.operands)], {})
            assert isinstance(kind, ScalarType)


@pytest.mark.parametrize(
    ("dtype", "kind"), [("bool", "bool"), ("u8", "i64"), ("i64", "i64"), ("bf16", "f64"), ("f64", "f64")]
)
@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
def test_the_kind_of_an_item(dtype: str, kind: str, shape: tuple[int, ...]) -> None:
    x = GraphBuilder("g").input(TensorType(as_dtype(WORDS[dtype]), shape))
    assert infer_types(OPS["scalar.item"], [x], {}) == (ScalarType(kind),)


@pytest.mark.parametrize(
    ("given", "message"),
    [(2.0, "takes a tensor, got 2.0"), ("c64", "real or imaginary part"), ("i64[2]", r"one element, got shape \(2,\)")],
)
def test_what_has_no_item(given: Any, message: str) -> None:
    operand: Any = given
    if isinstance(given, str):
        word, _, rest = given.partition("[")
        operand = GraphBuilder("g").input(TensorType(as_dtype(WORDS[word]), (2,) if rest else ()))
    with pytest.raises(TypeError, match=message):
        infer_types(OPS["scalar.item"], [operand], {})


def test_a_tensor_is_no_operand_of_a_scalar_op() -> None:
    builder = GraphBuilder("g")
    with pytest.raises(TypeError, match=r"scalar.add takes host scalars"):
        infer_types(OPS["scalar.add"], [builder.input(TensorType(F32, ())), 1], {})
