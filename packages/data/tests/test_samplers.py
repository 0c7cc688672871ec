"""Samplers: PyTorch's names and counts, each a function of (seed, epoch, position); draws are as likely as they should
be.
"""

import itertools
import math
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.data import (
    BatchSampler,
    DistributedSampler,
    KeyedPermutation,
    RandomSampler,
    Sampler,
    SequentialSampler,
    SubsetRandomSampler,
    WeightedRandomSampler,
)
from lamella.data._draws import random_below, random_uniform, random_words
from lamella.data._samplers import PositionedSampler
from lamella.tensor import Generator

SEEDS = st.integers(0, 2**64 - 1)
RECORDS = range(23)


def every_kind(seed: int) -> list[PositionedSampler]:
    return [
        SequentialSampler(RECORDS),
        RandomSampler(RECORDS, seed=seed),
        RandomSampler(RECORDS, num_samples=7, seed=seed),
        RandomSampler(RECORDS, num_samples=60, seed=seed),
        RandomSampler(RECORDS, True, 60, seed=seed),
        SubsetRandomSampler([5, 3, 3, 22], seed=seed),
        WeightedRandomSampler(np.arange(23), 50, seed=seed),
        WeightedRandomSampler(np.arange(23), 9, False, seed=seed),
        DistributedSampler(RECORDS, 4, 3, seed=seed),
        DistributedSampler(RECORDS, 4, 3, shuffle=False, drop_last=True),
    ]


@settings(max_examples=30)
@given(seed=SEEDS, epoch=st.integers(0, 2**32), data=st.data())
def test_any_positions_alone_are_those_of_the_whole(seed: int, epoch: int, data: st.DataObject) -> None:
    for sampler in every_kind(seed):
        whole = sampler.at(epoch, np.arange(len(sampler)))
        assert whole.dtype == np.int64
        assert len(whole) == len(sampler)
        assert set(whole.tolist()) <= set(RECORDS)
        some = np.array(data.draw(st.lists(st.integers(0, len(sampler) - 1), max_size=6)), np.int64)
        assert np.array_equal(sampler.at(epoch, some), whole[some])


@pytest.mark.parametrize("number", range(len(every_kind(0))))
def test_iterated_directly_a_sampler_gives_epoch_after_epoch(number: int) -> None:
    sampler = every_kind(3)[number]
    for epoch in range(2):
        if isinstance(sampler, DistributedSampler):
            sampler.set_epoch(epoch)
        assert list(sampler) == sampler.at(epoch, np.arange(len(sampler))).tolist()


@pytest.mark.parametrize("records", [0, 1, 100_000])
def test_blocks_of_an_iterated_order_join(records: int) -> None:
    assert list(SequentialSampler(range(records))) == list(range(records))
    order = list(RandomSampler(range(records), seed=4))
    assert order == KeyedPermutation(records, (4, 0))[np.arange(records)].tolist()


GENERATED: list[Callable[[Generator | None, int | None], Any]] = [
    lambda generator, seed: RandomSampler(RECORDS, generator=generator, seed=seed),
    lambda generator, seed: RandomSampler(RECORDS, True, 9, generator, seed=seed),
    lambda generator, seed: SubsetRandomSampler(RECORDS, generator, seed=seed),
    lambda generator, seed: WeightedRandomSampler(np.ones(23), 9, generator=generator, seed=seed),
]


@pytest.mark.parametrize("make", GENERATED)
def test_a_generator_gives_the_orders_of_its_seed_a_slot_a_pass(make: Callable[[Any, Any], Any]) -> None:
    generator = Generator(11)
    drawn, seeded = make(generator, None), make(None, 11)
    assert [list(drawn) for _ in range(3)] == [list(seeded) for _ in range(3)]
    assert generator.position() == (11, 3)
    generator.manual_seed(11)
    assert list(drawn) == list(make(None, 11))
    generator.reserve(5)  # somebody else draws in between
    assert list(drawn) == drawn.seeded(11).at(6, np.arange(len(drawn))).tolist()


def test_more_samples_than_records_are_whole_orders_one_after_the_other() -> None:
    order = list(RandomSampler(RECORDS, num_samples=60, seed=1))
    assert sorted(order[:23]) == sorted(order[23:46]) == list(RECORDS)
    assert order[:23] != order[23:46]
    assert len(set(order[46:])) == 14
    assert order[:23] == list(RandomSampler(RECORDS, seed=1))


@given(records=st.integers(0, 40), replicas=st.integers(1, 9), shuffle=st.booleans(), drop_last=st.booleans())
def test_distributed_parts_are_equal_and_cover(records: int, replicas: int, shuffle: bool, drop_last: bool) -> None:
    parts = [
        list(DistributedSampler(range(records), replicas, rank, shuffle, 2, drop_last)) for rank in range(replicas)
    ]
    lengths = {len(part) for part in parts}
    assert lengths == {records // replicas if drop_last else math.ceil(records / replicas)}
    together = [record for row in zip(*parts, strict=True) for record in row]
    order = list(RandomSampler(range(records), seed=2)) if shuffle else list(range(records))
    if drop_last:
        assert together == order[: len(together)]
    elif records:
        assert together == list(itertools.islice(itertools.cycle(order), len(together)))


def test_batches_of_any_iterable() -> None:
    class Words(Sampler[str]):
        def __iter__(self) -> Iterator[str]:
            return iter("abcde")

    assert list(BatchSampler(Words(), 2, False)) == [["a", "b"], ["c", "d"], ["e"]]
    assert list(BatchSampler(Words(), 2, True)) == [["a", "b"], ["c", "d"]]
    assert [len(BatchSampler(range(5), 2, last)) for last in (False, True)] == [3, 2]
    with pytest.raises(TypeError, match="has no len"):
        len(BatchSampler(Words(), 2, True))
    with pytest.raises(NotImplementedError, match="Sampler gives no order: define __iter__"):
        iter(Sampler())


# -- chances ----------------------------------------------------------------------------------------------------------


def chi_square(counts: np.ndarray[Any, Any], expected: np.ndarray[Any, Any]) -> float:
    """How many standard deviations the counts' chi-square is above its mean."""
    freedom = len(counts) - 1
    return float((((counts - expected) ** 2 / expected).sum() - freedom) / math.sqrt(2 * freedom))


@pytest.mark.parametrize("n", [2, 3, 7, 100])
@pytest.mark.parametrize("key", [(0, 0), (7, 3), (2**64 - 1, 5)])
def test_draws_with_replacement_are_uniform_and_independent(n: int, key: tuple[int, int]) -> None:
    draws = random_below(n, key, np.arange(40_000))
    assert abs(chi_square(np.bincount(draws, minlength=n), np.full(n, 40_000 / n))) < 5
    cells = min(n, 8)
    coarse = draws * cells // n
    pairs = np.bincount(coarse[::2] * cells + coarse[1::2], minlength=cells * cells)
    width = np.bincount(np.arange(n) * cells // n, minlength=cells) / n
    assert abs(chi_square(pairs, 20_000 * np.outer(width, width).reshape(-1))) < 5


@given(n=st.integers(1, 2**63 - 1), key=SEEDS)
def test_high_words_of_products_are_exact(n: int, key: int) -> None:
    positions = np.array([0, 1, 2, 2**62], np.int64)
    words = random_words((key,), positions).tolist()
    assert random_below(n, (key,), positions).tolist() == [word * n >> 64 for word in words]


def test_the_draws_are_a_published_contract() -> None:
    positions = np.array([0, 1, 2, 10**12])
    assert random_words((7, 3), positions).tolist() == WORDS_7_3
    assert (random_uniform((7, 3), positions) * 2**53).tolist() == [word >> 11 for word in WORDS_7_3]
    assert random_below(1000, (7, 3), positions).tolist() == [word * 1000 >> 64 for word in WORDS_7_3]


WORDS_7_3 = [13365064818438238653, 4154079354362473588, 4025916119280334171, 3415457600851846394]

WEIGHTS = [[1, 1], [1, 2, 3, 4], [0, 5, 0, 1, 0], [1e-12, 1e12, 1e12], [3]]


@pytest.mark.parametrize("weights", WEIGHTS)
def test_weighted_draws_are_in_proportion(weights: list[float]) -> None:
    draws = np.array(list(WeightedRandomSampler(weights, 40_000, seed=1)))
    counts, chances = np.bincount(draws, minlength=len(weights)), np.array(weights) / np.sum(weights)
    assert counts[chances == 0].sum() == 0
    likely = chances > 1e-6
    if likely.sum() > 1:
        assert abs(chi_square(counts[likely], 40_000 * chances[likely])) < 5


@pytest.mark.parametrize("weights", [[1, 1, 1], [1, 2, 3], [0, 4, 1, 1]])
def test_weighted_draws_without_replacement_follow_the_weights_that_are_left(weights: list[float]) -> None:
    draws = 3
    sampler = WeightedRandomSampler(weights, draws, replacement=False, seed=5)
    seen = Counter(tuple(sampler.at(epoch, np.arange(draws)).tolist()) for epoch in range(4000))
    orders = [order for order in itertools.permutations(range(len(weights)), draws) if all(weights[i] for i in order)]
    assert set(seen) <= set(orders)
    expected = []
    for order in orders:
        left, chance = float(sum(weights)), 1.0
        for record in order:
            chance, left = chance * weights[record] / left, left - weights[record]
        expected.append(4000 * chance)
    assert abs(chi_square(np.array([seen[order] for order in orders]), np.array(expected))) < 5


BAD: list[tuple[str, Callable[[], Any], type[Exception], str]] = [
    ("replacement", lambda: RandomSampler(RECORDS, 1), TypeError, "replacement must be True or False, got 1"),
    ("num 0", lambda: RandomSampler(RECORDS, num_samples=0), ValueError, "num_samples must be an int >= 1, got 0"),
    ("num float", lambda: RandomSampler(RECORDS, num_samples=2.0), TypeError, "num_samples must be an int >= 1"),
    (
        "generator",
        lambda: RandomSampler(RECORDS, generator=3),
        TypeError,
        "must be a lamella.tensor.Gen.*got int",
    ),
    ("both", lambda: RandomSampler(RECORDS, generator=Generator(), seed=1), ValueError, "pass one of them"),
    ("seed", lambda: RandomSampler(RECORDS, seed=-1), ValueError, "seed must be an int in"),
    ("nothing", lambda: list(RandomSampler([], num_samples=3)), ValueError, "num_samples=3 of a data source without"),
    ("floats", lambda: SubsetRandomSampler([0.5]), TypeError, "integers in one dim, got dtype float64"),
    ("matrix", lambda: SubsetRandomSampler([[1, 2]]), TypeError, r"shape \(1, 2\)"),
    ("weights dims", lambda: WeightedRandomSampler([[1.0]], 1), ValueError, r"one dim, got shape \(1, 1\)"),
    ("negative", lambda: WeightedRandomSampler([1, -2], 1), ValueError, "finite and >= 0, got -2.0 for record 1"),
    ("nan", lambda: WeightedRandomSampler([float("nan")], 1), ValueError, "got nan for record 0"),
    ("zeros", lambda: WeightedRandomSampler([0, 0], 1), ValueError, "no weight is above 0"),
    ("no weights", lambda: WeightedRandomSampler([], 1), ValueError, "no weight is above 0"),
    ("draws", lambda: WeightedRandomSampler([1], 0), ValueError, "num_samples must be an int >= 1, got 0"),
    ("draws bool", lambda: WeightedRandomSampler([1], True), TypeError, "got the bool True"),
    ("too many", lambda: WeightedRandomSampler([1, 0, 1], 3, False), ValueError, "only 2 records have a weight above"),
    ("batch", lambda: BatchSampler(RECORDS, 0, False), ValueError, "batch_size must be an int >= 1, got 0"),
    ("drop", lambda: BatchSampler(RECORDS, 1, 0), TypeError, "drop_last must be True or False"),
    ("inner", lambda: BatchSampler(3, 1, False), TypeError, "sampler must be iterable, got int"),
    ("no group", lambda: DistributedSampler(RECORDS), RuntimeError, "no process group to ask"),
    ("rank", lambda: DistributedSampler(RECORDS, 2, 2), ValueError, r"rank must be an int in \[0, 1\], got 2"),
    ("replicas", lambda: DistributedSampler(RECORDS, 0, 0), ValueError, "num_replicas must be an int >= 1"),
    ("epoch", lambda: DistributedSampler(RECORDS, 2, 0).set_epoch(-1), ValueError, "epoch must be an int >= 0"),
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(make: Callable[[], Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        make()
