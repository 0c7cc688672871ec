"""What a benchmark reports: one row for each number, and the JSON file that holds rows.

`ratio` is ours / peer and below 1 is better, so it is inverted for rates; `ok` is `ratio <= limit` (a row without a
limit is ok) unless the case says that another row of the same case may meet the demand instead.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

__all__ = ["Measured", "Row", "read_rows", "write_rows"]


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What a case found out; the runner adds what is the same for the whole run."""

    case: str
    metric: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    limit: float | None = None
    rate: bool = False  # more is better
    met: bool | None = None  # overrides `ratio <= limit` where a case has two ways to be met
    detail: bool = False  # one of many: in the file of rows, not in the table

    @property
    def ratio(self) -> float:
        """ours / peer, inverted for rates: below 1 is better."""
        return self.peer / self.ours if self.rate else self.ours / self.peer

    @property
    def ok(self) -> bool:
        """Whether the limit is kept."""
        if self.met is not None:
            return self.met
        return self.limit is None or self.ratio <= self.limit


@dataclass(frozen=True, kw_only=True)
class Row:
    """One number of one run."""

    story: str
    case: str
    metric: str
    unit: str
    ours: float
    peer: float
    peer_name: str
    ratio: float
    limit: float | None
    ok: bool
    threads: int
    cpu: str
    commit: str
    blas: str
    date: str
    load: float
    detail: bool = False


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as a JSON list of objects."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n", encoding="utf-8")


def read_rows(path: Path) -> list[Row]:
    """Read what `write_rows` wrote; SystemExit naming the file when it is something else."""
    try:
        return [Row(**row) for row in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError) as error:
        raise SystemExit(f"{path}: expected a list of rows as written by --json: {error}") from error
