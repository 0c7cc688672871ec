"""Loaders beside torch's DataLoader, the best of 0, 1 and 2 worker processes.

Both sides give the same tensors of the same data. Beside stand torch with whole batches by position
(`torch-whole`: `batch_size=None`), which its users rarely write, and Hugging Face datasets in torch format.
`parquet-scan` compares batches of 4096 records with what pyarrow alone needs to make numpy arrays of the file: those of
whole row groups, and beside them batches of the same size.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks._feed import Feed, FirstBatch, FlatMemory, fed, first, grown
from benchmarks.loaders import made

__all__ = ["CASES"]

_WORKERS = (0, 1, 2)
_TABLE, _PARQUET, _IMAGES, _TOKENS = 256, 1024, 64, 8  # records of a batch
_GROUP = 100_000  # records of a row group
_SCAN_BATCH = 4096
_SCANNED = 5 * _GROUP // _SCAN_BATCH
_EPOCHS = 20


def _ours(name: str, batches: int, data: Callable[[], tuple[Any, ...]], workers: int) -> dict[str, Any]:
    from benchmarks.loaders import ours

    return fed(getattr(ours, name)(*data(), workers), batches)


def _peer(name: str, batches: int, data: Callable[[], tuple[Any, ...]], workers: int) -> dict[str, Any]:
    from benchmarks.loaders import peers

    return fed(getattr(peers, name)(*data(), workers), batches)


def _torch(name: str, batches: int, data: Callable[[], tuple[Any, ...]]) -> dict[str, Any]:
    return {f"torch-{workers}-workers": partial(_peer, name, batches, data, workers) for workers in _WORKERS}


def _arrays() -> tuple[Any, ...]:
    return (made.arrays(),)


def _table() -> tuple[Any, ...]:
    return (made.once("table.parquet", made.write_table),)


def _images() -> tuple[Any, ...]:
    return (made.once("images.parquet", made.write_images),)


def _tokens() -> tuple[Any, ...]:
    return (made.once("tokens.bin", made.write_tokens),)


def _documents() -> tuple[Any, ...]:
    return (*_tokens(), made.once("offsets.bin", made.write_offsets))


def _our_scan() -> dict[str, Any]:
    from benchmarks.loaders import ours

    return fed(ours.parquet_columns(*_table(), batch=_SCAN_BATCH), _SCANNED)


def _scan(rows: int | None) -> dict[str, Any]:
    import pyarrow.parquet as pq

    (path,) = _table()
    file = pq.ParquetFile(path)

    def arrays() -> Any:
        while True:
            if rows is None:
                tables = map(file.read_row_group, range(file.num_row_groups))
            else:
                tables = file.iter_batches(rows)
            for table in tables:
                yield [column.to_numpy() for column in table.columns]

    taken = arrays()
    count = 5 if rows is None else _SCANNED

    def feed() -> None:
        for _ in range(count):
            next(taken)

    return {"feed": feed}


def _our_first(workers: str) -> dict[str, Any]:
    import lamella.tensor  # noqa: F401  (a program that trains has it)
    from lamella.data import DataLoader, TableDataset

    data = TableDataset(made.arrays())
    return first(partial(DataLoader, data, _TABLE, shuffle=True, num_workers=2, workers=workers))


def _torch_first(context: str) -> dict[str, Any]:
    import torch
    import torch.utils.data as data

    dataset = data.TensorDataset(*[torch.from_numpy(values) for values in made.arrays().values()])
    return first(
        partial(data.DataLoader, dataset, _TABLE, shuffle=True, num_workers=2, multiprocessing_context=context)
    )


def _our_growth() -> dict[str, Any]:
    from benchmarks.loaders import ours

    return grown(ours.names(made.names()), _EPOCHS)


def _torch_growth() -> dict[str, Any]:
    from benchmarks.loaders import peers

    return grown(peers.names(made.names()), _EPOCHS)


def _records(ours: int, peers: int, **others: int) -> dict[str, int]:
    named = {name.replace("_", "-"): count for name, count in others.items()}
    return {"ours": ours, **{f"torch-{workers}-workers": peers for workers in _WORKERS}, **named}


CASES = [
    Feed(
        "table",
        {
            "ours": partial(_ours, "table", 200, _arrays, 0),
            **_torch("table", 20, _arrays),
            "torch-whole": partial(_peer, "whole_table", 20, _arrays, 0),
            "datasets-torch": partial(_peer, "huggingface_table", 5, _arrays, 0),
        },
        _records(200 * _TABLE, 20 * _TABLE, torch_whole=20 * _TABLE, datasets_torch=5 * _TABLE),
        limit=0.1,
        beside=("torch-whole", "datasets-torch"),
    ),
    Feed(
        # A call of a side that keeps row groups reads five of them, or one: the same share of reading in every call.
        "parquet",
        {
            "ours": partial(_ours, "parquet", 5 * _GROUP // _PARQUET, _table, 0),
            **_torch("parquet", _GROUP // _PARQUET, _table),
            "torch-whole": partial(_peer, "whole_parquet", _GROUP // _PARQUET, _table, 0),
            "datasets-torch": partial(_peer, "huggingface_parquet", 1, _table, 0),
        },
        _records(
            5 * _GROUP // _PARQUET * _PARQUET,
            _GROUP // _PARQUET * _PARQUET,
            torch_whole=_GROUP // _PARQUET * _PARQUET,
            datasets_torch=_PARQUET,
        ),
        limit=0.15,
        beside=("torch-whole", "datasets-torch"),
    ),
    Feed(
        "parquet-scan",
        {
            "ours": _our_scan,
            "pyarrow-groups": partial(_scan, None),
            "pyarrow-batches": partial(_scan, _SCAN_BATCH),
        },
        {"ours": _SCANNED * _SCAN_BATCH, "pyarrow-groups": 5 * _GROUP, "pyarrow-batches": _SCANNED * _SCAN_BATCH},
        limit=1 / 0.7,
        beside=("pyarrow-batches",),
    ),
    Feed(
        "images",
        {
            "ours": partial(_ours, "images", 4, _images, 2),
            "torch-2-workers": partial(_peer, "images", 4, _images, 2),
        },
        {"ours": 4 * _IMAGES, "torch-2-workers": 4 * _IMAGES},
        limit=0.9,
        memory=0.4,
    ),
    Feed(
        "tokens",
        {"ours": partial(_ours, "tokens", 200, _documents, 0), **_torch("tokens", 100, _tokens)},
        _records(200 * _TOKENS, 100 * _TOKENS),
        limit=0.3,
    ),
    FirstBatch("first-thread", ours=partial(_our_first, "thread"), torch=partial(_torch_first, "fork"), bound_ms=30.0),
    FirstBatch(
        "first-process", ours=partial(_our_first, "process"), torch=partial(_torch_first, "spawn"), bound_ms=1200.0
    ),
    FlatMemory("flat-memory", ours=_our_growth, torch=_torch_growth, bound_mb=8.0),
]
