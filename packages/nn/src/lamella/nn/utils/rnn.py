"""Sequences of different lengths in one tensor: padded, or packed without the padding, as recurrent layers take them.

A packed tensor has the rows of all sequences at step 0, then those at step 1 that are that long, and so on; sequences
are sorted by length for that, and the indices of the sort go along.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from lamella import tensor as lt
from lamella.tensor import Tensor

__all__ = [
    "PackedSequence", "invert_permutation", "pack_padded_sequence", "pack_sequence", "pad_packed_sequence",
    "pad_sequence", "unpack_sequence", "unpad_sequence",
]  # fmt: skip


class _Packed(NamedTuple):
    data: Tensor
    batch_sizes: Tensor
    sorted_indices: Tensor | None
    unsorted_indices: Tensor | None


class PackedSequence(_Packed):
    """Rows `data` of all steps, `batch_sizes[t]` of them at step t, and how the sequences were sorted.

    Made by pack_padded_sequence and pack_sequence; each of the two permutations follows from the other.
    """

    __slots__ = ()

    def __new__(
        cls,
        data: Tensor,
        batch_sizes: Tensor | None = None,
        sorted_indices: Tensor | None = None,
        unsorted_indices: Tensor | None = None,
    ) -> PackedSequence:
        """ValueError without batch_sizes, or where they do not sum to the rows of data."""
        if batch_sizes is None:
            raise ValueError("PackedSequence needs batch_sizes, the number of sequences at each step")
        if not isinstance(data, Tensor) or not isinstance(batch_sizes, Tensor):
            raise TypeError(f"PackedSequence needs tensors, got {type(data).__name__} and {type(batch_sizes).__name__}")
        if int(batch_sizes.sum().item()) != data.shape[0]:
            raise ValueError(
                f"PackedSequence: batch_sizes must sum to the rows of data {data.shape}, got {batch_sizes.tolist()}"
            )
        if unsorted_indices is None:
            unsorted_indices = invert_permutation(sorted_indices)
        return super().__new__(cls, data, batch_sizes, sorted_indices, unsorted_indices)

    def _with(self, data: Tensor) -> PackedSequence:
        return self if data is self.data else type(self)(data, *self[1:])

    def to(self, *args: Any, **kwargs: Any) -> PackedSequence:
        """With the data in another dtype or on another device."""
        return self._with(self.data.to(*args, **kwargs))

    def double(self) -> PackedSequence:
        """In float64."""
        return self.to(lt.float64)

    def float(self) -> PackedSequence:
        """In float32."""
        return self.to(lt.float32)

    def half(self) -> PackedSequence:
        """In float16."""
        return self.to(lt.float16)

    def long(self) -> PackedSequence:
        """In int64."""
        return self.to(lt.int64)

    def int(self) -> PackedSequence:
        """In int32."""
        return self.to(lt.int32)

    def short(self) -> PackedSequence:
        """In int16."""
        return self.to(lt.int16)

    def char(self) -> PackedSequence:
        """In int8."""
        return self.to(lt.int8)

    def byte(self) -> PackedSequence:
        """In uint8."""
        return self.to(lt.uint8)

    def cpu(self) -> PackedSequence:
        """On the processor, where it is."""
        return self.to("cpu")

    @property
    def is_cuda(self) -> bool:
        """False: there are no such devices here."""
        return False


def invert_permutation(permutation: Tensor | None) -> Tensor | None:
    """The permutation that undoes another; None for None."""
    return None if permutation is None else lt.tensor(np.argsort(permutation.numpy(), kind="stable"))


def _lengths(lengths: Any, function: str) -> list[int]:
    given = lengths.tolist() if isinstance(lengths, Tensor) else lengths
    if not isinstance(given, (list, tuple)) or not all(type(n) is int for n in given):
        raise TypeError(f"{function} needs lengths as a list or a tensor [N] of ints, got {lengths!r}")
    return list(given)


def _steps_first(input: Tensor, batch_first: bool, function: str) -> Tensor:
    if not isinstance(input, Tensor) or input.ndim < 2:
        found = input.shape if isinstance(input, Tensor) else type(input).__name__
        raise ValueError(f"{function} needs a tensor with a dim of steps and one of sequences, got {found}")
    return input.transpose(0, 1) if batch_first else input


def pack_padded_sequence(
    input: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False, enforce_sorted: bool = True
) -> PackedSequence:
    """Drop the padding of input [T, N, ...], or [N, T, ...] with batch_first.

    With enforce_sorted the lengths must not grow; without, the sequences are sorted here, longest first.
    """
    steps = _steps_first(input, batch_first, "pack_padded_sequence")
    each = _lengths(lengths, "pack_padded_sequence")
    t, n = steps.shape[:2]
    if len(each) != n:
        raise ValueError(f"pack_padded_sequence: {n} sequences need as many lengths, got {len(each)}")
    if not each or min(each) < 1 or max(each) > t:
        raise ValueError(f"pack_padded_sequence: lengths must lie in [1, {t}], got {each}")
    order = sorted(range(n), key=lambda i: -each[i])
    indices = None
    if enforce_sorted:
        if order != list(range(n)):
            raise ValueError(
                f"pack_padded_sequence: lengths must be in decreasing order, got {each}; sort the sequences, or pass "
                f"enforce_sorted=False"
            )
    else:
        indices = lt.tensor(np.asarray(order, np.int64))
    ordered = np.asarray([each[i] for i in order])
    alive = np.arange(ordered[0]).reshape(-1, 1) < ordered
    sizes = lt.tensor(alive.sum(1).astype(np.int64))
    flat = steps[: int(ordered[0])]
    flat = flat.reshape(flat.shape[0] * n, *flat.shape[2:])
    if indices is not None or not alive.all():
        at = np.arange(len(alive)).reshape(-1, 1) * n + np.asarray(order)
        flat = flat[lt.tensor(at[alive])]
    return PackedSequence(flat, sizes, indices)


def pad_packed_sequence(
    sequence: PackedSequence, batch_first: bool = False, padding_value: float = 0.0, total_length: int | None = None
) -> tuple[Tensor, Tensor]:
    """(padded [T, N, ...] or [N, T, ...], lengths [N]), in the order before packing.

    T is the longest length, or total_length, which must not be shorter.
    """
    if not isinstance(sequence, PackedSequence):
        raise TypeError(f"pad_packed_sequence needs a PackedSequence, got {type(sequence).__name__}")
    data, batch_sizes, _, unsorted = sequence
    sizes = batch_sizes.numpy()
    t, n = len(sizes), int(sizes[0])
    if total_length is not None:
        if total_length < t:
            raise ValueError(
                f"pad_packed_sequence: total_length must be at least the longest length {t}, got {total_length}"
            )
        sizes = np.concatenate([sizes, np.zeros(total_length - t, sizes.dtype)])
    alive = np.arange(n) < sizes.reshape(-1, 1)
    at = np.full(alive.shape, len(data))  # where a sequence has ended: the row of padding
    at[alive] = np.arange(len(data))
    lengths = alive.sum(0)
    if unsorted is not None:
        at, lengths = at[:, unsorted.numpy()], lengths[unsorted.numpy()]
    if not alive.all():
        padding = lt.full((1, *data.shape[1:]), padding_value, dtype=data.dtype)
        data = lt.cat([data, padding], 0)
    if batch_first:
        at = at.T
    if not batch_first and alive.all() and unsorted is None:
        out = data.reshape(*at.shape, *data.shape[1:])
    else:
        out = data[lt.tensor(np.ascontiguousarray(at))]
    return out, lt.tensor(lengths.astype(np.int64))


def pad_sequence(
    sequences: Tensor | Sequence[Tensor],
    batch_first: bool = False,
    padding_value: float = 0.0,
    padding_side: str = "right",
) -> Tensor:
    """Sequences [L, ...] of different lengths in one tensor [longest, N, ...], or [N, longest, ...]."""
    each = list(sequences) if isinstance(sequences, Iterable) else []
    if not each or not all(isinstance(x, Tensor) and x.ndim for x in each):
        raise ValueError("pad_sequence needs at least one sequence, each a tensor with a dim of steps first")
    if padding_side not in ("left", "right"):
        raise ValueError(f"pad_sequence: padding_side is 'left' or 'right', got {padding_side!r}")
    rest = each[0].shape[1:]
    for i, x in enumerate(each):
        if x.shape[1:] != rest:
            raise ValueError(
                f"pad_sequence: sequences must agree behind dim 0, got {each[0].shape} and {x.shape} at {i}"
            )
    longest = max(x.shape[0] for x in each)

    def padded(x: Tensor) -> Tensor:
        if x.shape[0] == longest:
            return x
        padding = lt.full((longest - x.shape[0], *rest), padding_value, dtype=x.dtype)
        return lt.cat([x, padding] if padding_side == "right" else [padding, x], 0)

    return lt.stack([padded(x) for x in each], 0 if batch_first else 1)


def unpad_sequence(
    padded_sequences: Tensor, lengths: Tensor | Sequence[int], batch_first: bool = False
) -> list[Tensor]:
    """The sequences of a padded tensor [T, N, ...], or [N, T, ...], each cut to its length."""
    steps = _steps_first(padded_sequences, batch_first, "unpad_sequence")
    each = _lengths(lengths, "unpad_sequence")
    if len(each) != steps.shape[1] or max(each, default=0) > steps.shape[0]:
        raise ValueError(f"unpad_sequence: lengths {each} do not fit a padded tensor {padded_sequences.shape}")
    return [steps[:n, i] for i, n in enumerate(each)]


def pack_sequence(sequences: Sequence[Tensor], enforce_sorted: bool = True) -> PackedSequence:
    """Pack sequences [L, ...]; with enforce_sorted they must come longest first."""
    return pack_padded_sequence(pad_sequence(sequences), [x.shape[0] for x in sequences], enforce_sorted=enforce_sorted)


def unpack_sequence(packed_sequences: PackedSequence) -> list[Tensor]:
    """The sequences that were packed, in their order."""
    return unpad_sequence(*pad_packed_sequence(packed_sequences))
