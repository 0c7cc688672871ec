"""From records to batches: structure is kept, and records that do not fit together are named."""

from typing import Any, NamedTuple

import numpy as np
import pytest

from lamella.data import default_collate, default_convert
from lamella.tensor import Tensor, from_numpy


class Point(NamedTuple):
    x: Any
    y: Any


@pytest.mark.parametrize(
    ("records", "dtype", "values"),
    [
        ([1, 2], np.int64, [1, 2]),
        ([1.5, 2.5], np.float64, [1.5, 2.5]),
        ([True, False], np.bool_, [True, False]),
        ([np.float32(1), np.float32(2)], np.float32, [1, 2]),
        ([np.zeros((2, 1), np.int8), np.ones((2, 1), np.int8)], np.int8, [[[0], [0]], [[1], [1]]]),
        ([from_numpy(np.arange(2)), from_numpy(np.arange(2))], np.int64, [[0, 1], [0, 1]]),
    ],
)
def test_leaves_are_stacked(records: list[Any], dtype: type[np.generic], values: list[Any]) -> None:
    batch = default_collate(records)
    assert isinstance(batch, Tensor)
    assert batch.numpy().dtype == dtype
    assert batch.numpy().tolist() == values


def test_conversion_leaves_the_structure_and_what_is_no_array() -> None:
    array = np.arange(3.0)
    x, number, rest = default_convert((array, np.float32(2), ["a", 1, None]))
    assert np.shares_memory(x.numpy(), array)
    assert number.numpy().dtype == np.float32
    assert rest == ["a", 1, None]


def test_structure_is_kept() -> None:
    batch = default_collate([{"p": Point(1, [2.0, "a"])}, {"p": Point(3, [4.0, "b"])}])
    assert type(batch["p"]) is Point
    assert batch["p"].x.numpy().tolist() == [1, 3]
    assert batch["p"].y[0].numpy().tolist() == [2, 4]
    assert batch["p"].y[1] == ["a", "b"]
    pair = default_collate([(1, 2), (3, 4)])
    assert type(pair) is tuple


@pytest.mark.parametrize(
    ("records", "error", "message"),
    [
        ([], ValueError, "empty list of records"),
        ([np.zeros(2), np.zeros(3)], ValueError, r"record 1 has shape \(3,\) where record 0 has \(2,\); pad"),
        ([{"a": np.zeros(2)}, {"a": np.zeros(3)}], ValueError, r"record\['a'\] 1 has shape \(3,\)"),
        ([{"a": 1}, {"b": 1}], ValueError, r"record 1 has keys \['b'\] where record 0 has \['a'\]"),
        ([(1, 2), (1,)], ValueError, "record 1 has 1 parts where record 0 has 2"),
        ([1, "a"], TypeError, "record 1 is a str where record 0 is a int"),
        ([None, None], TypeError, "record 0 is a NoneType, which is no array or number"),
        ([(1, {2}), (1, {3})], TypeError, r"record\[1\] 0 is a set"),
    ],
)
def test_records_that_do_not_fit(records: list[Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        default_collate(records)
