"""Iterables and generator functions as streams."""

import functools
import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from lamella.data import DataLoader, from_iterable
from lamella.data._blocks import concat_blocks


def squares(count: int = 10) -> Iterator[dict[str, Any]]:
    return ({"n": n, "x": np.full(2, n * n, np.float32)} for n in range(count))


def nothing() -> Any:
    return None


def by_epoch(epoch: int) -> Iterator[int]:
    yield from (epoch * 100 + n for n in range(5))


class Source:
    def __iter__(self) -> Iterator[int]:
        return iter(range(7))

    def fingerprint(self) -> str:
        return "seven"


def test_functions_and_iterables_begin_anew() -> None:
    stream = from_iterable(squares, block_rows=3)
    for _ in range(2):
        block = concat_blocks(list(stream.open(0)))
        assert block["n"].tolist() == list(range(10))
        assert block["x"].shape == (10, 2)
    assert list(from_iterable([1, 2, 3])) == [1, 2, 3]
    assert list(from_iterable(range(3)).map(lambda n: n + 1)) == [1, 2, 3]
    assert sum(len(batch["n"]) for batch in DataLoader(stream, 4)) == 10


def test_epochs_are_given_to_the_function() -> None:
    stream = from_iterable(by_epoch, epochs=True, block_rows=2)
    assert stream.varies
    for epoch in (0, 3):
        iterator = stream.open(epoch)
        first = next(iterator).tolist()
        state = json.loads(json.dumps(iterator.state()))
        rest = [n for block in stream.open(epoch, state) for n in block.tolist()]
        assert first + rest == [epoch * 100 + n for n in range(5)]


def test_names() -> None:
    assert from_iterable(Source()).fingerprint() == "iterable(seven)"
    assert from_iterable(squares).fingerprint().endswith("squares)")
    assert from_iterable(functools.partial(squares, 3), name="three").fingerprint() == "iterable(three)"


BAD: list[tuple[str, Callable[[], object], str]] = [
    ("a generator", lambda: from_iterable(squares()), "a generator can be read once only"),
    ("a number", lambda: from_iterable(3), "expected an iterable or a function that gives one, got int"),
    ("epochs of a list", lambda: from_iterable([1], epochs=True), "epochs=True needs a function of the epoch"),
    ("nothing made", lambda: list(from_iterable(nothing).open(0)), "gave None, expected an iterable"),
]


@pytest.mark.parametrize(("make", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(make: Callable[[], object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        make()


def test_a_source_that_shrank_is_refused() -> None:
    with pytest.raises(ValueError, match="gave 2 records where a saved state has passed 5"):
        from_iterable([1, 2]).open(0, {"position": 5})
