"""What images and sound share: rows of encoded bytes in a batch, and errors that name the row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lamella.data._ragged import Ragged


def encoded_rows(owner: str, batch: Mapping[str, Any], column: str) -> list[bytes]:
    """The files in a column: ragged bytes, or a list of bytes, or of Hugging Face's `{"bytes": ..., "path": ...}`."""
    if not isinstance(batch, Mapping):
        raise TypeError(f"{owner}: expected a batch of named columns, got {type(batch).__name__}; use batched=True")
    if column not in batch:
        raise KeyError(f"{owner}: no column {column!r} in the batch; its columns are {list(batch)}")
    rows = batch[column]
    if isinstance(rows, Ragged):
        if rows.kind != "bytes":
            raise TypeError(f"{owner}: column {column!r} holds {rows.kind}, expected the bytes of encoded files")
        return list(rows)
    if not isinstance(rows, Sequence) or isinstance(rows, (str, bytes)):
        raise TypeError(f"{owner}: column {column!r} is a {type(rows).__name__}, expected the bytes of encoded files")
    found = []
    for number, row in enumerate(rows):
        content = row.get("bytes") if isinstance(row, Mapping) else row
        if not isinstance(content, bytes):
            raise TypeError(
                f"{owner}: row {number} of column {column!r} is a {type(row).__name__}, expected the bytes of a file"
            )
        found.append(content)
    return found


def replaced(batch: Mapping[str, Any], column: str, to: str, values: Any) -> dict[str, Any]:
    """The batch with `values` in place of the encoded column, or beside it under another name."""
    if to == column:
        return {name: values if name == column else old for name, old in batch.items()}
    return {**batch, to: values}


def note_row(error: Exception, column: str, row: int) -> None:
    """Say which row of the batch it was."""
    error.add_note(f"while decoding row {row} of the batch, column {column!r}")
