"""DLPack with torch in both directions, its frombuffer, and what its copies and pickles keep, beside ours."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
import torch

import lamella.tensor as lt
from lamella.testing import ALL_DTYPES

pytestmark = pytest.mark.oracle
LAYOUTS = {
    "plain": lambda t: t,
    "transposed": lambda t: t.T,
    "steps": lambda t: t[:, ::2],
    "entry": lambda t: t[1, 2],
    "empty": lambda t: t[:, :0],
    "rows": lambda t: t[1:],
}


def of(dtype: lt.DType) -> Any:
    return getattr(torch, dtype.name)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_to_torch_and_back(dtype: lt.DType, layout: str) -> None:
    t = LAYOUTS[layout](lt.arange(12).reshape(3, 4).to(dtype))
    theirs = torch.from_dlpack(t)
    assert theirs.dtype is of(dtype)
    assert tuple(theirs.shape) == t.shape
    assert theirs.tolist() == t.tolist()
    back = lt.from_dlpack(theirs)
    assert back.dtype is dtype
    assert back.tolist() == t.tolist()
    if t.numel():
        assert theirs.stride() == t.stride() == back.stride()
        assert theirs.data_ptr() == t.numpy().ctypes.data == back.numpy().ctypes.data
        theirs.fill_(1)
        assert (back == 1).all()
        back.zero_()
        assert not theirs.any()


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_from_torch(dtype: lt.DType) -> None:
    theirs = torch.arange(12).reshape(3, 4).to(of(dtype))
    for legacy in (False, True):
        ours = lt.from_dlpack(theirs.__dlpack__() if legacy else theirs)
        assert ours.tolist() == theirs.tolist()
        assert np.shares_memory(ours.numpy(), lt.from_dlpack(theirs).numpy())
        assert ours.numpy().flags.writeable != legacy
    ours = lt.from_dlpack(theirs, copy=True)
    theirs.zero_()
    assert ours[1:].tolist() == lt.arange(4, 12).reshape(2, 4).to(dtype).tolist()


def test_memory_outlives_either_side() -> None:
    ours = lt.from_dlpack(torch.full((1000,), 3.0))
    theirs = torch.from_dlpack(lt.full((1000,), 4.0, dtype=lt.bfloat16))
    torch.zeros(1000)
    lt.zeros(1000)
    assert (ours == 3).all()
    assert bool((theirs == 4).all())


def test_both_refuse_what_requires_grad_and_meta() -> None:
    for lib in (lt, torch):
        with pytest.raises(BufferError, match="requires? grad"):
            lib.ones(2, requires_grad=True).__dlpack__()
        with pytest.raises(BufferError, match="meta"):
            lib.ones(2, device="meta").__dlpack__()
    with pytest.raises(BufferError, match="require gradient"):
        lt.from_dlpack(torch.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match="requires grad"):
        torch.from_dlpack(lt.ones(2, requires_grad=True))
    with pytest.raises(BufferError, match="layout"):
        lt.from_dlpack(torch.ones(2).to_sparse())


BUFFERS: tuple[tuple[bytes, dict[str, Any]], ...] = (
    (b"12345678", {"dtype": "int16"}),
    (b"12345678", {"dtype": "float32", "offset": 4}),
    (b"12345678", {"dtype": "bfloat16", "count": 2, "offset": 3}),
    (b"12345678", {"dtype": "complex64"}),
    (b"12345", {"dtype": "int16", "count": 1}),
    (b"", {"dtype": "int8"}),
    (b"123", {"dtype": "int16"}),
    (b"1234", {"dtype": "int16", "offset": 4}),
    (b"1234", {"dtype": "int16", "offset": -1}),
    (b"1234", {"dtype": "int16", "count": 3}),
    (b"1234", {"dtype": "int16", "count": 0}),
    (b"1234", {"dtype": "int32", "requires_grad": True}),
)


@pytest.mark.parametrize("case", BUFFERS, ids=repr)
def test_frombuffer(case: tuple[bytes, dict[str, Any]]) -> None:
    data, given = case
    results = []
    for lib in (torch, lt):
        try:
            t = lib.frombuffer(bytearray(data), **{**given, "dtype": getattr(lib, given["dtype"])})
            results.append((tuple(t.shape), str(t.dtype).split(".")[1], t.tolist()))
        except (ValueError, RuntimeError, TypeError) as error:
            results.append("refused" if isinstance(error, (RuntimeError, TypeError)) else "ValueError")
    assert repr(results[0]) == repr(results[1])


def test_deep_copies_keep_the_same_things() -> None:
    for lib in (torch, lt):
        base: Any = lib.zeros(4, 6)
        x: Any = lib.ones(3, requires_grad=True)
        (x * 2).sum().backward()
        twin, part, turned, leaf = copy.deepcopy([base, base[1:, ::2], base.T, x])
        twin.fill_(1)
        assert part.stride() == (6, 2)
        assert turned.stride() == (1, 6)
        assert part.tolist() == [[1] * 3] * 3
        assert turned.tolist() == [[1] * 4] * 6
        assert not base.any()
        assert leaf.grad.tolist() == [2] * 3
        with pytest.raises(RuntimeError, match="(?i)only"):
            copy.deepcopy(x * 2)


NUMBERS = ("True", "[3]", "3", "3.5", "[1, 2]", "1 + 0j", "1 + 1j", "float('nan')", "[[2.0]]", "[]")


@pytest.mark.parametrize("name", ("float", "int", "complex", "bool", "operator.index"))
@pytest.mark.parametrize("value", NUMBERS)
def test_numbers_of_a_tensor(value: str, name: str) -> None:
    import operator

    to = (
        operator.index
        if name == "operator.index"
        else {"float": float, "int": int, "complex": complex, "bool": bool}[name]
    )
    results = []
    for lib in (torch, lt):
        try:
            results.append(repr(to(lib.tensor(eval(value)))))
        except (ValueError, RuntimeError, TypeError) as error:
            results.append("TypeError" if isinstance(error, TypeError) else "refused")
    assert results[0] == results[1]
