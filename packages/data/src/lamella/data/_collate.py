"""From records to a batch, and from a batch of arrays to a batch of Tensors.

Records of one batch have one structure: numbers and arrays of equal shape are stacked along a new first dim; dicts,
tuples, named tuples and lists are taken apart and rebuilt; text is kept as a list. Ragged records are an error that
names the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lamella.data._columns import is_numeric
from lamella.data._protocols import BatchedDataset, Dataset, EpochDataset, IndexArray
from lamella.data._ragged import Ragged
from lamella.data._workers._clock import stage


def default_collate(records: Sequence[Any]) -> Any:
    """One batch of Tensors from a non-empty list of records; Python ints become int64 and floats float64."""
    return to_tensors(stack_records(records))


def default_convert(data: Any) -> Any:
    """The same structure with numpy arrays and numbers as Tensors over the same memory; everything else stays."""
    return to_tensors(data)


def batch_reader(dataset: Dataset) -> Callable[[IndexArray, int], Any]:
    """From positions and an epoch to a batch of arrays: the dataset's own batched read where it has one, else record by
    record.
    """
    # Decided once: asking for a protocol takes 5 us, a third of what gathering a batch takes.
    if isinstance(dataset, EpochDataset):
        return dataset.read
    if isinstance(dataset, BatchedDataset):
        gather = dataset.gather
        return lambda indices, _epoch: gather(indices)

    def read_and_stack(indices: IndexArray, _epoch: int) -> Any:
        records = read_records(dataset, indices.tolist())
        with stage("collate"):
            return stack_records(records)

    return read_and_stack


def read_records(dataset: Any, keys: list[Any]) -> Sequence[Any]:
    """The records of a dataset that reads them one by one, or lists of them by `__getitems__` as in PyTorch."""
    read_many = getattr(dataset, "__getitems__", None)
    if read_many is not None:
        records: Sequence[Any] = read_many(keys)
        if len(records) != len(keys):
            raise ValueError(
                f"{type(dataset).__name__}.__getitems__ gave {len(records)} records for {len(keys)} positions"
            )
        return records
    records = []
    for key in keys:
        try:
            records.append(dataset[key])
        except Exception as error:
            error.add_note(f"in record {key!r} of {type(dataset).__name__}")
            raise
    return records


def stack_records(records: Sequence[Any], place: str = "record") -> Any:
    """One batch of numpy arrays from a non-empty list of records."""
    if not records:
        raise ValueError("collate: an empty list of records has no structure to build a batch from")
    first = records[0]
    for number, record in enumerate(records):
        if type(record) is not type(first) and not (_is_number(record) and _is_number(first)):
            raise TypeError(
                f"collate: {place} {number} is a {type(record).__name__} where {place} 0 is a {type(first).__name__}; "
                "records of one batch need one structure, or pass collate_fn"
            )
    if isinstance(first, (str, bytes)):
        return list(records)
    if isinstance(first, Mapping):
        return _stack_mappings(records, place)
    if isinstance(first, (tuple, list)):
        _check_same_length(records, place)
        parts = [
            stack_records([record[position] for record in records], f"{place}[{position}]")
            for position in range(len(first))
        ]
        if isinstance(first, list):
            return parts
        return rebuild_tuple(first, parts)
    return _stack_arrays(records, place)


def to_tensors(batch: Any) -> Any:
    """`batch` with every numpy array as a Tensor over the same memory; the structure and everything else stay.

    Objects are collated as records are. Ragged text becomes a list. ValueError for other Ragged parts whose
    rows differ in length.
    """
    from lamella.tensor import from_numpy

    return _convert(batch, "batch", from_numpy)


def _convert(part: Any, place: str, tensor: Callable[[np.ndarray[Any, Any]], Any]) -> Any:
    if isinstance(part, np.ndarray):
        # A column of objects holds records that have no common layout: text, batches, rows of many shapes.
        if part.dtype == np.object_:
            return _convert(stack_records(part.tolist(), place), place, tensor)
        return tensor(part)
    if isinstance(part, np.generic) and is_numeric(part.dtype):
        return tensor(np.asarray(part))
    if isinstance(part, dict):
        # Tables may have many columns: the plain ones go the short way.
        return {
            name: tensor(value)
            if type(value) is np.ndarray and value.dtype.kind != "O"
            else _convert(value, f"{place}[{name!r}]", tensor)
            for name, value in part.items()
        }
    if isinstance(part, tuple):
        return rebuild_tuple(part, [_convert(value, f"{place}[{at}]", tensor) for at, value in enumerate(part)])
    if isinstance(part, list):
        return [_convert(value, f"{place}[{at}]", tensor) for at, value in enumerate(part)]
    if isinstance(part, Ragged):
        return tensor(_same_length(part, place)) if part.kind == "list" else part.tolist()
    return part


def _same_length(part: Ragged, place: str) -> np.ndarray[Any, Any]:
    lengths = part.lengths
    if len(lengths) and (lengths != lengths[0]).any():
        raise ValueError(
            f"collate: {place} is ragged, with rows of {lengths.min()} to {lengths.max()} values, and a Tensor has "
            "rows of one length; pad the rows, sort them into buckets of similar length, pack them to one length, or "
            "pass collate_fn"
        )
    return part.pad()


def rebuild_tuple(like: tuple[Any, ...], parts: list[Any]) -> tuple[Any, ...]:
    """A named tuple keeps its type."""
    return tuple(parts) if type(like) is tuple else type(like)(*parts)


def _is_number(value: object) -> bool:
    return isinstance(value, (bool, int, float, complex, np.generic))


def _stack_mappings(records: Sequence[Any], place: str) -> dict[Any, Any]:
    names = list(records[0])
    for number, record in enumerate(records):
        if record.keys() != records[0].keys():
            raise ValueError(f"collate: {place} {number} has keys {list(record)} where {place} 0 has {names}")
    return {name: stack_records([record[name] for record in records], f"{place}[{name!r}]") for name in names}


def _check_same_length(records: Sequence[Any], place: str) -> None:
    for number, record in enumerate(records):
        if len(record) != len(records[0]):
            raise ValueError(f"collate: {place} {number} has {len(record)} parts where {place} 0 has {len(records[0])}")


def _stack_arrays(records: Sequence[Any], place: str) -> np.ndarray[Any, Any]:
    arrays = [np.asarray(record) for record in records]
    for number, array in enumerate(arrays):
        if not is_numeric(array.dtype):
            raise TypeError(
                f"collate: {place} {number} is a {type(records[number]).__name__}, which is no array or number; "
                "pass collate_fn"
            )
        if array.shape != arrays[0].shape:
            raise ValueError(
                f"collate: {place} {number} has shape {array.shape} where {place} 0 has {arrays[0].shape}; "
                "pad the records, or pass collate_fn"
            )
    return np.stack(arrays)
