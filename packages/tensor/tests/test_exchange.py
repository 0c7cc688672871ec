"""Memory to and from others without a copy: DLPack with numpy as the partner, buffers; hostile and read-only owners."""

from __future__ import annotations

import array
import gc
import mmap
import sys
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.tensor import _exchange
from lamella.tensor._exchange._dlpack import _header, _pointer_of, _Versioned
from lamella.testing import ALL_DTYPES

BEYOND_NUMPY = (lt.bfloat16, lt.float8_e4m3fn, lt.float8_e5m2)


class Owner:
    """An object with DLPack's two methods over an array, which speaks as the keywords say."""

    def __init__(self, a: Any, device: tuple[int, int] = (1, 0), change: Callable[[Any], Any] | None = None) -> None:
        self.array, self.device, self.change = a, device, change
        self.asked: dict[str, Any] = {}

    def __dlpack__(self, **asked: Any) -> Any:
        self.asked = asked
        capsule = self.array.__dlpack__(**{k: v for k, v in asked.items() if k != "dl_device"})
        if self.change is not None:
            self.change(_header(capsule))
        return capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.device


class Old(Owner):
    """Speaks the protocol from before keywords."""

    def __dlpack__(self) -> Any:  # type: ignore[override]
        return self.array.__dlpack__()


def frozen(a: Any) -> Any:
    a.flags.writeable = False
    return a


@pytest.mark.parametrize("legacy", (False, True))
@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_every_dtype_goes_and_comes_as_the_same_memory(dtype: lt.DType, legacy: bool) -> None:
    t = lt.from_numpy(np.arange(12).reshape(3, 4).astype(dtype.numpy))
    for x in (t, t.T, t[:, ::2], t[1, 2], t[:, :0], lt.from_numpy(np.ones((2, 1)).astype(dtype.numpy))):
        back = lt.from_dlpack(x.__dlpack__() if legacy else x)
        assert (back.dtype, back.shape) == (dtype, x.shape)
        assert back.tolist() == x.tolist()
        if x.numel():
            assert np.shares_memory(back.numpy(), t.numpy()) == np.shares_memory(x.numpy(), t.numpy())
            assert back.stride() == x.stride()
    if dtype not in BEYOND_NUMPY:
        assert np.shares_memory(np.from_dlpack(t), t.numpy())
        assert lt.from_dlpack(t.numpy()).dtype is dtype


def test_writes_go_through_in_both_directions() -> None:
    for dtype in (lt.float32, lt.bfloat16):
        t = lt.zeros(3, dtype=dtype)
        other = lt.from_dlpack(t)
        other[0] = 1
        t[1] = 2
        assert other.tolist() == t.tolist() == [1, 2, 0]


def test_device_copy_and_versions() -> None:
    t = lt.ones(2)
    assert t.__dlpack_device__() == (1, 0)
    assert t.__dlpack__(max_version=(1, 0), dl_device=(1, 0), copy=False) is not None
    owner = Owner(np.ones(2))
    assert np.shares_memory(lt.from_dlpack(owner).numpy(), owner.array)
    assert owner.asked == {"max_version": (1, 1), "dl_device": None, "copy": None}
    assert not np.shares_memory(lt.from_dlpack(owner, device="cpu", copy=True).numpy(), owner.array)
    assert owner.asked == {"max_version": (1, 1), "dl_device": (1, 0), "copy": None}
    lt.from_dlpack(owner, copy=False)
    assert owner.asked["copy"] is False
    copied = lt.from_dlpack(t.__dlpack__(copy=True))
    assert not np.shares_memory(copied.numpy(), t.numpy())
    pinned = Owner(np.ones(2), (3, 0), lambda h: setattr(h, "device", 3))
    assert lt.from_dlpack(pinned).tolist() == [1, 1]
    elsewhere = Owner(np.ones(2), (2, 0))  # says cuda, brings it to the cpu when asked
    assert lt.from_dlpack(elsewhere, device="cpu").tolist() == [1, 1]


@pytest.mark.parametrize("dtype", (lt.float64, lt.bfloat16), ids=repr)
def test_the_owner_lives_as_long_as_somebody_reads(dtype: lt.DType) -> None:
    a = np.ones(4).astype(dtype.numpy)
    gone = weakref.ref(a)
    t = lt.from_numpy(a)
    del a
    capsule = t.__dlpack__(max_version=(1, 0))
    del t
    gc.collect()
    assert gone() is not None
    reader = lt.from_dlpack(capsule)
    del capsule
    view = reader[1:]
    del reader
    gc.collect()
    assert gone() is not None
    assert view.tolist() == [1, 1, 1]
    del view
    gc.collect()
    assert gone() is None
    unread = lt.ones(2, dtype=dtype)
    gone = weakref.ref(unread.numpy())
    for version in (None, (1, 0)):
        assert unread.__dlpack__(max_version=version) is not None  # dropped without a reader
    del unread
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("dtype", (np.float32, lt.bfloat16.numpy), ids=str)
def test_read_only_owners_are_respected(dtype: Any) -> None:
    a = frozen(np.ones(3).astype(dtype))
    owner: Any = a if dtype is np.float32 else lt.from_numpy(a)
    t = lt.from_dlpack(owner)
    for write in (lambda: t.fill_(2), lambda: t.add_(1), lambda: t.__setitem__(0, 2), lambda: t[1:].mul_(2)):
        with pytest.raises(RuntimeError, match="read-only numpy memory and cannot be written"):
            write()
    assert a.tolist() == [1, 1, 1]
    copied = lt.from_dlpack(owner, copy=True)
    copied.fill_(2)
    assert a.tolist() == [1, 1, 1]
    old = lt.from_dlpack(Old(np.ones(3)))  # has no word for read-only
    with pytest.raises(RuntimeError, match="read-only"):
        old.zero_()
    lt.from_dlpack(Old(np.ones(3)), copy=True).zero_()
    expanded = lt.zeros(1).expand(3)
    assert not np.from_dlpack(expanded).flags.writeable


def damaged(**fields: Any) -> Owner:
    return Owner(np.ones((2, 3)), change=lambda h: [setattr(h, k, v) for k, v in fields.items()])


def read_twice() -> Any:
    capsule = lt.ones(2).__dlpack__()
    lt.from_dlpack(capsule)
    return lt.from_dlpack(capsule)


def with_version(major: int) -> Any:
    capsule = np.ones(2).__dlpack__(max_version=(1, 0))
    managed = _Versioned.from_address(_pointer_of(capsule, b"dltensor_versioned"))
    was, managed.major = managed.major, major
    try:
        return lt.from_dlpack(capsule)
    finally:
        managed.major = was


def negative() -> lt.Tensor:
    return lt.from_numpy(np.arange(3)[::-1])


# what is done, the error, words of its message
REFUSED: dict[str, tuple[Callable[[], Any], type[Exception], str]] = {
    "number": (lambda: lt.from_dlpack(3), TypeError, "an object with __dlpack__ or a DLPack capsule, got int"),
    "list": (lambda: lt.from_dlpack([1, 2]), TypeError, "got list"),
    "twice": (read_twice, BufferError, "has been read already, which can be done once"),
    "other capsule": (
        lambda: lt.from_dlpack(__import__("datetime").datetime_CAPI),
        BufferError,
        "named b'datetime.datetime_CAPI'",
    ),
    "no capsule": (
        lambda: lt.from_dlpack(
            type("X", (), {"__dlpack__": lambda self, **_: 3, "__dlpack_device__": lambda self: (1, 0)})()
        ),
        TypeError,
        "a DLPack capsule, got int",
    ),
    "version": (lambda: with_version(2), BufferError, r"has version 2\.\d+; 1\.x can be read"),
    "cuda": (
        lambda: lt.from_dlpack(Owner(np.ones(2), (2, 0))),
        BufferError,
        r"on the device cuda \(2\); pass device='cpu'",
    ),
    "cuda after all": (
        lambda: lt.from_dlpack(damaged(device=2), device="cpu"),
        BufferError,
        r"on the device cuda \(2\); bring it",
    ),
    "unknown device": (lambda: lt.from_dlpack(damaged(device=99)), BufferError, r"unknown \(99\)"),
    "meta": (lambda: lt.from_dlpack(np.ones(2), device="meta"), ValueError, "memory on the cpu, not on meta"),
    "device": (lambda: lt.from_dlpack(np.ones(2), device="cuda"), ValueError, "unknown device 'cuda'"),
    "int4": (lambda: lt.from_dlpack(damaged(code=0, bits=4)), BufferError, "cannot hold DLPack's int of 4 bits"),
    "float128": (lambda: lt.from_dlpack(damaged(bits=128)), BufferError, "float of 128 bits"),
    "chalf": (lambda: lt.from_dlpack(damaged(code=5, bits=32)), BufferError, "complex of 32 bits"),
    "handle": (lambda: lt.from_dlpack(damaged(code=3)), BufferError, "handle of 64 bits"),
    "float4": (lambda: lt.from_dlpack(damaged(code=17, bits=4)), BufferError, "float4_e2m1fn of 4 bits"),
    "new type": (lambda: lt.from_dlpack(damaged(code=77)), BufferError, "type 77 of 64 bits"),
    "vectors": (lambda: lt.from_dlpack(damaged(lanes=4)), BufferError, "float of 64 bits in vectors of 4"),
    "dims": (lambda: lt.from_dlpack(damaged(ndim=-1)), BufferError, "damaged: -1 dims"),
    "many dims": (lambda: lt.from_dlpack(damaged(ndim=65)), BufferError, "damaged: 65 dims"),
    "no memory": (lambda: lt.from_dlpack(damaged(data=None)), BufferError, r"damaged: shape \[2, 3\], memory at None"),
    "no copy there": (
        lambda: lt.from_dlpack(lt.from_numpy(frozen(np.ones(2))).__dlpack__()),
        BufferError,
        r"read-only .* pass max_version=\(1, 0\), or copy=True",
    ),
    "export meta": (
        lambda: lt.zeros(2, device="meta").__dlpack__(),
        BufferError,
        "meta storage has no memory to export",
    ),
    "device of meta": (
        lambda: lt.zeros(2, device="meta").__dlpack_device__(),
        BufferError,
        "meta tensor has no memory",
    ),
    "export to cuda": (
        lambda: lt.ones(2).__dlpack__(dl_device=(2, 0)),
        BufferError,
        r"cannot be exported to the device \(2, 0\)",
    ),
    "stream": (
        lambda: lt.ones(2).__dlpack__(stream=1),
        BufferError,
        "stream must be None for memory on the cpu, got 1",
    ),
    "backwards": (lambda: negative().__dlpack__(), BufferError, r"no negative strides; export x\.contiguous\(\)"),
    "numpy bfloat16": (
        lambda: lt.from_dlpack(lt.ones(1, dtype=lt.bfloat16).numpy()),
        BufferError,
        "DLPack only supports",
    ),
    "number buffer": (lambda: lt.frombuffer(3, dtype=lt.int8), TypeError, "buffer protocol .* got int"),
    "no dtype": (lambda: lt.frombuffer(b"12"), TypeError, "dtype"),  # type: ignore[call-arg]
    "wrong dtype": (lambda: lt.frombuffer(b"12", dtype="x9"), TypeError, "dtype must be a lamella dtype"),
    "empty": (lambda: lt.frombuffer(b"", dtype=lt.int8), ValueError, "the buffer has 0 bytes, count is -1"),
    "no count": (lambda: lt.frombuffer(b"12", dtype=lt.int8, count=0), ValueError, "has 2 bytes, count is 0"),
    "part": (
        lambda: lt.frombuffer(b"123", dtype=lt.int16),
        ValueError,
        "3 bytes from offset 0 on are no whole number of int16",
    ),
    "part after": (lambda: lt.frombuffer(b"1234", dtype=lt.int16, offset=1), ValueError, "3 bytes from offset 1"),
    "far": (lambda: lt.frombuffer(b"1234", dtype=lt.int16, offset=4), ValueError, "an offset from 0 to 3, .* got 4"),
    "before": (
        lambda: lt.frombuffer(b"1234", dtype=lt.int16, offset=-1),
        ValueError,
        "an offset from 0 to 3, .* got -1",
    ),
    "many": (
        lambda: lt.frombuffer(b"1234", dtype=lt.int16, count=3),
        ValueError,
        "3 x int16 need 6 bytes, the buffer has 4",
    ),
    "half count": (
        lambda: lt.frombuffer(b"1234", dtype=lt.int8, count=1.5),
        TypeError,
        "frombuffer: count must be an int, got 1.5",
    ),
    "gaps": (
        lambda: lt.frombuffer(memoryview(bytearray(8))[::2], dtype=lt.int8),
        ValueError,
        r"memory without gaps, .* \(2,\)",
    ),
    "closed": (lambda: lt.frombuffer(released(), dtype=lt.int8), ValueError, "released memoryview"),
}


def released() -> memoryview:
    view = memoryview(b"12")
    view.release()
    return view


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    call, error, message = REFUSED[case]
    with pytest.raises(error, match=message):
        call()


def test_backwards_memory_is_exported_by_a_copy() -> None:
    assert lt.from_dlpack(negative().__dlpack__(copy=True)).tolist() == [2, 1, 0]
    assert lt.from_dlpack(Owner(np.arange(3)[::-1])).tolist() == [2, 1, 0]


def test_what_autograd_follows_is_not_lent() -> None:
    pytest.importorskip("lamella.autograd")
    x = lt.ones(2, requires_grad=True)
    for t in (x, x * 2):
        with pytest.raises(BufferError, match=r"requires grad is not exported by DLPack, .* use x\.detach\(\)"):
            np.from_dlpack(t)
        with pytest.raises(BufferError, match="requires grad is not exported by Python's buffer protocol"):
            t.__buffer__(0)
    assert np.from_dlpack(x.detach()).tolist() == [1, 1]
    assert lt.frombuffer(bytearray(8), dtype=lt.float32, requires_grad=True).requires_grad


# -- buffers


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_buffers_are_the_same_memory(dtype: lt.DType) -> None:
    source = bytearray(np.arange(6).astype(dtype.numpy).tobytes())
    t = lt.frombuffer(source, dtype=dtype)
    assert t.tolist() == list(range(6)) if dtype is not lt.bool_ else [False] + [True] * 5
    t[0] = 5
    assert bytes(source) == t.numpy().tobytes()
    part = lt.frombuffer(source, dtype=dtype, count=2, offset=dtype.itemsize)
    assert part.tolist() == t[1:3].tolist()
    with pytest.raises(BufferError):  # the memory cannot move under the tensor
        source.append(0)


def test_read_only_buffers_give_read_only_tensors() -> None:
    for source in (b"\x01\x02", memoryview(bytearray(b"\x01\x02")).toreadonly()):
        t = lt.frombuffer(source, dtype=lt.uint8)
        with pytest.raises(RuntimeError, match=r"read-only numpy memory and cannot be written; write into a clone\(\)"):
            t[0] = 9
        assert bytes(source) == b"\x01\x02"
        assert (t.clone() + 1).tolist() == [2, 3]


def test_other_buffers() -> None:
    assert lt.frombuffer(array.array("d", [1, 2]), dtype=lt.float64).tolist() == [1, 2]
    assert lt.frombuffer(np.ones((2, 2)), dtype=lt.float64).shape == (4,)
    assert lt.frombuffer(b"abcde", dtype=lt.uint8, offset=3).tolist() == [100, 101]
    assert lt.frombuffer(b"12345", dtype=lt.int16, count=-7, offset=1).shape == (2,)
    with mmap.mmap(-1, 16) as m:
        t = lt.frombuffer(m, dtype=lt.int64)
        t.fill_(-1)
        assert m[:] == b"\xff" * 16
        del t


@pytest.mark.parametrize("dtype", ALL_DTYPES, ids=repr)
def test_a_tensor_is_a_buffer(dtype: lt.DType) -> None:
    t = lt.from_numpy(np.arange(6).reshape(2, 3).astype(dtype.numpy))
    if dtype in BEYOND_NUMPY:
        with pytest.raises(
            BufferError, match=rf"no format for {dtype.name}; export its bits, .* of {dtype.itemsize} bytes"
        ):
            t.__buffer__(0)
        return
    view = memoryview(t) if sys.version_info >= (3, 12) else t.__buffer__(0)
    assert (view.shape, view.itemsize, view.readonly) == ((2, 3), dtype.itemsize, False)
    assert bytes(view) == t.numpy().tobytes()
    assert np.shares_memory(np.asarray(view), t.numpy())
    assert lt.from_numpy(frozen(np.ones(2))).__buffer__(0).readonly


@pytest.mark.skipif(sys.version_info < (3, 12), reason="classes written in Python are buffers from Python 3.12 on")
def test_a_tensor_where_python_asks_for_bytes() -> None:
    t = lt.tensor([1, 2, 3], dtype=lt.uint8)
    assert bytes(t) == b"\x01\x02\x03"
    assert np.shares_memory(np.asarray(t), t.numpy())
    with pytest.raises(TypeError, match="read-only"):
        memoryview(lt.from_numpy(frozen(np.ones(1))))[0] = 2.0  # type: ignore[arg-type]
    with pytest.raises(BufferError, match="meta storage has no memory"):
        memoryview(lt.ones(2, device="meta"))


def test_arrow_without_the_package_that_knows_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_exchange, "discover", lambda kind: ())
    with pytest.raises(ImportError, match="from_arrow needs the package lamella-data; install it with: pip install"):
        lt.from_arrow(3)
    with pytest.raises(ImportError, match="Tensor.__arrow_c_array__ needs the package lamella-data"):
        lt.ones(2).__arrow_c_array__()
