"""DLPack with jax in both directions. jax is installed by the session `jax` only; elsewhere these tests are skipped.

Arrays of jax cannot be written, and neither can tensors over their memory.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing import ALL_DTYPES

jax = pytest.importorskip("jax", reason="jax is not installed here; `nox -s jax` installs it and runs this file")
# without the switch for 64 bits jax has no wider type to answer with
DTYPES = [d for d in ALL_DTYPES if d not in (lt.int64, lt.float64, lt.uint64, lt.complex128)]


def theirs(dtype: lt.DType) -> Any:
    return jax.numpy.arange(12).reshape(3, 4).astype(dtype.numpy)


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
def test_from_jax(dtype: lt.DType) -> None:
    source = theirs(dtype)
    t = lt.from_dlpack(source)
    assert (t.dtype, t.shape) == (dtype, (3, 4))
    assert t.tolist() == source.tolist()
    assert t.numpy().ctypes.data == source.unsafe_buffer_pointer()
    with pytest.raises(RuntimeError, match="read-only"):
        t.zero_()
    copied = lt.from_dlpack(source, copy=True)
    copied.zero_()
    assert np.asarray(source, np.complex128).sum() != 0
    with pytest.raises(BufferError, match=r"max_version=\(1, 0\)"):
        t.__dlpack__()  # the old protocol could not say that it is read-only


@pytest.mark.parametrize("dtype", DTYPES, ids=repr)
def test_to_jax(dtype: lt.DType) -> None:
    t = lt.arange(12).reshape(3, 4).to(dtype)
    for x in (t, t.T.contiguous(), t[1:], t[1, 2]):
        array = jax.dlpack.from_dlpack(x)
        assert (array.dtype, array.shape) == (dtype.numpy, x.shape)
        assert array.tolist() == x.tolist()


def test_the_memory_outlives_either_side() -> None:
    ours = lt.from_dlpack(jax.numpy.full(1000, 3.0))
    array = jax.dlpack.from_dlpack(lt.full((1000,), 4.0))
    jax.numpy.zeros(1000).block_until_ready()
    lt.zeros(1000)
    assert (ours == 3).all()
    assert bool((array == 4).all())
