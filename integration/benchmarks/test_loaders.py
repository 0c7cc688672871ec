"""The loaders that the story `data` compares: ours give exactly what plain numpy and Pillow read."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from benchmarks.loaders import made, ours
from benchmarks.stories.data import CASES


def test_tables():
    data = made.arrays(rows=600, width=3)
    batches = list(ours.table(data, shuffle=False))
    assert [len(batch["y"]) for batch in batches] == [256, 256, 88]
    for name, values in data.items():
        joined = np.concatenate([batch[name].numpy() for batch in batches])
        np.testing.assert_array_equal(joined, values)
        assert joined.dtype == values.dtype


def test_a_shuffled_table_has_each_row_once():
    data = made.arrays(rows=600, width=3)
    batches = list(ours.table(data))
    numbers = np.concatenate([batch["y"].numpy() for batch in batches])
    assert sorted(numbers.tolist()) == list(range(600))
    assert numbers.tolist() != list(range(600))
    np.testing.assert_array_equal(np.concatenate([batch["x"].numpy() for batch in batches]), data["x"][numbers])


@pytest.mark.parametrize("workers", [0, 1])
def test_parquet(tmp_path: Path, workers: int):
    path = tmp_path / "table.parquet"
    made.write_table(path, groups=4, rows=150, columns=3)
    table = pq.read_table(path)
    assert pq.read_metadata(path).num_row_groups == 4
    matrix = np.stack([column.to_numpy() for column in table.columns], 1)
    batches = [batch["x"].numpy() for batch in ours.parquet(path, workers, batch=100)]
    assert {batch.shape for batch in batches} == {(100, 3)}
    np.testing.assert_array_equal(np.concatenate(batches), matrix)
    columns = list(ours.parquet_columns(path, workers, batch=100))
    for number, name in enumerate(table.column_names):
        np.testing.assert_array_equal(np.concatenate([batch[name].numpy() for batch in columns]), matrix[:, number])


def test_images(tmp_path: Path):
    image = pytest.importorskip("PIL.Image")
    path = tmp_path / "images.parquet"
    made.write_images(path, count=6)
    (batch,) = ours.images(path, augment=False)
    assert batch["label"].tolist() == list(range(6))
    for pixels, file in zip(batch["image"].numpy(), pq.read_table(path)["image"].to_pylist(), strict=True):
        plain = image.open(io.BytesIO(file)).convert("RGB").resize((224, 224), image.Resampling.BILINEAR)
        np.testing.assert_array_equal(pixels, np.asarray(plain).transpose(2, 0, 1))
    (cropped,) = ours.images(path)
    assert cropped["image"].shape == batch["image"].shape
    assert (cropped["image"].numpy() != batch["image"].numpy()).any()


def test_tokens(tmp_path: Path):
    values, offsets = tmp_path / "tokens.bin", tmp_path / "offsets.bin"
    made.write_tokens(values, count=10_000)
    made.write_offsets(offsets, count=10_000)
    assert len(np.fromfile(offsets, np.int64)) > 5
    batches = [batch["tokens"].numpy() for batch in ours.tokens(values, offsets, length=64, shuffle=False)]
    assert {(batch.shape[1:], batch.dtype) for batch in batches} == {((64,), np.dtype(np.int64))}
    rows = np.fromfile(values, np.uint16)[: 10_000 // 64 * 64].reshape(-1, 64)
    np.testing.assert_array_equal(np.concatenate(batches), rows)


def test_every_side_says_its_records():
    fed = [case for case in CASES if hasattr(case, "records")]
    assert len(fed) >= 5
    for case in fed:
        assert set(case.records) == set(case.sides)
        assert set(case.beside) < set(case.sides)
