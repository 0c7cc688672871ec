"""Caches: read once, the same records, files that appear whole and are named by what they hold."""

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lamella.data import IterableDataset, Ragged, RandomAccess, RecordDataset, TableDataset, TensorDataset
from lamella.data._blocks import records_of


def table(rows: int = 50) -> TableDataset:
    return TableDataset(
        {
            "id": np.arange(rows),
            "image": np.arange(rows * 6, dtype=np.float32).reshape(rows, 2, 3),
            "flag": np.arange(rows) % 2 == 0,
            "t": Ragged.from_rows([np.full(row % 4, row, np.uint16) for row in range(rows)]),
            "word": Ragged.from_rows([f"w{row}" for row in range(rows)]),
        }
    )


def named(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "pair": (record["id"] * 2, f"x{record['id']}")}


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: plain(part) for name, part in value.items()}
    if isinstance(value, (tuple, list)):
        return [plain(part) for part in value]
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


def records(data: RandomAccess, order: Any) -> Any:
    return plain(records_of(data.gather(np.array(order))))


@pytest.mark.parametrize("where", ["memory", "file"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_cache_reads_once_and_gives_the_same(where: str, stream: bool, tmp_path: Path) -> None:
    calls: list[int] = []

    def counted(record: dict[str, Any]) -> dict[str, Any]:
        calls.append(int(record["id"]))
        return named(record)

    place: Any = (tmp_path,) if where == "file" else ()
    key: Any = {"key": "1"} if where == "file" else {}
    source = table().map(counted)
    order = [31, 2, 2, 49]
    if stream:
        cached = source.stream(block_rows=7).cache(*place, **key)
        assert plain(list(cached)) == plain(list(table().map(named)))
        assert plain(list(cached.skip(40))) == plain(list(table().map(named)))[40:]
    else:
        data = source.cache(*place, **key)
        assert calls == []
        assert records(data, order) == records(table().map(named), order)
        assert len(data) == 50
        assert data[3]["pair"] == (6, "x3")
        again = pickle.loads(pickle.dumps(table().cache(*place)))
        assert records(again.map(named), order) == records(data, order)
    assert calls == list(range(50))


def test_a_batch_from_a_cache_owns_its_memory(tmp_path: Path) -> None:
    for data in (table().cache(), table().cache(tmp_path)):
        batch = data.gather(np.arange(50))
        for column in (batch["id"], batch["image"], batch["flag"], batch["t"].values):
            column[:] = 0
        assert data[9]["id"] == 9
        assert data[9]["t"].tolist() == [9]


def test_a_file_outlives_the_program_and_not_a_change(tmp_path: Path) -> None:
    def cached(function: Callable[..., Any], rows: int = 50) -> Any:
        return table(rows).map(function).cache(tmp_path)

    def files() -> int:
        return len(os.listdir(tmp_path))

    def by(factor: int) -> Callable[..., Any]:
        return lambda record: {"id": record["id"] * factor}

    assert cached(by(2))[4] == {"id": 8}
    assert files() == 1
    made = os.stat(tmp_path / os.listdir(tmp_path)[0]).st_mtime_ns
    assert cached(by(2))[4] == {"id": 8}  # another object that does the same
    assert [os.stat(tmp_path / name).st_mtime_ns for name in os.listdir(tmp_path)] == [made]
    assert cached(by(3))[4] == {"id": 12}  # another captured value
    assert cached(lambda record: {"id": record["id"] + 1})[4] == {"id": 5}  # other code
    assert cached(by(2), 49)[4] == {"id": 8}  # other data
    assert files() == 4
    assert not [name for name in os.listdir(tmp_path) if not name.endswith(".arrow")]


FACTOR = 2


def helper(value: Any) -> Any:
    return value * FACTOR


def uses_helper(record: dict[str, Any]) -> dict[str, Any]:
    return {"id": helper(record["id"])}


def test_a_change_behind_a_function_and_of_any_value_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert table().map(uses_helper).cache(tmp_path)[4] == {"id": 8}
    monkeypatch.setitem(globals(), "FACTOR", 3)
    assert table().map(uses_helper).cache(tmp_path)[4] == {"id": 12}
    paths = set()
    for row in range(3):  # fingerprints sample 64 rows of a table, and a cache asks for all
        values = np.zeros(5000)
        values[row + 1] = 1
        for data in (
            TensorDataset(values),
            TableDataset({"x": values}),
            TableDataset({"x": Ragged(values, [0, 2, 5000])}),
        ):
            paths.add(data.cache(tmp_path).path)
    assert len(paths) == 9


PROGRAM = """
import numpy as np, sys
from lamella.data import TableDataset
SCALES = {"a": 1, "b": 2}
def scaled(record, names=("x", "y")):
    return {"id": record["id"] * SCALES["b"]} if record["id"] in {3, 4, 5} or names[0] in {"x", "z"} else record
print(TableDataset({"id": np.arange(9)}).map(scaled).map(lambda r: scaled(r)).cache(sys.argv[1]).path)
"""


def test_another_process_finds_the_same_file(tmp_path: Path) -> None:
    found = set()
    for seed in ("1", "2"):  # sets of text have another order
        run = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(tmp_path)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        found.add(run.stdout)
    assert len(found) == 1


def test_a_file_that_cannot_be_finished_does_not_appear(tmp_path: Path) -> None:
    def fails(record: dict[str, Any]) -> Any:
        if record["id"] == 30:
            raise LookupError("thirty")
        return record

    with pytest.raises(LookupError):
        table().map(fails).cache(tmp_path).gather(np.arange(2))
    assert os.listdir(tmp_path) == []


def test_large_sources_are_written_in_chunks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamella.data._pipeline._cache_file._CHUNK_BYTES", 1)
    data = table(5000).cache(tmp_path)
    order = [4999, 0, 1024, 1023, 77]
    assert records(data, order) == records(table(5000), order)
    assert len(data._blocks[0]) == 5  # type: ignore[attr-defined]


def test_empty_sources_are_kept_too(tmp_path: Path) -> None:
    for data in (table(0).cache(tmp_path), table(0).cache(), table(9).filter(lambda r: False).cache()):
        assert len(data) == 0
        assert list(data) == []
    assert list(table(9).stream().filter(lambda r: False).cache(tmp_path)) == []


def test_what_is_packed_from_a_cache_is_read_in_place() -> None:
    data = table().cache()
    assert data.whole_column("t") is not None
    assert plain(list(data.pack(5, "t"))) == plain(list(table().pack(5, "t")))


class Unnamed(IterableDataset):
    def __iter__(self) -> Any:
        yield from range(3)


def lists(record: Any) -> Any:
    return {"l": [1] * int(record["id"] % 3)}


def changing(record: Any) -> Any:
    return {"x": np.zeros(2) if record["id"] < 1024 else np.zeros(2, np.float32)}


class Unpicklable:
    def __call__(self, record: Any) -> Any:
        return record

    def __reduce__(self) -> Any:
        raise TypeError("no")


BAD: list[tuple[str, Callable[[Path], Any], type[Exception], str]] = [
    ("shuffled", lambda f: table().shuffle().cache(), ValueError, "differs from epoch to epoch.*cache before"),
    ("stream", lambda f: table().stream().shuffle().cache(), ValueError, "differs from epoch to epoch"),
    ("folder", lambda f: table().cache(f / "no"), FileNotFoundError, "cache: no such folder"),
    ("key alone", lambda f: table().cache(key="a"), ValueError, "key is a text in the name of a file"),
    ("key", lambda f: table().cache(f, key=3), ValueError, "key=3"),
    ("list", lambda f: RecordDataset([1, 2]).cache(f), ValueError, r"has no fingerprint\(\).*key"),
    ("iterable", lambda f: Unnamed().cache(f), ValueError, r"has no fingerprint\(\)"),
    ("function", lambda f: table().map(Unpicklable()).cache(f), TypeError, "cannot tell from .*Unpicklable.*key="),
    ("batches", lambda f: table().batch(3).cache(f)[0], TypeError, "records with dict in them; cache before batch"),
    ("lists", lambda f: table().map(lists).cache(f)[0], TypeError, r"records with list in them.*ragged=\[...\]"),
    ("complex", lambda f: TableDataset({"x": np.zeros(2, "c8")}).cache(f)[0], TypeError, "complex64"),
]


@pytest.mark.parametrize(("make", "error", "message"), [row[1:] for row in BAD], ids=[row[0] for row in BAD])
def test_bad_input(make: Any, error: type[Exception], message: str, tmp_path: Path) -> None:
    with pytest.raises(error, match=message):
        make(tmp_path)
    assert os.listdir(tmp_path) == []


def test_a_layout_that_changes_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lamella.data._pipeline._cache_file._CHUNK_BYTES", 1)
    data = table(2000).map(changing).cache(tmp_path)
    with pytest.raises(ValueError, match="first records are .*double.* and those of later ones .*float"):
        data.gather(np.arange(2))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("damage", [lambda raw: raw[: len(raw) // 2], lambda raw: b"", lambda raw: b"x" * len(raw)])
def test_a_damaged_file_is_named(tmp_path: Path, damage: Any) -> None:
    table().cache(tmp_path).gather(np.arange(1))
    (name,) = os.listdir(tmp_path)
    (tmp_path / name).write_bytes(damage((tmp_path / name).read_bytes()))
    with pytest.raises(ValueError, match=f"cache: .*{name} is damaged .*; delete it"):
        table().cache(tmp_path).gather(np.arange(1))
