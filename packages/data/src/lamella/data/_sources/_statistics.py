"""What a parquet footer's statistics say about all rows of a row group, as an Arrow expression.

Only minimum, maximum and number of nulls of columns whose values compare as numbers, days, times or text are used; the
deprecated statistics without a stated order are not. What is damaged is refused or, where a value has the wrong size,
says nothing: a group is then read and filtered.
"""

from __future__ import annotations

import struct
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from lamella.data._sources._thrift import read_struct

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.compute as pc

# Field numbers of the format's structs.
_SCHEMA, _ROW_GROUPS = 2, 4
_COLUMNS, _META_DATA = 1, 3
_PHYSICAL, _PATH, _STATISTICS = 1, 3, 12
_NULLS, _MAXIMUM, _MINIMUM = 3, 5, 6
_NAME, _CHILDREN, _LOGICAL, _TIMESTAMP, _UNIT = 4, 5, 10, 8, 2
_UNITS = {1: "ms", 2: "us", 3: "ns"}
# Physical types: how a value is packed.
_PACKED = {0: "<?", 1: "<i", 2: "<q", 4: "<f", 5: "<d"}
_TEXT = 6
_UNSIGNED = {1: "<I", 2: "<Q"}


class FooterStatistics:
    """The statistics of all row groups in a footer (thrift bytes); ValueError if it is damaged."""

    def __init__(self, footer: bytes, schema: pa.Schema) -> None:
        content = read_struct(footer)
        self._schema = schema
        self._groups = _list(content.get(_ROW_GROUPS))
        self._units = {
            _text(element.get(_NAME)): _UNITS.get(
                next(iter(_dict(_dict(_dict(element.get(_LOGICAL)).get(_TIMESTAMP)).get(_UNIT))), 0)
            )
            for element in map(_dict, _list(content.get(_SCHEMA))[1:])
        }

    def guarantee(self, group: int, names: Collection[str], target: pa.Schema) -> pc.Expression:
        """What holds for the columns `names` in every row of a group, in the types of `target`."""
        import pyarrow.compute as pc

        known = pc.scalar(True)
        if group >= len(self._groups):
            return known
        for chunk in map(_dict, _list(_dict(self._groups[group]).get(_COLUMNS))):
            column = _dict(chunk.get(_META_DATA))
            path = [_text(part) for part in _list(column.get(_PATH))]
            if len(path) == 1 and path[0] in names and path[0] in self._schema.names:
                said = self._range(path[0], column, target.field(path[0]).type)
                known = known if said is None else known & said
        return known

    def _range(self, name: str, column: dict[int, Any], target: pa.DataType) -> pc.Expression | None:
        import pyarrow.compute as pc

        statistics = _dict(column.get(_STATISTICS))
        kind = self._schema.field(name).type
        low, high = (
            self._value(name, kind, column.get(_PHYSICAL), statistics.get(end)) for end in (_MINIMUM, _MAXIMUM)
        )
        if low is None or high is None:
            return None
        try:
            low, high = low.cast(target), high.cast(target)
        except (ValueError, TypeError, NotImplementedError):  # Arrow's errors are of these kinds
            return None
        field = pc.field(name)
        within = (field >= low) & (field <= high)
        return within if statistics.get(_NULLS) == 0 else within | field.is_null()

    def _value(self, name: str, kind: pa.DataType, physical: Any, packed: Any) -> pa.Scalar | None:
        """One bound as a scalar of the column's type; None where it says nothing."""
        import pyarrow as pa

        types = pa.types
        if not isinstance(packed, bytes):
            return None
        if types.is_string(kind) or types.is_large_string(kind):
            try:
                return pa.scalar(packed.decode(), kind) if physical == _TEXT else None
            except UnicodeDecodeError:
                return None
        if types.is_timestamp(kind):
            if kind.unit != self._units.get(name):
                return None
        elif not (types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind) or types.is_date32(kind)):
            return None
        layout = (_UNSIGNED if types.is_unsigned_integer(kind) else _PACKED).get(physical)
        if layout is None or struct.calcsize(layout) != len(packed):
            return None
        (value,) = struct.unpack(layout, packed)
        if value != value:  # not a number
            return None
        try:
            stored = pa.int64() if types.is_timestamp(kind) else pa.int32() if types.is_date32(kind) else kind
            return pa.scalar(value, stored).cast(kind)
        except (ValueError, TypeError, OverflowError, NotImplementedError):
            return None


def _dict(value: Any) -> dict[int, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else ""
