"""The storage protocol, shown on a storage that is no array and no payload: parts, rebuilding, kernels, refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.interfaces import Storage, discover
from lamella.tensor.extend import FOREIGN
from lamella.testing import assert_close
from lamella.testing.storage import STORAGES, BlockInt8, quantize_blocks


def weight(shape: tuple[int, ...] = (3, 10), dtype: lt.DType = lt.float32) -> lt.Tensor:
    return lt.from_numpy(np.random.default_rng(0).standard_normal(shape).astype(dtype.numpy))


def test_it_is_a_storage_and_is_discovered() -> None:
    q = quantize_blocks(weight(), 4)
    assert isinstance(q.storage(), Storage)
    assert q._flags == FOREIGN
    classes = {kind: cls for module in discover("storage") for kind, cls in module.STORAGES.items()}
    assert classes["block_int8"] is BlockInt8 is STORAGES["block_int8"]


@pytest.mark.parametrize("dtype", (lt.float64, lt.float32, lt.float16, lt.bfloat16), ids=repr)
@pytest.mark.parametrize("shape", ((3, 10), (7,), (2, 3, 4), (2, 0)))
def test_rounding_stays_within_the_block(dtype: lt.DType, shape: tuple[int, ...]) -> None:
    x = weight(shape, dtype)
    q = quantize_blocks(x, 4)
    assert (q.shape, q.dtype, q.ndim) == (x.shape, dtype, x.ndim)
    dense = q.dense()
    assert dense.dtype is dtype
    bound = np.abs(x.numpy().astype(np.float64)).max(initial=0.0) * (
        1 / 254 + 2 * 2.0**-8 * (dtype.itemsize < 4) + 1e-6
    )
    assert (np.abs(dense.numpy().astype(np.float64) - x.numpy().astype(np.float64)) <= bound).all()


def test_parts_and_meta_are_the_whole_value() -> None:
    q = quantize_blocks(weight(), 4).storage()
    again = BlockInt8.from_parts(dict(q.parts()), dict(q.meta()))
    assert_close(again.dense(), q.dense(), check_dtype=True)
    assert q.meta() == {"block": 4, "dtype": "float32"}
    assert {k: (v.shape, v.dtype) for k, v in q.parts().items()} == {
        "codes": ((3, 10), np.int8),
        "scales": ((3, 3), np.float32),
    }


BAD: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({"codes": None}, {}, "made of parts codes, scales and meta block, dtype"),
    ({}, {"dtype": None}, "made of parts"),
    ({"codes": np.zeros((3, 10))}, {}, "needs int8 codes and float32 scales, got float64"),
    ({"scales": np.zeros((3, 2), np.float32)}, {}, r"codes \(3, 10\) in blocks of 4 do not go with scales \(3, 2\)"),
    ({}, {"block": 0}, "block is a positive int, got 0"),
    ({}, {"block": True}, "block is a positive int, got True"),
    ({}, {"dtype": "int8"}, "the logical dtype is floating, got 'int8'"),
)


@pytest.mark.parametrize(("parts", "meta", "message"), BAD)
def test_parts_that_do_not_fit(parts: dict[str, Any], meta: dict[str, Any], message: str) -> None:
    q = quantize_blocks(weight(), 4).storage()
    given = {k: v for k, v in {**q.parts(), **parts}.items() if v is not None}
    said = {k: v for k, v in {**q.meta(), **meta}.items() if v is not None}
    with pytest.raises(ValueError, match=message):
        BlockInt8.from_parts(given, said)


@pytest.mark.parametrize("dtype", (lt.float32, lt.float64, lt.bfloat16), ids=repr)
def test_linear_has_a_kernel_of_its_own(dtype: lt.DType, monkeypatch: pytest.MonkeyPatch) -> None:
    q, x, bias = quantize_blocks(weight((3, 10), dtype), 4), weight((2, 5, 10), dtype), weight((3,), dtype)
    expected = lt.linear(x, q.dense(), bias)
    monkeypatch.setattr(BlockInt8, "dense", lambda self: pytest.fail("the kernel made the dense weight"))
    got = lt.linear(x, q, bias)
    assert_close(got, expected, like=dtype if dtype is not lt.float64 else lt.float32, factor=4)
    assert got.dtype is dtype
    assert got._flags == 0
    with lt.no_grad():
        assert_close(lt.linear(x, q, bias), got)


def test_other_ops_ask_for_dense() -> None:
    q = quantize_blocks(weight(), 4)
    with pytest.raises(
        TypeError, match=r"mul has no kernel for a tensor with 'block_int8' storage; call .dense\(\) on it"
    ):
        q * 2.0
    with pytest.raises(
        TypeError, match="linear over block_int8 storage takes a quantized weight with plain x and bias"
    ):
        lt.linear(q, lt.zeros(2, 10))
    with pytest.raises(ValueError, match=r"linear needs x \[..., in\] and w \[out, in\], got \(2, 9\) and \(3, 10\)"):
        lt.linear(lt.zeros(2, 9), q)
    with pytest.raises(TypeError, match="cast x with"):
        lt.linear(lt.zeros(2, 10, dtype=lt.float64), q)
    assert_close(q.dense() * 2.0, q.dense().numpy() * 2)
    assert q.tolist() == q.dense().tolist()
    assert "BlockInt8((3, 10), float32, block=4)" in repr(q)


def test_composites_without_a_kernel_run_their_body() -> None:
    q = quantize_blocks(weight(), 4)
    with pytest.raises(TypeError, match="has no kernel for a tensor with 'block_int8' storage"):
        lt.softmax(q, 1)  # its body starts with a cast or amax, which this storage has no kernel for


def test_gradients_pass_through_the_kernel() -> None:
    pytest.importorskip("lamella.autograd")
    q = quantize_blocks(weight(), 4)
    x = weight((2, 10)).requires_grad_()
    lt.linear(x, q).sum().backward()
    assert x.grad is not None
    assert_close(x.grad, np.broadcast_to(q.dense().numpy().sum(0), (2, 10)))


def test_what_is_not_quantized() -> None:
    with pytest.raises(TypeError, match="needs a float16, bfloat16, float32 or float64 tensor, got lamella.int64"):
        quantize_blocks(lt.arange(4))
    with pytest.raises(ValueError, match="at least one dim and a positive block"):
        quantize_blocks(lt.tensor(1.0))
