"""A reader of thrift's compact protocol, in which parquet footers are written.

Arrow's reader ends the process when it is asked for the statistics of a damaged footer; this one raises. A struct is a
dict from field numbers to values.
"""

from __future__ import annotations

import struct
from typing import Any

_DEEPEST = 24  # parquet's own structs nest to 8
_TRUE, _FALSE, _BYTE, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = 1, 2, 3, 7, 8, 9, 10, 11, 12
_INTEGERS = (4, 5, 6)  # of 16, 32 and 64 bits


def read_struct(data: bytes) -> dict[int, Any]:
    """The struct that `data` begins with. ValueError if it is none."""
    try:
        return _Reader(data).struct(0)
    except (IndexError, struct.error) as error:
        raise ValueError("its footer ends in the middle of a value") from error


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def struct(self, depth: int) -> dict[int, Any]:
        if depth > _DEEPEST:
            raise ValueError("its footer nests too deep")
        fields: dict[int, Any] = {}
        number = 0
        while True:
            head = self._byte()
            if head == 0:
                return fields
            kind, step = head & 15, head >> 4
            number = number + step if step else self._signed()
            fields[number] = kind == _TRUE if kind in (_TRUE, _FALSE) else self._value(kind, depth)

    def _value(self, kind: int, depth: int) -> Any:
        if kind in _INTEGERS:
            return self._signed()
        if kind == _BINARY:
            return self._take(self._unsigned())
        if kind == _STRUCT:
            return self.struct(depth + 1)
        if kind in (_LIST, _SET):
            return self._list(depth)
        if kind == _DOUBLE:
            return struct.unpack("<d", self._take(8))[0]
        if kind in (_BYTE, _TRUE, _FALSE):  # booleans in lists are bytes
            return self._byte()
        if kind == _MAP:
            return self._map(depth)
        raise ValueError(f"its footer has a value of the unknown kind {kind}")

    def _list(self, depth: int) -> list[Any]:
        head = self._byte()
        size, kind = head >> 4, head & 15
        size = self._unsigned() if size == 15 else size
        self._check_size(size)
        return [self._value(kind, depth + 1) for _ in range(size)]

    def _map(self, depth: int) -> dict[Any, Any]:
        size = self._unsigned()
        if size == 0:
            return {}
        self._check_size(size)
        kinds = self._byte()
        pairs = [(self._value(kinds >> 4, depth + 1), self._value(kinds & 15, depth + 1)) for _ in range(size)]
        return {str(key): value for key, value in pairs}

    def _check_size(self, size: int) -> None:
        if size > len(self._data) - self._at:  # a value takes a byte at least
            raise ValueError("its footer promises more values than it has bytes")

    def _byte(self) -> int:
        value = self._data[self._at]
        self._at += 1
        return value

    def _take(self, size: int) -> bytes:
        if size > len(self._data) - self._at:
            raise ValueError("its footer ends in the middle of a value")
        self._at += size
        return self._data[self._at - size : self._at]

    def _unsigned(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("its footer has a number of more than 64 bits")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
