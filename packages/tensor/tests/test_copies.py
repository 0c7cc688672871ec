"""copy.deepcopy and pickle of tensors that share memory, of leaves, subclasses and meta tensors; damaged pickles."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor._copies import _rebuild, _rebuild_meta
from lamella.tensor._version import Cell
from lamella.testing import ALL_DTYPES

WAYS: dict[str, Callable[[Any], Any]] = {
    "deepcopy": copy.deepcopy,
    "pickle": lambda x: pickle.loads(pickle.dumps(x)),
    "pickle2": lambda x: pickle.loads(pickle.dumps(x, 2)),
}
VIEWS: dict[str, Callable[[lt.Tensor], lt.Tensor]] = {
    "slice": lambda t: t[1:, ::2],
    "entry": lambda t: t[1, 2],
    "transposed": lambda t: t.T[1],
    "reshape": lambda t: t.reshape(3, 8),
    "expand": lambda t: t[:, :1].expand(4, 6),
    "detach": lambda t: t.detach(),
    "twin": lambda t: copy.copy(t),
    "twice": lambda t: t[1:3][1, 2:].reshape(2, 2),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("view", VIEWS)
def test_what_shares_memory_shares_it_in_the_copy(view: str, way: str) -> None:
    base = lt.arange(24.0).reshape(4, 6).clone()
    part = VIEWS[view](base)
    twin, twin_part = WAYS[way]([base, part])
    assert twin.tolist() == base.tolist()
    assert twin_part.tolist() == part.tolist()
    assert twin_part.stride() == part.stride()
    assert np.shares_memory(twin.numpy(), twin_part.numpy())
    assert not np.shares_memory(twin.numpy(), base.numpy())
    twin.fill_(7)
    assert set(np.ravel(twin_part.numpy())) == {7.0}
    assert base.sum().item() == sum(range(24))


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_every_dtype_and_layout_keeps_its_values(dtype: lt.DType, way: str) -> None:
    a = np.arange(24).reshape(2, 3, 4).astype(dtype.numpy)
    for array in (a, a.T, a[:, ::2], a.transpose(1, 0, 2), a[:, :0], a[0, 0, :1].reshape(())):
        t = lt.from_numpy(array)
        twin = WAYS[way](t)
        assert twin.dtype is dtype
        np.testing.assert_array_equal(twin.numpy(), array)
        assert twin.numpy().flags.writeable


@pytest.mark.parametrize("way", WAYS)
def test_a_write_into_the_copy_is_noticed_by_its_views(way: str) -> None:
    base = lt.zeros(3)
    twin, part = WAYS[way]((base, base[1:]))
    version = part._version
    twin.fill_(1)
    assert part._version == version + 1
    assert base._version == 0


def test_reinterpreted_views_share_or_keep_their_values() -> None:
    z = lt.view_as_complex(lt.arange(8.0).reshape(2, 2, 2))
    for t in (z, lt.view_as_real(z), z.real, lt.ones(2, 2).view(lt.int32)):
        for way in WAYS.values():
            assert way(t).tolist() == t.tolist()
    # rows by memory are (0, 2, 1): pickle stores the root by its own rows, where the step is none on memory
    y = lt.from_numpy(np.arange(16.0).reshape(2, 4, 2).transpose(0, 2, 1))
    c = lt.view_as_complex(y.transpose(1, 2))
    assert pickle.loads(pickle.dumps(c)).tolist() == copy.deepcopy(c).tolist() == c.tolist()


def test_a_base_with_other_memory_leaves_its_views_alone() -> None:
    base = lt.zeros(4)
    part = base[1:3]
    base.data = lt.ones(4)
    for way in WAYS.values():
        twin, twin_part = way([base, part])
        assert twin.tolist() == [1] * 4
        assert twin_part.tolist() == [0, 0]


@pytest.mark.parametrize("way", WAYS)
def test_read_only_memory_is_copied_into_writable(way: str) -> None:
    a = np.ones(3)
    a.flags.writeable = False
    WAYS[way](lt.from_numpy(a)).zero_()
    assert a.tolist() == [1, 1, 1]


class Marked(lt.Tensor):
    """A subclass with attributes."""

    mark: Any


@pytest.mark.parametrize("way", [*WAYS, "copy"])
def test_attributes_of_a_subclass_go_along(way: str) -> None:
    x = Marked([1.0, 2.0])
    x.mark = ["kept", x]
    twin = (WAYS | {"copy": copy.copy})[way](x)
    assert type(twin) is Marked
    assert twin.mark[0] == "kept"
    assert twin.mark[1] is (x if way == "copy" else twin)


@pytest.mark.parametrize("way", WAYS)
def test_meta_tensors(way: str) -> None:
    twin = WAYS[way](lt.zeros(2, 0, 3, dtype=lt.bfloat16, device="meta"))
    assert (twin.device, twin.shape, twin.dtype) == ("meta", (2, 0, 3), lt.bfloat16)


def test_leaves_bring_their_gradient_results_do_not_copy() -> None:
    autograd = pytest.importorskip("lamella.autograd")
    x = lt.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    twin = copy.deepcopy(x)
    assert twin.grad is not None
    assert twin.grad is not x.grad
    assert twin.grad.tolist() == [3, 3]
    assert pickle.loads(pickle.dumps(x)).grad is None
    y = x * 2
    with pytest.raises(RuntimeError, match=r"only leaf tensors can be deep-copied; detach\(\) it first"):
        copy.deepcopy([y])
    back = pickle.loads(pickle.dumps(y))
    assert back.is_leaf
    assert back.requires_grad
    with pytest.raises(RuntimeError, match="open vmap"):
        autograd.vmap(lambda v: pickle.dumps(v))(lt.ones(2, 3))


DAMAGED: dict[str, tuple[Callable[[], Any], str]] = {
    "no array": (lambda: _rebuild(lt.Tensor, [1, 2], False), "cannot be laid out: 'list' object"),
    "objects": (lambda: _rebuild(lt.Tensor, np.array([object()]), False), "cannot hold numpy dtype object"),
    "step": (lambda: _rebuild(lt.Tensor, np.ones(2), False, (("strided", 3),)), "'strided'"),
    "no chain": (lambda: _rebuild(lt.Tensor, np.ones(2), False, 3), "cannot be laid out"),
    "beyond": (lambda: _rebuild(lt.Tensor, np.ones(2), False, (("slice", (5,)),)), "index 5 is out of bounds"),
    "shape": (lambda: _rebuild(lt.Tensor, np.ones(2), False, (("reshape", (3, 3)),)), "cannot reshape"),
    "class": (lambda: _rebuild(dict, np.ones(2), False), "its class is <class 'dict'>"),
    "no class": (lambda: _rebuild("Tensor", np.ones(2), False), "its class is 'Tensor'"),
    "grad": (lambda: _rebuild(lt.Tensor, np.ones(2), "yes"), "requires_grad is 'yes'"),
    "cell": (lambda: _rebuild(lt.Tensor, np.ones(2), False, (), 3), "a int in place of its version"),
    "meta shape": (lambda: _rebuild_meta(lt.Tensor, (-1,), lt.float32, False), r"shape \(-1,\)"),
    "meta dtype": (lambda: _rebuild_meta(lt.Tensor, (1,), "float32", False), "dtype 'float32'"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged_pickles(case: str) -> None:
    call, message = DAMAGED[case]
    with pytest.raises(pickle.UnpicklingError, match=f"no pickle of a tensor, or a damaged one: .*{message}"):
        call()


def test_cut_and_foreign_pickles() -> None:
    text = pickle.dumps(lt.ones(100))
    for cut in (1, len(text) // 2, len(text) - 1):
        with pytest.raises((pickle.UnpicklingError, EOFError)):
            pickle.loads(text[:cut])
    swapped = np.arange(3, dtype=">i4")
    assert _rebuild(lt.Tensor, swapped, False).tolist() == [0, 1, 2]  # written by a machine of the other byte order
    assert _rebuild(lt.Tensor, swapped, False, (), Cell()).dtype is lt.int32


def test_memory_is_not_shared_with_other_processes() -> None:
    assert lt.ones(2).is_shared() is False
    with pytest.raises(NotImplementedError, match="cannot be shared with another process; send it through a file"):
        lt.ones(2).share_memory_()
