"""How a GPU runs a kernel: tiles, programs and warps, from sizes and the kernel's own text alone.

A kernel becomes one launch, and a second one where something is reduced over the grid: programs of the first write one
partial result each, the second combines them in order. A program works on tiles of `row_tile` grid points by
`col_tile` inner points. Where a row fits a tile, all its stages share one tile in registers; else each stage
loops over the row and computes again what an earlier loop knew.

Where elements are updated in order, columns go one after another. An open extent is taken to fill every tile.

Invariant: no decision looks at a device, so results do not depend on which GPU runs them; none looks at an open number.
"""

from __future__ import annotations

from dataclasses import dataclass

from lamella.compiler._kernel import (
    Const,
    Get,
    Kernel,
    Level,
    Load,
    Param,
    Put,
    Reduce,
    Scan,
    Size,
    Store,
    Update,
)
from lamella.compiler._kernel._ir import ITEM_BYTES, defined, used
from lamella.compiler._triton._open import computed, fixed, is_open, product, several

TILE = 1024  # elements of a tile: 8 for each thread of 4 warps
MOST_TILE = 16384
LEAST_TILE = 128
REGISTER_BYTES = 96 * 1024  # of the 256 KiB of a multiprocessor, what the tiles alive at once may take
THREAD_BYTES = 288  # tile bytes alive at once that one thread should hold: 72 of its registers
MOST_WARPS = 16
ROW_PARTIALS = 1024  # programs that leave one partial result each
COLUMN_PARTIALS = 256  # the same where a partial result is a whole row
COLUMN_TILE = 128
TRANSPOSE_TILE = 32
SERIAL_ROWS = 32  # grid points side by side where inner points go one after another: one warp, whose barriers are cheap


@dataclass(frozen=True, slots=True)
class Part:
    """One launch: which axes are rows and columns of its tiles, tile sizes, and how often a program repeats."""

    rows: tuple[int, ...]
    cols: tuple[int, ...]
    row_count: int
    col_count: int
    row_tile: int
    col_tile: int
    row_steps: int  # tiles along the rows that one program visits one after another
    col_blocks: int  # programs side by side along the columns; 1 where a program sees whole rows
    chunks: int  # programs along the rows
    num_warps: int

    @property
    def programs(self) -> int:
        """Programs of the launch."""
        return product((self.chunks, self.col_blocks))

    @property
    def loops_over_columns(self) -> bool:
        """Whether a row takes several tiles, one after another."""
        return fixed(self.col_blocks, 1) and several(self.col_count, self.col_tile)


@dataclass(frozen=True, slots=True)
class Schedule:
    """The launches of a kernel; `total` is None where nothing is reduced over the grid."""

    main: Part
    total: Part | None


def schedule(kernel: Kernel) -> Schedule:
    """Choose tiles, programs and warps for one kernel."""
    main = _main(kernel)
    totals = any(not stage.level.in_grid for stage in kernel.stages)
    return Schedule(main, _total(kernel) if totals else None)


def power_above(n: int) -> int:
    """The least power of two that is not below n; for an open n one that fits no tile."""
    return 2 * MOST_TILE if is_open(n) else 1 << max(0, n - 1).bit_length()


def _power_below(n: int) -> int:
    return 1 << (max(1, n).bit_length() - 1)


def _cells(count: int, tile: int) -> int:
    return computed(lambda n: -(-n // tile), count)


def reductions(kernel: Kernel, over: str, level: Level | None = None) -> list[Reduce]:
    """Reductions over "inner" or "grid", of all stages or those of one level."""
    return [
        instr
        for stage, instr in kernel.instructions()
        if isinstance(instr, Reduce) and instr.over == over and level in (None, stage.level)
    ]


def has(kernel: Kernel, kind: type) -> bool:
    """Whether an instruction of this kind occurs."""
    return any(isinstance(instr, kind) for _, instr in kernel.instructions())


def _main(kernel: Kernel) -> Part:
    grid = tuple(range(len(kernel.grid)))
    inner = tuple(range(len(kernel.grid), len(kernel.axes)))
    rows = product(axis.extent for axis in kernel.grid)
    cols = product(axis.extent for axis in kernel.inner)
    live = max(4, live_bytes(kernel))
    most = min(MOST_TILE, max(LEAST_TILE, _power_below(REGISTER_BYTES // live)))
    tile = min(TILE, most)
    over_grid = reductions(kernel, "grid")
    if not kernel.inner:
        if len(grid) > 1 and not over_grid and _crosses(kernel):
            last = kernel.grid[-1].extent
            lines = product(axis.extent for axis in kernel.grid[:-1])
            row_tile, col_tile = min(TRANSPOSE_TILE, power_above(lines)), min(32, power_above(last))
            return _part(grid[:-1], grid[-1:], lines, last, row_tile, col_tile, live, split=True)
        row_tile = min(tile, max(32, power_above(rows)))
        return _part(grid, (), rows, 1, row_tile, 1, live, most=ROW_PARTIALS if over_grid else None)
    if has(kernel, Update):
        return _part(grid, inner, rows, cols, min(SERIAL_ROWS, power_above(rows)), 1, live)
    if (
        not reductions(kernel, "inner")
        and not has(kernel, Scan)
        and not [r for r in over_grid if r not in _inner_totals(kernel)]
    ):
        col_tile = min(COLUMN_TILE, power_above(cols), tile)
        row_tile = min(max(1, tile // col_tile), power_above(rows))
        limit = COLUMN_PARTIALS if over_grid else None
        return _part(grid, inner, rows, cols, row_tile, col_tile, live, most=limit, split=True)
    limit = COLUMN_PARTIALS if _inner_totals(kernel) else ROW_PARTIALS if over_grid else None
    row_tile, col_tile = _row_tiles(kernel, rows, cols, tile, most)
    return _part(grid, inner, rows, cols, row_tile, col_tile, live, most=limit)


def _row_tiles(kernel: Kernel, rows: int, cols: int, tile: int, most: int) -> tuple[int, int]:
    """Whole rows where they fit; several side by side where rows are short, or memory runs across them."""
    whole = power_above(cols)
    side = min(TRANSPOSE_TILE, power_above(rows)) if _rows_are_contiguous(kernel) else 1
    if whole * side <= most:
        return max(side, min(tile // whole, power_above(rows))), whole
    return side, max(1, min(tile * 2, most) // side)


def _part(
    rows: tuple[int, ...],
    cols: tuple[int, ...],
    row_count: int,
    col_count: int,
    row_tile: int,
    col_tile: int,
    live: int,
    *,
    most: int | None = None,
    split: bool = False,
) -> Part:
    tiles = _cells(row_count, row_tile) if col_count or not split else 0
    elements = row_tile * col_tile
    warps = max(_cells(elements * live, 32 * THREAD_BYTES), _cells(elements, 32 * 8))
    return Part(
        rows, cols, row_count, col_count, row_tile, col_tile, _steps(tiles, most),
        _cells(col_count, col_tile) if split else 1, computed(lambda n: _cells(n, _steps(n, most)), tiles),
        min(MOST_WARPS, power_above(warps)),
    )  # fmt: skip


def _steps(tiles: int, most: int | None) -> int:
    """Tiles for each program where there are at most so many programs."""
    return 1 if most is None else computed(lambda n: max(1, -(-n // most)), tiles)


def _total(kernel: Kernel) -> Part:
    """Totals are few: one program, or one for each block of columns where columns do not meet."""
    inner = tuple(range(len(kernel.grid), len(kernel.axes)))
    looping = [stage for stage in kernel.stages if stage.level is Level.TOTAL_INNER]
    if not looping:
        return Part((), (), 1, 1, 1, 1, 1, 1, 1, 4)
    cols = product(axis.extent for axis in kernel.inner)
    if reductions(kernel, "inner", Level.TOTAL_INNER):
        return Part((), inner, 1, cols, 1, min(TILE, power_above(cols)), 1, 1, 1, 4)
    tile = min(COLUMN_TILE // 2, power_above(cols))
    return Part((), inner, 1, cols, 1, tile, 1, computed(lambda n: max(1, -(-n // tile)), cols), 1, 4)


def _inner_totals(kernel: Kernel) -> list[Reduce]:
    """Reductions over the grid that keep the inner axes: a partial result is a whole row."""
    return reductions(kernel, "grid", Level.INNER) if kernel.inner else []


def _crosses(kernel: Kernel) -> bool:
    """Whether something is read across its lines, so that square tiles use each fetched line whole."""
    last = len(kernel.grid) - 1
    return any(
        isinstance(i, Load | Store | Update) and abs(i.position.strides[last]) > 1 for _, i in kernel.instructions()
    )


def _rows_are_contiguous(kernel: Kernel) -> bool:
    """Whether neighbouring grid points are neighbours in memory more often than neighbouring inner points are."""
    if not kernel.grid:
        return False
    last_grid, last_inner = len(kernel.grid) - 1, len(kernel.axes) - 1
    score = 0
    for stage, instr in kernel.instructions():
        if isinstance(instr, Load | Store | Update) and stage.level is Level.INNER:
            score += (instr.position.strides[last_grid] == 1) - (instr.position.strides[last_inner] == 1)
    return score > 0


def live_bytes(kernel: Kernel) -> int:
    """The most bytes a point has alive at once when all inner stages share a tile."""
    level = Level.INNER if kernel.inner else Level.ROW
    body = [i for stage in kernel.stages if stage.level is level for i in stage.body]
    put = {i.local: i.value for i in body if isinstance(i, Put)}
    same: dict[object, int] = {}  # loads of one place are one value
    stand: dict[int, int] = {}
    for instr in body:
        if isinstance(instr, Get):
            stand[instr.out] = stand.get(put[instr.local], put[instr.local])
        elif isinstance(instr, Load):
            stand[instr.out] = same.setdefault((instr.buffer, instr.position, instr.mask), instr.out)
    uniform = {v for i in body if isinstance(i, Const | Param | Size) for v in defined(i)}
    last: dict[int, int] = {}
    for at, instr in enumerate(body):
        for value in used(instr):
            last[stand.get(value, value)] = at
    alive: dict[int, int] = {}
    worst = 0
    for at, instr in enumerate(body):
        for value in defined(instr):
            name = stand.get(value, value)
            if name in last and name not in uniform:
                alive[name] = max(4, ITEM_BYTES[kernel.types[name]])
        worst = max(worst, sum(alive.values()))
        for name in [v for v in alive if last.get(v, -1) <= at]:
            del alive[name]
    return worst
