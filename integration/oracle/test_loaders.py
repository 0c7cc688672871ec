"""The loaders that the story `data` compares give the same tensors: torch's DataLoader, Hugging Face datasets, ours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.loaders import made, ours, peers

pytestmark = pytest.mark.oracle


def flat(batch: Any) -> list[np.ndarray]:
    """The arrays of a batch in the order of its columns."""
    if isinstance(batch, dict):
        return [part.numpy() for part in batch.values()]
    return [part.numpy() for part in batch] if isinstance(batch, list) else [batch.numpy()]


def same(ours: Any, theirs: Any) -> None:
    pairs = list(zip(ours, theirs, strict=True))
    assert pairs
    for our_batch, batch in pairs:
        for mine, array in zip(flat(our_batch), flat(batch), strict=True):
            np.testing.assert_array_equal(mine, array, strict=True)


@pytest.mark.parametrize("peer", ["table", "whole_table", "huggingface_table"])
def test_tables(peer: str):
    data = made.arrays(rows=600, width=3)
    same(ours.table(data, shuffle=False), getattr(peers, peer)(data, shuffle=False))


@pytest.mark.parametrize(
    ("loader", "peer"),
    [("parquet", "parquet"), ("parquet", "whole_parquet"), ("parquet_columns", "huggingface_parquet")],
)
def test_parquet(tmp_path: Path, loader: str, peer: str):
    path = tmp_path / "table.parquet"
    made.write_table(path, groups=4, rows=150, columns=3)
    same(getattr(ours, loader)(path, batch=100), getattr(peers, peer)(path, batch=100))


def test_images(tmp_path: Path):
    path = tmp_path / "images.parquet"
    made.write_images(path, count=6)
    same(ours.images(path, augment=False), peers.images(path, augment=False))
    ((mine, _), (theirs, _)) = (
        flat(next(iter(loader.images(path)))) for loader in (ours, peers)
    )  # drawn by either side for itself
    assert (mine.shape, mine.dtype) == (theirs.shape, theirs.dtype)


def test_tokens(tmp_path: Path):
    values, offsets = tmp_path / "tokens.bin", tmp_path / "offsets.bin"
    made.write_tokens(values, count=10_000)
    made.write_offsets(offsets, count=10_000)
    same(ours.tokens(values, offsets, length=64, shuffle=False), peers.tokens(values, length=64, shuffle=False))
