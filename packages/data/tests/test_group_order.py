"""Shuffles by groups: every record once, a function of (seed, epoch), each group once a window, any slice alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.data._sources._group_order import GroupShuffle

SIZES = st.lists(st.integers(0, 9), min_size=1, max_size=12)


def shuffle(rows: list[int], seed: int = 0, window: int = 3) -> GroupShuffle:
    return GroupShuffle("test", np.array(rows, np.int64), seed, window)


@given(SIZES, st.integers(1, 15), st.integers(0, 3), st.data())
def test_every_record_once_and_any_slice_alone(rows: list[int], window: int, epoch: int, data: st.DataObject) -> None:
    total = sum(rows)
    whole = shuffle(rows, window=window).epoch(epoch).records(0, total)
    assert sorted(whole.tolist()) == list(range(total))
    start = data.draw(st.integers(0, total))
    stop = data.draw(st.integers(start, total))
    assert shuffle(rows, window=window).epoch(epoch).records(start, stop).tolist() == whole[start:stop].tolist()


@given(SIZES, st.integers(1, 15))
def test_a_group_is_in_one_window(rows: list[int], window: int) -> None:
    order = shuffle(rows, window=window).epoch(1)
    windows = [order.window(number) for number in range(order.windows)]
    assert sorted(group for part in windows for group in part.groups.tolist()) == list(range(len(rows)))
    assert [part.start for part in windows] == np.cumsum([0, *(part.rows for part in windows)])[:-1].tolist()
    starts = np.cumsum(rows) - rows
    for part in windows:
        records = order.records(part.start, part.start + part.rows)
        owners = np.searchsorted(np.cumsum(rows), records, side="right")
        assert set(owners.tolist()) <= set(part.groups.tolist())
        assert len(records) == sum(rows[group] for group in part.groups)
        assert (records >= starts[owners]).all()


def test_the_order_is_a_published_contract() -> None:
    """Checkpoints in the middle of an epoch rest on it."""
    assert shuffle([3, 5, 0, 4, 2], 7, 2).epoch(1).records(0, 14).tolist() == [
        4, 9, 7, 3, 10, 11, 6, 8, 5, 1, 2, 0, 13, 12,
    ]  # fmt: skip
    assert shuffle([4] * 6, 0, 3).epoch(0).records(0, 24).tolist() == [
        9, 10, 14, 18, 17, 19, 13, 12, 16, 15, 11, 8, 22, 5, 4, 23, 2, 0, 7, 6, 21, 1, 20, 3,
    ]  # fmt: skip


def test_seeds_and_epochs_differ() -> None:
    orders = {tuple(shuffle([10] * 10, seed).epoch(epoch).records(0, 100)) for seed in range(3) for epoch in range(3)}
    assert len(orders) == 9
    assert tuple(shuffle([10] * 10, 1).epoch(2).records(0, 100)) in orders


def test_a_window_of_all_groups_mixes_all_rows() -> None:
    """The rank correlation of position and record is that of a random order."""
    order = shuffle([100] * 100, window=100).epoch(0).records(0, 10_000)
    assert abs(np.corrcoef(order, np.arange(10_000))[0, 1]) < 0.05
    spans = order.reshape(100, 100)
    assert (np.ptp(spans // 100, axis=1) > 80).all()


def test_bad_arguments() -> None:
    with pytest.raises(ValueError, match="window must be an int >= 1, got 0"):
        shuffle([1], window=0)
    with pytest.raises(ValueError, match="seed must be an int"):
        shuffle([1], seed=-1)
