"""Page-locked batches and copies to a GPU by the real CuPy; run by `nox -s gpu`, never without a GPU."""

from __future__ import annotations

from typing import Any

import cupy
import numpy as np
import pytest

from lamella.data import DataLoader, TableDataset, prefetch_to_device

ROWS = 1000
HOST = 1  # cudaMemoryTypeHost: page-locked and known to the driver


def table() -> TableDataset:
    return TableDataset({"id": np.arange(ROWS), "x": np.arange(8.0 * ROWS, dtype=np.float32).reshape(ROWS, 8)})


@pytest.mark.parametrize("workers", [0, 2])
def test_pinned_batches_are_page_locked(workers: int) -> None:
    loader = DataLoader(table(), 96, shuffle=True, pin_memory=True, num_workers=workers)
    alone = DataLoader(table(), 96, shuffle=True)
    for batch, expected in zip(loader, alone, strict=True):
        for name in ("id", "x"):
            array = batch[name].numpy()
            assert cupy.cuda.runtime.pointerGetAttributes(array.__array_interface__["data"][0]).type == HOST
            assert np.array_equal(array, expected[name].numpy())


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("depth", [1, 2, 7])
def test_batches_arrive_whole_while_the_device_computes(depth: int, pinned: bool) -> None:
    loader = DataLoader(table(), 96, shuffle=True, pin_memory=pinned)
    alone = DataLoader(table(), 96, shuffle=True)
    weights = cupy.ones((8, 2048), cupy.float32)
    sums: list[Any] = []
    for batch in prefetch_to_device(loader, "cuda", depth):
        assert isinstance(batch["x"], cupy.ndarray)
        sums.append((batch["id"].sum(), (batch["x"] @ weights).sum(dtype=cupy.float64)))
    for (ids, total), expected in zip(sums, alone, strict=True):
        assert int(ids) == int(expected["id"].numpy().sum())
        assert float(total) == pytest.approx(float(expected["x"].numpy().sum(dtype=np.float64)) * 2048, rel=1e-5)


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(cupy.cuda.runtime.CUDARuntimeError):
        list(prefetch_to_device(DataLoader(table(), 96), f"cuda:{cupy.cuda.runtime.getDeviceCount()}"))
