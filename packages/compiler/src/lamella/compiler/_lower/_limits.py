"""Sizes at which a target's loops change their form."""

from __future__ import annotations

from dataclasses import dataclass

NEVER = 1 << 62  # a size that nothing reaches
LEAST_ROWS = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """What is best for processors, measured; other targets give theirs.

    A reduction that carries two values looks at every number once. Where a row is at hand for a second look, two
    reductions, one after the other, do less work: up to `short_row` elements for means and distances, up to `long_row`
    for sums of powers.
    """

    least_rows: int = LEAST_ROWS  # from how many on a sum of rows is one over the grid
    short_row: int = 8192
    long_row: int = NEVER
    # Whether that is for rows whose numbers lie one after another only; others fill vectors side by side.
    rows_lie: bool = True
