"""Laws of pipelines: any chain of ops, stopped anywhere and resumed from its state as JSON, goes on as if it had not
been; shards put together are the whole; a dataset with positions reads the same in any order, at once or one by one.
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.data import (
    ChainDataset,
    ConcatDataset,
    IterableDataset,
    Ragged,
    RandomAccess,
    Stream,
    TableDataset,
    interleave,
    mix,
)


def table(rows: int, start: int = 0) -> TableDataset:
    """Record i has the number i, i % 6 tokens that say which record they are of, and a word."""
    tokens = [np.full(row % 6, row, np.uint16) for row in range(start, start + rows)]
    words = Ragged.from_rows([f"w{row}" for row in range(start, start + rows)]) if rows else Ragged(
        np.zeros(0, np.uint8), [0], kind="text")  # fmt: skip
    return TableDataset(
        {"id": np.arange(start, start + rows), "tokens": Ragged.from_rows(tokens, np.uint16), "word": words}
    )


class Counting(IterableDataset):
    """A stream as users write them."""

    block_rows = 3

    def __init__(self, rows: int) -> None:
        self.rows = rows

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for row in range(self.rows):
            yield {"id": row, "tokens": [row] * (row % 4), "word": str(row)}


def double(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "id": record["id"] * 2}


def double_batch(batch: dict[str, Any]) -> dict[str, Any]:
    return {**batch, "id": batch["id"] * 2}


def draw(record: dict[str, Any], rng: np.random.Generator) -> dict[str, Any]:
    return {**record, "noise": rng.integers(1 << 30)}


def draw_batch(batch: dict[str, Any], rngs: Any) -> dict[str, Any]:
    return {**batch, "noise": [int(rngs[row].integers(1 << 30)) for row in range(len(rngs))]}


def odd(record: dict[str, Any]) -> bool:
    return bool(record["id"] % 3)


def odd_batch(batch: dict[str, Any]) -> Any:
    return batch["id"] % 3 != 0


def plain(value: Any) -> Any:
    """A record as plain data, to compare."""
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (list, np.ndarray, Ragged)):
        return [plain(row) for row in value]
    return value.item() if isinstance(value, np.generic) else value


# Ops on records {id, tokens, word}, which they keep; drawn as functions, so that a failing chain prints as one.
Op = Callable[[Any], Any]
SIZE = st.integers(1, 9)
SHARED: list[st.SearchStrategy[tuple[str, Op]]] = [
    st.just(("map", lambda d: d.map(double))),
    st.just(("map batched", lambda d: d.map(double_batch, batched=True))),
    st.integers(0, 3).map(lambda n: (f"take {20 + n}", lambda d: d.take(20 + n))),
    st.integers(0, 9).map(lambda n: (f"skip {n}", lambda d: d.skip(n))),
    st.integers(1, 3).map(lambda w: (f"shard {w}", lambda d: d.shard(w - 1, w))),
    st.integers(1, 2).map(lambda n: (f"repeat {n}", lambda d: d.repeat(n))),
    st.integers(0, 2).map(lambda s: (f"map rng {s}", lambda d: d.map(draw, rng=True, seed=s))),
    st.just(("map rng batched", lambda d: d.map(draw_batch, rng=True, batched=True))),
]
ON_STREAMS = [
    *SHARED,
    st.just(("filter", lambda d: d.filter(odd))),
    st.just(("filter batched", lambda d: d.filter(odd_batch, batched=True))),
    SIZE.map(lambda w: (f"shuffle {w}", lambda d: d.shuffle(3, window=w))),
    SIZE.map(lambda n: (f"prefetch {n}", lambda d: d.prefetch(n))),
    st.sampled_from(["first", "all"]).map(lambda stop: (f"interleave {stop}", lambda d: d.interleave(d, stop=stop))),
    st.sampled_from(["first", "all"]).map(
        lambda stop: (f"mix {stop}", lambda d: d.mix(d.take(5), weights=[0.7, 0.3], seed=1, stop=stop))
    ),
    st.just(("chain", lambda d: d + d.skip(2))),
    st.just(("cache", lambda d: d if d.varies else d.cache())),
]
ON_POSITIONS = [
    *SHARED,
    st.integers(0, 2).map(lambda s: (f"shuffle {s}", lambda d: d.shuffle(s))),
    st.sampled_from(["first", "all"]).map(lambda stop: (f"interleave {stop}", lambda d: d.interleave(d, stop=stop))),
    st.sampled_from(["first", "all"]).map(
        lambda stop: (f"mix {stop}", lambda d: d.mix(d.take(5), weights=[0.7, 0.3], seed=1, stop=stop))
    ),
    st.just(("slice", lambda d: d[1::2])),
    st.just(("concat", lambda d: d + d.take(3))),
    st.just(("cache", lambda d: d if d.varies else d.cache())),
    st.just(("filter", lambda d: d if d.varies else d.filter(odd))),
]
# The last op may change what a record is.
LAST: list[st.SearchStrategy[tuple[str, Op]]] = [
    st.just(("nothing", lambda d: d)),
    SIZE.flatmap(lambda n: st.booleans().map(lambda last: (f"batch {n} {last}", lambda d: d.batch(n, drop_last=last)))),
    SIZE.map(lambda n: (f"batch pad {n}", lambda d: d.batch(n).pad(mask=True, value=7))),
    SIZE.map(lambda n: (f"pad {n}", lambda d: d.pad(5 + n, side="left"))),
]
PACK = [
    st.tuples(st.integers(1, 12), st.booleans(), st.sampled_from([None, 9])).map(
        lambda given: (
            f"pack {given}",
            lambda d: d.pack(given[0], "tokens", drop_last=given[1], separator=given[2], documents=True,
                             positions=True, loss_mask=True, overlap=given[0] // 3),
        )
    ),
    st.tuples(st.integers(6, 12), SIZE, st.sampled_from([None, 9]), st.sampled_from(["cut", "drop"])).map(
        lambda given: (
            f"pack whole {given}",
            lambda d: d.pack(given[0], "tokens", whole=True, window=given[1], separator=given[2], long=given[3],
                             documents=True, positions=True, loss_mask=True),
        )
    ),
]  # fmt: skip
BUCKET = [
    st.tuples(SIZE, st.booleans()).map(
        lambda given: (
            f"bucket {given}",
            lambda d: d.bucket(given[0], by="tokens", window=given[0] * 3, drop_last=given[1], seed=1).pad(),
        )
    ),
    st.just(("bucket values", lambda d: d.bucket(max_values=12, by="tokens", window=10).pad())),
]


def chains(ops: list[st.SearchStrategy[tuple[str, Op]]], last: list[Any]) -> st.SearchStrategy[list[tuple[str, Op]]]:
    return st.tuples(st.lists(st.one_of(*ops), max_size=4), st.one_of(*last)).map(lambda drawn: [*drawn[0], drawn[1]])


def build(source: Any, chain: list[tuple[str, Op]]) -> Any:
    for _name, op in chain:
        source = op(source)
    return source


SOURCES: dict[str, Callable[[], Stream]] = {
    "table": lambda: table(37).stream(block_rows=5),
    "one block": lambda: table(25).stream(),
    "iterable": lambda: Counting(23),
    "chain": lambda: ChainDataset([table(4).stream(), Counting(0), Counting(19)]),
    "empty": lambda: table(0).stream(),
}


def records(stream: Stream, epoch: int, state: Any = None, most: int | None = None) -> tuple[list[Any], Any]:
    """Records from a state on, and the state after them."""
    cursor = stream.cursor(epoch, state)
    found: list[Any] = []
    while most is None or len(found) < most:
        block = cursor.take(1)
        if block is None:
            break
        (record,) = plain(rows_of(block))
        found.append(record)
    return found, json.loads(json.dumps(cursor.state()))


def rows_of(block: Any) -> list[Any]:
    from lamella.data._blocks import records_of

    return records_of(block)


def refused(error: ValueError, chain: list[tuple[str, Op]]) -> bool:
    """stop="all" repeats shorter sources, which cannot be done with one that has no records."""
    return "no records" in str(error) and any(" all" in name for name, _op in chain)


@settings(max_examples=60, deadline=None)
@given(
    source=st.sampled_from(sorted(SOURCES)),
    chain=chains(ON_STREAMS, LAST + PACK + BUCKET),
    epoch=st.integers(0, 3),
    data=st.data(),
)
def test_a_resumed_stream_goes_on_as_if_it_had_not_stopped(source: str, chain: Any, epoch: int, data: Any) -> None:
    stream = build(SOURCES[source](), chain)
    try:
        whole, _ = records(stream, epoch)
    except ValueError as error:
        assert refused(error, chain)
        return
    assert records(stream, epoch)[0] == whole
    stop = data.draw(st.integers(0, len(whole)))
    before, state = records(stream, epoch, most=stop)
    assert before == whole[:stop]
    rest, end = records(build(SOURCES[source](), chain), epoch, state)
    assert rest == whole[stop:]
    # A state taken at the end resumes to an empty rest; so does one taken twice on the way.
    assert records(stream, epoch, end)[0] == []
    again = data.draw(st.integers(0, len(rest)))
    middle, state = records(stream, epoch, state, most=again)
    assert middle + records(stream, epoch, state)[0] == rest


@settings(max_examples=60, deadline=None)
@given(
    source=st.sampled_from(sorted(SOURCES)),
    chain=chains(ON_STREAMS, LAST + PACK + BUCKET),
    world=st.integers(1, 4),
)
def test_shards_of_a_stream_interleaved_are_the_whole(source: str, chain: Any, world: int) -> None:
    stream = build(SOURCES[source](), chain)
    try:
        whole, _ = records(stream, 1)
    except ValueError as error:
        assert refused(error, chain)
        return
    for rank in range(world):
        assert records(stream.shard(rank, world), 1)[0] == whole[rank::world]


@settings(max_examples=100, deadline=None)
@given(rows=st.integers(5, 30), chain=chains(ON_POSITIONS, LAST), epoch=st.integers(0, 3), data=st.data())
def test_positions_read_the_same_in_any_order(rows: int, chain: Any, epoch: int, data: Any) -> None:
    try:
        dataset: RandomAccess = build(table(rows), chain)
    except ValueError as error:
        assert refused(error, chain)
        return
    everything = np.arange(len(dataset))
    whole = [plain(record) for record in rows_of(dataset.read(everything, epoch))] if len(dataset) else []
    assert len(whole) == len(dataset)
    order = data.draw(st.lists(st.sampled_from(range(len(dataset))), max_size=12)) if len(dataset) else []
    if order:
        assert [plain(record) for record in rows_of(dataset.read(np.array(order), epoch))] == [whole[i] for i in order]
        assert plain(dataset[order[0]]) == plain(rows_of(dataset.read(np.array(order[:1]), 0))[0])
    assert records(dataset.stream(block_rows=7), epoch)[0] == whole
    world = data.draw(st.integers(1, 4))
    for rank in range(world):
        part = dataset.shard(rank, world)
        read = rows_of(part.read(np.arange(len(part)), epoch)) if len(part) else []
        assert [plain(record) for record in read] == whole[rank::world]
    assert build(table(rows), chain).fingerprint() == dataset.fingerprint()


@settings(max_examples=80, deadline=None)
@given(rows=st.integers(0, 40), pack=st.one_of(*PACK), in_memory=st.booleans(), data=st.data())
def test_packing_by_position_is_packing_the_stream(rows: int, pack: Any, in_memory: bool, data: Any) -> None:
    source: RandomAccess = table(rows)
    if not in_memory:  # without the column at hand, lengths are read first and then documents as needed
        source = source.map(double_batch, batched=True)
    packed: RandomAccess = pack[1](source)
    whole, _ = records(pack[1](source.stream(block_rows=data.draw(SIZE))), 0)
    assert len(packed) == len(whole)
    order = data.draw(st.permutations(range(len(packed))))[:6]
    if order:
        assert [plain(record) for record in rows_of(packed.gather(np.array(order)))] == [whole[i] for i in order]
    assert [plain(packed[row]) for row in range(len(packed))] == whole


@pytest.mark.parametrize("make", [mix, interleave])
@pytest.mark.parametrize("stop", ["first", "all"])
def test_mix_as_a_function_is_mix_as_a_method(make: Any, stop: Any) -> None:
    for parts in ([table(9), table(5, 100)], [table(9).stream(), table(5, 100).stream()]):
        method = getattr(parts[0], make.__name__)(parts[1], stop=stop)
        assert make(parts, stop=stop).fingerprint() == method.fingerprint()
        assert plain(list(make(parts, stop=stop))) == plain(list(method))
    assert len(ConcatDataset([table(2), table(3)])) == 5
