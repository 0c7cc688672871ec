"""Packing against a plain-Python oracle: every token once, in order, with what lies beside it; first fit by hand."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lamella.data import DataLoader, Ragged, RecordDataset, TableDataset

DOCUMENTS = st.lists(st.lists(st.integers(1, 99), max_size=9), max_size=25)


def table(documents: list[list[int]], dtype: Any = np.uint16) -> TableDataset:
    return TableDataset({"t": Ragged.from_rows(documents, dtype) if documents else Ragged(np.zeros(0, dtype), [0])})


def joined(documents: list[list[int]], separator: int | None) -> list[tuple[int, int]]:
    """(token, document) one after another."""
    end = [] if separator is None else [separator]
    return [(token, number) for number, document in enumerate(documents) for token in [*document, *end]]


def beside(row: list[tuple[int, int]]) -> dict[str, list[int]]:
    """What lies beside the tokens of a row."""
    found: dict[str, list[int]] = {"t": [], "documents": [], "positions": [], "loss_mask": []}
    for place, (token, document) in enumerate(row):
        goes_on = place > 0 and row[place - 1][1] == document and document >= 0
        found["t"].append(token)
        found["documents"].append(document)
        found["positions"].append(found["positions"][-1] + 1 if goes_on else 0)
        found["loss_mask"].append(int(goes_on))
    return found


@settings(max_examples=80, deadline=None)
@given(
    documents=DOCUMENTS,
    length=st.integers(1, 12),
    separator=st.none() | st.just(100),
    drop_last=st.booleans(),
    data=st.data(),
)
def test_rows_are_the_joined_documents(
    documents: list[list[int]], length: int, separator: int | None, drop_last: bool, data: Any
) -> None:
    overlap = data.draw(st.integers(0, length - 1))
    packed = table(documents).pack(
        length, overlap=overlap, separator=separator, drop_last=drop_last, pad_value=7, dtype=np.int64,
        documents=True, positions=True, loss_mask=True,
    )  # fmt: skip
    tokens = joined(documents, separator)
    expected = []
    start = 0
    while start + length <= len(tokens):
        expected.append(tokens[start : start + length])
        start += length - overlap
    if not drop_last and len(tokens) - start > (overlap if expected else 0):
        expected.append([*tokens[start:], *[(7, -1)] * (length - len(tokens) + start)])
    assert len(packed) == len(expected)
    if expected:
        block = packed.gather(np.arange(len(packed)))
        assert block["t"].dtype == np.int64
        assert {name: column.astype(int).tolist() for name, column in block.items()} == {
            name: [beside(row)[name] for row in expected] for name in block
        }
    # Without anything beside the tokens rows are gathered as they lie in memory.
    plain = table(documents).pack(length, overlap=overlap, separator=separator, drop_last=drop_last, pad_value=7)
    assert [row["t"].tolist() for row in plain] == [[token for token, _ in row] for row in expected]
    assert all(row["t"].dtype == np.uint16 for row in plain)


def first_fit(sizes: list[int], length: int) -> list[list[int]]:
    rows: list[list[int]] = []
    for number, size in enumerate(sizes):
        for row in rows:
            if sum(sizes[member] for member in row) + size <= length:
                row.append(number)
                break
        else:
            rows.append([number])
    return rows


@settings(max_examples=60, deadline=None)
@given(documents=DOCUMENTS, length=st.integers(10, 15), separator=st.none() | st.just(100), window=st.integers(1, 9))
def test_whole_sequences_go_where_they_first_fit(
    documents: list[list[int]], length: int, separator: int | None, window: int
) -> None:
    packed = table(documents).pack(
        length, whole=True, window=window, separator=separator, documents=True, positions=True, loss_mask=True
    )
    expected = []
    for start in range(0, len(documents), window):
        sizes = [len(document) + (separator is not None) for document in documents[start : start + window]]
        for members in first_fit(sizes, length):
            whole: list[tuple[int, int]] = []
            for member in members:
                whole += [(token, start + member) for token, _ in joined([documents[start + member]], separator)]
            expected.append(beside([*whole, *[(0, -1)] * (length - len(whole))]))
    found = packed.gather(np.arange(len(packed))) if len(packed) else {}
    assert len(packed) == len(expected)
    for name, column in found.items():
        assert column.astype(int).tolist() == [row[name] for row in expected]


def test_long_sequences_are_refused_cut_or_dropped() -> None:
    documents = [[1] * 3, [2] * 6, [3] * 2]
    with pytest.raises(ValueError, match="record 1 has 6 tokens, which do not fit rows of 5; .*long='cut'"):
        len(table(documents).pack(5, whole=True))
    with pytest.raises(ValueError, match="record 1 has 6 tokens"):
        list(table(documents).stream().pack(5, whole=True))
    cut = table(documents).pack(5, whole=True, long="cut")
    assert [row["t"].tolist() for row in cut] == [[1, 1, 1, 3, 3], [2, 2, 2, 2, 2]]
    dropped = table(documents).pack(5, whole=True, long="drop")
    assert [row["t"].tolist() for row in dropped] == [[1, 1, 1, 3, 3]]


def test_memory_maps_and_lists_are_packed() -> None:
    lists = RecordDataset([[1, 2], [], [3, 4, 5]])
    assert [row.tolist() for row in lists.pack(2)] == [[1, 2], [3, 4]]
    assert [row.tolist() for row in lists.stream().pack(2)] == [[1, 2], [3, 4]]
    named = RecordDataset([{"text": "a", "t": [1, 2]}, {"text": "b", "t": [3]}])
    assert named.pack(3, documents=True)[0]["documents"].tolist() == [0, 0, 1]
    assert [row["t"].tolist() for row in TableDataset({"t": np.arange(6).reshape(2, 3)}).pack(2)] == [
        [0, 1],
        [2, 3],
        [4, 5],
    ]


def test_packed_batches_of_a_memory_map(tmp_path: Path) -> None:
    np.arange(10_000, dtype=np.uint16).tofile(tmp_path / "tokens")
    mapped = np.memmap(tmp_path / "tokens", np.uint16, "r")
    data = TableDataset({"t": Ragged(mapped, [0, 10, 4000, 10_000])}).pack(1024, dtype=np.int64)
    batches = [batch["t"] for batch in DataLoader(data, 4)]
    assert [batch.shape for batch in batches] == [(4, 1024), (4, 1024), (1, 1024)]
    assert np.concatenate([batch.numpy() for batch in batches]).reshape(-1).tolist() == list(range(9216))
    batch = data.gather(np.array([1]))["t"]
    batch[:] = 0  # fresh memory: the map is read-only and keeps its values
    assert data[1]["t"][0] == 1024
    shuffled = np.concatenate([batch["t"].numpy() for batch in DataLoader(data, 4, shuffle=True, seed=1)])
    assert sorted(shuffled.reshape(-1).tolist()) == list(range(9216))
    assert shuffled[0, 0] != 0
