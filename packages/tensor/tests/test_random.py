"""Laws of the draws (any split of a call gives the same numbers), their statistics, their edges and the generator."""

import itertools
import math
import multiprocessing
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.tensor import _random as rng
from lamella.tensor._random import _parallel, _philox

F32, F64 = np.dtype(np.float32), np.dtype(np.float64)
FLOATS = [F64, F32, np.dtype(np.float16), np.dtype(ml_dtypes.bfloat16)]
Draw = Callable[[int, int, int], np.ndarray[Any, Any]]


def floats(draw: Any, dtype: np.dtype[Any]) -> Draw:
    return lambda seed, offset, n: draw(seed, offset, (n,), dtype)


DRAWS: dict[str, Draw] = {
    "words": lambda seed, offset, n: rng.words(seed, offset, n),
    **{f"uniform-{d}": floats(rng.uniform, d) for d in FLOATS},
    **{f"normal-{d}": floats(rng.normal, d) for d in FLOATS},
    "bernoulli": lambda seed, offset, n: rng.bernoulli(seed, offset, 0.3, (n,)),
    "randint": lambda seed, offset, n: rng.randint(seed, offset, -5, 1000, (n,)),
    "randint-wide": lambda seed, offset, n: rng.randint(seed, offset, -5, 2**50, (n,)),
}
SEEDS = st.one_of(st.integers(0, 3), st.integers(0, 2**64 - 1))
OFFSETS = st.one_of(st.integers(0, 9000), st.integers(0, 2**64 - 1), st.integers(2**64 - 3000, 2**64 - 1))


@pytest.fixture
def threads() -> Iterator[Callable[[int], None]]:
    before = rng.get_num_threads()
    yield rng.set_num_threads
    rng.set_num_threads(before)


@pytest.mark.parametrize("name", DRAWS)
@settings(max_examples=60, deadline=None)
@given(seed=SEEDS, offset=OFFSETS, sizes=st.lists(st.integers(0, 2500), max_size=4))
def test_any_split_of_a_call_gives_the_same_numbers(name: str, seed: int, offset: int, sizes: list[int]) -> None:
    draw = DRAWS[name]
    whole = draw(seed, offset, sum(sizes))
    starts = [0, *itertools.accumulate(sizes)]
    parts = [draw(seed, (offset + start) % 2**64, size) for start, size in zip(starts, sizes, strict=False)]
    assert whole.tobytes() == b"".join(part.tobytes() for part in parts)


@pytest.mark.parametrize("name", DRAWS)
def test_threads_chunks_and_tables_do_not_change_a_number(name: str, threads: Callable[[int], None]) -> None:
    n, draw = 3 * _philox.CHUNK + 77, DRAWS[name]
    threads(1)
    one = draw(11, 2**64 - 1000, n)
    threads(3)
    assert draw(11, 2**64 - 1000, n).tobytes() == one.tobytes()
    small = [draw(11, (2**64 - 1000 + start) % 2**64, 200) for start in range(0, 2000, 200)]
    assert b"".join(s.tobytes() for s in small) == one[:2000].tobytes()


def test_a_draw_is_a_fresh_writable_array() -> None:
    for draw in DRAWS.values():
        first = draw(1, 5, 8)
        kept = first.tobytes()
        first[:] = 0
        assert draw(1, 5, 8).tobytes() == kept
    assert rng.uniform(1, 5, (2, 4), F32).flags.c_contiguous


def test_narrow_uniforms_are_wide_ones_cut_off() -> None:
    wide = rng.uniform(2, 9, (5000,), F64)
    for dtype, bits in zip(FLOATS, (53, 24, 11, 8), strict=True):
        narrow = rng.uniform(2, 9, (5000,), dtype).astype(np.float64)
        assert np.array_equal(narrow, np.floor(wide * 2.0**bits) / 2.0**bits)
        assert narrow.max() < 1


@settings(max_examples=200, deadline=None)
@given(p=st.floats(0, 1), n=st.sampled_from([200, 3000]))
def test_a_coin_is_a_uniform_below_p(p: float, n: int) -> None:
    coins = rng.bernoulli(3, 0, p, (n,))
    assert np.array_equal(coins, rng.uniform(3, 0, (n,), F64) < p)


@pytest.mark.parametrize("n", [8, 3000, 200_000])
def test_a_sure_coin_is_sure(n: int) -> None:
    assert not rng.bernoulli(3, 0, 0.0, (n,)).any()
    assert rng.bernoulli(3, 0, 1.0, (n,)).all()


@settings(max_examples=200, deadline=None)
@given(low=st.integers(-(2**63), 2**63 - 1), span=st.one_of(st.integers(1, 40), st.integers(1, 2**64)))
def test_randint_is_the_high_half_of_the_product(low: int, span: int) -> None:
    high = min(low + span, 2**63)
    words = rng.words(6, 1, 20).tolist()
    assert rng.randint(6, 1, low, high, (20,)).tolist() == [low + (w * (high - low) >> 64) for w in words]


@pytest.mark.parametrize("n", [0, 1, 2, 1000, 100_000])
def test_randperm_is_a_permutation(n: int) -> None:
    assert np.array_equal(np.sort(rng.randperm(4, 2, n)), np.arange(n))


def test_equal_words_keep_their_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamella.tensor._random._draws.words", lambda *_: np.array([5, 1, 5, 1], np.uint64))
    assert rng.randperm(0, 0, 4).tolist() == [1, 3, 0, 2]


def test_normals_are_the_formula_they_claim_to_be() -> None:
    """Against log and sin of extended precision: a few ULP, which is the polynomials' own error."""
    n = 200_000
    w = rng.words(12, 0, n)
    for dtype in (F32, F64):
        high = (w >> np.uint64(32)).astype(dtype)
        high = np.add(high, np.array(0.5, dtype)).astype(np.longdouble)
        turn = w.astype(np.uint32).view(np.int32).astype(dtype).astype(np.longdouble) / 2**32
        pi = np.longdouble("3.14159265358979323846264338327950288")
        expected = np.sqrt(-2 * np.log(high / 2**32)) * np.sin(pi * turn)
        draws = rng.normal(12, 0, (n,), dtype)
        assert np.max(np.abs(draws - expected) / np.spacing(np.abs(draws))) < 8


def test_extreme_words_give_finite_normals(monkeypatch: pytest.MonkeyPatch) -> None:
    from lamella.tensor._random import _normal

    halves = [0, 1, 2**31 - 1, 2**31, 2**32 - 1]
    w = np.array([(a << 32) | b for a in halves for b in halves], np.uint64)
    for name, formula in _normal.FORMULAS.items():
        out = np.empty(w.size, name)
        _normal._box_muller(w.copy(), formula, out)
        assert np.isfinite(out).all()
        assert np.abs(out).max() == pytest.approx(math.sqrt(-2 * math.log(2.0**-33)))


def uniform_cdf(x: float) -> float:
    return x


def normal_cdf(x: float) -> float:
    return 0.5 * math.erfc(-x / math.sqrt(2))


# the distribution function, and the moments 1 to 8
DISTRIBUTIONS: list[tuple[Any, Callable[[float], float], list[float]]] = [
    (rng.uniform, uniform_cdf, [1 / (k + 1) for k in range(1, 9)]),
    (rng.normal, normal_cdf, [0, 1, 0, 3, 0, 15, 0, 105]),
]


@pytest.mark.parametrize(("draw", "cdf", "moments"), DISTRIBUTIONS, ids=["uniform", "normal"])
@pytest.mark.parametrize("dtype", [F32, F64])
def test_distributions(draw: Any, cdf: Any, moments: list[float], dtype: np.dtype[Any]) -> None:
    n = 100_000
    sample = np.sort(draw(2024, 12345, (n,), dtype).astype(np.float64))
    expected = np.array([cdf(x) for x in sample.tolist()])
    distance = max(np.max(np.arange(1, n + 1) / n - expected), np.max(expected - np.arange(n) / n))
    assert distance * math.sqrt(n) < 1.95  # Kolmogorov and Smirnov at 0.1 %
    for k in (1, 2, 3, 4):
        spread = math.sqrt((moments[2 * k - 1] - moments[k - 1] ** 2) / n)
        assert abs((sample**k).mean() - moments[k - 1]) < 5 * spread


def test_neighbouring_slots_and_seeds_are_uncorrelated() -> None:
    n = 200_000
    x = rng.normal(1, 0, (n,), F64)
    for other in (rng.normal(1, 1, (n,), F64), rng.normal(2, 0, (n,), F64), rng.normal(1, 4, (n,), F64)):
        assert abs((x * other).mean()) < 5 / math.sqrt(n)


def test_randint_is_even() -> None:
    counts = np.bincount(rng.randint(7, 0, 0, 10, (100_000,)), minlength=10)
    assert ((counts - 10_000) ** 2 / 10_000).sum() < 30


def test_seeds_and_offsets_count_modulo_two_to_the_64() -> None:
    assert np.array_equal(rng.words(-1, 0, 4), rng.words(2**64 - 1, 0, 4))
    assert np.array_equal(rng.words(3, 2**64 + 7, 4), rng.words(3, 7, 4))
    assert np.array_equal(rng.uniform(3, 2**64 + 7, (4,), F32), rng.uniform(3, 7, (4,), F32))
    around = rng.words(3, 2**64 - 2, 4)
    assert around.tolist() == [*rng.words(3, 2**64 - 2, 2).tolist(), *rng.words(3, 0, 2).tolist()]


@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1, 1), (2, 3, 4), (40, 50)])
def test_shapes(shape: tuple[int, ...]) -> None:
    for draw in (rng.uniform, rng.normal):
        assert draw(1, 2, shape, F32).shape == shape
    assert rng.bernoulli(1, 2, 0.5, shape).shape == shape
    assert rng.randint(1, 2, 0, 5, shape).shape == shape


BAD: dict[str, tuple[Callable[[], object], type[Exception], str]] = {
    "p above": (lambda: rng.bernoulli(0, 0, 1.5, (3,)), ValueError, r"p = 1\.5.*0 <= p <= 1"),
    "p below": (lambda: rng.bernoulli(0, 0, -0.1, (3,)), ValueError, r"p = -0\.1"),
    "p nan": (lambda: rng.bernoulli(0, 0, math.nan, (3,)), ValueError, "p = nan"),
    "empty range": (lambda: rng.randint(0, 0, 5, 5, (3,)), ValueError, r"\[5, 5\).*low < high"),
    "reversed range": (lambda: rng.randint(0, 0, 5, 4, (3,)), ValueError, r"\[5, 4\)"),
    "range below": (lambda: rng.randint(0, 0, -(2**63) - 1, 4, (3,)), ValueError, "leaves int64"),
    "range above": (lambda: rng.randint(0, 0, 0, 2**63 + 1, (3,)), ValueError, "leaves int64"),
    "negative n": (lambda: rng.randperm(0, 0, -1), ValueError, "n = -1"),
    "negative words": (lambda: rng.words(0, 0, -1), ValueError, "-1"),
    "attempt": (lambda: rng.words(0, 0, 1, -1), ValueError, "attempt -1"),
    "size": (lambda: rng.uniform(0, 0, (-8,), F32), ValueError, r"\(-8,\)"),
    "sizes": (lambda: rng.normal(0, 0, (-2, -4), F32), ValueError, "negative"),
    "sizes of coins": (lambda: rng.bernoulli(0, 0, 0.5, (-2, -4)), ValueError, "negative"),
    "uniform dtype": (lambda: rng.uniform(0, 0, (3,), np.int32), TypeError, "int32.*float64, float32"),
    "normal dtype": (lambda: rng.normal(0, 0, (3,), np.complex64), TypeError, "complex64.*float64, float32"),
    "large dtype": (lambda: rng.normal(0, 0, (3000,), np.int32), TypeError, "int32"),
    "float seed": (lambda: rng.Generator(1.5), TypeError, "the seed must be an int, got 1.5"),  # type: ignore[arg-type]
    "high seed": (lambda: rng.Generator(2**64), ValueError, r"2\*\*64"),
    "low seed": (lambda: rng.manual_seed(-(2**63) - 1), ValueError, "out of range"),
    "reserve": (lambda: rng.Generator().reserve(-1), ValueError, "n = -1"),
    "threads": (lambda: rng.set_num_threads(0), ValueError, "at least 1"),
    "threads type": (lambda: rng.set_num_threads(1.5), TypeError, "count must be an int, got 1.5"),  # type: ignore[arg-type]
}


@pytest.mark.parametrize("name", BAD)
def test_bad_arguments(name: str) -> None:
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


def test_generator_hands_out_runs_of_slots() -> None:
    g = rng.Generator(7)
    assert [g.reserve(3), g.reserve(0), g.reserve(2**64), g.reserve(1)] == [(7, 0), (7, 3), (7, 3), (7, 3)]
    assert g.manual_seed(-1) is g
    assert g.initial_seed() == 2**64 - 1
    assert g.reserve(1) == (2**64 - 1, 0)
    assert repr(g) == f"Generator(seed={2**64 - 1}, offset=1)"


def test_state_goes_around() -> None:
    g = rng.Generator(7)
    g.reserve(10)
    state = g.get_state()
    other = rng.Generator()
    other.set_state(state)
    assert other.reserve(1) == g.reserve(1) == (7, 10)


@pytest.mark.parametrize(
    "state",
    [
        None,
        {},
        {"seed": 1, "offset": 2},
        {"algorithm": "mt19937", "seed": 1, "offset": 2},
        {"algorithm": "philox4x64-10", "seed": True, "offset": 2},
        {"algorithm": "philox4x64-10", "seed": 1, "offset": -2},
        {"algorithm": "philox4x64-10", "seed": 1, "offset": 2**64},
        {"algorithm": "philox4x64-10", "seed": "1", "offset": 0},
    ],
)
def test_a_foreign_state_changes_nothing(state: object) -> None:
    g = rng.Generator(7)
    g.reserve(10)
    before = g.get_state()
    with pytest.raises(ValueError, match="set_state"):
        g.set_state(state)
    assert g.get_state() == before


def test_manual_seed_seeds_the_default_generator() -> None:
    before = rng.default_generator.get_state()
    assert rng.manual_seed(5) is rng.default_generator
    assert rng.default_generator.reserve(4) == (5, 0)
    rng.default_generator.set_state(before)


def test_threads_share_a_generator() -> None:
    g = rng.Generator(1)
    with ThreadPoolExecutor(4) as pool:
        taken = list(pool.map(lambda _: g.reserve(3)[1], range(400)))
    assert sorted(taken) == list(range(0, 1200, 3))


def test_many_threads_draw_at_once() -> None:
    expected = {n: rng.normal(n, n, (n,), F32).tobytes() for n in (8, 3000, 70_000)}
    wrong: list[int] = []

    def work() -> None:
        for _ in range(10):
            wrong.extend(n for n, e in expected.items() if rng.normal(n, n, (n,), F32).tobytes() != e)

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert wrong == []


def _large_draw() -> bytes:
    return rng.words(1, 0, 4 * _philox.CHUNK).tobytes()


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system cannot fork")
@pytest.mark.filterwarnings(
    "ignore:.*multi-threaded.*fork:DeprecationWarning"
)  # Python 3.12+ warns; forking is the test
def test_draws_work_in_a_forked_child(threads: Callable[[int], None]) -> None:
    threads(2)
    expected = _large_draw()
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_large_draw).get(timeout=60) == expected


def test_draws_work_while_the_interpreter_starts_no_threads(
    threads: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    threads(2)
    expected = _large_draw()

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't create new thread at interpreter shutdown")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    monkeypatch.setattr(_parallel, "_pool", None)
    assert _large_draw() == expected
