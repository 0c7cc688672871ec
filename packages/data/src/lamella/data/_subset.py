"""Parts of a dataset: a Subset is a list of positions over another dataset; the splits make such lists.

Splits are functions of their seed alone and cover every record exactly once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex, final

import numpy as np
import numpy.typing as npt

from lamella.data._arguments import check_seed
from lamella.data._columns import check_indices, gather
from lamella.data._permutation import KeyedPermutation
from lamella.data._pipeline._calls import describe_ids
from lamella.data._pipeline._node import RandomNode
from lamella.data._protocols import Dataset, IndexArray, fingerprint
from lamella.data._samplers import check_generator

if TYPE_CHECKING:
    from lamella.tensor import Generator


@final
class Subset(RandomNode):
    """Records `indices` of `dataset`, in that order; repeats are allowed. IndexError if one is out of range."""

    op = "subset"

    def __init__(self, dataset: Dataset, indices: Sequence[int] | npt.NDArray[np.integer[Any]]) -> None:
        positions = np.asarray(indices)
        if positions.size == 0:
            positions = positions.astype(np.int64)
        if positions.ndim != 1 or positions.dtype.kind not in "iu":
            raise TypeError(
                f"Subset: indices must be integers in one dim, got dtype {positions.dtype}, shape {positions.shape}"
            )
        self.sources = (self.check_source(dataset),)
        if positions.size and not (positions.min() >= 0 and positions.max() < len(dataset)):
            raise IndexError(
                f"Subset: indices must lie in [0, {len(dataset)}), got [{positions.min()}, {positions.max()}]"
            )
        self.dataset = dataset
        self.indices: IndexArray = positions.astype(np.int64)
        self.indices.flags.writeable = False  # a private copy: a pass that has begun keeps its order

    def __len__(self) -> int:
        return len(self.indices)

    def _record(self, position: int) -> Any:
        return self.dataset[int(self.indices[position])]

    def read(self, indices: IndexArray, epoch: int) -> Any:
        """Records `indices` (positions in this subset) of an epoch as one batch of fresh arrays."""
        return self._through(self.sources[0].read, indices, epoch)

    def records(self, indices: IndexArray, epoch: int) -> list[Any]:
        found: list[Any] = self._through(self.sources[0].records, indices, epoch)
        return found

    def _through(self, read: Callable[[IndexArray, int], Any], indices: IndexArray, epoch: int) -> Any:
        check_indices("Subset", indices)
        (positions,) = gather("Subset", [self.indices], indices)
        try:
            return read(positions, epoch)
        except Exception as error:
            error.add_note(f"in {describe_ids(positions.tolist())} of {type(self.dataset).__name__}")
            raise

    def fingerprint(self) -> str:
        """The dataset's own fingerprint and a digest of all indices."""
        import hashlib

        digest = hashlib.blake2b(self.indices.tobytes(), digest_size=8).hexdigest()
        return f"subset(of={len(self)}; {digest}; {fingerprint(self.dataset)})"

    def __repr__(self) -> str:
        return f"Subset({len(self)} of {self.dataset!r})"


def random_split(
    dataset: Dataset,
    lengths: Sequence[int] | Sequence[float],
    generator: Generator | None = None,
    *,
    seed: SupportsIndex | None = None,
) -> list[Subset]:
    """Disjoint random subsets that cover `dataset`: lengths that sum to its length, or fractions that sum to 1.

    The split is that of `seed` (by default 0), or of one slot taken from a `generator`: a fresh one gives the split of
    its seed.
    """
    check_generator("random_split", generator, seed)
    if generator is None:
        key = [check_seed("random_split", 0 if seed is None else seed)]
    else:
        drawn, slot = generator.reserve(1)
        key = [drawn, slot] if slot else [drawn]
    order = KeyedPermutation(len(dataset), key)[np.arange(len(dataset), dtype=np.int64)]
    bounds = np.cumsum(_split_lengths(lengths, len(dataset)))
    return [Subset(dataset, part) for part in np.split(order, bounds[:-1])]


def stratified_split(
    labels: npt.ArrayLike, fractions: Sequence[float], *, seed: SupportsIndex = 0
) -> tuple[IndexArray, ...]:
    """Disjoint, sorted position arrays that cover `labels` (one dim), one per fraction (positive, summing to 1).

    Of a class with n members, each part gets n * fraction rounded down or up. Use with Subset.
    """
    values = np.asarray(labels)
    if values.ndim != 1 or values.dtype.kind not in "biuSU":
        raise TypeError(
            f"stratified_split: labels must be integers, booleans or text in one dim, got dtype {values.dtype}, "
            f"shape {values.shape}"
        )
    shares = _check_fractions("stratified_split", fractions)
    number = check_seed("stratified_split", seed)
    parts: list[list[IndexArray]] = [[] for _ in shares]
    owed = [0.0] * len(shares)
    for rank, label in enumerate(np.unique(values)):
        members = np.flatnonzero(values == label).astype(np.int64)
        shuffled = members[KeyedPermutation(len(members), (number, rank))[np.arange(len(members))]]
        bounds = np.cumsum(_round_shares(len(members), shares, owed))
        for part, chosen in zip(parts, np.split(shuffled, bounds[:-1]), strict=True):
            part.append(chosen)
    return tuple(np.sort(np.concatenate([np.empty(0, np.int64), *part])) for part in parts)


def _check_fractions(owner: str, fractions: Sequence[float]) -> list[float]:
    shares = [float(fraction) for fraction in fractions]
    if not shares or not all(0 < share <= 1 for share in shares) or not math.isclose(sum(shares), 1.0, abs_tol=1e-9):
        raise ValueError(f"{owner}: fractions must be positive and sum to 1, got {list(fractions)} (sum {sum(shares)})")
    return [share / sum(shares) for share in shares]


def _split_lengths(lengths: Sequence[int] | Sequence[float], total: int) -> list[int]:
    if any(isinstance(length, (float, np.floating)) for length in lengths):
        shares = _check_fractions("random_split", lengths)
        return _round_shares(total, shares, [0.0] * len(shares))
    counts = [int(length) for length in lengths]
    if not counts or min(counts) < 0 or sum(counts) != total:
        raise ValueError(
            f"random_split: lengths must be >= 0 and sum to the dataset's {total} records, got {counts} "
            f"(sum {sum(counts)}); fractions that sum to 1 are taken too"
        )
    return counts


def _round_shares(total: int, shares: list[float], owed: list[float]) -> list[int]:
    """`total` split by largest remainder; `owed` carries what rounding withheld into the next call, and is updated."""
    exact = [total * share for share in shares]
    counts = [math.floor(value + 1e-9) for value in exact]
    debts = [debt + value - count for debt, value, count in zip(owed, exact, counts, strict=True)]
    for _ in range(total - sum(counts)):
        # Only a part with a fraction left to round may be rounded up, and only once.
        open_parts = [part for part in range(len(shares)) if counts[part] < exact[part] - 1e-9]
        part = max(open_parts, key=lambda candidate: debts[candidate])
        counts[part] += 1
        debts[part] -= 1
    owed[:] = debts
    return counts
