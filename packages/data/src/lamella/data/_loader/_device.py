"""From the loader to a device: page-locked host memory, and copies that run while the step computes.

CuPy does both; without a GPU `pin_memory=True` warns, as in PyTorch, and `prefetch_to_device` knows the CPU only.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, SupportsIndex, final

import numpy as np

from lamella.data._arguments import check_int

_END = object()


def find_cupy() -> Any | None:
    """CuPy, where it is installed and sees a GPU."""
    try:
        import cupy
    except ImportError:
        return None
    try:
        return cupy if cupy.cuda.runtime.getDeviceCount() > 0 else None
    except cupy.cuda.runtime.CUDARuntimeError:
        return None


def pinning() -> Callable[[Any], Any] | None:
    """A copy of a batch's arrays in page-locked memory; None, with a warning, where there is no GPU."""
    cupy = find_cupy()
    if cupy is None:
        warnings.warn(
            "DataLoader: pin_memory=True, but there is no GPU (or no CuPy) to copy to: batches stay in pageable memory",
            stacklevel=3,
        )
        return None
    return lambda batch: map_arrays(batch, lambda array: pinned(cupy, array))


def pinned(cupy: Any, array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """The same values in page-locked memory of their own."""
    if array.nbytes == 0:
        return array
    memory = cupy.cuda.alloc_pinned_memory(array.nbytes)
    copy = np.frombuffer(memory, array.dtype, array.size).reshape(array.shape)
    np.copyto(copy, array)
    return copy


def map_arrays(batch: Any, function: Callable[[np.ndarray[Any, Any]], Any]) -> Any:
    """The same structure with every array and Tensor of it replaced by what `function` makes of the array."""
    from lamella.tensor import Tensor

    if isinstance(batch, np.ndarray):
        return function(batch)
    if isinstance(batch, Tensor):
        return function(batch.numpy())
    if isinstance(batch, Mapping):
        return {name: map_arrays(part, function) for name, part in batch.items()}
    if isinstance(batch, tuple):
        parts = [map_arrays(part, function) for part in batch]
        return tuple(parts) if type(batch) is tuple else type(batch)(*parts)
    if isinstance(batch, list):
        return [map_arrays(part, function) for part in batch]
    return batch


def prefetch_to_device(loader: Iterable[Any], device: str = "cuda", depth: SupportsIndex = 2) -> DevicePrefetcher:
    """The loader's batches on `device`; a thread reads and copies `depth` of them ahead while the step computes.

    For "cuda" or "cuda:N" every array becomes a CuPy array, copied from page-locked memory on a stream of its own; for
    "cpu" batches stay as they are. Iterate it as the loader; `state_dict` tells of the batches that it gave, not of
    those on their way. RuntimeError without CuPy or a GPU.
    """
    return DevicePrefetcher(loader, device, depth)


@final
class DevicePrefetcher:
    """What `prefetch_to_device` gives: the loader's passes, read ahead."""

    def __init__(self, loader: Iterable[Any], device: str, depth: SupportsIndex) -> None:
        if not hasattr(loader, "__iter__"):
            raise TypeError(f"prefetch_to_device: loader must be iterable, got {type(loader).__name__}")
        self.loader = loader
        self.device = device
        self.depth = check_int("prefetch_to_device", "depth", depth, 1)
        self._upload = _uploading(device, staged=not getattr(loader, "pin_memory", False))
        self._given: tuple[int, Any] | None = None

    def __len__(self) -> int:
        return len(self.loader)  # type: ignore[arg-type]  # TypeError where the loader has no length

    def __iter__(self) -> Iterator[Any]:
        batches = iter(self.loader)
        mark = getattr(self.loader, "mark", lambda: None)

        def fetch() -> tuple[Any, Any]:
            batch = next(batches, _END)
            return (batch if batch is _END else self._upload(batch)), mark()

        self._given = mark()
        ahead = ThreadPoolExecutor(1, "lamella-data-device")
        coming = deque(ahead.submit(fetch) for _ in range(self.depth))
        try:
            while True:
                batch, self._given = coming.popleft().result()
                if batch is _END:
                    return
                coming.append(ahead.submit(fetch))
                yield batch
        finally:
            ahead.shutdown(wait=False, cancel_futures=True)

    def state_dict(self) -> dict[str, Any]:
        """The loader's state after the batch that was given last."""
        loader = self._stateful()
        state: dict[str, Any] = loader.state_dict() if self._given is None else loader.state_dict(self._given)
        return state

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue after the batch at which `state` was taken."""
        self._stateful().load_state_dict(state)
        self._given = None

    def set_epoch(self, epoch: SupportsIndex) -> None:
        """Let the loader's next pass take `epoch`."""
        self._stateful().set_epoch(epoch)
        self._given = None

    def _stateful(self) -> Any:
        if not hasattr(self.loader, "mark"):
            raise TypeError(f"prefetch_to_device: a {type(self.loader).__name__} has no position; pass a DataLoader")
        return self.loader


def _uploading(device: str, *, staged: bool) -> Callable[[Any], Any]:
    """What brings a batch to the device; `staged`: through page-locked memory that it is not in yet."""
    if device == "cpu":
        return lambda batch: batch
    kind, _, number = str(device).partition(":")
    if kind != "cuda" or (number and not number.isdecimal()):
        raise ValueError(f"prefetch_to_device: device must be 'cuda', 'cuda:N' or 'cpu', got {device!r}")
    cupy = find_cupy()
    if cupy is None:
        raise RuntimeError(
            f"prefetch_to_device: device {device!r} needs a GPU and CuPy, and there is none of the two or one is "
            "missing; device='cpu' reads ahead on this machine"
        )
    place = cupy.cuda.Device(int(number) if number else None)

    def upload(batch: Any) -> Any:
        with place, cupy.cuda.Stream(non_blocking=True) as stream:
            kept = []  # page-locked memory may be used again only when the copy from it is done

            def copy(array: np.ndarray[Any, Any]) -> Any:
                kept.append(pinned(cupy, array) if staged else array)
                there = cupy.empty(array.shape, array.dtype)
                there.set(kept[-1], stream=stream)
                return there

            moved = map_arrays(batch, copy)
            stream.synchronize()
            return moved

    return upload
