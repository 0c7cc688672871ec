"""What the user named as files, in any way, as one thing: the files, their format, what folder names say.

A `pyarrow.dataset.Dataset` over files is taken for its files, its format and its partitions; what it holds in memory
belongs in a TableDataset.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from lamella.data._sources._formats import find_format, known_format, suffixes_of
from lamella.data._sources._partitions import Partitions, find_partitions
from lamella.data._sources._places import Path, Place, as_filesystem, find_places

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.dataset as pads


class Given(NamedTuple):
    """Files of one format; `options` is that format with options, `schema` is that of text in a dataset."""

    places: list[Place]
    kind: str
    partitions: Partitions
    options: pads.FileFormat | None = None
    schema: pa.Schema | None = None


def find_files(
    owner: str,
    source: Path | Sequence[Path] | pads.Dataset,
    *,
    format: str | pads.FileFormat | None,
    partitioning: str | pads.Partitioning | None,
    filesystem: object | None,
) -> Given:
    """The files that `source` names."""
    if type(source).__module__ == "pyarrow._dataset":
        for name, value in (("format", format), ("filesystem", filesystem)):
            if value is not None:
                raise ValueError(f"{owner}: {name} belongs to the files of a path; the dataset has its own")
        return _from_dataset(owner, source)
    kind = known_format(owner, format)
    places = find_places(owner, source, filesystem, suffixes_of(kind))
    kind = kind or find_format(owner, [place.path for place in places])
    options = None if isinstance(format, str) else format
    return Given(places, kind, find_partitions(owner, places, partitioning), options)


def _from_dataset(owner: str, dataset: Any) -> Given:
    import pyarrow.dataset as pads

    parts = list(_parts(owner, dataset))
    formats = {type(part.format): part.format for part in parts}
    if len(formats) > 1:
        raise ValueError(f"{owner}: the dataset has files of several formats: {sorted(k.__name__ for k in formats)}")
    fragments = [(part.filesystem, fragment) for part in parts for fragment in _fragments(owner, part)]
    if not fragments:
        raise ValueError(f"{owner}: the dataset has no files")
    places = [_place(owner, filesystem, fragment.path) for filesystem, fragment in fragments]
    keys = [pads.get_partition_keys(fragment.partition_expression) for _, fragment in fragments]
    names = sorted({name for row in keys for name in row}, key=dataset.schema.names.index)
    plain = _plain_types([dataset.schema.field(name) for name in names])
    values = [{name: row.get(name) for name in names} for row in keys]
    options = next(iter(formats.values()))
    kind = known_format(owner, options)
    assert kind is not None
    stored = dataset.schema if kind in ("csv", "json") else None
    if stored is not None:
        for name in names:
            stored = stored.remove(stored.get_field_index(name))
    return Given(places, kind, Partitions(plain, values), options, stored)


def _parts(owner: str, dataset: Any) -> Iterator[pads.FileSystemDataset]:
    import pyarrow.dataset as pads

    if isinstance(dataset, pads.UnionDataset):
        for child in dataset.children:
            yield from _parts(owner, child)
    elif isinstance(dataset, pads.FileSystemDataset):
        yield dataset
    else:
        raise TypeError(
            f"{owner}: expected a dataset of files, got a {type(dataset).__name__}; a table in memory goes into "
            "TableDataset"
        )


def _place(owner: str, filesystem: pa.fs.FileSystem, path: str) -> Place:
    (place,) = find_places(owner, [path], as_filesystem(owner, filesystem), ())
    return place


def _plain_types(fields: Sequence[pa.Field]) -> pa.Schema:
    import pyarrow as pa

    return pa.schema(
        [field.with_type(field.type.value_type) if pa.types.is_dictionary(field.type) else field for field in fields]
    )


def _fragments(owner: str, dataset: pads.FileSystemDataset) -> Iterator[Any]:
    import pyarrow.dataset as pads

    try:
        fragments = list(dataset.get_fragments())
    except ValueError as error:  # filtered datasets do not tell by what
        raise ValueError(f"{owner}: the dataset is filtered; pass the condition here, as filter=") from error
    for fragment in fragments:
        if isinstance(fragment, pads.ParquetFileFragment):
            if len(fragment.row_groups) != fragment.metadata.num_row_groups:
                raise ValueError(
                    f"{owner}: the dataset holds only some row groups of {fragment.path}; pass whole files"
                )
        yield fragment
