"""Where numpy rounds badly and we do not: half types, long strided sums, results of no dims."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
import pytest

import lamella.tensor as lt
from lamella.testing import assert_close

HALVES = (lt.float16, lt.bfloat16)


@pytest.mark.parametrize("dtype", HALVES, ids=repr)
def test_half_sums_accumulate_in_float32_and_round_once(dtype: lt.DType) -> None:
    ones = lt.ones(4096, dtype=dtype)
    assert ones.sum().item() == 4096.0
    assert ones.mean().item() == 1.0
    assert (lt.ones(1, 4096, dtype=dtype) @ lt.ones(4096, 1, dtype=dtype)).item() == 4096.0
    assert lt.linear(lt.ones(1, 4096, dtype=dtype), lt.ones(1, 4096, dtype=dtype)).item() == 4096.0
    assert lt.cumsum(ones, 0)[-1].item() == 4096.0
    assert lt.take(ones, lt.zeros(3, dtype=lt.int64)).dtype is dtype
    rows = lt.ones(4096, 2, dtype=dtype)
    assert rows.sum(0).tolist() == [4096.0, 4096.0]
    big = lt.full((1000,), 300.0, dtype=dtype)  # the sum is beyond float16, the mean is not
    assert big.mean().item() == 300.0
    assert big.var().item() == 0.0
    assert big.std(correction=0).item() == 0.0
    assert_close(lt.full((4096,), 2.0, dtype=dtype).logsumexp(), 2.0 + math.log(4096), like=dtype)
    index = lt.zeros(1, 4096, dtype=lt.int64)
    total = lt.scatter_add(lt.zeros(1, 1, dtype=dtype), 1, index, lt.ones(1, 4096, dtype=dtype))
    assert total.item() == 4096.0


N = 1_000_000
LAYOUTS: dict[str, tuple[Any, Any]] = {
    "contiguous": (lambda r: r.random(N, np.float32), None),
    "reversed": (lambda r: r.random(N, np.float32)[::-1], None),
    "strided": (lambda r: r.random(2 * N, np.float32)[::2], None),
    "rows": (lambda r: r.random((N, 3), np.float32), 0),
    "rows-of-a-transpose": (lambda r: r.random((N, 3), np.float32).T, 1),
    "both-dims-of-a-slice": (lambda r: r.random((N // 2, 3), np.float32)[:, :2], None),
    "wide-rows": (lambda r: r.random((N // 32, 32), np.float32), 0),
    "middle": (lambda r: r.random((2, N // 40, 20), np.float32), 1),
    "outer-and-inner": (lambda r: r.random((N // 40, 10, 4), np.float32), (0, 2)),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_long_float32_sums(layout: str) -> None:
    """The bound stated in the kernel: (256 * ceil(log256(n)) + 64) * 2**-24 of the sum of magnitudes."""
    make, dim = LAYOUTS[layout]
    a = make(np.random.default_rng(0))
    exact = a.astype(np.float64).sum(axis=dim)
    n = a.size // exact.size
    got = lt.from_numpy(a).sum(dim).numpy().astype(np.float64)
    error = np.abs(got - exact)
    assert error.max() <= (256 * math.ceil(math.log(n, 256)) + 64) * 2.0**-24 * np.abs(exact).max()
    # and in fact two decimal digits better, which one addition after the other is not
    assert (error / exact).max() < 2e-6
    for keepdim in (True, False):
        assert lt.from_numpy(a).sum(dim, keepdim).shape == a.sum(axis=dim, keepdims=keepdim).shape


def test_float32_running_sums() -> None:
    a = np.random.default_rng(0).random(N, np.float32)
    exact = a.astype(np.float64).cumsum()
    assert (np.abs(lt.from_numpy(a).cumsum(0).numpy() - exact) / exact).max() < 1e-6


def test_no_dims_stay_tensors_over_arrays() -> None:
    z = lt.tensor(2.0)
    results = [
        z + z, z * 2.0, 1.0 - z, -z, lt.exp(z), z.relu(), z == z, z.sum(), lt.tensor([1.0, 2.0])[0], z.mean(),
        z.clone(),
        lt.tensor([1.0]) @ lt.tensor([2.0]), lt.ones(3).amax(), lt.ones(3).argmax(), lt.cat([z.reshape(1)])[0],
        lt.where(z > 0, z, 0.0), lt.maximum(z, 3.0), z // 2, lt.rand(()), lt.logical_not(z), z.to(lt.int8),
        lt.full((), 1),
    ]  # fmt: skip
    for r in results:
        assert r.shape == ()
        assert type(r.numpy()) is np.ndarray


def test_nothing_warns() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = lt.tensor([0.0, -1.0, 1e38, float("inf"), float("nan")])
        for out in (
            x / 0.0,
            lt.log(x),
            lt.sqrt(x),
            x * 1e38,
            lt.exp(x * 1e3),
            x / x,
            lt.reciprocal(x),
            x.pow(0.5),
            x // 0,
        ):
            assert out.shape == x.shape
        lt.tensor([float("nan"), float("inf")]).to(lt.int32)
        lt.tensor([1e300], dtype=lt.float64).to(lt.float32)
        lt.tensor([1 + 1j]).to(lt.float32)
        lt.tensor([]).mean()
        lt.tensor([127], dtype=lt.int8) + lt.tensor([1], dtype=lt.int8)
        lt.softmax(lt.full((3,), float("-inf")), 0)
        lt.zeros(0, 3).var(0)


def test_nothing_warns_in_a_fresh_thread() -> None:
    import threading

    caught: list[Any] = []

    def work() -> None:
        try:
            z = lt.tensor([0.0])
            caught.append((z / z, lt.log(z), 1.0 / z, lt.exp(z + 1e10)))
        except RuntimeWarning as warning:
            caught.append(warning)

    with warnings.catch_warnings():
        # what a program started with `-W error` has: the filter that the package adds at its import comes before it
        warnings.simplefilter("error", append=True)
        import importlib

        import lamella.tensor._errstate as errstate

        importlib.reload(errstate)
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert isinstance(caught[0], tuple), caught


def test_empty_reductions_have_their_neutral_element() -> None:
    e = lt.zeros(0, 3)
    assert e.sum().item() == 0.0
    assert e.prod(0).tolist() == [1.0, 1.0, 1.0]
    assert not e.any().item()
    assert e.all().item()
    assert math.isnan(e.mean().item())
    assert lt.logsumexp(e, 0).tolist() == [float("-inf")] * 3
    assert e.sum(1).shape == (0,)
    with pytest.raises(ValueError, match="amax over an empty dim has no value"):
        e.amax(0)
    with pytest.raises(ValueError, match="argmax over dim 0 needs at least one element"):
        e.argmax(0)
