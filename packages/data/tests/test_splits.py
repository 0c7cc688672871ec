"""Subsets and splits: every record in exactly one part, classes in proportion, a function of the seed."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.data import Subset, TableDataset, TensorDataset, random_split, stratified_split

FRACTIONS = st.lists(st.integers(1, 9), min_size=1, max_size=5).map(lambda parts: [part / sum(parts) for part in parts])


@given(labels=st.lists(st.integers(0, 5), max_size=120), fractions=FRACTIONS, seed=st.integers(0, 2**64 - 1))
def test_stratified_split_covers_in_proportion(labels: list[int], fractions: list[float], seed: int) -> None:
    values = np.array(labels, np.int64)
    parts = stratified_split(values, fractions, seed=seed)
    assert len(parts) == len(fractions)
    assert np.array_equal(np.sort(np.concatenate(parts)), np.arange(len(values)))
    for part, fraction in zip(parts, fractions, strict=True):
        assert np.array_equal(part, np.sort(part))
        for label in set(labels):
            share = fraction * labels.count(label)
            assert abs(np.count_nonzero(values[part] == label) - share) < 1 + 1e-6


@given(counts=st.lists(st.integers(1, 60), min_size=1, max_size=12), fraction=st.floats(0.05, 0.95))
def test_of_two_parts_the_totals_are_in_proportion_too(counts: list[int], fraction: float) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    first, second = stratified_split(labels, [fraction, 1 - fraction])
    assert abs(len(first) - fraction * len(labels)) <= 1
    assert len(first) + len(second) == len(labels)


def test_stratified_split_is_a_function_of_the_seed() -> None:
    labels = np.arange(200) % 7
    first = stratified_split(labels, (0.8, 0.2), seed=0)
    again = stratified_split(labels.astype(str), (0.8, 0.2), seed=0)
    other = stratified_split(labels, (0.8, 0.2), seed=1)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert not np.array_equal(first[1], other[1])
    assert first[1][:8].tolist() == [0, 1, 2, 4, 5, 6, 9, 25]


@given(rows=st.integers(0, 100), fractions=FRACTIONS, seed=st.integers(0, 2**64 - 1))
def test_random_split_covers(rows: int, fractions: list[float], seed: int) -> None:
    data = TensorDataset(np.arange(rows))
    parts = random_split(data, fractions, seed=seed)
    assert sorted(np.concatenate([part.indices for part in parts]).tolist()) == list(range(rows))
    assert all(abs(len(part) - rows * fraction) < 1 + 1e-6 for part, fraction in zip(parts, fractions, strict=True))


def test_random_split_by_counts() -> None:
    data = TensorDataset(np.arange(10))
    first, second, third = random_split(data, [7, 3, 0], seed=2)
    assert (len(first), len(second), len(third)) == (7, 3, 0)
    assert first.indices.tolist() != sorted(first.indices.tolist())
    assert first.indices.tolist() == random_split(data, [7, 3], seed=2)[0].indices.tolist()


@pytest.mark.parametrize("base", [TableDataset({"x": np.arange(10) * 10}), [{"x": i * 10} for i in range(10)]])
def test_subset_reads_through(base: Any) -> None:
    subset = Subset(Subset(base, [9, 1, 1, 4]), np.array([3, 0], np.uint8))
    assert len(subset) == 2
    assert subset[0]["x"] == 40
    assert subset[-1]["x"] == 90
    assert subset.gather(np.array([1, 0, 1]))["x"].tolist() == [90, 40, 90]
    assert "Subset(2 of Subset(4 of " in repr(subset)


def test_subset_keeps_its_own_indices() -> None:
    indices = np.array([1, 2])
    subset = Subset([5, 6, 7], indices)
    before = subset.fingerprint()
    indices[0] = 0
    assert subset[0] == 6
    assert subset.fingerprint() == before
    assert Subset([5, 6, 7], [2, 1]).fingerprint() != before
    with pytest.raises(ValueError, match="read-only"):
        subset.indices[0] = 0


BAD: list[tuple[str, Any, type[Exception], str]] = [
    ("range", lambda: Subset([1, 2], [2]), IndexError, r"indices must lie in \[0, 2\), got \[2, 2\]"),
    ("negative", lambda: Subset([1, 2], [-1]), IndexError, r"\[0, 2\)"),
    ("floats", lambda: Subset([1, 2], [0.0]), TypeError, "integers in one dim"),  # type: ignore[list-item]
    ("mask", lambda: Subset([1, 2], np.array([True, False])), TypeError, "integers in one dim"),
    ("record", lambda: Subset([1, 2], [0])[1], IndexError, "record 1 is out of range for 1 records"),
    ("gather", lambda: Subset([1, 2], [0]).gather(np.array([1])), IndexError, "out of range"),
    (
        "counts",
        lambda: random_split([1, 2], [1, 2]),
        ValueError,
        r"sum to the dataset's 2 records, got \[1, 2\] \(sum 3\)",
    ),
    ("minus", lambda: random_split([1, 2], [3, -1]), ValueError, "lengths must be >= 0"),
    ("nothing", lambda: random_split([1, 2], []), ValueError, r"got \[\]"),
    ("sum", lambda: random_split([1, 2], [0.5, 0.4]), ValueError, "fractions must be positive and sum to 1"),
    ("seed", lambda: random_split([1, 2], [1, 1], seed=-1), ValueError, "seed"),
    ("strat sum", lambda: stratified_split([1, 2], [0.8, 0.3]), ValueError, "sum to 1"),
    ("strat zero", lambda: stratified_split([1, 2], [1.0, 0.0]), ValueError, "positive"),
    ("strat none", lambda: stratified_split([1, 2], []), ValueError, "positive"),
    ("strat dims", lambda: stratified_split([[1, 2]], [1.0]), TypeError, r"one dim, got dtype int64, shape \(1, 2\)"),
    ("strat floats", lambda: stratified_split([1.0], [1.0]), TypeError, "got dtype float64"),
    ("strat seed", lambda: stratified_split([1], [1.0], seed=1.5), TypeError, "seed must be"),  # type: ignore[arg-type]
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(make: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
