"""Laws of the keyed permutation: a bijection for every length and key, any slice alone, one order for ever."""

import itertools
import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lamella.data import KeyedPermutation

WORDS = st.integers(0, 2**64 - 1)


@given(n=st.integers(0, 5000), seed=WORDS, epoch=WORDS)
def test_is_a_bijection(n: int, seed: int, epoch: int) -> None:
    order = KeyedPermutation(n, (seed, epoch))[np.arange(n)]
    assert order.dtype == np.int64
    assert np.array_equal(np.sort(order), np.arange(n))


@given(n=st.integers(1, 2**63 - 1), seed=WORDS, data=st.data())
def test_huge_tables_stay_in_range_and_distinct(n: int, seed: int, data: st.DataObject) -> None:
    positions = data.draw(st.lists(st.integers(0, n - 1), min_size=1, max_size=50, unique=True))
    order = KeyedPermutation(n, seed)[np.array(positions, np.int64)]
    assert order.min() >= 0
    assert order.max() < n
    assert len(set(order.tolist())) == len(positions)


@given(n=st.integers(1, 40000), seed=WORDS, data=st.data())
def test_any_slice_alone_equals_that_slice_of_the_whole(n: int, seed: int, data: st.DataObject) -> None:
    permutation = KeyedPermutation(n, seed)
    whole = permutation[np.arange(n)]
    start = data.draw(st.integers(0, n - 1))
    stop = data.draw(st.integers(start, min(n, start + 100)))
    assert np.array_equal(permutation[np.arange(start, stop)], whole[start:stop])
    assert permutation[start] == whole[start]


@pytest.mark.parametrize(
    ("n", "key", "expected"),
    [
        (10, 0, [1, 5, 6, 4, 2, 8, 7, 3]),
        (10, (0, 1), [3, 7, 1, 5, 2, 6, 4, 0]),
        (100, (7, 3), [53, 31, 79, 82, 64, 29, 63, 6]),
        (
            1099511627776,
            (18446744073709551615, 5),
            [
                230120169949,
                268107468162,
                872619845383,
                363501003073,
                894987013725,
                917201327152,
                714258416393,
                934769278664,
            ],
        ),
        (200000, (0, 0), [46688, 48830, 164336, 162973, 168847, 153465, 186249, 161765]),
    ],
)
def test_the_order_is_a_published_contract(n: int, key: int | tuple[int, ...], expected: list[int]) -> None:
    assert KeyedPermutation(n, key)[np.arange(8)].tolist() == expected


@pytest.mark.parametrize("n", [2, 3, 4, 5])
def test_every_order_of_a_tiny_table_is_equally_likely(n: int) -> None:
    keys = 50 * math.factorial(n)
    seen = Counter(tuple(KeyedPermutation(n, (11, key))[np.arange(n)].tolist()) for key in range(keys))
    chi_square = sum((seen[order] - 50) ** 2 / 50 for order in itertools.permutations(range(n)))
    freedom = math.factorial(n) - 1
    assert chi_square < freedom + 5 * math.sqrt(2 * freedom)


@pytest.mark.parametrize("n", [97, 1000, 1024, 200_000])
def test_neighbours_of_a_large_table_are_independent(n: int) -> None:
    keys, cells = 1600, 8
    counts = np.zeros((cells, cells))
    for key in range(keys):
        first, second = (KeyedPermutation(n, (3, key))[np.array([n // 2, n // 2 + 1])] * cells // n).tolist()
        counts[first, second] += 1
    width = np.bincount(np.arange(n) * cells // n, minlength=cells).astype(float)
    expected = keys * (np.outer(width, width) - np.diag(width)) / (n * (n - 1))
    chi_square = ((counts - expected) ** 2 / expected).sum()
    assert chi_square < 63 + 5 * math.sqrt(126)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: KeyedPermutation(-1, 0), ValueError, "n must be in"),
        (lambda: KeyedPermutation(2**63, 0), ValueError, "n must be in"),
        (lambda: KeyedPermutation(3, -1), ValueError, "key words"),
        (lambda: KeyedPermutation(3, (0, 2**64)), ValueError, "key words"),
        (lambda: KeyedPermutation(3, 0)[np.array([3])], IndexError, r"\[0, 3\)"),
        (lambda: KeyedPermutation(3, 0)[np.array([-1])], IndexError, r"\[0, 3\)"),
        (lambda: KeyedPermutation(0, 0)[0], IndexError, r"\[0, 0\)"),
        (lambda: KeyedPermutation(3, 0)[np.array([0.5])], TypeError, "integers"),
    ],
)
def test_bad_input(make: object, error: type[Exception], message: str) -> None:
    assert callable(make)
    with pytest.raises(error, match=message):
        make()
