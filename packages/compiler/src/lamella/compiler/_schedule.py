"""How a target runs a kernel: which axis goes to vector lanes, and how the index space is cut into chunks.

Invariant: a schedule depends on the kernel's sizes and the target's vector width, never on the number of threads, so
results do not change with the machine's load or `set_num_threads`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from lamella.compiler._kernel import Apply, Kernel, Level, Load, Position, Put, Reduce, Scan, Stage, Store, Update
from lamella.compiler._kernel._invariant import invariants
from lamella.compiler._kernel._ir import FLOATS, ITEM_BYTES, defined
from lamella.compiler._target import Target

CHUNK_WORK = 1 << 18  # weighted element visits a chunk should have: some ten microseconds in vectors
MOST_PARTIALS = 64  # chunks of a kernel that keeps one partial result per inner point and chunk
SUM_BLOCK_VECTOR = 4096  # elements along the vector axis summed before folding into a second accumulator
SUM_BLOCK_SERIAL = 256
PREFETCH_LEAST, PREFETCH_MOST = 256, 16384  # row elements between which the next row is fetched ahead
TILE_ROWS, TILE_COLUMNS = 64, 16
MOST_UNITS = 4
ABREAST = 4  # short rows worked on at once
ABREAST_LENGTH = 256  # elements of a row up to which it is short; rows a page apart would share their cache sets
ABREAST_WORK = 1024  # instructions in all of them: compile time grows with it
HEAVY = {
    "exp": 8, "log": 10, "log1p": 12, "sin": 20, "cos": 20, "tanh": 12, "sigmoid": 10, "erf": 12, "pow": 40, "sqrt": 4,
    "rsqrt": 6, "div": 2, "reciprocal": 2, "floordiv": 10, "mod": 10, "fmod": 10, "philox": 20, "mulhi": 4,
    "copysign": 2, "exp2": 30, "expm1": 30, "log2": 30, "log10": 30, "tan": 30, "asin": 30, "acos": 30, "atan": 30,
    "sinh": 30, "cosh": 30, "asinh": 30, "acosh": 30, "atanh": 30, "erfc": 30, "lgamma": 30, "atan2": 30, "hypot": 30,
    "nextafter": 30, "gcd": 30, "lcm": 30,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Schedule:
    """The decisions: `vector` is "grid" (last grid axis), "inner" (last inner axis) or "" (scalar code)."""

    vector: str
    lanes: int
    rows_per_chunk: int
    block: int  # elements of the last grid axis per chunk when it is the vector axis
    blocks: int
    chunks: int
    prefetch: bool  # ask for the next row while this one is worked on
    abreast: int = 1  # rows that every stage works on before the next stage
    units: int = MOST_UNITS  # the most accumulators of a reduction in one row
    sum_blocks: bool = True  # fold float sums along the vector axis block by block


def schedule(kernel: Kernel, target: Target) -> Schedule:
    """Choose axes, widths and chunk sizes for one kernel."""
    vector = _vector_axis(kernel)
    lanes = _lanes(kernel, target)
    grid = [axis.extent for axis in kernel.grid]
    inner = _product(axis.extent for axis in kernel.inner)
    cost = _cost(kernel)
    if vector == "grid":
        last, rows = grid[-1], _product(grid[:-1])
        budget = max(1, CHUNK_WORK // max(1, inner * cost))
        block = max(lanes * 4, budget // (lanes * 4) * (lanes * 4))
        if rows > 1 and not kernel.inner and _strided(kernel):
            block, rows_per_chunk = min(last, TILE_COLUMNS), TILE_ROWS
            blocks = -(-last // max(block, 1))
        elif last <= block:
            block, blocks = max(last, 1), 1
            rows_per_chunk = max(1, budget // max(1, last))
        else:
            blocks, rows_per_chunk = -(-last // block), 1
    else:
        rows, block, blocks = _product(grid), 1, 1
        rows_per_chunk = max(1, CHUNK_WORK // max(1, inner * cost))
    if _keeps_inner_partials(kernel):
        rows_per_chunk = max(rows_per_chunk, -(-rows // MOST_PARTIALS))
    short = vector == "inner" and _abreast(kernel, inner)
    abreast = ABREAST if short and grid else 1
    if rows_per_chunk > abreast:
        rows_per_chunk = -(-rows_per_chunk // abreast) * abreast
    chunks = -(-rows // rows_per_chunk) * blocks if all(grid) else 0
    return Schedule(
        vector, lanes, rows_per_chunk, block, blocks, chunks, _prefetches(kernel, vector, inner), abreast,
        1 if short else MOST_UNITS, not kernel.inner or kernel.inner[-1].extent > SUM_BLOCK_VECTOR,
    )  # fmt: skip


def _product(numbers: Iterable[int]) -> int:
    return math.prod(numbers)


def _keeps_inner_partials(kernel: Kernel) -> bool:
    return any(isinstance(i, Reduce) and i.over == "grid" and s.level is Level.INNER for s, i in kernel.instructions())


def _vector_axis(kernel: Kernel) -> str:
    """The last inner axis if it is at least as contiguous as the last grid axis, weighing what each access moves."""
    if not kernel.inner:
        return "grid" if kernel.grid else ""
    totals = any(stage.level is Level.TOTAL_INNER for stage in kernel.stages)
    if not kernel.grid or totals or _keeps_inner_partials(kernel):
        return "inner"
    last_grid, last_inner = len(kernel.grid) - 1, len(kernel.axes) - 1
    score = 0
    ordered = any(in_order(stage) for stage in kernel.stages)
    for stage, instr in kernel.instructions():
        if isinstance(instr, Load | Store | Update) and stage.level is Level.INNER:
            if ordered and _contiguous(instr.position, last_grid):
                return "grid"
            score += _contiguous(instr.position, last_inner) - _contiguous(instr.position, last_grid)
    return "inner" if score >= 0 else "grid"


def in_order(stage: Stage) -> bool:
    """Whether a stage goes through the inner axes one point after the other."""
    return stage.level is Level.INNER and any(isinstance(i, Scan | Update) for i in stage.body)


def _strided(kernel: Kernel) -> bool:
    """Whether something is read across its lines: square tiles then use each fetched line whole."""
    last = len(kernel.grid) - 1
    return any(isinstance(i, Load | Store) and abs(i.position.strides[last]) > 1 for _, i in kernel.instructions())


def _contiguous(position: Position, axis: int) -> int:
    return 1 if position.strides[axis] == 1 else 0


def _lanes(kernel: Kernel, target: Target) -> int:
    """As many lanes as one register holds of the kernel's narrowest arithmetic type (floats first)."""
    types = set(kernel.types.values()) - {"bool"}
    floats = types & FLOATS
    sizes = [ITEM_BYTES[t] for t in (floats or types or {"u8"})]
    wide = max(ITEM_BYTES[t] for t in types) if types else 1
    lanes = target.vector_bytes // min(sizes)
    return max(2, min(lanes, 4 * target.vector_bytes // wide))


def _prefetches(kernel: Kernel, vector: str, inner: int) -> bool:
    """Rows visited by several stages keep memory idle while they are worked on, unless the next one is fetched; rows
    abreast are more streams than a processor follows by itself.
    """
    stages = sum(stage.level is Level.INNER for stage in kernel.stages)
    several = stages > 1 or _only_sums(kernel)
    return vector == "inner" and several and PREFETCH_LEAST <= inner <= PREFETCH_MOST


def _abreast(kernel: Kernel, inner: int) -> bool:
    """Whether rows go abreast: what a short one waits for (its sums, the starts of its loops) others fill, and sums
    over rows read and write their partial results once for all of them.

    It does not depend on the number of rows, so that neither does what is computed for one.
    """
    if len(kernel.grid) > 1 or any(in_order(stage) for stage in kernel.stages):
        return False
    if inner > ABREAST_LENGTH and not _only_sums(kernel):
        return False
    return ABREAST * sum(len(stage.body) for stage in kernel.stages if stage.level.in_grid) <= ABREAST_WORK


def _only_sums(kernel: Kernel) -> bool:
    """Whether rows are read once, for reductions over them."""
    stages = [stage for stage in kernel.stages if stage.level.in_grid]
    if [stage.level for stage in stages] != [Level.INNER]:
        return False
    return not any(isinstance(i, Store | Put) or (isinstance(i, Reduce) and i.over == "inner") for i in stages[0].body)


def unroll(stage: Stage) -> int:
    """Independent accumulators hide the latency of a reduction's combine; long bodies have enough to do meanwhile."""
    if not any(isinstance(i, Reduce) for i in stage.body):
        return 1
    work = stage_work(stage)
    return MOST_UNITS if work <= 5 else 2 if work <= 9 else 1


def stage_work(stage: Stage) -> int:
    """Rough instructions per visit of a stage."""
    return sum(HEAVY.get(i.op, 1) if isinstance(i, Apply) else 1 for i in stage.body)


def dear_work(kernel: Kernel) -> int:
    """Work of functions such as exp at each point."""
    level = Level.INNER if kernel.inner else Level.ROW
    found = [HEAVY.get(i.op, 1) for s, i in kernel.instructions() if s.level is level and isinstance(i, Apply)]
    return sum(work for work in found if work >= HEAVY["exp"])


def _cost(kernel: Kernel) -> int:
    """Rough work per element visit, 1 for a load and a store; what runs once a chunk or after the grid is none."""
    work, once = 0, invariants(kernel, in_grid=True)
    for stage, instr in kernel.instructions():
        if stage.level.in_grid and not any(out in once for out in defined(instr)):
            work += HEAVY.get(instr.op, 1) if isinstance(instr, Apply) else 1
    return max(1, work // 4)
